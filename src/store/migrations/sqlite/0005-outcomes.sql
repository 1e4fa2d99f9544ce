-- Every assignment that was in force, so that an outcome that knows only a routing key and a time finds its arm.
create table epochs (
  model text not null,
  epoch integer not null,
  rollout text not null,
  -- Whether both versions were there.
  available integer not null check (available in (0, 1)),
  -- Whether traffic was split between them.
  splits integer not null check (splits in (0, 1)),
  weight_hundredths integer not null check (weight_hundredths between 0 and 10000),
  keyed integer not null check (keyed in (0, 1)),
  from_ms integer not null,
  primary key (model, epoch)
) strict, without rowid;

-- What was in force before is not known any more than this.
insert into epochs (model, epoch, rollout, available, splits, weight_hundredths, keyed, from_ms)
select model, epoch, rollout, 1, phase not in ('promoted', 'rolled-back'), iif(signal is null, weight_hundredths, 0),
  json_type(plan, '$.routingKey') is not null, changed_at_ms
from rollouts;

-- One row an outcome that was posted, until it would be too late anyway. The digest of one that names a prediction begins
-- with the hour in which it expires; that of one that names a key begins with ff.
create table posted_outcomes (
  digest blob primary key,
  expires_hour integer not null
) strict, without rowid;

create index posted_outcomes_of_keys on posted_outcomes (expires_hour) where digest >= x'ff';

create table outcome_counts (
  rollout text not null,
  outcome text not null,
  bucket integer not null,
  source text not null check (source in ('unit', 'later', 'keyed')),
  w real not null,
  arm text not null check (arm in ('baseline', 'candidate')),
  value integer not null check (value between 0 and 100),
  count integer not null,
  primary key (rollout, outcome, bucket, source, w, arm, value)
) strict, without rowid;

-- The earliest assigned event of each key.
create table outcome_first_events (
  rollout text not null,
  outcome text not null,
  key_hash text not null,
  bucket integer not null,
  assigned_at_ms integer not null,
  w real not null,
  arm text not null check (arm in ('baseline', 'candidate')),
  primary key (rollout, outcome, key_hash)
) strict, without rowid;

create index outcome_first_events_by_bucket on outcome_first_events (rollout, outcome, bucket, w, arm);
