import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const shared = {
  sequence: { shuffle: true },
  restoreMocks: true,
  // By default vitest leaves one core idle, which is half of a machine with two.
  maxWorkers: '100%',
  env: {
    ORT_DISABLE_TELEMETRY: '1',
    // Tests start hundreds of processes and threads, each of which would strip the types of the same files again: half the time of a test that opens a store.
    NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/handoff-tests', import.meta.url)),
  },
};

/** What these show hangs on time: how much is lost with the last second, and pairs that are compared in spare capacity only. They run last, one by one. */
const alone = ['comparison', 'kill', 'wiring'].map((name) => `test/integration/${name}.test.ts`);

export default defineConfig({
  test: {
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/clients/**', 'test/story.test.ts'],
          // A limit against hanging, not a measure of speed: whole simulated rollouts take seconds on a busy machine.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'integration',
          // Each file starts gateways with processes of their own, of half a GiB together.
          maxWorkers: 2,
          include: ['test/integration/**/*.test.ts', 'test/story.test.ts'],
          exclude: alone,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'alone',
          include: alone,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
