import { expect, test } from 'vitest';
import { compileContract } from '../../src/data-plane/contract/compile-contract.ts';
import { createInfer, type InferDeps } from '../../src/data-plane/infer.ts';
import type { ServingVersion } from '../../src/data-plane/inference/serving-version.ts';
import { createObserver } from '../../src/data-plane/observe/observer.ts';
import { createModelRegistry } from '../../src/data-plane/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createUnrecordedSpan } from '../../src/telemetry/request-span.ts';
import { parseMetrics } from '../support/metric-lines.ts';
import { realBundle } from '../support/real-bundles.ts';

const span = createUnrecordedSpan({ traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceparent: '', tracestate: undefined });
const context = { header: () => undefined, routingKey: null, requestId: 'a', span, arrivedMs: 0, timeoutMs: null, form: { kind: 'rows' } as const };

/** Version 1.4.0 of card-fraud is loaded and nothing assigned yet, everything else is expected soon. A request gets no further than to the routing here. */
const makeGateway = async () => {
  const metrics = createMetrics();
  const registry = createModelRegistry();
  const bundle = await realBundle('card-fraud', '1.4.0');
  registry.add({ bundle, contract: compileContract(bundle.contract, bundle.manifest) } as ServingVersion);
  const observer = createObserver({ metrics, log: createLog({ level: 'silent' }), monotonicMs: () => 0 });
  const infer = createInfer({ registry, observer, isExpected: () => true, monotonicMs: () => 0 } as unknown as InferDeps);
  const counted = async () =>
    parseMetrics((await metrics.text()).body)
      .flatMap(({ samples }) => samples)
      .filter(({ name, value }) => name === 'gateway_inference_requests_total' && value > 0)
      .map(({ labels, value }) => ({ ...labels, value }));
  return { infer, counted };
};

test.each([
  { title: 'a model of which no version is served yet', asked: { model: 'search-ranker', version: null }, series: 'none' },
  { title: 'a version that is not served yet', asked: { model: 'card-fraud', version: '2.0.0' }, series: 'card-fraud' },
  { title: 'a model without a baseline', asked: { model: 'card-fraud', version: null }, series: 'card-fraud' },
])('counts a request for $title as an error of no version', async ({ asked, series }) => {
  const { infer, counted } = await makeGateway();
  await expect(infer({ ...asked, inputs: [{}] }, context)).rejects.toMatchObject({ type: 'model-not-ready' });
  expect(await counted()).toEqual([{ model: series, version: 'none', arm: 'none', result: 'error', value: 1 }]);
});
