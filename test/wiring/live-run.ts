/** A gateway of its own for a run whose raw events are written, and what is needed to recompute the run afterwards. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deliver, goldenRows, makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { hold, inParallel, keepAliveAgent, type RawAnswer, type RawRequest, send } from '../support/http-client.ts';
import { type Report, recompute } from './batch-calculator.ts';
import type { LedgerEntry } from './ledger.ts';
import { readRawLog } from './raw-log.ts';

const model = 'card-fraud';
const [baseline, candidate] = ['1.4.0', '2.0.0'] as const;
const recorder = new URL('../support/record-raw-events.ts', import.meta.url).href;

/** How a run is set up. */
export interface RunOptions {
  /** What its candidate does with amounts above 1000; absent: the candidate as it is. */
  readonly broken?: 'throws' | 'nan' | 'endless' | 'slower';
  /** Lines of the plan beside its names. */
  readonly plan: string;
  readonly flags?: readonly string[];
  /** Milliseconds: long, so that a busy machine makes nothing late. */
  readonly deadlineMs?: number;
  /** Other limits of the bundles: a change of `handoff.yaml`. */
  readonly budgets?: (text: string) => string;
  /** Further criteria of the candidate, as lines of `acceptance.yaml`. */
  readonly criteria?: string;
}

/** A request of a run. */
export interface Asked {
  readonly amount?: number;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly version?: string;
  /** Leaves out what only the candidate's contract asks for. */
  readonly ineligible?: true;
}

export interface LiveRun {
  readonly gateway: () => GatewayProcess;
  /** Sends the requests, so many at once. */
  readonly ask: (requests: readonly Asked[], atOnce: number) => Promise<RawAnswer[]>;
  /** Asks until the gateway is gone. */
  readonly askUntilGone: (asked: (index: number) => Asked, atOnce: number) => Promise<void>;
  /** Asks so often, whatever the answers, until it is told to stop. */
  readonly askEvery: (ms: number, asked: (index: number) => Asked) => { readonly stop: () => Promise<void> };
  /** How many blocks are in the ledger. */
  readonly blocks: () => Promise<number>;
  /** Sends the requests, all at once, and goes away before their answers. */
  readonly leave: (requests: readonly Asked[]) => Promise<void>;
  readonly state: () => Promise<Record<string, unknown>>;
  readonly setWeight: (weight: number) => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly restart: () => Promise<void>;
  /** Holds the ledger as it is now against the raw events, or against what is made of their lines. */
  readonly report: (log?: (lines: readonly string[]) => readonly string[]) => Promise<Report>;
  readonly end: () => Promise<void>;
}

const arrive = async (folders: TeamFolders, { broken, budgets = (text) => text, criteria = '', deadlineMs = 10_000 }: RunOptions): Promise<void> => {
  // A signal that nobody pushes would take the weight away when a run lasts long on a busy machine.
  const change = (text: string): string => budgets(text.replace(/deadlineMs: \d+/, `deadlineMs: ${deadlineMs}`).replace(/^signals:\n( {2}- .*\n)+/m, ''));
  const manifest = { file: 'handoff.yaml', change };
  const acceptance = { file: 'acceptance.yaml', change: (text: string) => text.replace(/^faults:/m, `${criteria}faults:`) };
  await deliver(folders, { from: { model, version: baseline }, edit: manifest });
  const graph = broken === undefined ? {} : { graph: `test/fixtures/broken-candidates/${broken}.onnx` };
  await deliver(folders, { from: { model, version: candidate }, ...graph, edit: [manifest, acceptance] });
};

const wholeLedger = async (gateway: GatewayProcess): Promise<LedgerEntry[]> => {
  const entries: LedgerEntry[] = [];
  for (let after: number | null = 0; after !== null; ) {
    const { body } = await gateway.admin('GET', `/ledger?after=${after}&limit=1000`);
    entries.push(...(body.entries as LedgerEntry[]));
    after = body.next as number | null;
  }
  return entries;
};

