/**
 * Signs a plan on all cores: the main thread decides who submits what and when, worker threads
 * (producers/sign-worker.ts) fill records, and records come out in the order of the plan. The bytes do not
 * depend on the number of workers.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ENVELOPE } from '../mina/envelope.ts';
import type { Network } from '../mina/network.ts';
import { distFile } from '../paths.ts';
import type { PlannedChunk } from './corpus-plan.ts';
import type { Fleet } from './fleet.ts';
import type { ByteRange } from './payloads.ts';

/** Records in one job: some 0.1 s of signing, 557 KB. */
export const CHUNK_RECORDS = 2048;
/** A worker signs one job while the next one waits. */
const JOBS_PER_WORKER = 2;

/** What a worker needs of a template: where its text stands, or the envelope of a recorded body, ENVELOPE.bytes of ASCII. */
export type SignTemplate = SignedText | { recorded: Uint8Array };

/** Positions in `bodies.bin`. */
export type SignedText = {
  /** The JSON string of the block, quotes included. */
  block: ByteRange;
  snarkWork: ByteRange | undefined;
  graphqlControlPort: bigint;
  builtWithCommitSha: string;
};

/** What every worker gets once. */
export type SignWorkerData = {
  network: Network;
  bodiesFile: string;
  templates: SignTemplate[];
  /** 32 bytes each, shared by all workers. */
  privateKeys: SharedArrayBuffer;
  /** 52 ASCII characters each. */
  peerIds: SharedArrayBuffer;
};

export type SignJob = Omit<PlannedChunk, 'first'> & { job: number };
/** `records`: RECORD.bytes each (mina/envelope.ts). */
export type SignedJob = { job: number; records: Uint8Array };

export type SignRun = {
  chunks: Iterable<PlannedChunk>;
  /** Submissions in all: no more workers are started than there is work for. */
  count: number;
  fleet: Fleet;
  templates: SignTemplate[];
  bodiesFile: string;
  network: Network;
  /** Default: one for each core that this process may use. */
  workers?: number | undefined;
  signal?: AbortSignal | undefined;
};

/**
 * Yields the records of each chunk, in order. Memory: a few chunks per worker.
 * Ends all workers when it ends, fails or is left early.
 * @throws the reason of `signal` when it is aborted; Error when a worker fails
 */
export async function* signChunks(run: SignRun): AsyncGenerator<Uint8Array> {
  const { signal } = run;
  signal?.throwIfAborted();
  const wanted = run.workers ?? availableParallelism();
  const workerData = workerDataOf(run);
  const size = Math.max(1, Math.min(wanted, Math.ceil(run.count / CHUNK_RECORDS)));
  const workers: Worker[] = [];
  const chunks = run.chunks[Symbol.iterator]();
  const done = new Map<number, Uint8Array>();
  let posted = 0;
  let finished = 0;
  let failure: Error | undefined;
  let wake = () => {};
  const idle = new Array<number>(size).fill(JOBS_PER_WORKER);

  const fail = (error: Error) => {
    failure ??= error;
    wake();
  };
  const onAbort = () => wake();
  const throwIfOver = () => {
    signal?.throwIfAborted();
    if (failure) throw failure;
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const start = (w: number) => {
    const worker = new Worker(distFile('sign-worker.js'), { workerData });
    workers.push(worker);
    worker.on('message', ({ job, records }: SignedJob) => {
      done.set(job, records);
      idle[w]++;
      wake();
    });
    worker.on('error', (cause) =>
      fail(new Error(`a signing worker failed: ${cause.message}`, { cause })),
    );
    worker.on('exit', (code) => fail(new Error(`a signing worker ended early with code ${code}`)));
  };

  /** Hands out chunks while a worker has room and no more than that waits for the consumer. */
  const post = () => {
    while (posted - finished < 2 * JOBS_PER_WORKER * size) {
      const w = idle.indexOf(Math.max(...idle));
      if (idle[w] === 0) return;
      const next = chunks.next();
      if (next.done) return;
      const { templates, producers, createdAt } = next.value;
      idle[w]--;
      workers[w].postMessage({ job: posted++, templates, producers, createdAt } satisfies SignJob);
    }
  };

  try {
    // One that cannot be started leaves none of those before it.
    for (let w = 0; w < size; w++) start(w);
    for (;;) {
      post();
      if (finished === posted) return;
      while (!done.has(finished)) {
        throwIfOver();
        await new Promise<void>((resolve) => (wake = resolve));
        post();
      }
      const records = done.get(finished)!;
      done.delete(finished++);
      post();
      yield records;
      throwIfOver();
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** What producers/sign-worker.ts starts with. */
export function workerDataOf({
  network,
  bodiesFile,
  templates,
  fleet,
}: Pick<SignRun, 'network' | 'bodiesFile' | 'templates' | 'fleet'>): SignWorkerData {
  const privateKeys = new SharedArrayBuffer(fleet.privateKeys.length);
  new Uint8Array(privateKeys).set(fleet.privateKeys);
  const peerIds = new SharedArrayBuffer(fleet.producers.length * ENVELOPE.peerId.bytes);
  const text = fleet.producers.map(({ peerId }) => peerId).join('');
  new Uint8Array(peerIds).set(Buffer.from(text, 'latin1'));
  return { network, bodiesFile, templates, privateKeys, peerIds };
}
