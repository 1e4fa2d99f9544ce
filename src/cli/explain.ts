import { Command } from 'commander';
import { z } from 'zod';
import { ask, type ConnectionOptions } from './ask-gateway.ts';
import { defaultAdminUrl } from './gateway-address.ts';
import type { CliIo } from './io.ts';
import { textTable } from './text-table.ts';

const file = z.object({ name: z.string(), sha256: z.string() });

const explanation = z.object({
  prediction: z.object({
    model: z.string(),
    version: z.string(),
    rollout: z.string().nullable(),
    arm: z.string().nullable(),
    epoch: z.number(),
    predicted_at: z.string(),
  }),
  models: z.array(
    z.object({
      digest: z.string(),
      served_from: z.string(),
      contract: z.object({ id: z.string(), version: z.string() }),
      model_digest: z.string().nullable(),
      key_hint: z.string().nullable(),
      training: z.array(file),
      data: z.array(file),
    }),
  ),
});

const wordsOf = ({ prediction, models: [bundle] }: z.infer<typeof explanation>): string => {
  const { model, version, arm, rollout, epoch, predicted_at: at } = prediction;
  const rows = [
    ['answered by', `${model} ${version}`],
    ['at', at],
    ['arm', `${arm ?? 'none: the version was asked for'}${rollout === null ? '' : ` of rollout ${rollout}`}, epoch ${epoch}`],
    ...(bundle === undefined
      ? [['bundle', 'not known: it served before bundles were remembered']]
      : [
          ['bundle', `${bundle.digest}, served from ${bundle.served_from}`],
          ['vouched for', bundle.key_hint === null ? 'by nobody' : `by key ${bundle.key_hint}`],
          ['graph', bundle.model_digest ?? 'none'],
          ['contract', `${bundle.contract.version} (${bundle.contract.id})`],
          ...bundle.training.map(({ name, sha256 }) => ['training', `${sha256}  ${name}`]),
          ...bundle.data.map(({ name, sha256 }) => ['data', `${sha256}  ${name}`]),
        ]),
  ];
  return textTable(rows);
};

/** `handoff explain`: which artifacts gave an answer, by the prediction id that came with it. The gateway that signed the id is asked. */
export const explainCommand = (io: CliIo): Command =>
  new Command('explain')
    .description('say which bundle, contract, training script and data are behind an answer, also weeks later')
    .argument('<prediction-id>', 'the prediction_id of the answer')
    .option('--admin-url <url>', 'address of the admin port (HANDOFF_ADMIN_URL)', io.env.HANDOFF_ADMIN_URL ?? defaultAdminUrl)
    .option('--key-file <file>', 'file with the secret of an access key (HANDOFF_KEY_FILE)', io.env.HANDOFF_KEY_FILE)
    .option('--json', 'print the answer as JSON')
    .action((id: string, options: ConnectionOptions) =>
      ask(io, options, { request: { method: 'GET', path: ['models'], query: { prediction_id: id } }, schema: explanation, words: wordsOf }),
    );
