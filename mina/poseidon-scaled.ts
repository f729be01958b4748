/**
 * The numbers of Poseidon for a state scaled by a diagonal matrix D_r in round r, which gives all matrices but the
 * last a first column of ones: x^power commutes with diagonal matrices, so round r's matrix becomes
 * D_{r+1}^-1·M·D_r^power and its constants D_{r+1}^-1·c, with D_0 = D_rounds = 1 and D_{r+1} else the first column
 * of M·D_r^power. In and out of a permutation are the plain states. Needs 6 products a round instead of 9.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { Fp } from './field.ts';
import type { PoseidonParameters } from './poseidon.ts';

export type ScaledPoseidon = {
  /** Added before the first S-box; zeros if the parameters have no such row. */
  readonly initial: readonly bigint[];
  /**
   * One entry a round, three rows each. A row is [factor 1, factor 2, constant], in the last round [factor 0, factor 1,
   * factor 2, constant]: element i of the next state is (element 0 or factor 0 × element 0) + … + constant.
   */
  readonly rounds: readonly (readonly (readonly bigint[])[])[];
};

/** @throws RangeError if an entry of the matrix's first column is 0 (then the scaling does not exist) */
export function scalePoseidon(parameters: PoseidonParameters): ScaledPoseidon {
  const { fullRounds, mds, roundConstants, hasInitialRoundConstant } = parameters;
  const power = BigInt(parameters.power);
  const firstColumn = mds.map((row) => row[0]);
  const firstColumnInverse = firstColumn.map((entry) => Fp.invert(entry));
  let scale = [1n, 1n, 1n];
  let firstInverse = 1n; // of scale[0]
  const rounds = Array.from({ length: fullRounds }, (_, round) => {
    const powers = scale.map((d) => Fp.power(d, power));
    const isLast = round === fullRounds - 1;
    const inversePower = Fp.power(firstInverse, power);
    const inverses = isLast
      ? [1n, 1n, 1n]
      : firstColumnInverse.map((inverse) => Fp.mul(inverse, inversePower));
    const constants = roundConstants[round + (hasInitialRoundConstant ? 1 : 0)];
    const rows = mds.map((row, i) => {
      const factors = row.map((entry, j) => Fp.mul(Fp.mul(entry, powers[j]), inverses[i]));
      return [...factors.slice(isLast ? 0 : 1), Fp.mul(constants[i], inverses[i])];
    });
    scale = firstColumn.map((entry) => Fp.mul(entry, powers[0]));
    firstInverse = inverses[0];
    return rows;
  });
  return { initial: hasInitialRoundConstant ? roundConstants[0] : [0n, 0n, 0n], rounds };
}
