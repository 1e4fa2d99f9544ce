import { z } from 'zod';
import { weightPercent } from '../../control-plane/plan.ts';
import type { RolloutControl } from '../../control-plane/rollout-control.ts';
import type { Decision } from '../../store/rollout-store.ts';
import { pathParameter, type Resource } from '../express-app.ts';
import { parseOrRefuse, parseQuery } from '../parse-or-refuse.ts';
import { expectedRevisionOf, moveReason, moveResources, sendState } from './rollout-moves.ts';

/** What the rollout resources need. */
export interface RolloutRoutesDeps {
  readonly rollouts: Pick<RolloutControl, 'list' | 'get' | 'move' | 'setWeight' | 'decisions'>;
  /** Which arm a routing key has, and why. @throws ProblemError model-not-found, not-found */
  readonly explain: (model: string, key: string) => unknown;
}

/** The body of `PUT /rollouts/{model}/weight`. */
export const setWeightBody = z.strictObject(
  { weight: weightPercent, reason: moveReason },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an object with weight and reason' : undefined) },
);

const explainQuery = z.object({ key: z.string('one routing key').min(1, 'one routing key') });

const defaultLedgerEntries = 100;
const maxLedgerEntries = 1_000;
const limitText = `a whole number from 1 to ${maxLedgerEntries}`;
const beforeText = 'the sequence number of an entry';
const whole = (message: string) =>
  z
    .string(message)
    .regex(/^\d{1,15}$/, message)
    .transform(Number);
const ledgerQuery = z.object({
  limit: whole(limitText)
    .refine((limit) => limit >= 1 && limit <= maxLedgerEntries, limitText)
    .default(defaultLedgerEntries),
  before: whole(beforeText).optional(),
});

/** A decision as the ledger shows it; weights are percent. */
const ledgerEntry = ({ atMs, fromWeightHundredths, toWeightHundredths, ...decision }: Decision) => ({
  sequence: decision.sequence,
  at: new Date(atMs).toISOString(),
  move: decision.move,
  actor: decision.actor,
  reason: decision.reason,
  rollout: decision.rollout,
  from_weight: fromWeightHundredths / 100,
  to_weight: toWeightHundredths / 100,
  epoch: decision.epoch,
  revision: decision.revision,
});

const weightResource = ({ rollouts }: RolloutRoutesDeps): Resource => ({
  put: async (request, response, body) => {
    const { weight, reason } = parseOrRefuse(setWeightBody, body);
    const expectedRevision = expectedRevisionOf(request.headers['if-match']);
    const { actor } = response.locals;
    const wish = { weight, reason, actor, ...(expectedRevision === undefined ? {} : { expectedRevision }) };
    sendState(response, await rollouts.setWeight(pathParameter(request, 'model'), wish));
  },
});

const ledgerResource = ({ rollouts }: RolloutRoutesDeps): Resource => ({
  get: async (request, response) => {
    const { limit, before } = parseQuery(ledgerQuery, request.query);
    // One more than asked for tells whether there is a next page.
    const decisions = await rollouts.decisions(pathParameter(request, 'model'), { limit: limit + 1, ...(before === undefined ? {} : { before }) });
    const page = decisions.slice(0, limit);
    response.json({ entries: page.map(ledgerEntry), next: decisions.length > limit ? (page.at(-1)?.sequence ?? null) : null });
  },
});

/** State, weight, moves, explanation and ledger of rollouts, by path. */
export const rolloutResources = (deps: RolloutRoutesDeps): Readonly<Record<string, Resource>> => ({
  '/rollouts': {
    get: (_request, response) => {
      response.json({ rollouts: deps.rollouts.list() });
    },
  },
  '/rollouts/:model': {
    get: (request, response) => sendState(response, deps.rollouts.get(pathParameter(request, 'model'))),
  },
  '/rollouts/:model/weight': weightResource(deps),
  ...moveResources(deps),
  '/rollouts/:model/explain': {
    get: async (request, response) => {
      const { key } = parseQuery(explainQuery, request.query);
      response.json(await deps.explain(pathParameter(request, 'model'), key));
    },
  },
  '/rollouts/:model/ledger': ledgerResource(deps),
});
