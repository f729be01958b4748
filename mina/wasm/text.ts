/** Texts made per submission: base58check (SHA-256 twice, base58) and RFC 3339 times. */

// --- SHA-256 (FIPS 180-4), for inputs up to 119 bytes ----------------------------------------------------------

const roundConstants: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
const initialState: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);
const schedule: usize = memory.data(256);
const padded: usize = memory.data(128);
const shaState: usize = memory.data(32);

function compress(state: usize, block: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(schedule + i, bswap(load<u32>(block + i)));
  for (let i: usize = 64; i < 256; i += 4) {
    const w15 = load<u32>(schedule + i - 60);
    const w2 = load<u32>(schedule + i - 8);
    const s0 = rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >> 3);
    const s1 = rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >> 10);
    store<u32>(schedule + i, load<u32>(schedule + i - 64) + s0 + load<u32>(schedule + i - 28) + s1);
  }
  let a = load<u32>(state, 0);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  let f = load<u32>(state, 20);
  let g = load<u32>(state, 24);
  let h = load<u32>(state, 28);
  for (let i: usize = 0; i < 256; i += 4) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const t1 =
      h + s1 + ((e & f) ^ (~e & g)) + load<u32>(roundConstants + i) + load<u32>(schedule + i);
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  store<u32>(state, load<u32>(state, 0) + a, 0);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
  store<u32>(state, load<u32>(state, 20) + f, 20);
  store<u32>(state, load<u32>(state, 24) + g, 24);
  store<u32>(state, load<u32>(state, 28) + h, 28);
}

/** Digest of up to 119 bytes to `out` (32 bytes). */
function sha256(out: usize, data: usize, bytes: usize): void {
  const blocks: usize = bytes < 56 ? 64 : 128;
  memory.fill(padded, 0, 128);
  memory.copy(padded, data, bytes);
  store<u8>(padded + bytes, 0x80);
  store<u32>(padded + blocks - 4, bswap((<u32>bytes) << 3));
  memory.copy(shaState, initialState, 32);
  compress(shaState, padded);
  if (blocks === 128) compress(shaState, padded + 64);
  for (let i: usize = 0; i < 32; i += 4) store<u32>(out + i, bswap(load<u32>(shaState + i)));
}

// --- base58check -------------------------------------------------------------------------------------------------

const alphabet: usize = memory.data<u8>([
  49, 50, 51, 52, 53, 54, 55, 56, 57, 65, 66, 67, 68, 69, 70, 71, 72, 74, 75, 76, 77, 78, 80, 81,
  82, 83, 84, 85, 86, 87, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 109, 110,
  111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122,
]);
const raw: usize = memory.data(80);
const words: usize = memory.data(80);
const checksum: usize = memory.data(32);
const FIVE_DIGITS: u64 = 656356768; // 58^5

/**
 * Writes the `characters` base58 digits of raw[0 … bytes) and its checksum. Only for lengths that never vary:
 * 66 bytes that start with 9A 01 give 96 characters, 36 that start with CB 01 01 give 55.
 */
function encodeChecked(out: usize, bytes: usize, characters: usize): void {
  sha256(checksum, raw, bytes);
  sha256(checksum, checksum, 32);
  store<u32>(raw + bytes, load<u32>(checksum));
  const total = bytes + 4;
  // The big-endian number as u32 words, highest first, after up to 3 zero bytes.
  const count = (total + 3) >> 2;
  const lead = (count << 2) - total;
  store<u32>(words, 0);
  memory.copy(words + lead, raw, total);
  for (let i: usize = 0; i < count; i++) store<u32>(words + i * 4, bswap(load<u32>(words + i * 4)));
  let first: usize = 0;
  let at = characters;
  while (at > 0) {
    let rest: u64 = 0;
    for (let i = first; i < count; i++) {
      const value = (rest << 32) | (<u64>load<u32>(words + i * 4));
      const quotient = value / FIVE_DIGITS;
      store<u32>(words + i * 4, <u32>quotient);
      rest = value - quotient * FIVE_DIGITS;
    }
    while (first < count && load<u32>(words + first * 4) === 0) first++;
    let digits = <u32>rest;
    for (let j = 0; j < 5 && at > 0; j++) {
      store<u8>(out + --at, load<u8>(alphabet + (digits % 58)));
      digits /= 58;
    }
  }
}

/** 64 bytes to 96 characters. */
export function signatureText(out: usize, signature: usize): void {
  store<u16>(raw, 0x019a);
  memory.copy(raw + 2, signature, 64);
  encodeChecked(out, 66, 96);
}

/** 33 bytes to 55 characters. */
export function publicKeyText(out: usize, publicKey: usize): void {
  store<u8>(raw, 0xcb);
  store<u16>(raw, 0x0101, 1);
  memory.copy(raw + 3, publicKey, 33);
  encodeChecked(out, 36, 55);
}

// --- time --------------------------------------------------------------------------------------------------------

function twoDigits(out: usize, value: u32): void {
  store<u8>(out, 48 + value / 10);
  store<u8>(out, 48 + (value % 10), 1);
}

/** `2026-01-02T03:04:05Z` (20 characters) for seconds since 1970, up to the year 2106. */
export function timeText(out: usize, seconds: u32): void {
  const ofDay = seconds % 86400;
  // Days since 0000-03-01 in eras of 400 years (Howard Hinnant, "chrono-compatible low-level date algorithms").
  const days = seconds / 86400 + 719468;
  const era = days / 146097;
  const dayOfEra = days % 146097;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const shiftedMonth = (5 * dayOfYear + 2) / 153; // 0 is March
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  twoDigits(out, year / 100);
  twoDigits(out + 2, year % 100);
  store<u8>(out, 45, 4);
  twoDigits(out + 5, month);
  store<u8>(out, 45, 7);
  twoDigits(out + 8, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1);
  store<u8>(out, 84, 10);
  twoDigits(out + 11, ofDay / 3600);
  store<u8>(out, 58, 13);
  twoDigits(out + 14, (ofDay / 60) % 60);
  store<u8>(out, 58, 16);
  twoDigits(out + 17, ofDay % 60);
  store<u8>(out, 90, 19);
}
