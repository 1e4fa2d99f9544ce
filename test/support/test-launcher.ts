import { afterAll } from 'vitest';
import { createLauncher, type Launcher } from '../../src/data-plane/processes/launcher.ts';

/** A launcher for the tests of one file, which ends with them. To be called outside of them. */
export const testLauncher = (): Launcher => {
  const launcher = createLauncher();
  afterAll(launcher.close);
  return launcher;
};
