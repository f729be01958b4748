/**
 * Signs small batches as they are asked for, in one thread (producers/sign-worker.ts). One is enough: it signs some
 * 10,000 submissions a second and more, k6 sends a few thousand.
 */
import { Worker } from 'node:worker_threads';
import { distFile } from '../../paths.ts';
import {
  type SignedJob,
  type SignJob,
  type SignRun,
  workerDataOf,
} from '../../producers/sign-pool.ts';

/** Entry k is of one submission; see PlannedChunk (producers/corpus-plan.ts). */
export type Batch = Omit<SignJob, 'job'>;

export type BatchSigner = {
  /** @returns RECORD.bytes a submission (mina/envelope.ts). Rejects when the thread fails or is stopped. */
  sign(batch: Batch): Promise<Uint8Array>;
  stop(): Promise<void>;
};

type Waiting = { resolve: (records: Uint8Array) => void; reject: (error: Error) => void };

/** Of the thread's heap; a job leaves a few hundred KB behind. */
const YOUNG_GENERATION_MB = 4;

export function startBatchSigner(
  run: Pick<SignRun, 'network' | 'bodiesFile' | 'templates' | 'fleet'>,
): BatchSigner {
  const worker = new Worker(distFile('sign-worker.js'), {
    workerData: workerDataOf(run),
    // It is not reached by the collections of system/garbage.ts; a small young generation is collected soon.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  const waiting = new Map<number, Waiting>();
  let jobs = 0;
  let failure: Error | null = null;
  const fail = (error: Error) => {
    failure ??= error;
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  };
  worker.on('message', ({ job, records }: SignedJob) => {
    waiting.get(job)?.resolve(records);
    waiting.delete(job);
  });
  worker.on('error', (cause) =>
    fail(new Error(`the signing thread failed: ${cause.message}`, { cause })),
  );
  worker.on('exit', (code) => fail(new Error(`the signing thread ended with code ${code}`)));
  return {
    sign: (batch) =>
      new Promise((resolve, reject) => {
        if (failure !== null) return reject(failure);
        const job = jobs++;
        waiting.set(job, { resolve, reject });
        worker.postMessage({ job, ...batch } satisfies SignJob);
      }),
    async stop() {
      fail(new Error('the signing thread was stopped'));
      await worker.terminate();
    },
  };
}
