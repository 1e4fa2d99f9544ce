/** The first file of a worker process, for the launcher. */
export const workerEntry = new URL('./worker-main.ts', import.meta.url).href;
