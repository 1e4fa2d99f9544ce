-- The last block of a rollout that has an entry in the ledger: a block that is sent again is not sealed again.
alter table rollout_evidence add column sealed_blocks integer not null default 0;

-- Which keys a rollout has seen: the bits of each filter as of its last snapshot, and what was entered since.
create table key_filters (
  rollout text not null,
  name text not null,
  size text not null,
  primary key (rollout, name)
) strict;

create table key_filter_chunks (
  rollout text not null,
  name text not null,
  position integer not null,
  bits blob not null,
  primary key (rollout, name, position)
) strict, without rowid;

create table key_filter_entries (
  sequence integer primary key,
  rollout text not null,
  name text not null,
  entries blob not null
) strict;

create index entries_of_filter on key_filter_entries (rollout, name, sequence);

-- A rollout that ended takes no more evidence. Triggers, so that no writer of rollouts can forget it.
create trigger filters_of_ended_rollouts_are_dropped after update on rollouts
when new.phase in ('promoted', 'rolled-back') or new.rollout <> old.rollout
begin
  delete from key_filters where rollout = old.rollout;
  delete from key_filter_chunks where rollout = old.rollout;
  delete from key_filter_entries where rollout = old.rollout;
end;
