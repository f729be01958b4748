/**
 * Inflates small zlib streams (RFC 1950, 1951) into a buffer that is there already: a second's histogram is some 240 bytes, and most of
 * what Node's zlib takes for one is setting itself up. Whatever is not as it should be is left to zlib, which says why. Pure.
 */

/** Codes up to so many bits are looked up, longer ones are counted out. */
const LOOK_UP_BITS = 10;
const LONGEST_CODE = 15;
const LENGTH_BASE = Uint16Array.of(3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258); // prettier-ignore
const LENGTH_EXTRA = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0); // prettier-ignore
const DISTANCE_BASE = Uint16Array.of(1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577); // prettier-ignore
const DISTANCE_EXTRA = Uint8Array.of(0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13); // prettier-ignore
/** The order in which lengths of the codes for code lengths are given. */
const ORDER = Uint8Array.of(16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15);
const END_OF_BLOCK = 256;
const MOST_LITERALS = 286;
const MOST_DISTANCES = 30;

/** Numbers below 2^LOOK_UP_BITS with their bits the other way round. */
const REVERSED = Uint16Array.from({ length: 1 << LOOK_UP_BITS }, (_, number) => {
  let reversed = 0;
  for (let bit = 0; bit < LOOK_UP_BITS; bit++)
    reversed |= ((number >> bit) & 1) << (LOOK_UP_BITS - 1 - bit);
  return reversed;
});

const starts = new Uint16Array(LONGEST_CODE + 2);

/** A Huffman code. */
class Code {
  /** By the next bits: symbol << 4 | length; 0: the code is longer. */
  readonly lookUp = new Uint16Array(1 << LOOK_UP_BITS);
  mask = 0;
  /** How many codes have each length. */
  readonly counts = new Uint16Array(LONGEST_CODE + 1);
  /** In the order of their codes. */
  readonly symbols = new Uint16Array(288);
  /** What has a code, in rising order: symbol << 4 | length. */
  readonly #used = new Uint16Array(288);
  #usedCount = 0;

  clear(): void {
    this.counts.fill(0);
    this.#usedCount = 0;
  }

  use(symbol: number, length: number): void {
    this.#used[this.#usedCount++] = (symbol << 4) | length;
    this.counts[length]++;
  }

  /** @returns false: these lengths are no complete code; a single code of one bit may be alone, and there may be none */
  build(): boolean {
    const { counts, symbols, lookUp } = this;
    const used = this.#used;
    const usedCount = this.#usedCount;
    let left = 1;
    let longest = 0;
    starts[1] = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      const count = counts[length];
      left = left * 2 - count;
      if (left < 0) return false;
      if (count > 0) longest = length;
      starts[length + 1] = starts[length] + count;
    }
    if (left > 0 && usedCount > 0 && !(usedCount === 1 && longest === 1)) return false;
    for (let i = 0; i < usedCount; i++) symbols[starts[used[i] & 15]++] = used[i] >> 4;
    const bits = Math.min(longest, LOOK_UP_BITS);
    const size = 1 << bits;
    this.mask = size - 1;
    if (left > 0 || longest > LOOK_UP_BITS) lookUp.fill(0, 0, size);
    // Codes are counted up from their highest bit, and stand in the stream with it first.
    let value = 0;
    let next = 0;
    for (let length = 1; length <= bits; length++) {
      const step = 1 << length;
      const shift = LOOK_UP_BITS - length;
      for (let n = counts[length]; n > 0; n--) {
        const entry = (symbols[next++] << 4) | length;
        for (let place = REVERSED[value << shift]; place < size; place += step)
          lookUp[place] = entry;
        value++;
      }
      value <<= 1;
    }
    return true;
  }

  /** A code longer than the table has. @returns symbol << 4 | length; 0: there is none of these bits */
  countedOut(hold: number): number {
    const { counts, symbols } = this;
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      value |= (hold >>> (length - 1)) & 1;
      const count = counts[length];
      if (value - count < first) return (symbols[index + value - first] << 4) | length;
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    return 0;
  }
}

