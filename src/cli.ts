#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Compiled code is kept beside the packages that it came with, so that only whoever may change those may change it. A
// folder that cannot be written to (a read-only image) just means no cache.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/handoff', import.meta.url)));
await import('./cli/program.ts');
