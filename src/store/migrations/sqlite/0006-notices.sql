-- Whether decisions and pages are queued for a webhook. Without one nothing is.
create table webhook (
  one integer primary key check (one = 1),
  is_on integer not null check (is_on in (0, 1))
) strict;

insert into webhook (one, is_on) values (1, 0);

-- What is to be sent, in order: a decision by its sequence in the ledger, which keeps all of it, or a notice as a whole.
create table outbox (
  position integer primary key autoincrement,
  -- Events of one lane are delivered in their order: those of a rollout, or of a model without one.
  lane text not null,
  queued_at_ms integer not null,
  sequence integer unique,
  event text check (event is null or json_valid(event)),
  check ((sequence is null) <> (event is null))
) strict;

create index outbox_of_lane on outbox (lane, position);

-- A trigger, so that no writer of the ledger can forget it: a decision is queued in the transaction that keeps it, or neither is.
create trigger decisions_are_queued after insert on ledger when new.kind = 'decision' and (select is_on from webhook) = 1
begin
  insert into outbox (lane, queued_at_ms, sequence) values (new.rollout, cast(unixepoch(new.at, 'subsec') * 1000 as integer), new.sequence);
end;

-- Signals that hold, for as long as they do: since when, and the page that is open for it.
create table signal_holds (
  model text not null,
  version text not null,
  signal text not null,
  since_ms integer not null,
  page text,
  primary key (model, version, signal)
) strict;
