/**
 * Header values that nobody may see: kept out of everything that is written.
 * Pure (no I/O, no `k6/*`, no `node:*`), so k6 scenarios and Node programs share it.
 */

/** What must not be shown: each value, and of `Bearer …` and `Basic …` the credentials alone; longest first. */
export const secretsOf = (headers: Record<string, string>): string[] =>
  Object.values(headers)
    .flatMap((value) => [value, value.replace(/^(Bearer|Basic)\s+/i, '')])
    .sort((a, b) => b.length - a.length);

/** `text` with `***` for each secret in it. */
export const redact = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((rest, secret) => rest.split(secret).join('***'), text);
