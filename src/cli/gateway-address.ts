import { readFileSync } from 'node:fs';

/** Where a gateway's admin port is when nothing is said. */
export const defaultAdminUrl = 'http://127.0.0.1:8081';

/** Where a port of a gateway is and what to show it. */
export interface GatewayAddress {
  readonly url: URL;
  /** The secret of an access key; null without. */
  readonly secret: string | null;
}

/** The options that name a port: `option` is the one that `url` was given by. */
interface AddressOptions {
  readonly option: '--admin-url' | '--url';
  readonly url: string;
  readonly keyFile: string | undefined;
}

/** The options of every command that asks a running gateway's admin port. */
export interface AdminOptions {
  readonly adminUrl: string;
  readonly keyFile?: string;
}

/** What a header can carry as it is. What it cannot, the HTTP client would refuse with the secret in its message. */
const oneWord = /^[\x21-\x7e]+$/;

const secretIn = (keyFile: string): { readonly secret: string } | string => {
  try {
    const secret = readFileSync(keyFile, 'utf8').trim();
    return oneWord.test(secret)
      ? { secret }
      : `--key-file: ${keyFile} is expected to hold one key and nothing else: printable ASCII without blanks, on one line`;
  } catch {
    return `--key-file: ${keyFile} cannot be read`;
  }
};

/** The port that the options name, or what is wrong with them, without anything that may be secret. */
export const gatewayAddress = ({ option, url: text, keyFile }: AddressOptions): GatewayAddress | string => {
  const url = URL.parse(text);
  const isHttp = url !== null && ['http:', 'https:'].includes(url.protocol);
  // Not shown: a password may be in it, also when it is no address.
  if (isHttp ? url.username !== '' || url.password !== '' : text.includes('@'))
    return `${option}: expected an address without a user and password in it; a key is given by --key-file`;
  if (!isHttp) return `${option}: got ${text}, expected an address like ${defaultAdminUrl}`;
  if (keyFile === undefined) return { url, secret: null };
  const read = secretIn(keyFile);
  return typeof read === 'string' ? read : { url, ...read };
};

/** The admin port that the options name, or what is wrong with them. */
export const addressOf = ({ adminUrl, keyFile }: AdminOptions): GatewayAddress | string => gatewayAddress({ option: '--admin-url', url: adminUrl, keyFile });

/** A resource below an address; each segment is encoded. */
export const urlBelow = (base: URL, path: readonly string[]): URL => {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, '')}/${path.map(encodeURIComponent).join('/')}`;
  return url;
};

/** The headers of a request with JSON. */
export const headersFor = ({ secret }: GatewayAddress): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
});

/** Why a request got no answer, in one line. */
export const whyNoAnswer = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  // A refused connection to a name with several addresses has no message of its own.
  return cause instanceof Error ? cause.message || String(Reflect.get(cause, 'code') ?? cause.name) : String(cause);
};
