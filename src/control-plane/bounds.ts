import type { Acceptance, Criterion } from '../bundle/acceptance.ts';
import type { Bound, BoundEvent } from '../store/traffic-assignment.ts';

const quantileOf = { p50Ms: 0.5, p95Ms: 0.95, p99Ms: 0.99 } as const;
const quantileKeys = ['p50Ms', 'p95Ms', 'p99Ms'] as const;

const latencyBoundsOf = ({ name, bound }: Criterion): readonly Bound[] =>
  quantileKeys.flatMap((objective) => {
    const limitMs = bound?.[objective];
    // Shares such as 1 - 0.95 would carry their rounding into every comparison.
    const limit = Math.round((1 - quantileOf[objective]) * 100) / 100;
    return limitMs === undefined ? [] : [{ criterion: name, objective, limit, event: { kind: 'slow', limitMs } }];
  });

const atMost = ({ name, bound }: Criterion, event: BoundEvent): readonly Bound[] =>
  bound?.max === undefined ? [] : [{ criterion: name, objective: 'max', limit: bound.max, event }];

/** At least so many requests with the output are at most so many without it. */
const atLeast = ({ name, bound }: Criterion, output: string): readonly Bound[] =>
  bound?.min === undefined ? [] : [{ criterion: name, objective: 'min', limit: 1 - bound.min, event: { kind: 'output', output, is: false } }];

/** The limits of a criterion on live requests; none for what only pairs or outcomes show. */
const boundsOfCriterion = (criterion: Criterion): readonly Bound[] => {
  const { metric } = criterion;
  switch (metric.kind) {
    case 'latency':
      return latencyBoundsOf(criterion);
    case 'errorRate':
      return atMost(criterion, { kind: 'error' });
    case 'breachRate':
      return atMost(criterion, { kind: 'breach' });
    case 'abstainRate':
      return atMost(criterion, { kind: 'abstained' });
    case 'outputRate':
      return [...atMost(criterion, { kind: 'output', output: metric.output, is: true }), ...atLeast(criterion, metric.output)];
    default:
      return [];
  }
};

/** Absolute limits of live requests: they alert, and blame nobody, since what hits both arms breaks them too. */
export const boundsOf = ({ criteria }: Acceptance): readonly Bound[] =>
  criteria.filter(({ appliesTo }) => appliesTo.includes('live')).flatMap(boundsOfCriterion);
