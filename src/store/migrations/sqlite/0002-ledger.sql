-- The decisions become a ledger: each entry holds the hash of the one before it and is sealed. The rows of `decisions`
-- are sealed right after this, in the same transaction, by the code that has the key.
create table ledger (
  sequence integer primary key,
  format integer not null,
  at text not null,
  model text not null,
  rollout text not null,
  kind text not null,
  body text not null check (
    kind <> 'decision' or (json_type(body, '$.move') is 'text' and json_type(body, '$.actor') is 'text' and json_type(body, '$.reason') is 'text')
  ),
  prev_hash text not null,
  key_id text not null,
  hash text not null,
  mac text not null
) strict;

create index ledger_of_model on ledger (model, kind, sequence);

create trigger ledger_has_no_gap before insert on ledger
when new.sequence <> (select coalesce(max(sequence), 0) + 1 from ledger)
begin
  select raise(abort, 'the ledger has no gap');
end;

create trigger ledger_entries_are_never_changed before update on ledger
begin
  select raise(abort, 'the ledger is append-only');
end;

create trigger ledger_entries_are_never_removed before delete on ledger
begin
  select raise(abort, 'the ledger is append-only');
end;
