/**
 * Elements of Fp and Fq in memory: nine u32 limbs of 29 bits (36 bytes, lowest first). Elements of Fp are in
 * Montgomery form (a·2^261 mod p) unless a name says "integer".
 *
 * Bounds, so that sums need no full reduction: a product takes factors below 11 p and gives less than 2 p
 * (a·b / 2^261 + p, and p / 2^261 is 1/128); `addLimbs` adds bounds; `fpSub(out, a, b)` wants b < 8 p and gives
 * less than a + 8 p; `fpSubReduced` wants b < 16 p, a < 100 p and gives less than 2 p + 2^134.
 * All pointers are addresses in linear memory; `out` may be an input, except in fpPower, fpInvert and fpSqrt.
 */
import {
  FP_INVERSE_EXPONENT,
  FP_MODULUS,
  FP_R,
  FP_R2,
  FP_ROOT_EXPONENT,
  FP_ROOT_OF_UNITY_INVERSE,
  FQ_MODULUS,
  PLAIN_ONE,
  addLimbs,
  fpMul,
  fpSquare,
  fpSub,
  fpSubReduced,
  fqMul,
} from './unrolled';

export const ZERO: usize = memory.data(36);
const MASK: u32 = 0x1fffffff;

/** By words: the engine calls out of the code for memory.copy, which costs as much as half a product. */
export function copyElement(out: usize, a: usize): void {
  store<u64>(out, load<u64>(a));
  store<u64>(out, load<u64>(a, 8), 8);
  store<u64>(out, load<u64>(a, 16), 16);
  store<u64>(out, load<u64>(a, 24), 24);
  store<u32>(out, load<u32>(a, 32), 32);
}

/** Whether the integers are a >= b, limb by limb. */
export function isAtLeast(a: usize, b: usize): bool {
  for (let i: usize = 36; i > 0;) {
    i -= 4;
    const x = load<u32>(a + i);
    const y = load<u32>(b + i);
    if (x !== y) return x > y;
  }
  return true;
}

/** a - modulus if a >= modulus, in place. */
function subtractOnce(a: usize, modulus: usize): void {
  if (!isAtLeast(a, modulus)) return;
  let c: i32 = 0;
  for (let i: usize = 0; i < 36; i += 4) {
    c += load<i32>(a + i) - load<i32>(modulus + i);
    store<u32>(a + i, (<u32>c) & MASK);
    c >>= 29;
  }
}

/** The integer in [0, p) of an element below 11 p. */
export function fpToInteger(out: usize, a: usize): void {
  fpMul(out, a, PLAIN_ONE);
  subtractOnce(out, FP_MODULUS);
}

/** The element of any integer below 11 p. */
export function fpFromInteger(out: usize, a: usize): void {
  fpMul(out, a, FP_R2);
}

/** Whether an element below 2^29 p is 0 mod p. The lowest limb of k p is k, so nearly all end at the first test. */
export function fpIsZero(a: usize): bool {
  if (load<u32>(a) > 127) return false;
  fpToInteger(zeroTest, a);
  let any: u32 = 0;
  for (let i: usize = 0; i < 36; i += 4) any |= load<u32>(zeroTest + i);
  return any === 0;
}
const zeroTest: usize = memory.data(36);

/** Whether a = b mod p; a and b below 3 p. */
export function fpIsEqual(a: usize, b: usize): bool {
  fpSub(difference, a, b);
  return fpIsZero(difference);
}
const difference: usize = memory.data(36);

/** -a, for a below 16 p. */
export function fpNegate(out: usize, a: usize): void {
  fpSubReduced(out, ZERO, a);
}

const powers: usize = memory.data(16 * 36);

/** out = a^exponent, 32 bytes little-endian, by 4-bit windows; `out` is not `a`. */
export function fpPower(out: usize, a: usize, exponent: usize): void {
  copyElement(powers, FP_R);
  copyElement(powers + 36, a);
  for (let i: usize = 2; i < 16; i++) fpMul(powers + i * 36, powers + (i - 1) * 36, a);
  copyElement(out, FP_R);
  let started = false;
  for (let i: i32 = 63; i >= 0; i--) {
    if (started) {
      fpSquare(out, out);
      fpSquare(out, out);
      fpSquare(out, out);
      fpSquare(out, out);
    }
    const byte: u32 = load<u8>(exponent + (i >> 1));
    const digit: usize = i & 1 ? byte >> 4 : byte & 15;
    if (digit === 0) continue;
    if (started) fpMul(out, out, powers + digit * 36);
    else copyElement(out, powers + digit * 36);
    started = true;
  }
}

/** out = 1/a, 0 for 0; `out` is not `a`. */
export function fpInvert(out: usize, a: usize): void {
  fpPower(out, a, FP_INVERSE_EXPONENT);
}

// --- square roots ----------------------------------------------------------------------------------------------

// p - 1 = 2^32 × odd, and a^odd = g^t for the root of unity g of order 2^32. t is found in 8 digits of 4 bits.
const DIGITS: usize = 8;
/** Row i, column j: g^-(j·16^i). */
const inversePowers: usize = memory.data(4608); // 8 × 16 elements
/** Lowest limbs of the integers g^(j·2^28), j < 16; all are different. */
const lastDigits: usize = memory.data(64);
const errorPowers: usize = memory.data(288);
const digitsOfT: usize = memory.data(8);
const factor: usize = memory.data(36);
const candidate: usize = memory.data(36);

