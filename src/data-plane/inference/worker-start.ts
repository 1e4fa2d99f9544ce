/** The first file of a worker process: it shares the gateway's cache of compiled code, then becomes the worker. */
import { enableCompileCache } from 'node:module';

const cache = process.argv[3];
if (cache !== undefined) enableCompileCache(cache);
await import('./worker-main.ts');
