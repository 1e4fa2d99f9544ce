import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { weightPercent } from '../control-plane/plan.ts';
import type { AdminRequest } from './admin-client.ts';
import { ask, type ConnectionOptions, type RolloutAnswer, rolloutAnswer, weightSentence } from './ask-gateway.ts';
import { defaultAdminUrl } from './gateway-address.ts';
import type { CliIo } from './io.ts';
import { addMoves, addStatus } from './rollout-moves.ts';
import { textTable } from './text-table.ts';

const states = z.object({ rollouts: z.array(rolloutAnswer) });
const explanation = z.object({
  key: z.string(),
  bucket: z.number().nullable(),
  weight: z.number(),
  arm: z.string().nullable(),
  epoch: z.number(),
  rollout: z.string().nullable(),
});

const stateTable = (rollouts: readonly RolloutAnswer[]): string =>
  textTable([
    ['MODEL', 'PHASE', 'BASELINE', 'CANDIDATE', 'WEIGHT', 'IN FORCE', 'EPOCH', 'REVISION', 'REASON'],
    ...rollouts.map((row) => [
      row.model,
      row.phase,
      row.baseline,
      row.candidate,
      `${row.weight} %`,
      `${row.effective_weight} %`,
      String(row.epoch),
      String(row.revision),
      row.reason,
    ]),
  ]);

const explainSentence = (model: string, { key, bucket, weight, arm, epoch, rollout }: z.infer<typeof explanation>): string => {
  const place = bucket === null ? 'the plan has no routing key' : `bucket ${bucket} of 10000`;
  const split = rollout === null ? 'there is no rollout' : `${place}, weight ${weight} %, rollout ${rollout}`;
  return textTable([[`${model}: key ${key} goes to ${arm ?? 'either arm, by a draw for each request'} (${split}, epoch ${epoch}).`]]);
};

const weightArgument = (text: string): number => {
  const parsed = weightPercent.safeParse(text.trim() === '' ? Number.NaN : Number(text));
  if (!parsed.success) throw new InvalidArgumentError(`got ${text}, expected ${parsed.error.issues[0]?.message ?? 'a weight'}`);
  return parsed.data;
};

const addGet = (rollout: Command, io: CliIo): Command =>
  rollout
    .command('get')
    .description('show the rollout of a model, or every rollout')
    .argument('[model]', 'name of the model')
    .action(async (model: string | undefined, options: ConnectionOptions) => {
      if (model === undefined)
        return ask(io, options, { request: { method: 'GET', path: ['rollouts'] }, schema: states, words: ({ rollouts }) => stateTable(rollouts) });
      return ask(io, options, { request: { method: 'GET', path: ['rollouts', model] }, schema: rolloutAnswer, words: (one) => stateTable([one]) });
    });

const addSetWeight = (rollout: Command, io: CliIo): Command =>
  rollout
    .command('set-weight')
    .description('set the percentage of requests that go to the candidate; the rollout is paused until a person resumes it')
    .argument('<model>', 'name of the model')
    .argument('<weight>', 'percent, 0 to 100 in steps of 0.01', weightArgument)
    .requiredOption('--reason <text>', 'why; kept in the ledger')
    .action(async (model: string, weight: number, options: ConnectionOptions & { readonly reason: string }) => {
      const request: AdminRequest = { method: 'PUT', path: ['rollouts', model, 'weight'], body: { weight, reason: options.reason } };
      return ask(io, options, { request, schema: rolloutAnswer, words: weightSentence });
    });

const addExplain = (rollout: Command, io: CliIo): Command =>
  rollout
    .command('explain')
    .description('say which arm a routing key has, and why')
    .argument('<model>', 'name of the model')
    .requiredOption('--key <key>', 'the routing key')
    .action(async (model: string, options: ConnectionOptions & { readonly key: string }) => {
      const request: AdminRequest = { method: 'GET', path: ['rollouts', model, 'explain'], query: { key: options.key } };
      return ask(io, options, { request, schema: explanation, words: (body) => explainSentence(model, body) });
    });

/**
 * `handoff rollout get | status | start | set-weight | pause | resume | promote | rollback | explain`: asks the admin port of a running gateway. Results are set by
 * `io.setExitCode`; faults of usage are thrown as commander's `CommanderError`.
 */
export const rolloutCommand = (io: CliIo): Command => {
  const rollout = new Command('rollout').description('see and steer rollouts of a running gateway');
  // Before the subcommands are added: they copy these two.
  rollout.exitOverride().configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  for (const command of [addGet(rollout, io), addStatus(rollout, io), addSetWeight(rollout, io), ...addMoves(rollout, io), addExplain(rollout, io)]) {
    command.option('--admin-url <url>', 'address of the admin port (HANDOFF_ADMIN_URL)', io.env.HANDOFF_ADMIN_URL ?? defaultAdminUrl);
    command.option('--key-file <file>', 'file with the secret of an access key (HANDOFF_KEY_FILE)', io.env.HANDOFF_KEY_FILE);
    command.option('--json', 'print the answer as JSON');
  }
  return rollout;
};