/** Fills the tables of fpSqrt; to be called once before it. */
export function prepareSquareRoots(): void {
  copyElement(factor, FP_ROOT_OF_UNITY_INVERSE);
  for (let i: usize = 0; i < DIGITS; i++) {
    const row = inversePowers + i * (16 * 36);
    copyElement(row, FP_R);
    for (let j: usize = 1; j < 16; j++) fpMul(row + j * 36, row + (j - 1) * 36, factor);
    fpMul(factor, row + 15 * 36, factor);
  }
  // g^(j·2^28) is g^-((16 - j)·2^28), in the last row.
  const row = inversePowers + (DIGITS - 1) * (16 * 36);
  for (let j: usize = 0; j < 16; j++) {
    fpToInteger(factor, row + ((16 - j) & 15) * 36);
    store<u32>(lastDigits + j * 4, load<u32>(factor));
  }
}

/** out = a square root of a (Tonelli-Shanks with tables); false for a non-square. `out` is not `a`. */
export function fpSqrt(out: usize, a: usize): bool {
  if (fpIsZero(a)) {
    copyElement(out, ZERO);
    return true;
  }
  fpPower(factor, a, FP_ROOT_EXPONENT);
  fpMul(out, factor, a); // out² = a·a^odd
  fpMul(errorPowers, out, factor); // a^odd
  for (let i: usize = 1; i < DIGITS; i++) {
    const power = errorPowers + i * 36;
    fpSquare(power, power - 36);
    fpSquare(power, power);
    fpSquare(power, power);
    fpSquare(power, power);
  }
  for (let k: usize = 0; k < DIGITS; k++) {
    // (a^odd·g^-(known digits))^(16^(7-k)) has order 16: it tells digit k.
    copyElement(candidate, errorPowers + (DIGITS - 1 - k) * 36);
    for (let i: usize = 0; i < k; i++) {
      const digit: usize = load<u8>(digitsOfT + i);
      fpMul(candidate, candidate, inversePowers + ((i + DIGITS - 1 - k) * 16 + digit) * 36);
    }
    fpToInteger(candidate, candidate);
    const limb = load<u32>(candidate);
    let digit: usize = 0;
    while (digit < 15 && load<u32>(lastDigits + digit * 4) !== limb) digit++;
    if (k === 0 && digit & 1) return false;
    store<u8>(digitsOfT + k, <u8>digit);
  }
  // out·g^-(t/2)
  let carry: u32 = 0;
  for (let i: usize = DIGITS; i-- > 0;) {
    const digit: u32 = load<u8>(digitsOfT + i);
    fpMul(out, out, inversePowers + (i * 16 + <usize>((carry << 3) | (digit >> 1))) * 36);
    carry = digit & 1;
  }
  return true;
}

/** 32 bytes, little-endian, to an integer's limbs, whatever the value. */
export function integerFromBytes(out: usize, bytes: usize): void {
  let buffer: u64 = 0;
  let bits: u64 = 0;
  let at: usize = 0;
  for (let i: usize = 0; i < 36; i += 4) {
    if (bits < 29 && at < 32) {
      buffer |= (<u64>load<u32>(bytes + at)) << bits;
      bits += 32;
      at += 4;
    }
    store<u32>(out + i, (<u32>buffer) & MASK);
    buffer >>= 29;
    bits -= 29;
  }
}

/** Limbs of an integer below 2^256 to 32 bytes, little-endian. */
export function integerToBytes(out: usize, integer: usize): void {
  let buffer: u64 = load<u32>(integer);
  let bits: u64 = 29;
  for (let i: usize = 0; i < 32; i += 4) {
    buffer |= (<u64>load<u32>(integer + i, 4)) << bits;
    store<u32>(out + i, <u32>buffer);
    buffer >>= 32;
    bits -= 3;
  }
}

const fqProduct: usize = memory.data(36);

/** out = (a·b·2^-261 + c) mod q, in [0, q); a·b below 2^516, c below q. */
export function fqMulAdd(out: usize, a: usize, b: usize, c: usize): void {
  fqMul(fqProduct, a, b);
  subtractOnce(fqProduct, FQ_MODULUS);
  addLimbs(out, fqProduct, c);
  subtractOnce(out, FQ_MODULUS);
}

/** out = q - a for an integer 0 < a < q. */
export function fqNegateInteger(out: usize, a: usize): void {
  let c: i32 = 0;
  for (let i: usize = 0; i < 36; i += 4) {
    c += load<i32>(FQ_MODULUS + i) - load<i32>(a + i);
    store<u32>(out + i, (<u32>c) & MASK);
    c >>= 29;
  }
}

/** Takes an integer below 2^256 (4 q) into [0, q), or into [0, p) with FP_MODULUS. */
export function reduceInteger(a: usize, modulus: usize): void {
  for (let i = 0; i < 4; i++) subtractOnce(a, modulus);
}
