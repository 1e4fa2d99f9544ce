alter table rollouts add column held_for text check (held_for in ('evidence', 'signal', 'ineligible', 'sample-ratio'));
alter table rollouts add column signal text;
alter table rollouts add column step_elapsed_ms integer not null default 0 check (step_elapsed_ms >= 0);
alter table rollouts add column step_start_units integer not null default 0;
alter table rollouts add column bake_elapsed_ms integer not null default 0 check (bake_elapsed_ms >= 0);
alter table rollouts add column acceptance text not null default '{"criteria":[],"faults":[]}';

-- The evidence of each model's current rollout, in the words of those who measure it.
create table rollout_evidence (
  model text primary key,
  rollout text not null,
  evidence text not null
) strict;

-- What was tried and how it ended. A candidate that was rolled back is known here for ever by its digest.
create table ended_rollouts (
  sequence integer primary key autoincrement,
  rollout text not null unique,
  model text not null,
  candidate_digest text not null,
  plan_digest text not null,
  attempt integer not null,
  outcome text not null check (outcome in ('promoted', 'rolled-back'))
) strict;

create index ended_rollouts_of_model on ended_rollouts (model, sequence);

-- A trigger, so that no writer of rollouts can forget it.
create trigger rollouts_that_end_are_remembered after update on rollouts when new.phase in ('promoted', 'rolled-back')
begin
  insert into ended_rollouts (rollout, model, candidate_digest, plan_digest, attempt, outcome)
  values (new.rollout, new.model, new.candidate_digest, new.plan_digest, new.attempt, new.phase)
  on conflict (rollout) do nothing;
end;

create trigger rollouts_that_begin_ended_are_remembered after insert on rollouts when new.phase in ('promoted', 'rolled-back')
begin
  insert into ended_rollouts (rollout, model, candidate_digest, plan_digest, attempt, outcome)
  values (new.rollout, new.model, new.candidate_digest, new.plan_digest, new.attempt, new.phase)
  on conflict (rollout) do nothing;
end;

insert into ended_rollouts (rollout, model, candidate_digest, plan_digest, attempt, outcome)
select rollout, model, candidate_digest, plan_digest, attempt, phase from rollouts where phase in ('promoted', 'rolled-back');

-- One row: whether a gateway has begun to use this store and has not closed it since.
create table lives (
  one integer primary key check (one = 1),
  under_way integer not null check (under_way in (0, 1))
) strict;

insert into lives (one, under_way) values (1, 0);
