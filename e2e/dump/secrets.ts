/**
 * Looks for what nobody must read: the secrets of the run, which the caller knows, in the forms in which programs print them, and texts that are
 * secrets by their looks. A finding says where and what kind, never what. Pure.
 */

/** A name for people, e.g. `PGPASSWORD`, and the secret. */
export type Secret = { name: string; value: string };

/** Shorter ones stand in any text by chance. */
const LEAST_CHARACTERS = 6;

/** `sign`: what a line must hold to be looked at closely; most hold none. */
const LOOKS: [what: string, sign: string, pattern: RegExp][] = [
  ['a private key in PEM', 'PRIVATE KEY', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  // base58check with version byte 0x5a and prefix 1: 36 bytes, 52 characters.
  ['a Mina private key', 'EK', /\bEK[EF][1-9A-HJ-NP-Za-km-z]{49}\b/],
  ['an AWS access key', 'AKIA', /\bAKIA[0-9A-Z]{16}\b/],
  ['a temporary AWS access key', 'ASIA', /\bASIA[0-9A-Z]{16}\b/],
  [
    'a password in an address',
    '://',
    /\b[a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"']+:(?!\*+@|…@|x+@)[^\s/?#@"']+@/i,
  ],
];

export type SecretSearch = (line: string) => string[];

/** @returns what looks through a line, and names what it found */
export function secretSearch(secrets: readonly Secret[]): SecretSearch {
  const forms = secrets
    .filter(({ value }) => value.length >= LEAST_CHARACTERS)
    .flatMap(({ name, value }) => formsOf(value).map((form) => ({ name, form })));
  // One pass over a line, however many there are.
  const any =
    forms.length === 0 ? null : new RegExp(forms.map(({ form }) => escaped(form)).join('|'));
  return (line) => {
    const found = LOOKS.filter(
      ([, sign, pattern]) => line.includes(sign) && pattern.test(line),
    ).map(([what]) => what);
    if (any?.test(line))
      for (const { name, form } of forms)
        if (line.includes(form) && !found.includes(name)) found.push(name);
    return found;
  };
}

/** As it is, in a JSON text, in a URL, in base64 by itself. */
const formsOf = (value: string): string[] => [
  ...new Set([
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    Buffer.from(value).toString('base64').replace(/=+$/, ''),
  ]),
];

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