const ofLengths = new Code();
const ofLiterals = new Code();
const ofDistances = new Code();
const fixedLiterals = new Code();
const fixedDistances = new Code();
for (let i = 0; i < 288; i++) fixedLiterals.use(i, i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
for (let i = 0; i < 32; i++) fixedDistances.use(i, 5);
fixedLiterals.build();
fixedDistances.build();
const orderLengths = new Uint8Array(ORDER.length);

/** Adler-32 sums stay within 32 bits for so many bytes. */
const ADLER_BYTES = 5552;

function adler32(bytes: Uint8Array, length: number): number {
  let low = 1;
  let high = 0;
  for (let at = 0; at < length;) {
    const end = Math.min(length, at + ADLER_BYTES);
    for (; at < end; at++) {
      low += bytes[at];
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return high * 65536 + low;
}

/**
 * @param input a zlib stream between `from` and `to`; what follows it there is passed over
 * @returns how many bytes of `output` it filled; -1: it has no room there, or is not as it should be
 */
export function inflateInto(
  input: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
): number {
  if (to - from < 6 || (input[from] & 15) !== 8 || (input[from + 1] & 0x20) !== 0) return -1;
  if (((input[from] << 8) | input[from + 1]) % 31 !== 0) return -1;
  const room = output.length;
  let at = from + 2;
  let hold = 0;
  let bits = 0;
  let filled = 0;
  for (let last = 0; last === 0;) {
    // What is read behind the end is judged below, when it is known how much of it was needed.
    while (bits < 17) {
      hold |= input[at++] << bits;
      bits += 8;
    }
    last = hold & 1;
    const type = (hold >>> 1) & 3;
    hold >>>= 3;
    bits -= 3;
    if (type === 3) return -1;
    if (type === 0) {
      at -= bits >> 3;
      hold = bits = 0;
      if (at + 4 > to) return -1;
      const length = input[at] | (input[at + 1] << 8);
      if (length !== (~(input[at + 2] | (input[at + 3] << 8)) & 0xffff)) return -1;
      at += 4;
      if (at + length > to || filled + length > room) return -1;
      output.set(input.subarray(at, at + length), filled);
      filled += length;
      at += length;
      continue;
    }
    let literals = fixedLiterals;
    let distances = fixedDistances;
    if (type === 2) {
      const literalCount = (hold & 31) + 257;
      const distanceCount = ((hold >>> 5) & 31) + 1;
      const orderCount = ((hold >>> 10) & 15) + 4;
      hold >>>= 14;
      bits -= 14;
      if (literalCount > MOST_LITERALS || distanceCount > MOST_DISTANCES) return -1;
      orderLengths.fill(0);
      for (let i = 0; i < orderCount; i++) {
        if (bits < 3) {
          hold |= input[at++] << bits;
          bits += 8;
        }
        orderLengths[ORDER[i]] = hold & 7;
        hold >>>= 3;
        bits -= 3;
      }
      ofLengths.clear();
      for (let i = 0; i < orderLengths.length; i++)
        if (orderLengths[i] !== 0) ofLengths.use(i, orderLengths[i]);
      if (!ofLengths.build()) return -1;
      ofLiterals.clear();
      ofDistances.clear();
      const { lookUp, mask } = ofLengths;
      const all = literalCount + distanceCount;
      let previous = -1;
      for (let i = 0; i < all;) {
        // 7 of a code, 7 behind it.
        if (bits < 14) {
          hold |= (input[at] | (input[at + 1] << 8)) << bits;
          at += 2;
          bits += 16;
        }
        const entry = lookUp[hold & mask];
        const length = entry & 15;
        if (length === 0 || at - (bits >> 3) > to) return -1;
        hold >>>= length;
        bits -= length;
        const symbol = entry >> 4;
        let repeat = 1;
        if (symbol < 16) previous = symbol;
        else if (symbol === 16) {
          if (previous < 0) return -1;
          repeat = 3 + (hold & 3);
          hold >>>= 2;
          bits -= 2;
        } else {
          const extra = symbol === 17 ? 3 : 7;
          repeat = (symbol === 17 ? 3 : 11) + (hold & ((1 << extra) - 1));
          hold >>>= extra;
          bits -= extra;
          previous = 0;
        }
        const end = i + repeat;
        if (end > all) return -1;
        if (previous !== 0)
          for (let place = i; place < end; place++)
            if (place < literalCount) ofLiterals.use(place, previous);
            else ofDistances.use(place - literalCount, previous);
        i = end;
      }
      literals = ofLiterals;
      distances = ofDistances;
      if (!literals.build() || !distances.build()) return -1;
    }
    const { lookUp, mask } = literals;
    for (;;) {
      // Two bytes at once: a code is 15 bits at most.
      if (bits < 15) {
        hold |= (input[at] | (input[at + 1] << 8)) << bits;
        at += 2;
        bits += 16;
      }
      let entry = lookUp[hold & mask];
      if (entry === 0 && (entry = literals.countedOut(hold)) === 0) return -1;
      hold >>>= entry & 15;
      bits -= entry & 15;
      let symbol = entry >> 4;
      if (symbol < END_OF_BLOCK) {
        if (filled >= room) return -1;
        output[filled++] = symbol;
        continue;
      }
      if (symbol === END_OF_BLOCK) break;
      symbol -= 257;
      if (symbol >= LENGTH_BASE.length) return -1;
      if (bits < 15) {
        hold |= (input[at] | (input[at + 1] << 8)) << bits;
        at += 2;
        bits += 16;
      }
      const lengthExtra = LENGTH_EXTRA[symbol];
      const length = LENGTH_BASE[symbol] + (hold & ((1 << lengthExtra) - 1));
      hold >>>= lengthExtra;
      bits -= lengthExtra;
      if (bits < 15) {
        hold |= (input[at] | (input[at + 1] << 8)) << bits;
        at += 2;
        bits += 16;
      }
      entry = distances.lookUp[hold & distances.mask];
      if (entry === 0 && (entry = distances.countedOut(hold)) === 0) return -1;
      hold >>>= entry & 15;
      bits -= entry & 15;
      symbol = entry >> 4;
      if (symbol >= MOST_DISTANCES) return -1;
      if (bits < 15) {
        hold |= (input[at] | (input[at + 1] << 8)) << bits;
        at += 2;
        bits += 16;
      }
      const distanceExtra = DISTANCE_EXTRA[symbol];
      const distance = DISTANCE_BASE[symbol] + (hold & ((1 << distanceExtra) - 1));
      hold >>>= distanceExtra;
      bits -= distanceExtra;
      if (distance > filled || filled + length > room) return -1;
      for (const end = filled + length; filled < end; filled++)
        output[filled] = output[filled - distance];
    }
  }
  at -= bits >> 3;
  if (at + 4 > to) return -1;
  const checksum = input[at] * 2 ** 24 + ((input[at + 1] << 16) | (input[at + 2] << 8) | input[at + 3]); // prettier-ignore
  return checksum === adler32(output, filled) ? filled : -1;
}
