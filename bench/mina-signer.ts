/**
 * mina-signer as the peer of the signing benchmarks. Its public API takes the bits of a message in another order than
 * the uptime backend; the inner functions, which do the work, are opened by their path. Signatures are compared with ours
 * before anything is measured.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encode } from '../mina/base58check.ts';
import type { Network } from '../mina/network.ts';
import { encodeSignature } from '../mina/schnorr.ts';
import { projectRoot } from '../paths.ts';

type Input = { fields: bigint[]; bits: boolean[] };
type SignLegacy = (input: Input, privateKey: bigint, network: Network) => { r: bigint; s: bigint };
type VerifyLegacy = (
  signature: { r: bigint; s: bigint },
  input: Input,
  publicKey: { x: bigint; isOdd: boolean },
  network: Network,
) => boolean;

const inputOf = (message: Uint8Array): Input => {
  const bits: boolean[] = [];
  for (const byte of message) for (let i = 0; i < 8; i++) bits.push(((byte >> i) & 1) === 1);
  return { fields: [], bits };
};

export type MinaSigner = {
  name: string;
  /** 64 bytes, as ours. */
  sign(privateKey: bigint, message: Uint8Array, network: Network): Uint8Array;
  signText(privateKey: bigint, message: Uint8Array, network: Network): string;
  verify(
    publicKey: { x: bigint; isOdd: boolean },
    signature: { rx: bigint; s: bigint },
    message: Uint8Array,
    network: Network,
  ): boolean;
};

/** @returns undefined where the development packages are not installed */
export async function loadMinaSigner(): Promise<MinaSigner | undefined> {
  const path = join(projectRoot, 'node_modules/mina-signer/dist/node/mina-signer/src/signature.js');
  if (!existsSync(path)) return undefined;
  const { signLegacy, verifyLegacy } = (await import(pathToFileURL(path).href)) as {
    signLegacy: SignLegacy;
    verifyLegacy: VerifyLegacy;
  };
  const sign: MinaSigner['sign'] = (privateKey, message, network) => {
    const { r, s } = signLegacy(inputOf(message), privateKey, network);
    return encodeSignature({ rx: r, s });
  };
  return {
    name: 'mina-signer',
    sign,
    signText: (...args) => encode('signature', sign(...args)),
    verify: (publicKey, { rx, s }, message, network) =>
      verifyLegacy({ r: rx, s }, inputOf(message), publicKey, network),
  };
}
