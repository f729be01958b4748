/** Signed submissions for other tools: whole request bodies, one a file or one a line. */
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type BodyTemplate, ENVELOPE, ENVELOPE_END, RECORD } from '../mina/envelope.ts';
import { EXIT, UserError } from '../user-error.ts';
import { writeBodies } from './bodies.ts';
import { checkJob, type CorpusJob, signJob } from './corpus.ts';
import { fillNewFolder } from '../system/new-folder.ts';

/** `json`: files `000000.json`, `000001.json` …; `ndjson`: one file, {@link NDJSON_FILE}. */
export const EXPORT_FORMATS = ['json', 'ndjson'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

const NDJSON_FILE = 'submissions.ndjson';
const NAME_DIGITS = 6;
/** What an earlier export left, and `force` may replace. */
const OURS = /^(\d{6,}\.json|submissions\.ndjson)$/;
/** Bodies are read again from disk rather than hold more than this. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;
/** So often a signal or a worker's result gets its turn. */
const TURN_MS = 50;

export type ExportOptions = CorpusJob & {
  folder: string;
  format: ExportFormat;
  /** Replaces the submissions in `folder`; other files in it are refused all the same. */
  force?: boolean;
};

/**
 * Writes the bodies exactly as a load would post them, in the order of the plan.
 * `folder` appears when it is complete; a run that fails or is aborted leaves nothing new.
 * @returns bytes written
 * @throws UserError if `folder` holds other files, cannot be written or its disk has too little room; the
 * reason of `signal`
 */
export async function exportSubmissions({
  folder,
  format,
  force = false,
  ...job
}: ExportOptions): Promise<{ bytes: number }> {
  checkJob(job);
  const fill = async (part: string) => {
    const bodiesFile = join(part, '.bodies.bin');
    const { templates, signing } = await writeBodies(bodiesFile, job.templates, job.signal);
    await checkRoom(part, meanBytes(job, templates) * job.count);
    const bodies = new BodyReader(bodiesFile, templates);
    const writer = format === 'json' ? fileEach(part, job.count) : lineEach(part);
    let bytes = 0;
    let signed = 0;
    let turnAt = performance.now() + TURN_MS;
    try {
      for await (const records of signJob(job, bodiesFile, signing)) {
        const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
        for (let at = 0; at < records.length; at += RECORD.bytes, signed++) {
          const head = bodies.headOf(view.getUint32(at + RECORD.templateOffset, true));
          const start = at + RECORD.envelopeOffset;
          const envelope = records.subarray(start, start + ENVELOPE.bytes);
          writer.write(signed, [head, envelope, END]);
          bytes += head.length + envelope.length + END.length;
          if (performance.now() < turnAt) continue;
          job.onProgress?.({ signed: signed + 1, count: job.count });
          await setImmediate();
          job.signal?.throwIfAborted();
          turnAt = performance.now() + TURN_MS;
        }
      }
    } finally {
      writer.close();
      bodies.close();
    }
    await rm(bodiesFile);
    job.onProgress?.({ signed, count: job.count });
    return { bytes };
  };
  return fillNewFolder(folder, fill, {
    replaceable: force ? OURS : undefined,
    hint: 'give another folder; --force replaces submissions only, no other files',
  });
}

const END = Buffer.from(ENVELOPE_END);
const NEWLINE = Buffer.from('\n');

type SubmissionWriter = {
  write(index: number, parts: readonly Uint8Array[]): void;
  close(): void;
};

function fileEach(folder: string, count: number): SubmissionWriter {
  const digits = Math.max(NAME_DIGITS, String(count - 1).length);
  return {
    write(index, parts) {
      const file = openSync(join(folder, `${String(index).padStart(digits, '0')}.json`), 'wx');
      try {
        for (const part of parts) writeFileSync(file, part);
      } finally {
        closeSync(file);
      }
    },
    close: () => undefined,
  };
}

function lineEach(folder: string): SubmissionWriter {
  const file = openSync(join(folder, NDJSON_FILE), 'wx');
  return {
    write(_, parts) {
      for (const part of parts) writeFileSync(file, part);
      writeFileSync(file, NEWLINE);
    },
    close: () => closeSync(file),
  };
}

/** The bodies of `bodies.bin` up to their envelopes. */
class BodyReader {
  readonly #file: number;
  readonly #templates: readonly BodyTemplate[];
  readonly #held = new Map<number, Buffer>();
  #heldBytes = 0;

  constructor(path: string, templates: readonly BodyTemplate[]) {
    this.#file = openSync(path, 'r');
    this.#templates = templates;
  }

  headOf(template: number): Buffer {
    const held = this.#held.get(template);
    if (held) return held;
    const { offset } = this.#templates[template];
    // Every body of an export is signed, so each has an envelope.
    const envelopeOffset = this.#templates[template].envelopeOffset!;
    for (const [oldest, bytes] of this.#held) {
      if (this.#heldBytes + envelopeOffset <= MAX_HELD_BYTES) break;
      this.#held.delete(oldest);
      this.#heldBytes -= bytes.length;
    }
    const head = Buffer.allocUnsafe(envelopeOffset);
    for (let at = 0; at < head.length;) {
      const got = readSync(this.#file, head, at, head.length - at, offset + at);
      if (got === 0) throw new Error(`bodies.bin ends at byte ${offset + at}`);
      at += got;
    }
    this.#held.set(template, head);
    this.#heldBytes += head.length;
    return head;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Mean size of a body, weighted as templates are chosen; in a chain, of all but makers' bodies, which are few and small. */
function meanBytes(job: CorpusJob, written: readonly BodyTemplate[]): number {
  const meanOf = (wanted: (hasSnarkWork: boolean) => boolean): number => {
    let weights = 0;
    let sum = 0;
    job.templates.forEach(({ weight, hasSnarkWork, tip }, i) => {
      if (!wanted(hasSnarkWork) || tip?.by === 'maker') return;
      const share = tip === undefined ? weight : tip.toSlot - tip.fromSlot;
      weights += share;
      sum += share * written[i].bytes;
    });
    return weights === 0 ? 0 : sum / weights;
  };
  const share = job.snarkWorkShare;
  if (share === undefined) return meanOf(() => true);
  return share * meanOf((has) => has) + (1 - share) * meanOf((has) => !has);
}

async function checkRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes <= free) return;
  const mb = (value: number) => Math.ceil(value / 1e6).toLocaleString('en-US');
  throw new UserError(
    `the submissions need ${mb(bytes)} MB, but the disk has ${mb(free)} MB left`,
    {
      hint: 'lower --count, or give an --out on another disk',
      exitCode: EXIT.broken,
    },
  );
}
