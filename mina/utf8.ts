/**
 * UTF-8 as Go reads it. Source: Go 1.26, src/unicode/utf8 and encoding/json/decode.go; observed on the running uptime backend.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** UTF-8 as Go decodes it: every byte that is in no valid sequence becomes a U+FFFD of its own (WHATWG's decoder joins some). */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    const mended = new Uint8Array(bytes.length * 3);
    let out = 0;
    for (let i = 0; i < bytes.length;) {
      const length = sequenceLength(bytes, i);
      if (length === 0) {
        out = putUtf8(mended, out, 0xfffd);
        i++;
      }
      for (let k = 0; k < length; k++) mended[out++] = bytes[i++];
    }
    return utf8.decode(mended.subarray(0, out));
  }
}

/** @returns how many bytes the valid UTF-8 sequence at `i` has; 0 if there is none (RFC 3629, section 4) */
export function sequenceLength(bytes: Uint8Array, i: number): number {
  const lead = bytes[i];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (!(bytes[i + 1] >= low && bytes[i + 1] <= high)) return 0;
  for (let k = 2; k < length; k++) if (!(bytes[i + k] >= 0x80 && bytes[i + k] <= 0xbf)) return 0;
  return length;
}

/** Writes one code point. @returns where the next one goes */
export function putUtf8(bytes: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    bytes[at++] = code;
    return at;
  }
  if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) bytes[at++] = 0xe0 | (code >> 12);
    else {
      bytes[at++] = 0xf0 | (code >> 18);
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
    }
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (code & 0x3f);
  return at;
}
