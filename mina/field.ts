/**
 * The two prime fields of Pallas on BigInt: Fp (coordinates) and Fq (scalars). Readable reference, used by
 * tests and by code that is not hot; not constant-time, so for test keys only.
 * Numbers: zcash/pasta (README.md); the same ones are in MinaProtocol/c-reference-signer.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */

/** Modulus of the coordinates, 255 bits; p − 1 = 2^32 × odd. */
export const p = 0x40000000000000000000000000000000224698fc094cf91b992d30ed00000001n;
/** Order of the group, modulus of the scalars, 255 bits; q − 1 = 2^32 × odd. */
export const q = 0x40000000000000000000000000000000224698fc0994a8dd8c46eb2100000001n;

export const FIELD_BYTES = 32;
const TWO_ADICITY = 32n;
const NON_RESIDUE = 5n; // in Fp and in Fq

/** Elements are BigInts in [0, modulus); every function expects such and gives such. */
export type Field = {
  readonly name: string;
  readonly modulus: bigint;
  /** Any integer, negative too, to its element. */
  readonly reduce: (value: bigint) => bigint;
  readonly add: (a: bigint, b: bigint) => bigint;
  readonly sub: (a: bigint, b: bigint) => bigint;
  readonly negate: (a: bigint) => bigint;
  readonly mul: (a: bigint, b: bigint) => bigint;
  readonly square: (a: bigint) => bigint;
  /** @param exponent at least 0; `power(0n, 0n)` is 1 */
  readonly power: (a: bigint, exponent: bigint) => bigint;
  /** @throws RangeError for 0 */
  readonly invert: (a: bigint) => bigint;
  /** @returns one of the two roots (the caller picks by parity), or undefined for a non-square */
  readonly sqrt: (a: bigint) => bigint | undefined;
  /**
   * @param bytes 32, little-endian
   * @param label names the value in the error, e.g. `s`
   * @throws RangeError for another length or a value of at least the modulus
   */
  readonly fromBytesLE: (bytes: Uint8Array, label?: string) => bigint;
  /** @returns 32 bytes, little-endian. @throws RangeError unless 0 <= a < modulus */
  readonly toBytesLE: (a: bigint) => Uint8Array;
};

/** Little-endian integer of any length; no bytes give 0. */
export function bytesToIntegerLE(bytes: Uint8Array): bigint {
  let hex = '0';
  for (let i = bytes.length - 1; i >= 0; i--) hex += bytes[i].toString(16).padStart(2, '0');
  return BigInt(`0x${hex}`);
}

/** Inverse of {@link bytesToIntegerLE}. @throws RangeError if `value` is negative or does not fit */
export function integerToBytesLE(value: bigint, length: number): Uint8Array {
  if (value < 0n || value >> BigInt(8 * length) !== 0n)
    throw new RangeError(`an integer is outside ${length} bytes`);
  const hex = value.toString(16).padStart(2 * length, '0');
  return Uint8Array.from({ length }, (_, i) =>
    Number.parseInt(hex.slice(2 * (length - 1 - i), 2 * (length - i)), 16),
  );
}

function createField(name: string, modulus: bigint): Field {
  const reduce = (value: bigint): bigint => {
    const rest = value % modulus;
    return rest < 0n ? rest + modulus : rest;
  };
  const mul = (a: bigint, b: bigint): bigint => (a * b) % modulus;
  const square = (a: bigint): bigint => (a * a) % modulus;

  function power(a: bigint, exponent: bigint): bigint {
    if (exponent < 0n) throw new RangeError(`negative exponent in ${name}`);
    let result = 1n;
    for (let base = a, rest = exponent; rest > 0n; rest >>= 1n, base = square(base))
      if (rest & 1n) result = mul(result, base);
    return result;
  }

  /** Extended Euclid: keeps r0 = s0·a and r1 = s1·a (mod modulus). */
  function invert(a: bigint): bigint {
    if (a === 0n) throw new RangeError(`0 has no inverse in ${name}`);
    let [r0, r1, s0, s1] = [modulus, a, 0n, 1n];
    while (r1 !== 0n) {
      const quotient = r0 / r1;
      [r0, r1] = [r1, r0 - quotient * r1];
      [s0, s1] = [s1, s0 - quotient * s1];
    }
    return reduce(s0);
  }

  const oddPart = (modulus - 1n) >> TWO_ADICITY;
  const rootOfUnity = power(NON_RESIDUE, oddPart); // its order is exactly 2^32

  /** Tonelli–Shanks: keeps root² = a·error, where error has order 2^k with k falling to 0. */
  function sqrt(a: bigint): bigint | undefined {
    if (a === 0n) return 0n;
    const start = power(a, (oddPart - 1n) / 2n);
    let root = mul(start, a);
    let error = mul(start, root);
    let generator = rootOfUnity;
    let level = TWO_ADICITY; // generator has order 2^level
    while (error !== 1n) {
      let order = 0n;
      for (let e = error; e !== 1n; e = square(e)) order++;
      if (order === level) return undefined; // only a non-square has the full order here
      const step = power(generator, 1n << (level - order - 1n));
      generator = square(step);
      level = order;
      root = mul(root, step);
      error = mul(error, generator);
    }
    return root;
  }

  return {
    name,
    modulus,
    reduce,
    mul,
    square,
    power,
    invert,
    sqrt,
    add: (a, b) => (a + b < modulus ? a + b : a + b - modulus),
    sub: (a, b) => (a < b ? a - b + modulus : a - b),
    negate: (a) => (a === 0n ? 0n : modulus - a),
    fromBytesLE(bytes, label = `element of ${name}`) {
      if (bytes.length !== FIELD_BYTES)
        throw new RangeError(`${label} has ${FIELD_BYTES} bytes, not ${bytes.length}`);
      const value = bytesToIntegerLE(bytes);
      // The value stays out of the message: it can be a private key.
      if (value >= modulus) throw new RangeError(`${label} is not below the modulus of ${name}`);
      return value;
    },
    toBytesLE(a) {
      if (a < 0n || a >= modulus) throw new RangeError(`a value is no element of ${name}`);
      return integerToBytesLE(a, FIELD_BYTES);
    },
  };
}

export const Fp = createField('Fp', p);
export const Fq = createField('Fq', q);
