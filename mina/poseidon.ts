/**
 * Poseidon over Fp as Mina uses it, on BigInt: state of 3, rate 2 (elements 0 and 1), capacity element 2, full
 * rounds only. One code for both sets of numbers: legacy (signatures) and kimchi (state hashes).
 * Paper: Grassi et al., "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems" (eprint 2019/458);
 * use: MinaProtocol/mina, src/lib/random_oracle; MinaProtocol/c-reference-signer, poseidon.c.
 * Readable reference. Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { Fp, bytesToIntegerLE, p } from './field.ts';

export type PoseidonParameters = {
  readonly fullRounds: number;
  /** Exponent of the S-box. */
  readonly power: 5 | 7;
  /** Whether `roundConstants[0]` is added before the first S-box; there is then one row more than rounds. */
  readonly hasInitialRoundConstant: boolean;
  /** 3 × 3; row i gives element i. */
  readonly mds: readonly (readonly bigint[])[];
  /** Rows of 3. */
  readonly roundConstants: readonly (readonly bigint[])[];
};

/** Three elements of Fp; 0 and 1 take input, 0 is the result. */
export type SpongeState = readonly [bigint, bigint, bigint];
export const ZERO_STATE: SpongeState = [0n, 0n, 0n];

const PREFIX_CHARACTERS = 20;

export type Poseidon = {
  readonly parameters: PoseidonParameters;
  readonly permute: (state: SpongeState) => SpongeState;
  /**
   * Zero-pads `input` to an even number, and per pair adds and permutes; no input gives one permutation.
   * @throws RangeError for an input outside [0, p)
   */
  readonly absorb: (state: SpongeState, input: readonly bigint[]) => SpongeState;
  /** Element 0 after absorbing `input` into the zero state. */
  readonly hash: (input: readonly bigint[]) => bigint;
  /** The state after absorbing a domain name of up to 20 ASCII characters, padded with `*`. */
  readonly prefixState: (prefix: string) => SpongeState;
  /** {@link hash} starting from {@link prefixState}. */
  readonly hashWithPrefix: (prefix: string, input: readonly bigint[]) => bigint;
};

export function createPoseidon(parameters: PoseidonParameters): Poseidon {
  const { fullRounds, mds, roundConstants, hasInitialRoundConstant } = parameters;
  const firstRound = hasInitialRoundConstant ? 1 : 0;
  if (roundConstants.length !== fullRounds + firstRound)
    throw new RangeError(`${roundConstants.length} rows of constants for ${fullRounds} rounds`);
  const power = BigInt(parameters.power);
  const addRow = (state: SpongeState, row: readonly bigint[]): SpongeState => [
    Fp.add(state[0], row[0]),
    Fp.add(state[1], row[1]),
    Fp.add(state[2], row[2]),
  ];

  function permute(start: SpongeState): SpongeState {
    let state = hasInitialRoundConstant ? addRow(start, roundConstants[0]) : start;
    for (let round = 0; round < fullRounds; round++) {
      const [a, b, c] = state.map((element) => Fp.power(element, power));
      const [x, y, z] = mds.map((row) => Fp.reduce(row[0] * a + row[1] * b + row[2] * c));
      state = addRow([x, y, z], roundConstants[round + firstRound]);
    }
    return state;
  }

  function absorb(start: SpongeState, input: readonly bigint[]): SpongeState {
    const bad = input.findIndex((element) => element < 0n || element >= p);
    if (bad !== -1) throw new RangeError(`input ${bad} of the hash is no element of Fp`);
    let state = start;
    let at = 0;
    do {
      state = permute([
        Fp.add(state[0], input[at] ?? 0n),
        Fp.add(state[1], input[at + 1] ?? 0n),
        state[2],
      ]);
      at += 2;
    } while (at < input.length);
    return state;
  }

  const prefixState = (prefix: string): SpongeState => absorb(ZERO_STATE, [prefixToField(prefix)]);
  return {
    parameters,
    permute,
    absorb,
    hash: (input) => absorb(ZERO_STATE, input)[0],
    prefixState,
    hashWithPrefix: (prefix, input) => absorb(prefixState(prefix), input)[0],
  };
}

/** `prefix` padded with `*` to 20 ASCII characters, read as a little-endian integer. */
export function prefixToField(prefix: string): bigint {
  if (!/^[\x20-\x7e]{0,20}$/.test(prefix))
    throw new RangeError(`a prefix is up to 20 ASCII characters, not "${prefix}"`);
  const characters = [...prefix.padEnd(PREFIX_CHARACTERS, '*')];
  return bytesToIntegerLE(Uint8Array.from(characters, (c) => c.charCodeAt(0)));
}
