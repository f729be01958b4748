/** A thread that checks signatures (a program of its own: build/bundle.mjs bundles it). check-pool.ts asks it. */
import { parentPort, workerData } from 'node:worker_threads';
import { createSigner, type SignerOptions } from '../../mina/signer.ts';
import { loadMinaWasm } from '../../paths.ts';
import { type SignatureRule, signatureFault } from './signature-check.ts';

/** Questions lie one after the other: key, signature, message. */
export const QUESTION = { publicKey: 0, signature: 33, message: 97, bytes: 129 } as const;

export type CheckWorkerData = { rule: SignatureRule; signer: Required<SignerOptions> };

/** Of a message with questions, in its order: what is wrong with those that do not fit, by their place. */
export type CheckResult = { faults: [place: number, why: string][] };

if (parentPort) {
  const port = parentPort;
  const { rule, signer: options } = workerData as CheckWorkerData;
  const signer = createSigner(loadMinaWasm(), options);
  port.on('message', (questions: Uint8Array) => {
    const faults: CheckResult['faults'] = [];
    for (let place = 0; place * QUESTION.bytes < questions.length; place++) {
      const at = place * QUESTION.bytes;
      const why = signatureFault(
        {
          publicKey: questions.subarray(at, at + QUESTION.signature),
          signature: questions.subarray(at + QUESTION.signature, at + QUESTION.message),
          message: questions.subarray(at + QUESTION.message, at + QUESTION.bytes),
        },
        rule,
        signer,
      );
      if (why !== null) faults.push([place, why]);
    }
    port.postMessage({ faults } satisfies CheckResult);
  });
}
