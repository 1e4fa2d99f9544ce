import type { Vocabulary } from '../../src/checklist/subject.ts';
import { createProgram } from '../../src/cli/create-program.ts';
import { gatewayVocabulary } from '../../src/cli/vocabulary.ts';

/** The words of the real command line and of the real metrics. */
export const testVocabulary = async (): Promise<Vocabulary> =>
  gatewayVocabulary(await createProgram({ stdout: () => undefined, stderr: () => undefined, env: {}, setExitCode: () => undefined }));
