/**
 * Halves a scalar: k = k0 + k1·lambda mod q with |k0|, |k1| < 2^127, where lambda·(x, y) = (beta·x, y). Then k·P costs
 * half the doublings, or half the table. q = a² + a·b + b², and with u = round(a·k/q), v = round(b·k/q):
 * k0 = k - u·a - v·(a + b), k1 = u·b - v·a. The quotients come from k × round(a·2^377/q): one product, cut at a limb.
 */
import { SPLIT_A, SPLIT_AB, SPLIT_B, SPLIT_QUOTIENT_A, SPLIT_QUOTIENT_B } from './unrolled';

const MASK: i64 = 0x1fffffff;
/** Limbs of a half and its sign: 145 bits. */
const HALF: i32 = 5;
const u: usize = memory.data(20);
const v: usize = memory.data(20);
const half: usize = memory.data(20);
/** |half| as 16 bytes, then zeros. */
const magnitude: usize = memory.data(32);

/** 26 signed digits of 5 bits each, -15 … 16, lowest first, with the sign of their half. */
export const halfDigits0: usize = memory.data(32);
export const halfDigits1: usize = memory.data(32);

/** out (5 limbs) = k × factor / 2^377, rounded; both have 9 limbs. */
function quotient(out: usize, k: usize, factor: usize): void {
  let c: u64 = 0;
  for (let column = 0; column < 18; column++) {
    for (let i = max(0, column - 8); i <= min(8, column); i++)
      c += <u64>load<u32>(k + (i << 2)) * load<u32>(factor + ((column - i) << 2));
    if (column === 12) c += 1 << 28;
    if (column >= 13) store<u32>(out + ((column - 13) << 2), <u32>(c & MASK));
    c >>= 29;
  }
}

/** Column `i` of x·y. */
function column(x: usize, y: usize, i: i32): i64 {
  let sum: i64 = 0;
  for (let j = 0; j <= i; j++)
    sum += <i64>load<u32>(x + (j << 2)) * <i64>load<u32>(y + ((i - j) << 2));
  return sum;
}

/** Digits of `half`, a number of 145 bits in two's complement, to `digits`; all negated if `isNegated`. */
function recodeHalf(digits: usize, isNegated: bool): void {
  if (load<u32>(half, 4 * (HALF - 1)) >> 28) {
    isNegated = !isNegated;
    let carry: u32 = 1;
    for (let i = 0; i < HALF; i++) {
      carry += load<u32>(half + (i << 2)) ^ (<u32>MASK);
      store<u32>(half + (i << 2), carry & (<u32>MASK));
      carry >>= 29;
    }
  }
  const limb2 = <u64>load<u32>(half, 8);
  store<u64>(magnitude, (<u64>load<u32>(half)) | ((<u64>load<u32>(half, 4)) << 29) | (limb2 << 58));
  const high =
    (limb2 >> 6) | ((<u64>load<u32>(half, 12)) << 23) | ((<u64>load<u32>(half, 16)) << 52);
  store<u64>(magnitude, high, 8);
  let carry = 0;
  for (let w = 0; w < 26; w++) {
    const bit = 5 * w;
    const value = <i32>((load<u32>(magnitude + (bit >> 3)) >> (bit & 7)) & 31) + carry;
    carry = value > 16 ? 1 : 0;
    const digit = value - (carry << 5);
    store<i8>(digits + w, <i8>(isNegated ? -digit : digit));
  }
}

/** halfDigits0 and halfDigits1 of an integer k < q, or of -k. */
export function splitScalar(k: usize, isNegated: bool): void {
  quotient(u, k, SPLIT_QUOTIENT_A);
  quotient(v, k, SPLIT_QUOTIENT_B);
  let c: i64 = 0;
  for (let i = 0; i < HALF; i++) {
    c += <i64>load<u32>(k + (i << 2)) - column(u, SPLIT_A, i) - column(v, SPLIT_AB, i);
    store<u32>(half + (i << 2), <u32>(c & MASK));
    c >>= 29;
  }
  recodeHalf(halfDigits0, isNegated);
  c = 0;
  for (let i = 0; i < HALF; i++) {
    c += column(u, SPLIT_B, i) - column(v, SPLIT_A, i);
    store<u32>(half + (i << 2), <u32>(c & MASK));
    c >>= 29;
  }
  recodeHalf(halfDigits1, isNegated);
}
