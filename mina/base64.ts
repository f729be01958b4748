/**
 * Base64 as Go's base64.StdEncoding takes it: standard alphabet, padded; CR and LF are skipped anywhere, and the bits left over in
 * the last character are not looked at. Source: Go 1.26, src/encoding/base64/base64.go; observed on the running uptime backend.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */

/** Value of a base64 character; 0xff for every other byte. */
export const SEXTET = new Uint8Array(256).fill(0xff);
[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].forEach((letter, value) => {
  SEXTET[letter.charCodeAt(0)] = value;
});

const EQUALS = 0x3d;

const isLineBreak = (byte: number | undefined): boolean => byte === 0x0a || byte === 0x0d;

/** @returns where `text` (ASCII) stops being padded base64, or -1 */
export function badBase64At(text: Uint8Array): number {
  let characters = 0;
  let i = 0;
  for (; i < text.length; i++) {
    if (isLineBreak(text[i])) continue;
    if (SEXTET[text[i]] > 63) break;
    characters++;
  }
  const left = characters % 4;
  if (i >= text.length) return left === 0 ? -1 : text.length;
  if (text[i] !== EQUALS || left < 2) return i;
  for (let padding = left; padding < 4; padding++, i++) {
    while (isLineBreak(text[i])) i++;
    if (text[i] !== EQUALS) return i;
  }
  while (isLineBreak(text[i])) i++;
  return i === text.length ? -1 : i;
}

/** @returns the bytes of `text` (ASCII), in which {@link badBase64At} found nothing wrong; `plain`: no line break in it */
export function decodeBase64(text: Uint8Array, plain: boolean): Uint8Array {
  const letters = plain ? text : text.filter((byte) => !isLineBreak(byte));
  let characters = letters.length;
  while (characters > 0 && letters[characters - 1] === EQUALS) characters--;
  const bytes = new Uint8Array(Math.floor((characters * 3) / 4));
  const whole = characters - (characters % 4);
  let out = 0;
  let i = 0;
  for (; i < whole; i += 4) {
    const word =
      (SEXTET[letters[i]] << 18) |
      (SEXTET[letters[i + 1]] << 12) |
      (SEXTET[letters[i + 2]] << 6) |
      SEXTET[letters[i + 3]];
    bytes[out] = word >> 16;
    bytes[out + 1] = word >> 8;
    bytes[out + 2] = word;
    out += 3;
  }
  if (characters - whole >= 2) {
    bytes[out] = (SEXTET[letters[i]] << 2) | (SEXTET[letters[i + 1]] >> 4);
    if (characters - whole === 3)
      bytes[out + 1] = (SEXTET[letters[i + 1]] << 4) | (SEXTET[letters[i + 2]] >> 2);
  }
  return bytes;
}

const LETTERS = Uint8Array.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  (letter) => letter.charCodeAt(0),
);

/** @returns `bytes` as padded base64 in one line, in ASCII */
export function encodeBase64(bytes: Uint8Array): Uint8Array {
  const text = new Uint8Array(4 * Math.ceil(bytes.length / 3));
  const whole = bytes.length - (bytes.length % 3);
  let out = 0;
  let i = 0;
  for (; i < whole; i += 3) {
    const word = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
    text[out] = LETTERS[word >> 18];
    text[out + 1] = LETTERS[(word >> 12) & 63];
    text[out + 2] = LETTERS[(word >> 6) & 63];
    text[out + 3] = LETTERS[word & 63];
    out += 4;
  }
  if (i < bytes.length) {
    const word = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8);
    text[out] = LETTERS[word >> 18];
    text[out + 1] = LETTERS[(word >> 12) & 63];
    text[out + 2] = i + 1 < bytes.length ? LETTERS[(word >> 6) & 63] : EQUALS;
    text[out + 3] = EQUALS;
  }
  return text;
}
