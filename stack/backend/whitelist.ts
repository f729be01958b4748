/**
 * The whitelist: public keys that may submit. The original reads a column of a Google sheet; this one reads a file, with the
 * same tolerance: a line that is no public key is passed over.
 */
import { readFile } from 'node:fs/promises';
import { decode } from '../../mina/base58check.ts';
import { UserError } from '../../user-error.ts';

export type Whitelist = { readonly keys: ReadonlySet<string>; readonly passedOver: number };

/**
 * Reads text, CSV (the first column) or JSON (a list of keys, or of objects with `publicKey` or `public_key`).
 * Quotes, white space, empty lines and lines that begin with # do not matter.
 */
export function parseWhitelist(text: string): Whitelist {
  const keys = new Set<string>();
  let passedOver = 0;
  for (const entry of entriesOf(text)) {
    try {
      decode('publicKey', entry);
      keys.add(entry);
    } catch {
      passedOver++;
    }
  }
  return { keys, passedOver };
}

function entriesOf(text: string): string[] {
  if (/^\s*\[/.test(text)) {
    const list = JSON.parse(text) as unknown[];
    return list.map((item) => {
      const record = (typeof item === 'object' && item !== null ? item : {}) as Record<
        string,
        unknown
      >;
      const key = typeof item === 'string' ? item : (record.publicKey ?? record.public_key);
      return typeof key === 'string' ? key : '';
    });
  }
  return text
    .split(/\r\n|\n|\r/)
    .map((line) => (line.split(/[,;\t]/)[0] ?? '').trim().replace(/^"(.*)"$/, '$1'))
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** @throws UserError if the file cannot be read or is broken JSON */
export async function readWhitelist(path: string): Promise<Whitelist> {
  try {
    return parseWhitelist(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new UserError(`the whitelist ${path} cannot be read: ${(cause as Error).message}`, {
      hint: 'DELEGATION_WHITELIST_FILE names a text file with one public key (B62q…) a line; or set DELEGATION_WHITELIST_DISABLED=1',
      cause,
    });
  }
}
