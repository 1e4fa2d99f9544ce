/** The README's commands, run as they are printed there, give what is printed there. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { differencesFrom } from '../../src/bundle/golden-case.ts';
import { makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { type Answer, type GatewayProcess, runCli, startGateway } from '../support/gateway.ts';

const readme = readFileSync('README.md', 'utf8');

/** Each `curl … @docs/examples/<file>` block with the JSON block after it. */
const examples = [...readme.matchAll(/```sh\ncurl [^\n]*--data @(docs\/examples\/[a-z-]+\.json)\n```\n```json\n([^\n]+)\n```/g)].map(
  ([, file = '', printed = '']) => ({
    file,
    printed: JSON.parse(printed) as Answer['body'],
  }),
);
/** The photo's golden cases allow this much on another kind of CPU; the other models' far less. */
const tolerance = { absolute: 0.02 };

let folders: TeamFolders;
let gateway: GatewayProcess;

beforeAll(async () => {
  folders = await makeTeamFolders();
  gateway = await startGateway({ ...folders, modelsDir: 'models', goldenDir: 'golden', rolloutDir: 'rollout' });
});

afterAll(async () => {
  await gateway.end('SIGTERM');
  await folders.remove();
});

test('the README shows an answer of each example model', () => {
  expect(new Set(examples.map(({ printed }) => printed.model))).toEqual(new Set(['card-fraud', 'search-ranker', 'photo-classifier']));
});

test.each(examples)('$file gives the printed answer of $printed.version', async ({ file, printed }) => {
  const request = JSON.parse(readFileSync(file, 'utf8')) as { readonly inputs: readonly Record<string, unknown>[] };
  const { status, body } = await gateway.infer({ ...request, version: printed.version });
  const golden = { request: { inputs: [...request.inputs] }, expected: { outputs: [...(printed.outputs ?? [])] }, tolerance, source: 'README.md' };
  expect(status).toBe(200);
  expect(differencesFrom(golden, body.outputs ?? [])).toEqual([]);
});

test('set-weight prints what the README shows', async () => {
  const { stdout } = await runCli(['rollout', 'set-weight', 'card-fraud', '10', '--reason', 'first look', '--admin-url', gateway.adminUrl]);
  expect(readme).toContain(`--reason "first look"\n\`\`\`\n\`\`\`\n${stdout}\`\`\``);
  // The engine looks once a second at what the versions are to the traffic.
  await vi.waitFor(async () => {
    const { body } = await gateway.admin('PUT', '/signals/feature-lag', { value: 12.5 });
    expect(readme).toContain(`{ "value": 12.5 }'\n\`\`\`\n\`\`\`json\n${JSON.stringify(body)}\n`);
  }, 30_000);
});

test('check and smoke print what the README shows', { timeout: 300_000 }, async () => {
  const check = await runCli(['check']);
  // What budgets come to is measured, on a machine that runs other tests too: the README shows a quiet one.
  const bundles = check.stdout
    .split('\n')
    .slice(1, 7)
    .map((line) => line.replace(/ {2}(holds|\d+ failures?).*? {2,}/, '  holds  ').split(/ {2,}/));
  const smoke = await runCli(['smoke', 'search-ranker', '--url', gateway.url]);
  for (const [bundle = '', , golden = '', digest = ''] of bundles) expect(readme).toMatch(new RegExp(`^${bundle} +holds +${golden} +${digest}$`, 'm'));
  expect(readme).toContain(`\n\`\`\`\n${smoke.stdout}${smoke.stderr}\`\`\``);
});

test('a made-up prediction is refused as the README shows', async () => {
  const [, sent = '', printed = ''] = /\/outcomes [^\n]*--data '([^\n]+)'\n```\n```json\n([^\n]+)\n```/.exec(readme) ?? [];
  const response = await fetch(`${gateway.url}/outcomes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: sent });
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual(JSON.parse(printed));
});

test("a bundle for a graph of one's own is written, served and asked as the README shows", async () => {
  const [, words = ''] = /npm exec -- handoff (init [^\n]+) --out mine\n/.exec(readme) ?? [];
  const [, sent = '', printed = ''] = /\/infer [^\n]* -d '([^\n]+)'\n```\n```json\n([^\n]+)\n```/.exec(readme) ?? [];
  const own = await makeTeamFolders();
  const init = await runCli([...words.split(' '), '--out', own.root]);
  // The command that init proposes is the one of the README.
  expect({ code: init.code, stderr: init.stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`-d '${sent}'`) });
  const served = await startGateway(own);
  const { status, body } = await served.infer(JSON.parse(sent));
  await served.end('SIGTERM');
  await own.remove();
  const { prediction_id: _, ...answer } = body;
  const { prediction_id: __, ...shown } = JSON.parse(printed);
  expect({ status, answer }).toEqual({ status: 200, answer: shown });
});
