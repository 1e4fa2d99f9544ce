import type { RuleGroup } from './subject.ts';

/** One exact version, with extras and an environment marker if need be. */
const pinned = /^[A-Za-z0-9._-]+(\[[A-Za-z0-9._,-]+\])?==[0-9][A-Za-z0-9.+!_-]*(\s*;.*)?(\s+--hash=\S+)*$/;

/** Whether the bundle can be rebuilt: a script, its requirements with exact versions, a seed, its data. */
export const checkEnvironment: RuleGroup = async ({ bundle, text }, report) => {
  const { training } = bundle.manifest;
  if (training === undefined) {
    report('training-declared', { file: 'handoff.yaml', field: 'training', got: 'nothing', expected: 'python, requirements, script, seed, data and metrics' });
    return;
  }
  for (const field of ['requirements', 'script', 'metrics'] as const)
    if ((await text(training[field])) === null)
      report('training-declared', { file: 'handoff.yaml', field: `training.${field}`, got: training[field], expected: 'a file of the bundle' });
  const lines = ((await text(training.requirements)) ?? '').split('\n').map((line) => line.replace(/(^|\s)#.*$/, '').trim());
  for (const line of lines.filter((entry) => entry !== '' && !pinned.test(entry)))
    report('environment-pinned', { file: training.requirements, field: line.split(/[<>=!~ [;]/)[0] ?? line, got: line, expected: 'name==version' });
};
