#!/usr/bin/env node
import './compile-cache.js';

await import('./cli/program.ts');
