/**
 * What a run sent, in the form that reconciliation wants: bodies in order, some thousand at a time, each a few fields and the
 * number of its template. A corpus and a folder of payloads are such; so is whatever else hands out submissions.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { blake2b } from '@noble/hashes/blake2.js';
import { encode } from '../mina/base58check.ts';
import { BinProtError } from '../mina/bin-prot.ts';
import { parseBlock } from '../mina/block.ts';
import { ENVELOPE, RECORD } from '../mina/envelope.ts';
import type { EraName } from '../mina/eras.ts';
import {
  parseSubmission,
  type Submission,
  SubmissionError,
  type Token,
  tokenBytes,
} from '../mina/submission.ts';
import {
  type CorpusSource,
  type K6Plan,
  payloadOf,
  type PayloadSource,
} from '../scenarios/lib/plan.ts';

/** What many submissions share: all fields but the envelope's. */
export type SentTemplate = {
  /** base58check of the BLAKE2b-256 of the block. */
  blockHash: string;
  /** base64 text; null: the submission has none. */
  snarkWork: string | null;
  /** 0: none. */
  graphqlControlPort: number;
  /** Empty: none. */
  builtWithCommitSha: string;
  /** Made for this run, so nothing older in a storage can be one of them; false: recorded once, and perhaps sent in other runs. */
  fresh: boolean;
  /** Of its block; null or absent: what it sends is no block, or of no known era. */
  era?: EraName | null;
  /** The block's bytes, read anew at each call. */
  block(): Uint8Array;
};

/** One body that was sent, or is ready to be. */
export type SentBody = {
  submitter: string;
  /** Whole seconds since 1970. */
  createdAt: number;
  peerId: string;
  /** Place in {@link SentSubmissions.templates}. */
  template: number;
};

/** Whatever hands out submissions. Two of its bodies may be the same, byte for byte. */
export interface SentSubmissions {
  /** Bodies. */
  readonly count: number;
  readonly templates: readonly SentTemplate[];
  /** The body that the run's submission `index` sends; -1: no storage can hold it (it is no submission). */
  bodyOf(index: number): number;
  /** All bodies in order from 0, in chunks; may be asked for again. */
  chunks(): Iterable<readonly SentBody[]> | AsyncIterable<readonly SentBody[]>;
  close(): void;
}

/** base58check of a block's BLAKE2b-256, as the backend names it (uptime-service-backend, src/delegation_backend/submit.go). */
export const blockHashOf = (block: Uint8Array): string =>
  encode('blockHash', blake2b(block, { dkLen: 32 }));

/**
 * What k6 was given to send. The files stay open until close().
 * @returns null for a feeder: it makes its own
 * @throws Error of node:fs
 */
export function sentOf({ seed, source }: Pick<K6Plan, 'seed' | 'source'>): SentSubmissions | null {
  switch (source.kind) {
    case 'corpus':
      return new SentCorpus(source);
    case 'payloads':
      return new SentPayloads({ seed }, source);
    case 'feeder':
      return null;
  }
}

/** Records that are read at a time: 1.1 MB. */
const CHUNK_RECORDS = 4096;

/** Record i of a corpus is submission i, and i + count, and so on. */
class SentCorpus implements SentSubmissions {
  readonly count: number;
  readonly templates: readonly SentTemplate[];
  readonly #bodies: number;
  readonly #envelopes: number;
  /** Of templates that are recorded bodies, sent as they are: what the body says. */
  readonly #recorded: (Omit<SentBody, 'template'> | undefined)[] = [];

