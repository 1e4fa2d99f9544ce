-- The bundle of the baseline that a rollout began with, as candidate_digest is the candidate's. Null for rollouts from before: theirs is not known.
alter table rollouts add column baseline_digest text;
