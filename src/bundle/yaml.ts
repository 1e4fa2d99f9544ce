/** YAML 1.2 by its core schema, as bundles and plans are written in. A value may hold itself, by an alias. */
import { load, loadAll } from 'js-yaml';

/** @throws an error that says what is wrong: a key twice, a tag, no document or several */
export const parseYaml = (text: string): unknown => load(text);

/** The document, or what is wrong with it in words. */
export const parsedYaml = (text: string): { readonly document: unknown } | { readonly fault: string } => parsedBy(parseYaml, text);

/** All documents of a text that may have several. */
export const parsedYamls = (text: string): { readonly document: readonly unknown[] } | { readonly fault: string } => parsedBy((all) => loadAll(all), text);

const parsedBy = <Document>(parse: (text: string) => Document, text: string): { readonly document: Document } | { readonly fault: string } => {
  try {
    return { document: parse(text) };
  } catch (error) {
    return { fault: error instanceof Error ? (error.message.split('\n')[0] ?? 'no YAML') : 'no YAML' };
  }
};
