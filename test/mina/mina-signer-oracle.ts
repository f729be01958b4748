/**
 * mina-signer as an independent implementation. Its public `signMessage` reads the bits of a byte from the highest,
 * so the uptime backend refuses it; the inner legacy functions take bits, and its `exports` opens them only by path.
 */
import {
  signLegacy,
  verifyLegacy,
} from '../../node_modules/mina-signer/dist/node/mina-signer/src/signature.js';
import { PrivateKey } from '../../node_modules/mina-signer/dist/node/mina-signer/src/curve-bigint.js';
import * as constants from '../../node_modules/mina-signer/dist/node/bindings/crypto/constants.js';
import type { Network } from '../../mina/network.ts';

/** As the package stores them: decimal strings. */
export type PackageParameters = { mds: string[][]; roundConstants: string[][] };
export const packageParameters: Record<'legacy' | 'kimchi', PackageParameters> = {
  legacy: constants.poseidonParamsLegacyFp,
  kimchi: constants.poseidonParamsKimchiFp,
};

const lowestBitFirst = (bytes: Uint8Array): boolean[] =>
  [...bytes].flatMap((byte) => Array.from({ length: 8 }, (_, i) => ((byte >> i) & 1) === 1));

export const oracle = {
  sign(privateKey: bigint, message: Uint8Array, network: Network): { rx: bigint; s: bigint } {
    const { r, s } = signLegacy({ fields: [], bits: lowestBitFirst(message) }, privateKey, network);
    return { rx: r, s };
  },
  verify(
    publicKey: { x: bigint; isOdd: boolean },
    { rx, s }: { rx: bigint; s: bigint },
    message: Uint8Array,
    network: Network,
  ): boolean {
    const input = { fields: [], bits: lowestBitFirst(message) };
    return verifyLegacy({ r: rx, s }, input, publicKey, network);
  },
  publicKeyOf: (privateKey: bigint): { x: bigint; isOdd: boolean } =>
    PrivateKey.toPublicKey(privateKey),
};
