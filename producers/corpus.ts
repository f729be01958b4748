/**
 * The signed corpus: a folder with `corpus.json`, `bodies.bin` and `envelopes.bin` (mina/envelope.ts), made
 * before a load and read back after it. 272 bytes a submission beside the bodies.
 */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type CorpusIndex, ENVELOPE, RECORD } from '../mina/envelope.ts';
import { type Network, NETWORKS } from '../mina/network.ts';
import { EXIT, UserError } from '../user-error.ts';
import { writeBodies } from './bodies.ts';
import {
  type CorpusPlan,
  createdAtOf,
  type CreatedAtRule,
  type GivenSubmissions,
  planSubmissions,
  withGiven,
} from './corpus-plan.ts';
import type { Fleet } from './fleet.ts';
import { fillNewFolder } from '../system/new-folder.ts';
import { CHUNK_RECORDS, signChunks } from './sign-pool.ts';
import type { SubmissionTemplate } from './templates.ts';

export const CORPUS_FILES = {
  index: 'corpus.json',
  bodies: 'bodies.bin',
  envelopes: 'envelopes.bin',
} as const;

/** What is to be signed: the same job gives the same bytes on every machine. */
export type CorpusJob = {
  fleet: Fleet;
  templates: readonly SubmissionTemplate[];
  /** Submissions, at least 1. */
  count: number;
  network: Network;
  /** Decides the order of the producers and the choice of templates. */
  seed: string;
  createdAt: CreatedAtRule;
  /** Which templates are of one kind, and how often a kind comes. Default: the templates' own weights. */
  mix?: CorpusPlan['mix'];
  /** What of the submissions is decided already. */
  given?: GivenSubmissions | null | undefined;
  /** Share of submissions with snark work, 0 to 1. Default: every recorded payload is as likely as another. */
  snarkWorkShare?: number | undefined;
  /** Threads. Default: one for each core that this process may use. */
  workers?: number | undefined;
  onProgress?: ((progress: { signed: number; count: number }) => void) | undefined;
  signal?: AbortSignal | undefined;
};

/**
 * Signs `count` submissions. Memory: one template at a time and a few thousand records.
 * `folder` appears when it is complete; a run that fails or is aborted leaves nothing.
 * @param folder must not exist, or be empty
 * @throws UserError if `folder` cannot be made; RangeError for an impossible job; the reason of `signal`
 */
export async function writeCorpus({
  folder,
  ...job
}: CorpusJob & { folder: string }): Promise<CorpusIndex> {
  checkJob(job);
  return fillNewFolder(folder, async (part) => {
    const bodiesFile = join(part, CORPUS_FILES.bodies);
    const bodies = await writeBodies(bodiesFile, job.templates, job.signal);
    const envelopes = await open(join(part, CORPUS_FILES.envelopes), 'wx');
    try {
      let signed = 0;
      for await (const records of signJob(job, bodiesFile, bodies.signing)) {
        await envelopes.writeFile(records);
        signed += records.length / RECORD.bytes;
        job.onProgress?.({ signed, count: job.count });
      }
    } finally {
      await envelopes.close();
    }
    const index: CorpusIndex = {
      format: 1,
      count: job.count,
      producers: job.fleet.producers.length,
      network: job.network,
      seed: job.seed,
      firstCreatedAt: secondsText(job.given?.createdAt?.[0] ?? createdAtOf(job.createdAt, 0)),
      lastCreatedAt: secondsText(
        job.given?.createdAt?.[job.count - 1] ?? createdAtOf(job.createdAt, job.count - 1),
      ),
      templates: bodies.templates,
    };
    await writeFile(join(part, CORPUS_FILES.index), `${JSON.stringify(index, null, 2)}\n`);
    job.signal?.throwIfAborted();
    return index;
  });
}

/** The records of a job, in order, some thousand at a time. @param bodiesFile by writeBodies, as `signing` is */
export function signJob(
  job: CorpusJob,
  bodiesFile: string,
  signing: Awaited<ReturnType<typeof writeBodies>>['signing'],
): AsyncGenerator<Uint8Array> {
  const chunks = planSubmissions({ ...job, producers: job.fleet.producers.length }, CHUNK_RECORDS);
  return signChunks({
    chunks: job.given ? withGiven(chunks, job.given) : chunks,
    count: job.count,
    fleet: job.fleet,
    templates: signing,
    bodiesFile,
    network: job.network,
    workers: job.workers,
    signal: job.signal,
  });
}

/** RFC 3339, whole seconds, UTC. */
const secondsText = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

/** Last second of a created_at: what 4 bytes hold. */
const MAX_SECONDS = 2 ** 32 - 1;

