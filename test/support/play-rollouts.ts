import type { GuardrailState } from '../../src/control-plane/assessment.ts';
import type { InferAnswer } from '../../src/data-plane/infer.ts';
import { ProblemError } from '../../src/problem.ts';
import { type AlikeVersions, baselineName, candidateName, type Inputs, model, type RequestKind } from './alike-versions.ts';
import { createRandom, type Random } from './random.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedGateway } from './simulated-gateway.ts';

/** Traffic of one rollout. */
export interface RolloutTraffic {
  readonly seconds: number;
  readonly perSecond: number;
  /** Requests carry the key of one of so many users, some of whom come often; null for none. */
  readonly users: number | null;
}

/** How a rollout ended, and what was seen on the way. */
export interface Ending {
  readonly rolledBack: boolean;
  readonly blamed: string | null;
  /** Largest evidence against the candidate at any tick. */
  readonly peak: number;
  /** Largest weight in force, percent. */
  readonly weight: number;
  readonly guardrails: readonly GuardrailState[];
  readonly requests: number;
  /** Requests whose end was not known at a tick, over all ticks. */
  readonly pending: number;
  /** Answers that are not those of a gateway with one version, each with what was due. */
  readonly wrong: readonly string[];
  readonly loweredByHand: boolean;
}

export interface Bed {
  readonly clock: SimulatedClock;
  readonly gateway: SimulatedGateway;
  readonly inputs: AlikeVersions['inputs'];
  /** What a gateway with one version answers. */
  readonly answers: ReadonlyMap<Inputs, string>;
}

const person = { reason: 'a test', actor: 'a person' };
const burstsPerSecond = 2;
/** All that is under way is over then: the longest deadline has passed. */
const overMs = 6_000;
const worryingEvidence = 2;
const loweredWeight = 5;
const loweredSeconds = 2;

/** The answer without what tells the versions apart; of a failure the problem. */
const toldOf = (asked: Promise<InferAnswer>): Promise<string> =>
  asked.then(
    ({ outputs, rescued, arm, version }) => {
      const due = arm === 'candidate' ? candidateName : baselineName;
      return JSON.stringify({ outputs, rescued, answered: version === due });
    },
    (error: unknown) => ProblemError.from(error).type,
  );

/** What the baseline alone makes of every request. */
export const singleVersionAnswers = async ({ clock, gateway, inputs }: Omit<Bed, 'answers'>): Promise<Bed['answers']> => {
  const answers = new Map<Inputs, string>();
  for (const rows of Object.values(inputs).flat()) {
    const told = toldOf(gateway.ask({ model, version: baselineName, inputs: rows }, {}));
    await clock.quiet();
    await clock.pass(overMs);
    answers.set(rows, await told);
  }
  return answers;
};

const between = (random: Random, low: number, high: number): number => low + (high - low) * random.uniform();

/** Of every tenth user, among them the one who asks most. */
const brokenRates = { throws: 0.05, breach: 0.75, flagged: 0.1, ordinary: 1 };

/** How often each kind comes. Somewhere on the ramp the rates jump, mostly up, for both arms alike. */
const createRates = (random: Random): ((second: number, user: number | null) => Readonly<Record<RequestKind, number>>) => {
  const base = { throws: between(random, 0.015, 0.035), breach: between(random, 0.05, 0.09), flagged: between(random, 0.08, 0.12) };
  const jumpAt = between(random, 2, 9);
  const factor = random.uniform() < 0.8 ? between(random, 3, 4) : between(random, 0.4, 0.7);
  return (second, user) => {
    if (user !== null && user % 10 === 0) return brokenRates;
    const times = second < jumpAt ? 1 : factor;
    return { throws: base.throws * times, breach: base.breach * times, flagged: base.flagged * times, ordinary: 1 };
  };
};

