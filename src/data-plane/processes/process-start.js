/** The first file of every process that the gateway starts: turns the cache of compiled code on, then becomes what it is told to be. */
import '../../compile-cache.js';

await import(process.argv[2]);
