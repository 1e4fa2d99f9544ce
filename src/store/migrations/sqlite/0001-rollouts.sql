-- One row a model: the rollout as it stands now. What led to it is in decisions.
create table rollouts (
  model text primary key,
  rollout text not null,
  attempt integer not null check (attempt >= 1),
  phase text not null check (phase in ('pending', 'progressing', 'held', 'paused', 'inconclusive', 'baking', 'promoted', 'rolled-back')),
  baseline text not null,
  candidate text not null,
  candidate_digest text not null,
  plan_digest text not null,
  plan text not null,
  weight_hundredths integer not null check (weight_hundredths between 0 and 10000),
  step integer not null check (step >= 0),
  epoch integer not null,
  revision integer not null,
  reason text not null,
  changed_at_ms integer not null
) strict;

create table decisions (
  sequence integer primary key autoincrement,
  model text not null,
  rollout text not null,
  move text not null,
  actor text not null,
  reason text not null,
  at_ms integer not null,
  from_weight_hundredths integer not null,
  to_weight_hundredths integer not null,
  epoch integer not null,
  revision integer not null
) strict;

create index decisions_of_model on decisions (model, sequence);

create trigger decisions_are_never_changed before update on decisions
begin
  select raise(abort, 'decisions are append-only');
end;

create trigger decisions_are_never_removed before delete on decisions
begin
  select raise(abort, 'decisions are append-only');
end;