const createDraw = (inputs: Bed['inputs'], { random, users }: { readonly random: Random; readonly users: number | null }) => {
  const ratesAt = createRates(random);
  return (second: number): { readonly rows: Inputs; readonly headers: Readonly<Record<string, string>> } => {
    const user = users === null ? null : Math.floor(random.uniform() ** 3 * users);
    const rates = ratesAt(second, user);
    const point = random.uniform();
    const upTo = { throws: rates.throws, breach: rates.throws + rates.breach, flagged: rates.throws + rates.breach + rates.flagged, ordinary: 1 };
    const kind = (['throws', 'breach', 'flagged'] as const).find((each) => point < upTo[each]) ?? 'ordinary';
    const choices = inputs[kind];
    const rows = choices[Math.floor(random.uniform() * choices.length)];
    if (rows === undefined) throw new Error(`there is no request of the kind ${kind}`);
    return { rows, headers: users === null ? {} : { 'x-routing-key': `user-${user}` } };
  };
};

/** A person who lowers the weight by hand when the candidate looks bad, and gives it back a little later. */
const createWorriedPerson = ({ control }: SimulatedGateway) => {
  let loweredAt: number | null = null;
  return {
    hasLowered: () => loweredAt !== null,
    look: async (second: number): Promise<void> => {
      const { phase, evidence } = control.get(model);
      const isWorried = phase === 'progressing' && (evidence?.value ?? 0) > worryingEvidence;
      if (loweredAt === null && isWorried) {
        loweredAt = second;
        await control.setWeight(model, { weight: loweredWeight, ...person });
      } else if (loweredAt === second - loweredSeconds && phase === 'paused') await control.move(model, { move: 'resume' }, person);
    },
  };
};

/** Sends the requests of a rollout, and holds every answer against the one that is due. */
const createCallers = ({ clock, gateway, inputs, answers }: Bed, { perSecond, users }: RolloutTraffic, seed: number) => {
  const draw = createDraw(inputs, { random: createRandom(seed), users });
  const wrong: string[] = [];
  const asked: Promise<void>[] = [];
  const ask = async (second: number): Promise<void> => {
    const { rows, headers } = draw(second);
    const told = await toldOf(gateway.ask({ model, version: null, inputs: rows }, headers));
    const due = answers.get(rows);
    if (told !== due) wrong.push(`got ${told}, expected ${due}`);
  };
  return {
    askFor: async (second: number): Promise<void> => {
      for (let burst = 0; burst < burstsPerSecond; burst += 1) {
        for (let request = 0; request < perSecond / burstsPerSecond; request += 1) asked.push(ask(second));
        await clock.quiet();
        await clock.pass(1_000 / burstsPerSecond);
      }
    },
    /** Resolves when every answer is there. */
    over: async (): Promise<Pick<Ending, 'requests' | 'wrong'>> => {
      await clock.pass(overMs);
      await Promise.all(asked);
      return { requests: asked.length, wrong };
    },
  };
};

/** Starts a rollout, sends it its requests, ticks every second, and takes it back in the end if it was not. */
export const playRollout = async (bed: Bed, traffic: RolloutTraffic, seed: number): Promise<Ending> => {
  const { clock, gateway } = bed;
  const callers = createCallers(bed, traffic, seed);
  const worried = createWorriedPerson(gateway);
  let [peak, weight, pending] = [0, 0, 0];
  await gateway.control.move(model, { move: 'start' }, person);
  const stateNow = () => gateway.control.get(model);
  for (let second = 0; second < traffic.seconds && stateNow().phase !== 'rolled-back'; second += 1) {
    weight = Math.max(weight, stateNow().weight);
    await callers.askFor(second);
    pending += clock.asleep();
    await gateway.tick();
    peak = Math.max(peak, stateNow().evidence?.value ?? 0);
    await worried.look(second);
  }
  const rolledBack = stateNow().phase === 'rolled-back';
  const { guardrails } = stateNow();
  const answered = await callers.over();
  if (!rolledBack) await gateway.control.move(model, { move: 'rollback' }, person);
  await gateway.tick();
  const blamed = guardrails.find(({ verdict }) => verdict === 'worse')?.name ?? null;
  return { ...answered, rolledBack, blamed, peak, weight, guardrails, pending, loweredByHand: worried.hasLowered() };
};
