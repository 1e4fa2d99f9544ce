import { Command } from 'commander';
import type { Acceptance } from '../bundle/acceptance.ts';
import { durationWords } from '../control-plane/forecast/duration-words.ts';
import type { Forecast, GuardForecast, RollbackForecast, StepForecast } from '../control-plane/forecast/forecast.ts';
import { forecastPlan } from '../control-plane/forecast/forecast-plan.ts';
import { unforeseenFaults } from '../control-plane/forecast/suppose-effects.ts';
import type { Plan } from '../control-plane/plan.ts';
import { type BundleFolders, withFolders } from './bundle-folders.ts';
import { type FoundPlan, findPlan } from './find-plan.ts';
import { addressOf, defaultAdminUrl } from './gateway-address.ts';
import type { CliIo } from './io.ts';
import { type ObservedTraffic, observeTraffic } from './observe-traffic.ts';
import { positive, type StatedTraffic, type TrafficFigure, trafficOf, withTraffic } from './stated-traffic.ts';
import { textTable } from './text-table.ts';

interface PlanOptions extends BundleFolders, StatedTraffic {
  readonly adminUrl?: string;
  readonly keyFile?: string;
  readonly watch: number;
  readonly json?: true;
}

const percent = (value: number): string => `${Number((value * 100).toPrecision(3))} %`;

const figureWords = ({ name, value, origin }: TrafficFigure): string => {
  const shown =
    name === 'rps' ? `${Number(value.toPrecision(3))} requests/s` : name === 'run-ms' ? `run ${Number(value.toPrecision(3))} ms` : `${name} ${percent(value)}`;
  return `${shown} (${origin})`;
};

const count = (value: number): string => (value > 0 && value < 1 ? '< 1' : Math.ceil(value).toLocaleString('en-US'));

const effectWords = ({ kind }: GuardForecast, { effect, candidateValue, baselineValue }: RollbackForecast): string =>
  kind === 'latency'
    ? `${effect}: ${Number(candidateValue.toPrecision(3))} times as long`
    : `${effect}: ${percent(candidateValue)} against ${percent(baselineValue)}`;

const whenWords = (seconds: number | null): string => (seconds === null ? 'not in this step' : durationWords(seconds));

const withinWords = ({ kind, withinMarginSeconds, isRequired }: GuardForecast): string => {
  if (kind === 'outcomeRate' || kind === 'outcomeMean') return '-';
  return isRequired ? `${whenWords(withinMarginSeconds)}, required` : whenWords(withinMarginSeconds);
};

const guardRows = (step: StepForecast, guard: GuardForecast): readonly (readonly string[])[] =>
  guard.rollbacks.map((rollback, index) => {
    const cost = [count(rollback.candidateRequests), rollback.excessEvents === null ? '-' : count(rollback.excessEvents)];
    const decision = [effectWords(guard, rollback), whenWords(rollback.afterSeconds), ...cost];
    return index === 0 ? [`${step.step}`, `${step.weight} %`, guard.name, ...decision, withinWords(guard)] : ['', '', '', ...decision, ''];
  });

const header = [
  'step',
  'weight',
  'guard',
  'a candidate that is off by',
  'rolled back after',
  'its requests',
  'bad beyond baseline',
  'one like the baseline is within the margin after',
];

const tableOf = ({ steps }: Forecast): string => textTable([header, ...steps.flatMap((step) => step.guards.flatMap((guard) => guardRows(step, guard)))]);

const faultLines = ({ faults }: Forecast): readonly string[] =>
  faults.map(
    ({ problem, remedies }) => `${problem}. ${remedies.length === 0 ? 'No change of one figure mends that.' : `Enough would be ${remedies.join(', or ')}.`}`,
  );

interface Told {
  readonly plan: Plan;
  readonly acceptance: Acceptance;
  readonly figures: readonly TrafficFigure[];
  readonly forecast: Forecast;
}

const tell = ({ plan, acceptance, figures, forecast }: Told, io: CliIo): void => {
  io.stdout(`${plan.model}: ${plan.baseline} -> ${plan.candidate}\n${figures.map(figureWords).join(', ')}\n\n${tableOf(forecast)}\n`);
  for (const line of faultLines(forecast)) io.stdout(`${line}\n`);
  const unforeseen = unforeseenFaults(acceptance);
  io.stderr(
    'Times are counted from the begin of the step, on average traffic. Failed runs and rejected outputs are answered by the baseline: no caller gets them.\n',
  );
  if (unforeseen.length > 0) io.stderr(`Only the model can tell what ${unforeseen.join(', ')} would do: handoff rehearse ${plan.model}\n`);
};

/** What a gateway shows; nothing when the traffic is stated and no gateway is named. */
const observe = async (model: string, found: Extract<FoundPlan, { ok: true }>, options: PlanOptions) => {
  if (options.rps !== undefined && options.adminUrl === undefined) return { exitCode: 0, traffic: {} satisfies ObservedTraffic } as const;
  const address = addressOf({ adminUrl: options.adminUrl ?? defaultAdminUrl, ...(options.keyFile === undefined ? {} : { keyFile: options.keyFile }) });
  if (typeof address === 'string') return { exitCode: 2, message: address } as const;
  const observed = await observeTraffic({ address, model, baseline: found.plan.baseline, acceptance: found.acceptance, watchSeconds: options.watch });
  if (observed.ok) return { exitCode: 0, traffic: observed.traffic } as const;
  return { exitCode: 3, message: `${observed.message}\nThe traffic can be stated instead: handoff plan ${model} --rps 50` } as const;
};

const plan = async (model: string, options: PlanOptions, io: CliIo): Promise<void> => {
  const found = await findPlan(model, options);
  if (!found.ok) {
    for (const line of found.lines) io.stderr(`${line}\n`);
    return io.setExitCode(found.exitCode);
  }
  const observed = await observe(model, found, options);
  if (observed.exitCode !== 0) {
    io.stderr(`${observed.message}\n`);
    return io.setExitCode(observed.exitCode);
  }
  const { traffic, figures } = trafficOf({ stated: options, observed: observed.traffic }, found.acceptance);
  const forecast = forecastPlan({ plan: found.plan, acceptance: found.acceptance, traffic });
  const ok = forecast.faults.length === 0;
  if (options.json)
    io.stdout(`${JSON.stringify({ ok, model, baseline: found.plan.baseline, candidate: found.plan.candidate, traffic: figures, ...forecast }, null, 2)}\n`);
  else tell({ plan: found.plan, acceptance: found.acceptance, figures, forecast }, io);
  io.setExitCode(ok ? 0 : 1);
};

/** `handoff plan`: foretells how long the decisions of a rollout plan take, what a bad candidate costs meanwhile, and whether the plan can decide in its time. */
export const planCommand = (io: CliIo): Command =>
  withTraffic(withFolders(new Command('plan')))
    .description('foretell how long the decisions of a plan take and what a bad candidate costs meanwhile; 1 when the plan cannot decide in its time')
    .argument('<model>', 'name of the model')
    .option(
      '--admin-url <url>',
      `observe a running gateway at this admin port; without --rps (HANDOFF_ADMIN_URL, ${defaultAdminUrl})`,
      io.env.HANDOFF_ADMIN_URL,
    )
    .option('--key-file <file>', 'file with the secret of an access key (HANDOFF_KEY_FILE)', io.env.HANDOFF_KEY_FILE)
    .option('--watch <seconds>', 'how long to observe', positive, 10)
    .option('--json', 'one JSON object on standard output')
    .action((model: string, options: PlanOptions) => plan(model, options, io));
