/** What a feeder handed out, in the form that reconciliation wants: the plan again, with the times of the log. */
import { closeSync, openSync, readSync } from 'node:fs';
import { encode } from '../../mina/base58check.ts';
import { ENVELOPE, ENVELOPE_JOINTS } from '../../mina/envelope.ts';
import { parseSubmission, type Submission } from '../../mina/submission.ts';
import type { PlannedChunk } from '../../producers/corpus-plan.ts';
import type { Producer } from '../../producers/fleet.ts';
import type { FeederSource } from '../../scenarios/lib/plan.ts';
import {
  type SentBody,
  type SentSubmissions,
  type SentTemplate,
  templateOf,
} from '../../reconcile/sent.ts';
import type { HandOutLog } from './hand-out-log.ts';

const CHUNK = 4096;
const SIGNATURE_BYTES = 64;

/** Body i is submission i; one that was not handed out has created_at 0, so no storage holds it. */
export class SentFeed implements SentSubmissions {
  readonly count: number;
  readonly templates: readonly SentTemplate[];
  readonly #bodies: number;
  readonly #log: HandOutLog;
  readonly #producers: readonly Producer[];
  readonly #plan: (chunkSize: number) => Iterable<PlannedChunk>;

  /** @param plan anew at each call, from its beginning. @throws Error of node:fs */
  constructor(
    source: FeederSource,
    log: HandOutLog,
    producers: readonly Producer[],
    plan: (chunkSize: number) => Iterable<PlannedChunk>,
  ) {
    this.count = log.length;
    this.#log = log;
    this.#producers = producers;
    this.#plan = plan;
    this.#bodies = openSync(source.bodiesPath, 'r');
    try {
      // Any envelope makes a whole body of a template.
      const texts = [
        '1970-01-01T00:00:00Z',
        producers[0].peerId,
        encode('signature', new Uint8Array(SIGNATURE_BYTES).fill(1)),
        producers[0].publicKey,
      ];
      const envelope = Buffer.from(
        texts.map((text, i) => text + (ENVELOPE_JOINTS[i] ?? '')).join(''),
        'latin1',
      );
      this.templates = source.templates.map(({ offset, bytes }) => {
        const read = (): Submission => {
          const body = Buffer.alloc(bytes);
          for (let at = 0; at < bytes;) {
            const got = readSync(this.#bodies, body, at, bytes - at, offset + at);
            if (got === 0) throw new Error(`${source.bodiesPath} ends at ${offset + at}`);
            at += got;
          }
          body.set(envelope, bytes - ENVELOPE.bytes - 2);
          return parseSubmission(body);
        };
        return templateOf(read, read(), true);
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  bodyOf(index: number): number {
    return index < this.count ? index : -1;
  }

  *chunks(): Generator<readonly SentBody[]> {
    for (const { first, templates, producers } of this.#plan(CHUNK)) {
      if (first >= this.count) return;
      const bodies: SentBody[] = [];
      for (let k = 0; k < templates.length && first + k < this.count; k++) {
        const { publicKey, peerId } = this.#producers[producers[k]];
        bodies.push({
          submitter: publicKey,
          createdAt: this.#log.createdAt(first + k) ?? 0,
          peerId,
          template: templates[k],
        });
      }
      yield bodies;
    }
  }

  close(): void {
    closeSync(this.#bodies);
  }
}
