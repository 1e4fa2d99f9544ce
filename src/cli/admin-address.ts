import { readFileSync } from 'node:fs';
import type { AdminAddress } from './admin-client.ts';

/** Where a gateway's admin port is when nothing is said. */
export const defaultAdminUrl = 'http://127.0.0.1:8081';

/** The options of every command that asks a running gateway. */
export interface AdminOptions {
  readonly adminUrl: string;
  readonly keyFile?: string;
}

/** The admin port that the options name, or what is wrong with them. */
export const addressOf = ({ adminUrl, keyFile }: AdminOptions): AdminAddress | string => {
  const url = URL.parse(adminUrl);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return `--admin-url: got ${adminUrl}, expected an address like ${defaultAdminUrl}`;
  if (keyFile === undefined) return { url, secret: null };
  try {
    return { url, secret: readFileSync(keyFile, 'utf8').trim() };
  } catch {
    return `--key-file: ${keyFile} cannot be read`;
  }
};
