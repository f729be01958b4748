/** mina/signer.ts in the shape that the common suite takes. */
import { encodePrivateKey } from '../../mina/schnorr.ts';
import { createSigner } from '../../mina/signer.ts';
import { loadMinaWasm } from '../../paths.ts';
import type { SchnorrImplementation } from './schnorr-suite.ts';

export function fastImplementation(): SchnorrImplementation {
  const signer = createSigner(loadMinaWasm());
  return {
    sign: (privateKey, message, network) =>
      signer.sign(signer.addKey(encodePrivateKey(privateKey), network), message),
    publicKeyOf: (privateKey) =>
      signer.publicKey(signer.addKey(encodePrivateKey(privateKey), 'testnet')),
    verify: (publicKey, signature, message, network, { lax = false } = {}) =>
      lax
        ? signer.verifyLax(publicKey, signature, message, network)
        : signer.verify(publicKey, signature, message, network),
  };
}
