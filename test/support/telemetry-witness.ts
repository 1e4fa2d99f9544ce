/**
 * Opens a graph as the gateway does and says, as one line of JSON, what ONNX Runtime's library could see of its telemetry
 * switch when it was loaded, and how many sockets it opened.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const atLoad: (string | undefined)[] = [];
const { dlopen } = process;
process.dlopen = (...parameters: Parameters<typeof dlopen>) => {
  // Not the copy that JavaScript may hold, but the variables of the process, as getenv() gives them.
  if (parameters[1].includes('onnxruntime')) atLoad.push(process.env.ORT_DISABLE_TELEMETRY);
  dlopen(...parameters);
};

const linkOf = (descriptor: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
};

const sockets = (): number =>
  process.platform === 'linux'
    ? readdirSync('/proc/self/fd')
        .map(linkOf)
        .filter((link) => link.startsWith('socket:')).length
    : 0;

// Standard input and output may be sockets too: only what is more than at the start counts.
const before = sockets();
const { openSession } = await import('../../src/data-plane/inference/onnx-session.ts');
const session = await openSession(readFileSync(process.argv[2] ?? ''));
const opened = sockets() - before;
await session.release();
process.stdout.write(`${JSON.stringify({ atLoad, sockets: opened })}\n`);
