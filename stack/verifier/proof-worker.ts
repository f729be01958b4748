/**
 * A process that checks proofs with o1js (a program of its own: build/bundle.mjs bundles it), one after another, for proof-pool.ts.
 * A process and not a thread: o1js' WebAssembly takes every thread but the main one for a helper of its own, and native code that crashes costs one
 * job so, not the verifier.
 */
import type { FromProofWorker, ProofJob, ToProofWorker } from './proof-pool.ts';

/** What of o1js is used: its public `verify`. */
type O1js = {
  setBackend(backend: 'native' | 'wasm'): void;
  setNumberOfWorkers(count: number): void;
  initializeBindings(): Promise<void>;
  verify(
    proof: {
      publicInput: readonly string[];
      publicOutput: readonly string[];
      maxProofsVerified: 0 | 1 | 2;
      proof: string;
    },
    key: string,
  ): Promise<boolean>;
};

const send = (message: FromProofWorker): void => void process.send!(message);

// Nobody waits for an answer any more.
process.on('disconnect', () => process.exit());

async function isValid(o1js: O1js, { proof, publicInput, key }: ProofJob): Promise<boolean> {
  try {
    return await o1js.verify(
      { publicInput, publicOutput: [], maxProofsVerified: 2, proof: btoa(proof) },
      key,
    );
  } catch (error) {
    if (isOfMachine(error)) throw error;
    // What o1js cannot read as a proof: a value beyond its modulus, a domain that is none, a feature that is not used.
    return false;
  }
}

/** No memory says nothing about a proof. */
const isOfMachine = (error: unknown): boolean =>
  error instanceof RangeError || /memory|allocat/i.test(String((error as Error)?.message ?? error));

async function start({ module, backend, known }: Extract<ToProofWorker, { kind: 'start' }>) {
  const o1js = (await import(module)) as O1js;
  o1js.setBackend(backend);
  // Each process is one worker already.
  if (backend === 'wasm') o1js.setNumberOfWorkers(1);
  await o1js.initializeBindings();
  // Makes what all later ones share (12 s), and shows that this o1js, here, knows a proof that is known to be good.
  if (!(await isValid(o1js, known)))
    throw new Error('it refuses a proof of the recordings, which is known to be valid');
  return o1js;
}

let o1js: O1js | null = null;
/** One after another: o1js has one state. */
let queue: Promise<void> = Promise.resolve();

process.on('message', (message: ToProofWorker) => {
  queue = queue.then(async () => {
    if (message.kind === 'start') {
      try {
        o1js = await start(message);
        send({ kind: 'ready' });
      } catch (error) {
        send({ kind: 'unusable', why: String((error as Error)?.message ?? error) });
      }
      return;
    }
    try {
      send({ kind: 'checked', id: message.id, valid: await isValid(o1js!, message.job) });
    } catch (error) {
      send({ kind: 'unchecked', id: message.id, why: String((error as Error)?.message ?? error) });
    }
  });
});