/** @throws RangeError */
export function checkJob(job: CorpusJob): void {
  const { count, templates, fleet, createdAt, given, snarkWorkShare, workers = 1 } = job;
  const refuse = (text: string): never => {
    throw new RangeError(text);
  };
  if (!Number.isSafeInteger(count) || count < 1) refuse(`count must be at least 1, not ${count}`);
  if (!Number.isSafeInteger(workers) || workers < 1)
    refuse(`workers must be at least 1, not ${workers}`);
  if (templates.length === 0) refuse('a corpus needs at least one template');
  if (fleet.producers.length === 0) refuse('a corpus needs at least one producer');
  for (const [name, list] of Object.entries(given ?? {}))
    if (list.length !== count)
      refuse(`given.${name} must have ${count} entries, but has ${list.length}`);
  if (!(createdAt.perSecond > 0)) refuse(`perSecond must be above 0, not ${createdAt.perSecond}`);
  if (!Number.isSafeInteger(createdAt.startSeconds) || createdAt.startSeconds < 0)
    refuse(`startSeconds must be a whole number from 0, not ${createdAt.startSeconds}`);
  const last = createdAtOf(createdAt, count - 1);
  if (last > MAX_SECONDS)
    refuse(`the last created_at must be at most ${MAX_SECONDS} s, but is ${last} s`);
  if (snarkWorkShare !== undefined) {
    if (!(snarkWorkShare >= 0 && snarkWorkShare <= 1))
      refuse(`snarkWorkShare must be from 0 to 1, not ${snarkWorkShare}`);
    if (snarkWorkShare > 0 && !templates.some(({ hasSnarkWork }) => hasSnarkWork))
      refuse('snarkWorkShare is above 0, but no template has snark work');
    if (snarkWorkShare < 1 && templates.every(({ hasSnarkWork }) => hasSnarkWork))
      refuse('snarkWorkShare is below 1, but every template has snark work');
  }
}

/** What a record says. */
export type PlannedSubmission = {
  /** Index of the body template. */
  template: number;
  createdAt: string;
  peerId: string;
  signature: string;
  submitter: string;
};

const size = z.number().int().nonnegative();
const INDEX_SHAPE = z.object({
  format: z.literal(1),
  count: size,
  producers: size,
  network: z.enum(NETWORKS as [Network, ...Network[]]),
  seed: z.string(),
  firstCreatedAt: z.string(),
  lastCreatedAt: z.string(),
  templates: z.array(
    z.object({
      offset: size,
      bytes: size,
      envelopeOffset: size.optional(),
      expected: z.object({ status: size, body: z.string().nullable() }).optional(),
      group: size.optional(),
    }),
  ),
});

/** Records read at a time: 1.1 MB, so reading in order costs few calls and a long corpus no memory. */
const READ_RECORDS = 4096;

/** A corpus folder, open for reading; close it. */
export class Corpus {
  readonly index: CorpusIndex;
  readonly #envelopes: number;
  readonly #held = Buffer.alloc(READ_RECORDS * RECORD.bytes);
  #heldFirst = -1;

  /** See {@link readCorpus}. */
  constructor(index: CorpusIndex, envelopesFile: string) {
    this.index = index;
    this.#envelopes = openSync(envelopesFile, 'r');
  }

  /** @throws RangeError if `i` is not from 0 to index.count - 1 */
  submissionAt(i: number): PlannedSubmission {
    if (!Number.isInteger(i) || i < 0 || i >= this.index.count)
      throw new RangeError(`submission ${i} is not below the ${this.index.count} of the corpus`);
    const first = i - (i % READ_RECORDS);
    if (first !== this.#heldFirst) {
      readSync(this.#envelopes, this.#held, 0, this.#held.length, first * RECORD.bytes);
      this.#heldFirst = first;
    }
    const record = (i - first) * RECORD.bytes;
    const text = ({ offset, bytes }: { offset: number; bytes: number }) => {
      const start = record + RECORD.envelopeOffset + offset;
      return this.#held.toString('latin1', start, start + bytes);
    };
    return {
      template: this.#held.readUInt32LE(record + RECORD.templateOffset),
      createdAt: text(ENVELOPE.createdAt),
      peerId: text(ENVELOPE.peerId),
      signature: text(ENVELOPE.signature),
      submitter: text(ENVELOPE.submitter),
    };
  }

  close(): void {
    closeSync(this.#envelopes);
  }
}

/** Opens a corpus folder. @throws UserError if its files are not there or do not agree */
export function readCorpus(folder: string): Corpus {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new UserError(`${folder} holds no usable corpus: ${reason}`, {
      hint: 'it may come from a run that was killed, or from another version: make it anew',
      exitCode: EXIT.broken,
      cause,
    });
  };
  const sizeOf = (name: string): number => {
    try {
      return statSync(join(folder, name)).size;
    } catch (cause) {
      return refuse(`${name} cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
    }
  };
  sizeOf(CORPUS_FILES.index);
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(join(folder, CORPUS_FILES.index), 'utf8'));
  } catch (cause) {
    refuse(`${CORPUS_FILES.index} is not JSON (${(cause as Error).message})`, cause);
  }
  const parsed = INDEX_SHAPE.safeParse(content);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    return refuse(`${[CORPUS_FILES.index, ...path].join('.')}: ${message}`, parsed.error);
  }
  const index = parsed.data;
  const bodies = index.templates.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const [name, expected] of [
    [CORPUS_FILES.bodies, bodies],
    [CORPUS_FILES.envelopes, index.count * RECORD.bytes],
  ] as const) {
    const found = sizeOf(name);
    if (found !== expected) refuse(`${name} has ${found} bytes instead of ${expected}`);
  }
  return new Corpus(index, join(folder, CORPUS_FILES.envelopes));
}
