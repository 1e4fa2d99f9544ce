/** A request line names what is asked as a path, or as a whole url: RFC 9112 section 3.2. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { type RawAnswer, send } from '../support/http-client.ts';

const version = '1.4.0';
let folders: TeamFolders;
let gateway: GatewayProcess;
let inputs: readonly unknown[];

beforeAll(async () => {
  folders = await makeTeamFolders();
  await deliver(folders, {
    from: { model: 'card-fraud', version },
    edit: { file: 'handoff.yaml', change: (text) => text.replace('deadlineMs: 250', 'deadlineMs: 20000') },
  });
  inputs = await goldenRows('card-fraud', [version], '01-ordinary-purchase.json');
  gateway = await startGateway(folders);
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  await folders.remove();
});

const ask = (method: string, path: string, body: unknown = ''): Promise<RawAnswer> =>
  send({ url: gateway.url, path, method, headers: { 'content-type': 'application/json' }, body: body === '' ? '' : JSON.stringify(body) });

const tensors = () => ({
  inputs: Object.entries(inputs[0] ?? {}).map(([name, value]) => ({ name, datatype: 'FP64', shape: [1], data: [Number(value)] })),
});
const outcome = { prediction_id: 'none', outcome: 'confirmed_fraud_flagged', value: 1, observed_at: '2026-05-01T10:00:00Z' };

describe('a target', { shuffle: false }, () => {
  describe('that is a whole url', () => {
    test.each(['http://elsewhere/infer', 'HTTP://elsewhere:8080/infer', 'https://me@[::1]:1/infer?a=/b'])(
      'POST %s is answered by the model',
      async (target) => {
        const { status, body } = await ask('POST', target, { model: 'card-fraud', inputs });
        expect({ status, body }).toMatchObject({ status: 200, body: { model: 'card-fraud', version } });
      },
    );

    test('is a call of the Open Inference Protocol', async () => {
      const { status, body } = await ask('POST', 'http://elsewhere/v2/models/card-fraud/infer', tensors());
      expect({ status, body }).toMatchObject({ status: 200, body: { model_name: 'card-fraud', model_version: version } });
    });

    test('takes outcomes', async () => {
      const { status, body } = await ask('POST', 'http://elsewhere/outcomes', { outcomes: [outcome] });
      expect({ status, body }).toMatchObject({ status: 202, body: { accepted: 0, refused: [{ index: 0, reason: 'forged' }] } });
    });

    test.each([
      ['GET', 'http://elsewhere/health/live', 200],
      ['GET', 'http://elsewhere/v2/health/live?x', 200],
      ['GET', 'http://elsewhere/infer', 405],
      ['POST', 'http://elsewhere/infer', 400],
      ['POST', 'http://elsewhere/outcomes', 400],
      ['POST', 'http://elsewhere/v2/models/card-fraud/infer', 400],
      ['GET', 'http://elsewhere', 404],
      ['GET', 'http://elsewhere?x', 404],
      ['POST', 'http://elsewhere//infer', 404],
      ['OPTIONS', '*', 404],
    ])('%s %s is answered %i', async (method, target, status) => {
      expect((await ask(method, target)).status).toBe(status);
    });

    test.each([
      ['GET', '/models', 200],
      ['GET', '/models?prediction_id=', 400],
      ['POST', '/models/rescan', 200],
      ['POST', '/infer', 404],
    ])('%s http://elsewhere%s is answered %i on the admin port', async (method, path, status) => {
      const answer = await send({ url: gateway.adminUrl, path: `http://elsewhere${path}`, method, headers: { 'content-type': 'application/json' } });
      expect(answer.status).toBe(status);
    });
  });

  test.each(['/infer#x', '/outcomes#x', '/v2/models/card-fraud/infer#x', 'http://elsewhere/infer#x'])(
    'with a fragment names nothing: POST %s',
    async (target) => {
      const answers = await Promise.all(['', { model: 'card-fraud', inputs }].map((body) => ask('POST', target, body)));
      expect(answers.map(({ status, body }) => [status, body.type])).toEqual(Array(2).fill([404, '/problems/not-found']));
    },
  );

  test('is never a fault of the gateway', () => {
    expect(gateway.log().filter(({ level }) => level === 'error')).toEqual([]);
  });
});
