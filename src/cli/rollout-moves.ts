import type { Command } from 'commander';
import { ask, type ConnectionOptions, type RolloutAnswer, rolloutAnswer, weightSentence } from './ask-gateway.ts';
import type { CliIo } from './io.ts';
import { textTable } from './text-table.ts';

type Figures = RolloutAnswer['guardrails'][number]['candidate'];

const figuresWords = (figures: Figures): string => {
  if (figures === null) return '-';
  return figures.events === undefined ? `${figures.value ?? '-'} over ${figures.n}` : `${figures.events} of ${figures.n}`;
};

const nextWords = ({ next }: RolloutAnswer): string => {
  if (next === null) return 'a person';
  const from = next.not_before === null ? '' : `, not before ${next.not_before}`;
  const until = next.deadline === null ? '' : `, deadline ${next.deadline}`;
  return `${next.move}${from}${until}`;
};

const evidenceWords = ({ evidence }: RolloutAnswer): string =>
  evidence === null ? 'none yet' : `${evidence.value ?? '-'} of ${evidence.threshold} for a rollback`;

const statusText = (answer: RolloutAnswer): string => {
  const facts = textTable([
    ['model', answer.model],
    ['phase', answer.phase],
    ['versions', `${answer.baseline} to ${answer.candidate}`],
    ['step', String(answer.step)],
    ['weight', `${answer.weight} %, in force ${answer.effective_weight} %`],
    ['evidence', evidenceWords(answer)],
    ['next', nextWords(answer)],
    ['reason', answer.reason],
  ]);
  if (answer.guardrails.length === 0) return facts;
  const rows = answer.guardrails.map(({ name, verdict, baseline, candidate }) => [name, verdict, figuresWords(baseline), figuresWords(candidate)]);
  return `${facts}\n${textTable([['GUARDRAIL', 'VERDICT', 'BASELINE', 'CANDIDATE'], ...rows])}`;
};

/** Phases in which a candidate has failed, or nobody but a person can help it. */
const failedPhases: readonly string[] = ['rolled-back', 'inconclusive'];

/** `rollout status`: everything about one rollout; 1 when it was rolled back or is inconclusive. */
export const addStatus = (rollout: Command, io: CliIo): Command =>
  rollout
    .command('status')
    .description('show a rollout with its evidence and guardrails; exits 1 when it was rolled back or is inconclusive')
    .argument('<model>', 'name of the model')
    .action(async (model: string, options: ConnectionOptions) =>
      ask(io, options, {
        request: { method: 'GET', path: ['rollouts', model] },
        schema: rolloutAnswer,
        words: statusText,
        exitCode: ({ phase }) => (failedPhases.includes(phase) ? 1 : 0),
      }),
    );

const descriptions = {
  start: 'start the rollout; one that has ended begins a new attempt with fresh evidence',
  pause: 'stop the engine and keep the weight; the guardrails stay on',
  resume: "put the step's weight in force again; at a pause step go on to the next",
  promote: 'take one step of the plan, or all of them',
  rollback: 'give all traffic back to the baseline, for good',
} as const;

interface MoveOptions extends ConnectionOptions {
  readonly reason: string;
  readonly full?: true;
}

const movedWords = (answer: RolloutAnswer): string => `${weightSentence(answer)}${textTable([[`${answer.model}: ${answer.reason}`]])}`;

/** `rollout start | pause | resume | promote | rollback`. */
export const addMoves = (rollout: Command, io: CliIo): readonly Command[] =>
  Object.entries(descriptions).map(([move, description]) => {
    const command = rollout
      .command(move)
      .description(description)
      .argument('<model>', 'name of the model')
      .requiredOption('--reason <text>', 'why; kept in the ledger')
      .action(async (model: string, { reason, full, ...options }: MoveOptions) => {
        const body = { reason, ...(full === undefined ? {} : { full }) };
        return ask(io, options, { request: { method: 'POST', path: ['rollouts', model, move], body }, schema: rolloutAnswer, words: movedWords });
      });
    return move === 'promote' ? command.option('--full', 'take all steps: weight 100, then the bake') : command;
  });
