/** The value of a JSON text, or what is wrong with it in words: a file of a bundle may hold anything. */
export const parsedJson = (text: string): { readonly document: unknown } | { readonly fault: string } => {
  try {
    return { document: JSON.parse(text) };
  } catch (error) {
    return { fault: error instanceof Error ? (error.message.split('\n')[0] ?? 'no JSON') : 'no JSON' };
  }
};