  constructor(source: CorpusSource) {
    this.count = source.count;
    this.#bodies = openSync(source.bodiesPath, 'r');
    try {
      this.#envelopes = openSync(source.envelopesPath, 'r');
    } catch (error) {
      closeSync(this.#bodies);
      throw error;
    }
    try {
      // Any envelope makes a whole body of a template.
      const record = readExactly(this.#envelopes, 0, RECORD.bytes);
      const envelope = record.subarray(
        RECORD.envelopeOffset,
        RECORD.envelopeOffset + ENVELOPE.bytes,
      );
      this.templates = source.templates.map(({ offset, bytes, envelopeOffset }, i) => {
        const read = (): Submission => {
          const body = readExactly(this.#bodies, offset, bytes);
          if (envelopeOffset !== undefined) body.set(envelope, envelopeOffset);
          return parseSubmission(body);
        };
        const submission = read();
        if (envelopeOffset === undefined) this.#recorded[i] = factsOf(submission);
        const fresh = envelopeOffset !== undefined && source.recordedTimes !== true;
        return templateOf(read, submission, fresh);
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  bodyOf(index: number): number {
    return index % this.count;
  }

  *chunks(): Generator<readonly SentBody[]> {
    for (let first = 0; first < this.count; first += CHUNK_RECORDS) {
      const size = Math.min(CHUNK_RECORDS, this.count - first);
      const records = readExactly(this.#envelopes, first * RECORD.bytes, size * RECORD.bytes);
      const bodies: SentBody[] = [];
      for (let at = 0; at < records.length; at += RECORD.bytes) {
        const text = ({ offset, bytes }: { offset: number; bytes: number }) => {
          const start = at + RECORD.envelopeOffset + offset;
          return records.toString('latin1', start, start + bytes);
        };
        const template = records.readUInt32LE(at + RECORD.templateOffset);
        const recorded = this.#recorded[template];
        if (recorded !== undefined) {
          bodies.push({ ...recorded, template });
          continue;
        }
        bodies.push({
          template,
          createdAt: secondsOf(text(ENVELOPE.createdAt)),
          peerId: text(ENVELOPE.peerId),
          submitter: text(ENVELOPE.submitter),
        });
      }
      yield bodies;
    }
  }

  close(): void {
    closeSync(this.#envelopes);
    closeSync(this.#bodies);
  }
}

/** Recorded bodies, each a template of its own; one that is no submission for the backend is left out. */
class SentPayloads implements SentSubmissions {
  readonly templates: SentTemplate[] = [];
  readonly #plan: Pick<K6Plan, 'seed'>;
  readonly #source: PayloadSource;
  readonly #file: number;
  readonly #bodies: SentBody[] = [];
  /** Place in `bodies` by payload; -1: none. */
  readonly #places: Int32Array;

  constructor(plan: Pick<K6Plan, 'seed'>, source: PayloadSource) {
    this.#plan = plan;
    this.#source = source;
    this.#file = openSync(source.bodiesPath, 'r');
    this.#places = new Int32Array(source.payloads.length).fill(-1);
    try {
      source.payloads.forEach((place, which) => this.#take(place, which));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #take({ offset, bytes }: { offset: number; bytes: number }, which: number): void {
    const read = (): Submission => parseSubmission(readExactly(this.#file, offset, bytes));
    let submission: Submission;
    try {
      submission = read();
    } catch (error) {
      if (error instanceof SubmissionError) return;
      throw error;
    }
    this.#places[which] = this.#bodies.length;
    this.#bodies.push({ ...factsOf(submission), template: this.templates.length });
    this.templates.push(templateOf(read, submission, false));
  }

  get count(): number {
    return this.#bodies.length;
  }

  bodyOf(index: number): number {
    return this.#places[payloadOf(this.#plan, this.#source, index)];
  }

  *chunks(): Generator<readonly SentBody[]> {
    yield this.#bodies;
  }

  close(): void {
    closeSync(this.#file);
  }
}

const factsOf = ({ submitter, createdAt, peerId }: Submission): Omit<SentBody, 'template'> => ({
  submitter,
  createdAt: createdAt.seconds,
  peerId,
});

/** @param read gives the whole body anew; only a hash of its block is kept */
export function templateOf(
  read: () => Submission,
  submission: Submission,
  fresh: boolean,
): SentTemplate {
  const { body, snarkWork, graphqlControlPort, builtWithCommitSha, block } = submission;
  const bytes = tokenBytes(body, block);
  return {
    blockHash: blockHashOf(bytes),
    era: eraOf(bytes),
    snarkWork: snarkWork === null ? null : stringOf(body, snarkWork),
    graphqlControlPort: Number(graphqlControlPort),
    builtWithCommitSha,
    fresh,
    block() {
      const again = read();
      return tokenBytes(again.body, again.block);
    },
  };
}

function eraOf(block: Uint8Array): EraName | null {
  try {
    return parseBlock(block).era;
  } catch (error) {
    if (error instanceof BinProtError) return null;
    throw error;
  }
}

/** The text of a string's token, escapes resolved: what a storage gives back. */
const stringOf = (body: Uint8Array, { start, end }: Token): string =>
  JSON.parse(Buffer.from(body.subarray(start, end)).toString('utf8')) as string;

/** `2026-01-02T03:04:05Z` to seconds since 1970; rows of one second often stand together. */
export function secondsOf(text: string): number {
  if (text === lastText) return lastSeconds;
  lastSeconds = Date.parse(text) / 1000;
  lastText = text;
  return lastSeconds;
}
let lastText = '';
let lastSeconds = NaN;

function readExactly(file: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let done = 0; done < bytes;) {
    const read = readSync(file, buffer, done, bytes - done, offset + done);
    if (read === 0) throw new Error(`the file of what was sent ends before byte ${offset + bytes}`);
    done += read;
  }
  return buffer;
}
