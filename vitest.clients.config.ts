import { defineConfig } from 'vitest/config';

/** Foreign clients, servers and tools, held against the gateway. They bring Python environments of their own, so they run apart. */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    include: ['test/clients/**/*.test.ts'],
    env: { ORT_DISABLE_TELEMETRY: '1' },
    restoreMocks: true,
    // Environments are large: one at a time, and the first run downloads them.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 600_000,
  },
});
