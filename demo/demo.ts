/**
 * `npm run demo`: a gateway of its own, traffic from the evaluation data of the bundles, and two rollouts before your eyes: a
 * bad candidate is rolled back by the engine, a good one promoted. Nothing of it stays. See demo/README.md.
 */
import { startGateway } from '../test/support/gateway.ts';
import { type Ending, playAct, type Stage } from './act.ts';
import { learnAnswers } from './player.ts';
import { badCandidate, baseline, buildStage, type Candidate, goodCandidate, model, readRows } from './stage.ts';

const distinctRows = 200;
const interruptedCode = 130;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const count = (value: number): string => value.toLocaleString('en-US');

const introduce = (title: string, { version, flaw }: Candidate): void => {
  print(`\n${title}: ${version} is to replace ${baseline}. It ${flaw ?? 'holds what it promises'}.`);
};

const showCost = ({ tally: { answered, candidate, rescued, wrong } }: Ending): void => {
  print(
    `What it cost: ${count(candidate)} of ${count(answered)} requests went to the candidate, ${count(rescued)} of them were rescued by ${baseline}; wrong answers: ${wrong === 0 ? 'none' : count(wrong)}.`,
  );
};

const conclude = (ending: Ending, wanted: string): boolean => {
  print(`\n  ${ending.sentence}\n`);
  if (ending.phase !== wanted) print(`This was not meant to happen: expected ${wanted}, got ${ending.phase}.`);
  return ending.phase === wanted && ending.tally.wrong === 0;
};

const perform = async (stage: Stage): Promise<boolean> => {
  introduce('A bad candidate', badCandidate);
  const bad = await playAct(stage, badCandidate);
  const wentBack = conclude(bad, 'rolled-back');
  showCost(bad);
  introduce('A good candidate', goodCandidate);
  const good = await playAct(stage, goodCandidate);
  const wentOn = conclude(good, 'promoted');
  print(
    `${count(good.tally.answered)} answers meanwhile, ${count(good.tally.candidate)} of them assigned to the candidate; wrong answers: ${good.tally.wrong === 0 ? 'none' : good.tally.wrong}.`,
  );
  return wentBack && wentOn;
};

const interruption = new AbortController();
process.once('SIGINT', () => interruption.abort());
process.once('SIGTERM', () => interruption.abort());

const folders = await buildStage();
const starting = startGateway(folders);
try {
  const gateway = await starting;
  interruption.signal.throwIfAborted();
  const rows = await readRows(distinctRows);
  print(`A gateway serves ${model} ${baseline} at ${gateway.url} (admin port: ${gateway.adminUrl}). Ctrl-C ends everything.`);
  const expected = await learnAnswers(gateway, rows, [baseline, badCandidate.version, goodCandidate.version]);
  const isDone = await perform({ folders, gateway, rows, expected, print, signal: interruption.signal });
  process.exitCode = isDone ? 0 : 1;
} catch (error) {
  if (!interruption.signal.aborted) throw error;
  process.exitCode = interruptedCode;
} finally {
  await starting.then((gateway) => gateway.end('SIGTERM')).catch(() => undefined);
  await folders.remove();
}
