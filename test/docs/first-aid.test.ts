/** What runbooks, model cards and their templates tell a person to do in a hurry is legal when it is needed. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { legalMoves, type Move } from '../../src/control-plane/command.ts';
import { isLive } from '../../src/control-plane/position.ts';
import type { Phase } from '../../src/store/rollout-store.ts';

/** The places that say how traffic is taken from a candidate; the move is the first that follows. */
const firstAid =
  /(First aid during a rollout|Candidate looks wrong|by hand|Back to the baseline|Only the candidate):?.*?`npm exec -- handoff rollout (?<move>set-weight|rollback)/gi;

const documents = [...globSync('models/*/*/*.md'), ...globSync('templates/*.md')].map((file) => ({ file, text: readFileSync(file, 'utf8') }));
const aids = documents.flatMap(({ file, text }) =>
  [...text.matchAll(firstAid)].map(({ groups, 1: place = '' }) => ({ file, place, move: groups?.move as Move })),
);
const livePhases = (Object.keys(legalMoves) as Phase[]).filter(isLive);

describe('first aid', () => {
  test('is in every runbook', () => {
    const runbooks = documents.filter(({ file }) => file.endsWith('RUNBOOK.md')).map(({ file }) => file);
    expect(runbooks).toHaveLength(7);
    expect([...new Set(aids.map(({ file }) => file))]).toEqual(expect.arrayContaining(runbooks));
  });

  test.each(aids)('$file, "$place": $move is legal in every phase in which the candidate may have traffic', ({ move }) => {
    expect(livePhases.filter((phase) => !legalMoves[phase].includes(move))).toEqual([]);
  });
});

test('no command for a cluster leaves its namespace open', () => {
  const files = ['docs/operations.md', ...documents.map(({ file }) => file)];
  const commands = files.flatMap((file) => readFileSync(file, 'utf8').match(/kubectl .*?(?=`|$)/gm) ?? []);
  expect(commands.length).toBeGreaterThan(8);
  expect(commands.filter((command) => !/^kubectl (--namespace handoff |create namespace handoff$|apply --kustomize )/.test(command))).toEqual([]);
});
