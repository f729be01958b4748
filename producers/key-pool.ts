/**
 * Opens encrypted key files on all cores. Each takes a second or two and 128 MiB (Argon2, mina/key-files.ts), so no more
 * are opened at once than a quarter of the machine's memory holds.
 */
import { availableParallelism, totalmem } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { KeyFileFacts, KeyFileFault } from '../mina/key-files.ts';
import { distFile } from '../paths.ts';

export type KeyJob = {
  holds: KeyFileFacts['holds'];
  /** The JSON of the file. */
  text: string;
  passphrase: string;
  /** What deriving its key takes. */
  memoryBytes: number;
};

export type KeyOutcome =
  /** `privateKey`: 32 bytes, little-endian. */
  | { kind: 'wallet'; privateKey: Uint8Array; publicKey: string }
  | { kind: 'libp2p'; peerId: string }
  | { kind: 'fault'; fault: KeyFileFault; problems: string[] };

export type KeyPoolOptions = {
  /** Called at the start and after each file. */
  onProgress?: ((finished: number) => void) | undefined;
  signal?: AbortSignal | undefined;
};

const MEMORY_SHARE = 1 / 4;
/** What is filled in the time that a worker takes to start (0.2 s): for less, one more costs more than it saves. */
const WORKER_BYTES = 2 ** 25;

/** How many of `jobs` are opened at once. */
export function keyWorkers(
  jobs: readonly Pick<KeyJob, 'memoryBytes'>[],
  cores: number = availableParallelism(),
  machineBytes: number = memoryOfMachine(),
): number {
  const largest = jobs.reduce((most, { memoryBytes }) => Math.max(most, memoryBytes), 1);
  const fit = Math.floor((machineBytes * MEMORY_SHARE) / largest);
  const filled = jobs.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  return Math.max(1, Math.min(cores, jobs.length, fit, Math.ceil(filled / WORKER_BYTES)));
}

/** A container may have less than its machine (0 or undefined: no such limit). */
const memoryOfMachine = (): number => Math.min(totalmem(), process.constrainedMemory() || Infinity);

/**
 * @returns an outcome for each job, in their order
 * @throws the reason of `signal` when it is aborted; Error when a worker fails
 */
export async function openKeys(
  jobs: readonly KeyJob[],
  { onProgress, signal }: KeyPoolOptions = {},
): Promise<KeyOutcome[]> {
  signal?.throwIfAborted();
  if (jobs.length === 0) return [];
  const outcomes: KeyOutcome[] = [];
  let posted = 0;
  let finished = 0;
  onProgress?.(finished);
  const workers: Worker[] = [];
  let onAbort = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      onAbort = () => reject(signal!.reason as Error);
      signal?.addEventListener('abort', onAbort, { once: true });
      for (let w = keyWorkers(jobs); w > 0; w--) {
        const worker = new Worker(distFile('key-worker.js'));
        workers.push(worker);
        let job = posted++;
        worker.postMessage(jobs[job]);
        worker.on('message', (outcome: KeyOutcome) => {
          outcomes[job] = outcome;
          onProgress?.(++finished);
          if (finished === jobs.length) resolve();
          else if (posted < jobs.length) worker.postMessage(jobs[(job = posted++)]);
        });
        worker.on('error', (cause) =>
          reject(new Error(`a key worker failed: ${cause.message}`, { cause })),
        );
        worker.on('exit', () => reject(new Error('a key worker ended early')));
      }
    });
    return outcomes;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
