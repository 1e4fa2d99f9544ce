import { z } from 'zod';
import type { RolloutControl } from '../../control-plane/rollout-control.ts';
import type { LedgerEntry } from '../../ledger/ledger-entry.ts';
import type { DecisionLedger } from '../../store/rollout-store.ts';
import { pathParameter, type Resource } from '../express-app.ts';
import { parseQuery } from '../parse-or-refuse.ts';

/** What the ledger resources need. */
export interface LedgerRoutesDeps {
  readonly rollouts: Pick<RolloutControl, 'ledger'>;
  readonly ledger: Pick<DecisionLedger, 'page' | 'following' | 'head'>;
}

const defaultEntries = 100;
/** The most entries of one answer. */
export const maxLedgerEntries = 1_000;

const limitText = `a whole number from 1 to ${maxLedgerEntries}`;
const sequenceText = 'the sequence number of an entry';
const whole = (message: string) =>
  z
    .string(message)
    .regex(/^\d{1,15}$/, message)
    .transform(Number);
const limit = whole(limitText)
  .refine((value) => value >= 1 && value <= maxLedgerEntries, limitText)
  .default(defaultEntries);

const newestFirst = z.object({
  limit,
  before: whole(sequenceText).optional(),
  kind: z.enum(['decision', 'block'], 'decision or block; absent: every kind').optional(),
});
const eitherWay = newestFirst
  .extend({ after: whole(sequenceText).optional() })
  .refine(({ before, after }) => before === undefined || after === undefined, { path: ['after'], message: 'before or after, not both' })
  .refine(({ kind, after }) => kind === undefined || after === undefined, { path: ['kind'], message: 'no kind beside after: the chain is read whole' });

/** The entries asked for, of one more than that; `next` is null on the last page. */
const pageOf = (entries: readonly LedgerEntry[], size: number) => {
  const page = entries.slice(0, size);
  return { entries: page, next: entries.length > size ? (page.at(-1)?.sequence ?? null) : null };
};

type NewestFirst = z.infer<typeof newestFirst>;

const givenOf = ({ before, kind }: NewestFirst) => ({ ...(before === undefined ? {} : { before }), ...(kind === undefined ? {} : { kind }) });

const ledgerOfModel = ({ rollouts, ledger }: LedgerRoutesDeps): Resource => ({
  get: async (request, response) => {
    const query = parseQuery(newestFirst, request.query);
    const entries = await rollouts.ledger(pathParameter(request, 'model'), { limit: query.limit + 1, ...givenOf(query) });
    response.json({ ...pageOf(entries, query.limit), head: await ledger.head() });
  },
});

const wholeLedger = ({ ledger }: LedgerRoutesDeps): Resource => ({
  get: async (request, response) => {
    const query = parseQuery(eitherWay, request.query);
    const size = query.limit + 1;
    const entries =
      query.after === undefined ? await ledger.page({ limit: size, ...givenOf(query) }) : await ledger.following({ after: query.after, limit: size });
    response.json({ ...pageOf(entries, query.limit), head: await ledger.head() });
  },
});

/** The decision ledger by path: of one model, newest first; of the gateway, also oldest first, to verify or keep it. Entries are as they were sealed. */
export const ledgerResources = (deps: LedgerRoutesDeps): Readonly<Record<string, Resource>> => ({
  '/ledger': wholeLedger(deps),
  '/rollouts/:model/ledger': ledgerOfModel(deps),
});
