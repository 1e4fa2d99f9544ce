import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DeclaredOutcome } from '../../bundle/declared-outcomes.ts';
import type { KeptEpoch, OutcomeStore, PostedOutcome } from '../../store/outcome-store.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { OutcomeResult } from '../../telemetry/recorders.ts';
import type { PredictionIds } from '../observe/prediction-id.ts';
import { type JudgeContext, type JudgedOutcome, judgeOutcome, type OutcomePost, type OutcomeRefusal, type OutcomeSubject } from './judge-outcome.ts';
import { outcomeDigest } from './outcome-digest.ts';

/** What became of a batch. */
export interface OutcomesAnswer {
  readonly accepted: number;
  readonly duplicate: number;
  readonly refused: readonly { readonly index: number; readonly reason: OutcomeRefusal; readonly detail: string }[];
}

export interface PostOutcomesDeps {
  readonly predictionIds: Pick<PredictionIds, 'verify' | 'hashKey'>;
  readonly declaredOf: JudgeContext['declaredOf'];
  readonly epochs: (model: string) => Promise<readonly KeptEpoch[]>;
  readonly record: OutcomeStore['record'];
  readonly metrics: Pick<Metrics, 'outcome'>;
  readonly wallMs: () => number;
}

/** Takes a batch: look up ▶ judge ▶ record ▶ answer. What it accepts is durable when it resolves. Rejects when the store fails; the batch can then be sent again. */
export type PostOutcomes = (posts: readonly OutcomePost[]) => Promise<OutcomesAnswer>;

/** Some 10 us each: after so many the loop is given to the requests that wait for predictions. */
const outcomesATurn = 50;

const mapInTurns = async <Item, Result>(items: readonly Item[], map: (item: Item, index: number) => Result): Promise<readonly Result[]> => {
  const results: Result[] = [];
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % outcomesATurn === 0) await nextTurn();
    results.push(map(item, index));
  }
  return results;
};

type Accepted = Extract<JudgedOutcome, { readonly accepted: true }>;

const resultOf: Readonly<Record<OutcomeRefusal, OutcomeResult>> = {
  forged: 'forged',
  'too-late': 'too_late',
  'unknown-outcome': 'unknown_outcome',
  'out-of-range': 'out_of_range',
};

const rowOf = ({ kept, uniqueAs }: Accepted, post: OutcomePost): PostedOutcome => ({
  ...kept,
  digest: outcomeDigest(uniqueAs, 'predictionId' in post ? kept.expiresAtMs : null),
});

export const createPostOutcomes = (deps: PostOutcomesDeps): PostOutcomes => {
  const subjectOf = (post: OutcomePost): OutcomeSubject =>
    'predictionId' in post
      ? { by: 'prediction', claims: deps.predictionIds.verify(post.predictionId) }
      : {
          by: 'key',
          model: post.model,
          routingKey: post.routingKey,
          keyHash: deps.predictionIds.hashKey(post.routingKey),
          predictedAtMs: post.predictedAtMs,
        };

  /** Histories of the models whose keys are in the batch. Unknown names are not asked for. */
  const historiesOf = async (subjects: readonly OutcomeSubject[]): Promise<ReadonlyMap<string, readonly KeptEpoch[]>> => {
    const named = subjects.flatMap((subject) => {
      if (subject.by === 'key') return [subject.model];
      return subject.claims !== null && subject.claims.routingKeyHash !== null ? [subject.claims.model] : [];
    });
    const models = [...new Set(named)].filter((model) => deps.declaredOf({ model, rollout: null, version: null }) !== null);
    return new Map(await Promise.all(models.map(async (model) => [model, await deps.epochs(model)] as const)));
  };

  return async (posts) => {
    const subjects = await mapInTurns(posts, subjectOf);
    const histories = await historiesOf(subjects);
    const declarations = new Map<string, ReadonlyMap<string, DeclaredOutcome> | null>();
    const context: JudgeContext = {
      nowMs: deps.wallMs(),
      epochsOf: (model) => histories.get(model) ?? [],
      declaredOf: (request) => {
        const key = `${request.model} ${request.rollout} ${request.version}`;
        const known = declarations.get(key);
        if (known !== undefined) return known;
        const declared = deps.declaredOf(request);
        declarations.set(key, declared);
        return declared;
      },
    };
    const judged = await mapInTurns(subjects, (subject, index) => judgeAt(posts, index, { subject, context }));
    const accepted = judged.flatMap((judgement, index) => {
      const post = posts[index];
      return judgement.accepted && post !== undefined ? [{ judgement, row: rowOf(judgement, post) }] : [];
    });
    const isNew = accepted.length === 0 ? [] : await deps.record(accepted.map(({ row }) => row));
    return answerOf(deps, { judged, accepted: accepted.map(({ judgement }) => judgement), isNew });
  };
};

const judgeAt = (
  posts: readonly OutcomePost[],
  index: number,
  { subject, context }: { readonly subject: OutcomeSubject; readonly context: JudgeContext },
): JudgedOutcome => {
  const post = posts[index];
  if (post === undefined) throw new Error(`there is no outcome ${index}`);
  return judgeOutcome(post, subject, context);
};

interface Recorded {
  readonly judged: readonly JudgedOutcome[];
  readonly accepted: readonly Accepted[];
  /** One entry an accepted outcome. */
  readonly isNew: readonly boolean[];
}

const answerOf = ({ metrics }: PostOutcomesDeps, { judged, accepted, isNew }: Recorded): OutcomesAnswer => {
  const fresh = isNew.filter(Boolean).length;
  for (const [index, { model, arm }] of accepted.entries())
    metrics.outcome({ model, arm: arm ?? 'none', result: isNew[index] === true ? 'accepted' : 'duplicate' });
  const refused = judged.flatMap((judgement, index) => {
    if (judgement.accepted) return [];
    metrics.outcome({ model: judgement.model ?? 'none', arm: 'none', result: resultOf[judgement.reason] });
    return [{ index, reason: judgement.reason, detail: judgement.detail }];
  });
  return { accepted: fresh, duplicate: accepted.length - fresh, refused };
};
