/** What error lines have in common: their text with placeholders for what differs from line to line. Pure. */

/** In this order: what looks like several of them is the first. */
const PLACEHOLDERS: readonly [RegExp, string][] = [
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?\s?(?:Z|UTC|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<uuid>'],
  // base58check of Mina: public key, signature, state and block hash; libp2p's peer id.
  [/\bB62q[1-9A-HJ-NP-Za-km-z]{20,}/g, '<key>'],
  [/\b7mX[1-9A-HJ-NP-Za-km-z]{20,}/g, '<signature>'],
  [/\b3N[A-Za-z][1-9A-HJ-NP-Za-km-z]{20,}/g, '<hash>'],
  [/\b12D3Koo[1-9A-HJ-NP-Za-km-z]{20,}/g, '<peer>'],
  [/\[[0-9a-f:]*:[0-9a-f:.]*\](?::\d+)?/gi, '<address>'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, '<address>'],
  [/\b(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{8,}\b/gi, '<hex>'],
  [/\b[A-Za-z0-9+/_-]{40,}={0,2}/g, '<data>'],
  [/\d+(?:\.\d+)?/g, '<n>'],
];

/** A longer message is cut before it is looked at. */
const LONGEST_MESSAGE = 400;
const LONGEST_SHAPE = 160;

/** `dial tcp 10.0.0.7:5432: connection refused` -> `dial tcp <address>: connection refused`. At most 160 characters. */
export function shapeOf(message: string): string {
  let shape = message.slice(0, LONGEST_MESSAGE);
  for (const [pattern, placeholder] of PLACEHOLDERS) shape = shape.replace(pattern, placeholder);
  shape = printable(shape);
  return shape.length > LONGEST_SHAPE ? `${shape.slice(0, LONGEST_SHAPE - 1)}…` : shape;
}

/** One line of visible text: what a target writes must not move a terminal's cursor. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd\s]+/g, ' ').trim();

/** Secrets that a log may show whatever the run knows of them. */
const SECRETS: readonly [RegExp, string][] = [
  [/(\w:\/\/)[^\s/:@]*:[^\s/@]+@/g, '$1***@'],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, '$1 ***'],
  [
    /\b(pass(?:word|wd)?|secret|token|api[-_]?key|authorization|access[-_]?key)(["']?\s*[=:]\s*["']?)(?!\*\*\*)[^\s"',;}&]+/gi,
    '$1$2***',
  ],
  [/\bAKIA[0-9A-Z]{16}\b/g, '***'],
];

/** `text` with `***` for passwords in URLs, tokens, and values of fields that are named as secrets are. */
export const hideSecrets = (text: string): string =>
  SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);
