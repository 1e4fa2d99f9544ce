import { describe, expect, it } from 'vitest';
import { type AssessmentInput, assessGuards } from '../../../src/control-plane/analysis/assess-guards.ts';
import { buildGuards } from '../../../src/control-plane/analysis/build-guards.ts';
import { combineFamilies, largestPrefix } from '../../../src/control-plane/analysis/combine-families.ts';
import { foldBlock, startEvidence } from '../../../src/control-plane/analysis/evidence.ts';
import { addCounts, type BlockCounts, type GuardCounts } from '../../../src/control-plane/analysis/guard-counts.ts';
import type { GuardCriterion } from '../../../src/control-plane/analysis/guard-criterion.ts';
import { guardWeights } from '../../../src/control-plane/analysis/guard-weights.ts';
import { addSealedRuns, startLatencyHistory } from '../../../src/control-plane/analysis/latency-history.ts';
import { noPairs } from '../../../src/control-plane/analysis/pair-counts.ts';
import { pinBlock } from '../../../src/control-plane/analysis/pin-block.ts';
import { arm, type Cells, units } from './support.ts';

const errors: GuardCriterion = { name: 'errors', kind: 'errorRate', margin: { absolute: 0.002 } };
const latency: GuardCriterion = { name: 'latency', kind: 'latency', margin: { relative: 0.1, atLeastMs: 1 } };
const breaches: GuardCriterion = { name: 'bad-outputs', kind: 'breachRate', margin: { absolute: 0.001 } };
const flagged: GuardCriterion = { name: 'flagged', kind: 'outputRate', margin: { relative: 0.3 } };
const disagreement: GuardCriterion = { name: 'same-answers', kind: 'disagreement', margin: { absolute: 0.01 } };
const caught: GuardCriterion = { name: 'fraud-caught', kind: 'outcomeRate', harm: 'lower', margin: { relative: 0.05 } };
const ndcg: GuardCriterion = { name: 'ndcg', kind: 'outcomeMean', harm: 'lower', margin: { relative: -0.02 }, historicalMean: 0.6 };
const all = [errors, latency, breaches, flagged, disagreement, caught, ndcg];

const plan = (criteria: readonly GuardCriterion[], parts: { keyed?: boolean; compared?: boolean } = {}) =>
  buildGuards({ criteria, keyed: false, compared: false, plannedBlocks: 100, ...parts });

const assess = (criteria: readonly GuardCriterion[], block: BlockCounts, parts: Partial<AssessmentInput> & { keyed?: boolean; compared?: boolean } = {}) => {
  const { keyed = false, compared = false, ...rest } = parts;
  const guards = plan(criteria, { keyed, compared });
  return assessGuards({ guards, evidence: startEvidence(guards), prefixes: [[block]], risk: { alpha: 0.01, beta: 0.05 }, ...rest });
};

const named = (assessment: ReturnType<typeof assess>, name: string) => {
  const guard = assessment.guards.find((known) => known.name === name);
  if (!guard) throw new Error(`no guard ${name}`);
  return guard;
};

