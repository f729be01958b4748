/** One signature against one message, in words for the log: on whatever thread it is asked. */
import type { Network } from '../../mina/network.ts';
import type { Signer } from '../../mina/signer.ts';

export type SignatureRule = { network: Network; signatures: 'strict' | 'lax' | 'unchecked' };

export type SignatureQuestion = {
  /** 33 bytes. */
  publicKey: Uint8Array;
  /** 64 bytes. */
  signature: Uint8Array;
  /** BLAKE2b-256 of the signed text. */
  message: Uint8Array;
};

/** @returns null if the signature fits, else why not */
export function signatureFault(
  { publicKey, signature, message }: SignatureQuestion,
  { network, signatures }: SignatureRule,
  signer: Signer,
): string | null {
  try {
    const isValid =
      signatures === 'lax'
        ? signer.verifyLax(publicKey, signature, message, network)
        : signer.verify(publicKey, signature, message, network);
    return isValid ? null : `the signature does not fit the submitter and the ${network} text`;
  } catch (error) {
    // Strict verification names what is malformed.
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}
