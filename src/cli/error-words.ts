/** What is said of an error that ends a command: what the system refused in a sentence, a bug with its stack. */
export const errorWords = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return Reflect.has(error, 'syscall') ? error.message : (error.stack ?? error.message);
};