describe('the weights of the guards', () => {
  it('are the raw ones over their sum, shared by the criteria of one kind', () => {
    const three = guardWeights(['errorRate', 'latency', 'breachRate']);
    [0.35, 0.35, 0.2].forEach((raw, index) => {
      expect(three[index]).toBeCloseTo(raw / 0.9, 12);
    });
    const [, first, second] = guardWeights(['errorRate', 'outputRate', 'outputRate']);
    expect(first).toBeCloseTo(0.1 / 0.55, 12);
    expect(second).toBe(first);
  });

  it.each([
    { keyed: false, compared: false },
    { keyed: true, compared: false },
    { keyed: false, compared: true },
    { keyed: true, compared: true },
  ])('sum to 1 over all rollback tests, keyed $keyed, compared $compared', (parts) => {
    const tests = plan(all, parts).flatMap(({ rollback }) => rollback);
    expect(tests.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
    expect(new Set(tests.map(({ id }) => id)).size).toBe(tests.length);
  });
});

describe('a criterion becomes tests', () => {
  const [error, slow, , output, differing, outcome, mean] = plan(all, { keyed: true, compared: true });

  it('an error rate: the coin, pairs, and first events, which share its weight', () => {
    expect(error?.rollback.map(({ source, family }) => [source, family])).toEqual([
      ['units', 'assignment'],
      ['pairs', 'assignment'],
      ['firstEvents', 'first-event'],
    ]);
    expect(error?.rollback.map(({ weight }) => weight / (error.weight || 1))).toEqual([0.25, 0.25, 0.5]);
    expect(error?.rollback[0]).toMatchObject({
      id: 'errors/rollback/units',
      hypothesis: { harm: 1, rho0: 1, delta: 0.002, c0: 0 },
      hazard: 0.01,
      grid: { count: 12 },
    });
    expect(error?.promotion).toMatchObject([{ source: 'units', side: -1, hazard: 0 }]);
  });

  it('latency: one paired test a slot', () => {
    expect(slow?.slots).toEqual([0.5, 0.2, 0.05, 0.01]);
    expect(slow?.rollback).toMatchObject([0, 1, 2, 3].map((slot) => ({ slot, source: 'pairs', grid: { count: 8 } })));
    expect(slow?.promotion).toHaveLength(4);
  });

  it('an output rate: both directions, 12 bets up and 8 down', () => {
    const coins = output?.rollback.filter(({ source }) => source === 'units') ?? [];
    expect(coins).toMatchObject([
      { hypothesis: { harm: 1, rho0: 1.3 }, grid: { count: 12 } },
      { hypothesis: { harm: -1, rho0: 0.7 }, grid: { count: 8 } },
    ]);
  });

  it('disagreement: the coin that makes a compared request a pair of both versions or of the baseline with itself', () => {
    expect(differing?.rollback).toMatchObject([{ source: 'differences', family: 'assignment', hypothesis: { delta: 0.01 } }]);
  });

  it('outcomes: a family of their own; a wanted improvement binds the promotion only', () => {
    expect(outcome?.rollback[0]).toMatchObject({ family: 'outcome', hypothesis: { harm: -1, rho0: 0.95 }, grid: { count: 8 } });
    expect(mean?.rollback).toMatchObject([{ source: 'values', family: 'outcome', hypothesis: { harm: -1, rho0: 1, c0: 0.6 }, grid: { count: 12 } }]);
    expect(mean?.promotion[0]?.hypothesis.rho0).toBe(1.02);
  });
});

describe('an assessment', () => {
  it('without data is undecided everywhere, at E = the families’ weights', () => {
    const assessment = assess(all, {}, { keyed: true, compared: true });
    expect(assessment.guards.map(({ verdict }) => verdict)).toEqual(all.map(() => 'undecided'));
    expect(assessment.rollBack).toBe(false);
    expect(assessment.blamed).toBeNull();
    const weightsOf = (family: string) =>
      plan(all, { keyed: true, compared: true }).flatMap(({ rollback }) => rollback.filter((test) => test.family === family).map(({ weight }) => weight));
    expect(assessment.families.assignment.e).toBeCloseTo(
      weightsOf('assignment').reduce((total, weight) => total + weight, 0),
      12,
    );
    expect(assessment.families['first-event'].e).toBeCloseTo(Math.max(...weightsOf('first-event')), 12);
    expect(assessment.families.outcome.e).toBeCloseTo(Math.max(...weightsOf('outcome')), 12);
    for (const guard of assessment.guards) expect(guard).toMatchObject({ effect: null, interval: null });
  });

  it('blames the guard with the largest share, with both arms’ numbers', () => {
    const assessment = assess([errors, breaches], {
      errors: { units: [units(0.1, [45, 955, 90, 8910])] },
      'bad-outputs': { units: [units(0.1, [1, 999, 9, 8991])] },
    });
    expect(assessment).toMatchObject({ rollBack: true, blamed: 'errors', threshold: 100, evidence: { family: 'assignment' } });
    expect(named(assessment, 'errors')).toMatchObject({ verdict: 'worse', candidate: { n: 1000, events: 45 }, baseline: { n: 9000, events: 90 } });
    expect(named(assessment, 'errors').share).toBeGreaterThan(0.99);
    expect(named(assessment, 'bad-outputs').verdict).toBe('undecided');
  });

  it.each([
    ['requests', { units: [units(0.5, [200, 800, 220, 780])] }],
    ['first events', { firstEvents: [units(0.5, [200, 0, 220, 0])] }],
  ])('does not take a rate for too low where its margin is more than the whole of it: %s', (_, counts) => {
    const wide: GuardCriterion = { name: 'flagged', kind: 'outputRate', margin: { relative: 1.5 } };
    const assessment = assess([wide], { flagged: counts }, { keyed: true });
    expect(assessment.evidence.e).toBeLessThanOrEqual(1);
    expect(assessment.rollBack).toBe(false);
  });

  it('rolls back exactly from the threshold on', () => {
    const block = { errors: { units: [units(0.1, [30, 970, 90, 8910])] } };
    const { lnE } = assess([errors], block).evidence;
    const { rollBack: at } = assess([errors], block, { risk: { alpha: Math.exp(-lnE) * 1.0000001, beta: 0.05 } });
    const { rollBack: below } = assess([errors], block, { risk: { alpha: Math.exp(-lnE) * 0.9999999, beta: 0.05 } });
    expect([at, below]).toEqual([true, false]);
  });

  it('does not add evidence of different families', () => {
    const lnHalf = Math.log(60);
    const families = combineFamilies([
      { guard: 'a', id: 'a', family: 'assignment', lnWeighted: lnHalf },
      { guard: 'a', id: 'b', family: 'first-event', lnWeighted: lnHalf },
      { guard: 'b', id: 'c', family: 'assignment', lnWeighted: lnHalf },
    ]);
    expect(families.map(({ ln }) => Math.round(Math.exp(ln)))).toEqual([120, 60, 0]);
  });

  it.each(['first-event', 'outcome'] as const)('adds nothing within the family %s, whose tests have an order each', (family) => {
    const families = combineFamilies([
      { guard: 'a', id: 'a', family, lnWeighted: Math.log(60) },
      { guard: 'b', id: 'b', family, lnWeighted: Math.log(70) },
    ]);
    expect(families.map(({ ln }) => Math.round(Math.exp(ln)))).toEqual(family === 'outcome' ? [0, 0, 70] : [0, 70, 0]);
  });

  it('is no rollback by two first-event tests of which none reaches the threshold', () => {
    const firstEvents = [units(0.5, [17, 0, 1, 0])];
    const counts: GuardCounts = { firstEvents, pins: { firstEventRate: 0.01 } };
    const assessment = assess([errors, breaches], { errors: counts, 'bad-outputs': counts }, { keyed: true });
    const [first = 0, second = 0] = assessment.guards.map(({ share }) => share * assessment.evidence.e);
    expect(first + second).toBeGreaterThan(100);
    expect(assessment).toMatchObject({ rollBack: false, blamed: null, evidence: { family: 'first-event' } });
    expect(Math.max(...assessment.guards.map(({ share }) => share))).toBe(1);
    expect(assessment.guards.map(({ verdict }) => verdict)).toEqual(['undecided', 'undecided']);
  });

  it('takes a family whole from the prefix where its sum is larger', () => {
    const prefix = (first: number, second: number) =>
      combineFamilies([
        { guard: 'a', id: 'a', family: 'assignment', lnWeighted: Math.log(first) },
        { guard: 'b', id: 'b', family: 'assignment', lnWeighted: Math.log(second) },
      ]);
    expect(Math.exp(largestPrefix([prefix(60, 1), prefix(1, 70)])[0]?.ln ?? 0)).toBeCloseTo(71, 9);
  });

  it('is within the margin from 1/beta on, and needs every test of the guard', () => {
    const same: GuardCounts = { units: [units(0.5, [480, 49520, 500, 49500])] };
    expect(named(assess([errors], { errors: same }), 'errors')).toMatchObject({ verdict: 'within-margin' });
    const risen: GuardCounts = { units: [units(0.5, [6400, 43600, 5000, 45000])] };
    const guard = named(assess([flagged], { flagged: risen }), 'flagged');
    expect(guard.graduation.e).toBeLessThan(20);
    expect(guard.verdict).toBe('undecided');
  });

  it('says that a guard could not be measured, unless what was measured condemns it', () => {
    const unmeasured = { errors: 'the counts of one process did not come' };
    const same = { errors: { units: [units(0.5, [480, 49520, 500, 49500])] } };
    expect(named(assess([errors], same, { unmeasured }), 'errors')).toMatchObject({ verdict: 'could-not-measure', inability: unmeasured.errors });
    const bad = { errors: { units: [units(0.1, [45, 955, 90, 8910])] } };
    expect(named(assess([errors], bad, { unmeasured }), 'errors').verdict).toBe('worse');
  });

  it('completes pending requests pessimistically in both directions', () => {
    const counts = (pending: number): BlockCounts => ({ errors: { units: [{ w: 0.5, candidate: arm(1000, 60, pending), baseline: arm(1000, 10, pending) }] } });
    const [known, waiting] = [assess([errors], counts(0)), assess([errors], counts(20))];
    expect(waiting.evidence.lnE).toBeLessThan(known.evidence.lnE);
    expect(named(waiting, 'errors').graduation.lnE).toBeLessThan(named(known, 'errors').graduation.lnE);
  });

  it('of a shadow step shows the pairs', () => {
    const pairs = [{ ...noPairs, candidateOnly: 40, neither: 160 }];
    const assessment = assess([errors], { errors: { pairs } }, { compared: true });
    expect(assessment.rollBack).toBe(true);
    expect(named(assessment, 'errors')).toMatchObject({ source: 'pairs', candidate: { n: 200, events: 40 }, baseline: { n: 200, events: 0 } });
  });

  it('finds that the versions differ more often than the baseline from itself and the margin', () => {
    const differences = (cells: Cells) => ({ 'same-answers': { differences: [units(0.8, cells)] } });
    const found = assess([disagreement], differences([80, 320, 1, 99]));
    expect(found).toMatchObject({ rollBack: true, blamed: 'same-answers' });
    expect(named(found, 'same-answers')).toMatchObject({ source: 'differences', candidate: { n: 400, events: 80 }, baseline: { n: 100, events: 1 } });
    expect(named(found, 'same-answers').effect).toBeCloseTo(0.19, 9);
    expect(assess([disagreement], differences([80, 320, 20, 80])).rollBack).toBe(false);
  });

  it('begins a test that evidence of an earlier gateway does not know', () => {
    const guards = plan([disagreement]);
    const block = { 'same-answers': { differences: [units(0.8, [80, 320, 1, 99])] } };
    const evidence = { ...startEvidence(guards), tests: {} };
    expect(assess([disagreement], block, { evidence })).toEqual(assess([disagreement], block));
  });

  it('finds first events of known keys by the rate that was pinned', () => {
    const firstEvents = [units(0.5, [60, 0, 10, 0])];
    expect(assess([errors], { errors: { firstEvents } }, { keyed: true }).rollBack).toBe(false);
    const assessment = assess([errors], { errors: { firstEvents, pins: { firstEventRate: 0.01 } } }, { keyed: true });
    expect(assessment).toMatchObject({ rollBack: true, evidence: { family: 'first-event' } });
    expect(named(assessment, 'errors').source).toBe('firstEvents');
  });

  it('is the same from sealed blocks after JSON as from open ones', () => {
    const guards = plan(all, { keyed: true, compared: true });
    const block = (n: number): BlockCounts => ({
      errors: { units: [units(0.1, [n, 990, 100, 8900])], pairs: [{ ...noPairs, candidateOnly: n, neither: 300 }] },
      ndcg: { values: [{ w: 0.1, candidate: [1, 2, n], baseline: [4, 5, 6] }] },
      latency: { pairs: [0, 1, 2, 3].map(() => ({ ...noPairs, candidateOnly: 3, baselineOnly: 2, neither: 200 })) },
    });
    const blocks = [block(10), block(12), block(9)];
    const folded = foldBlock(guards, foldBlock(guards, startEvidence(guards), block(10)), block(12));
    const common = { guards, risk: { alpha: 0.01, beta: 0.05 } };
    const open = assessGuards({ ...common, evidence: startEvidence(guards), prefixes: [blocks] });
    const sealed = assessGuards({ ...common, evidence: JSON.parse(JSON.stringify(folded)), prefixes: [blocks.slice(2)] });
    expect(sealed).toEqual(open);
  });
});

describe('a new block is pinned', () => {
  it('without a rate of first events while no baseline request is sealed: the test is silent, not stricter than the margin', () => {
    const guards = plan([errors], { keyed: true });
    const evidence = startEvidence(guards);
    const pins = pinBlock(guards, { evidence, latency: startLatencyHistory() });
    expect(pins.errors).toEqual({});
    const block = { errors: { firstEvents: [units(0.5, [60, 0, 10, 0])], pins: pins.errors ?? {} } };
    expect(foldBlock(guards, evidence, block).tests['errors/rollback/firstEvents']?.lnCapital).toEqual(
      foldBlock(guards, evidence, {}).tests['errors/rollback/firstEvents']?.lnCapital,
    );
  });

  it('from sealed history only', () => {
    const guards = plan(all, { keyed: true, compared: true });
    const evidence = foldBlock(guards, startEvidence(guards), {
      errors: { units: [units(0.1, [10, 990, 89, 8910])] },
    });
    const runs = new Array<number>(400).fill(0);
    runs[350] = 3000;
    const pins = pinBlock(guards, {
      evidence,
      latency: addSealedRuns(startLatencyHistory(), runs),
    });
    expect(pins.errors).toEqual({ firstEventRate: 90 / 9000 });
    expect(pins.latency?.latencyEdges).toHaveLength(4);
    expect(pins['same-answers']).toEqual({});
    expect(pins.ndcg).toEqual({});
  });
});

describe('pins in sums of counts', () => {
  const counted: GuardCounts = { units: [units(0.1, [1, 9, 1, 99])], pins: { firstEventRate: 0.1 } };

  it('are those of the later block with counts', () => {
    expect(addCounts(counted, { ...counted, pins: { firstEventRate: 0.2 } }).pins).toEqual({ firstEventRate: 0.2 });
  });

  it('are not those of a block that counts nothing for the guard: it is not written, and a replay does not know them', () => {
    expect(addCounts(counted, { pins: { firstEventRate: 0.2 } }).pins).toEqual({ firstEventRate: 0.1 });
    expect(addCounts(counted, {}).pins).toEqual({ firstEventRate: 0.1 });
  });

  it('are those that there are while nothing is counted', () => {
    expect(addCounts({}, { pins: { firstEventRate: 0.2 } }).pins).toEqual({ firstEventRate: 0.2 });
    expect(addCounts({}, {})).not.toHaveProperty('pins');
  });
});
