-- Which bundle stood behind a version's name from when on: one row a change, kept for ever. An answer of weeks ago is
-- explained by the row that was the newest when it was given.
create table served_bundles (
  sequence integer primary key,
  model text not null,
  version text not null,
  digest text not null,
  contract_id text not null,
  contract_version text not null,
  -- JSON: name and SHA-256 of every file.
  files text not null check (json_valid(files)),
  -- SHA-256 of the key that vouched for it; null when nobody did.
  key_hint text,
  served_from_ms integer not null
) strict;

create index served_bundles_of_version on served_bundles (model, version, sequence);
