/** The first file of a comparison process: it shares the gateway's cache of compiled code, then becomes the process. */
import { enableCompileCache } from 'node:module';

const cache = process.argv[3];
if (cache !== undefined) enableCompileCache(cache);
await import('./comparison-worker-main.ts');