/** Starts a gateway with a started rollout at weight 0 or what its plan begins with. */
export const startRun = async (options: RunOptions): Promise<LiveRun> => {
  const folders = await makeTeamFolders();
  const log = join(folders.root, 'raw-events.jsonl');
  await arrive(folders, options);
  const head = `apiVersion: handoff/v1\nkind: Rollout\nmodel: ${model}\nbaseline: ${baseline}\ncandidate: ${candidate}\neligibility: partial\nmaxIneligible: 1\n`;
  await writeFile(join(folders.rolloutDir, `${model}.yaml`), `${head}${options.plan}bake: 8d\n`);
  const [both = {}] = await goldenRows(model, [baseline, candidate], '01-ordinary-purchase.json');
  const [ofBaseline = {}] = await goldenRows(model, [baseline], '01-ordinary-purchase.json');
  const [ofCandidate = {}] = await goldenRows(model, [candidate], '01-ordinary-purchase.json');
  const candidateFields = Object.keys(ofCandidate).filter((name) => !(name in ofBaseline));

  const start = (): Promise<GatewayProcess> =>
    startGateway(folders, { flags: options.flags ?? [], env: { NODE_OPTIONS: `--import=${recorder}`, RAW_EVENTS_FILE: log } });
  let gateway = await start();
  const agent = keepAliveAgent(64);
  let sent = 0;

  const rawOf = ({ amount = 20, key, headers = {}, version, ineligible }: Asked): RawRequest & { readonly body: string } => {
    sent += 1;
    const row = { ...(ineligible === true ? ofBaseline : both), amount };
    const body = JSON.stringify({ model, inputs: [row], ...(version === undefined ? {} : { version }) });
    const keyed = key === undefined ? {} : { 'x-routing-key': Buffer.from(key, 'utf8').toString('latin1') };
    return { url: gateway.url, agent, body, headers: { 'content-type': 'application/json', 'x-request-id': `request-${sent}`, ...keyed, ...headers } };
  };
  const state = async () => (await gateway.admin('GET', `/rollouts/${model}`)).body;
  const { rollout } = (await state()) as { readonly rollout: string };
  await gateway.admin('POST', `/rollouts/${model}/start`, { reason: 'a test' });

  return {
    gateway: () => gateway,
    ask: (requests, atOnce) => inParallel(requests, atOnce, (asked) => send(rawOf(asked))),
    askUntilGone: async (asked, atOnce) => {
      let index = 0;
      const askOn = async (): Promise<void> => {
        for (;;) {
          index += 1;
          await send(rawOf(asked(index)));
        }
      };
      await Promise.all(Array.from({ length: atOnce }, () => askOn().catch(() => undefined)));
    },
    askEvery: (ms, asked) => {
      const underWay = new Set<Promise<unknown>>();
      let index = 0;
      const timer = setInterval(() => {
        index += 1;
        const one = send(rawOf(asked(index)))
          .catch(() => undefined)
          .finally(() => underWay.delete(one));
        underWay.add(one);
      }, ms);
      return {
        stop: async () => {
          clearInterval(timer);
          await Promise.all(underWay);
        },
      };
    },
    blocks: async () => ((await gateway.admin('GET', `/rollouts/${model}/ledger?kind=block&limit=1000`)).body.entries as readonly object[]).length,
    leave: async (requests) => {
      const held = requests.map((asked) => hold(rawOf(asked)));
      for (const request of held) request.release();
      await new Promise(setImmediate);
      for (const request of held) request.abandon();
    },
    state,
    setWeight: async (weight) => {
      const { status } = await gateway.admin('PUT', `/rollouts/${model}/weight`, { weight, reason: 'a test' });
      if (status !== 200) throw new Error(`the weight ${weight} was refused with ${status}`);
    },
    kill: async () => void (await gateway.end('SIGKILL')),
    restart: async () => {
      gateway = await start();
    },
    report: async (change = (lines) => lines) =>
      recompute({
        lives: readRawLog(change(readFileSync(log, 'utf8').split('\n')).join('\n')),
        ledger: await wholeLedger(gateway),
        rollout,
        baseline,
        candidate,
        isEligible: (row) => candidateFields.every((name) => name in row),
        deadlineMs: options.deadlineMs ?? 10_000,
        predictionKey: Buffer.from(readFileSync(join(folders.dataDir, 'prediction.key'), 'utf8').trim(), 'hex'),
      }),
    end: async () => {
      agent.destroy();
      await gateway.end('SIGKILL');
      await folders.remove();
    },
  };
};
