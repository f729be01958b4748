/**
 * Writes a recording (format.ts). Each write is done when the call returns: to the page cache that takes 20 µs for 24 KB (measured),
 * where handing it to another thread and waiting costs 0.1 ms and more on a busy machine. Nothing waits in memory, and a disk that is
 * slow slows down whoever sends. A write that fails ends the recording: what is whole stays, what was written in part is taken back.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, writevSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, UserError } from '../../user-error.ts';
import { writeWhole } from '../../whole-file.ts';
import {
  type RecordedAnswer,
  type RecordedRequest,
  RECORDING_FILES,
  RECORDING_FORMAT,
  type RecordingHead,
} from './format.ts';

/** Buffers of one write; Linux takes 1024 (IOV_MAX). */
const MOST_BUFFERS = 512;

/** Writes some of `buffers` at `position` and says how many bytes; Node's writevSync, or a disk that fails in a test. */
export type WriteV = (file: number, buffers: readonly Buffer[], position: number) => number;

type Output = {
  file: number;
  /** Where the next byte goes. */
  end: number;
  /** Bytes of requests that are in the recording: what stands behind belongs to none yet. */
  whole: number;
};

export type RecordingEnd = Pick<NonNullable<RecordingHead['end']>, 'answers' | 'lost'>;

export class RecordingWriter {
  readonly folder: string;
  /** Of the requests that are written. */
  readonly counts = { requests: 0, bodyBytes: 0 };
  /** Aborted by the first write that fails, with its error. */
  readonly failure: AbortSignal;
  readonly #failing = new AbortController();
  readonly #head: RecordingHead;
  readonly #bodies: Output;
  readonly #requests: Output;
  readonly #answers: Output;
  readonly #write: WriteV;

  private constructor(
    folder: string,
    head: RecordingHead,
    files: { bodies: number; requests: number; answers: number },
    write: WriteV,
  ) {
    this.folder = folder;
    this.failure = this.#failing.signal;
    this.#head = head;
    this.#write = write;
    const output = (file: number): Output => ({ file, end: 0, whole: 0 });
    this.#bodies = output(files.bodies);
    this.#requests = output(files.requests);
    this.#answers = output(files.answers);
  }

  /** @throws UserError (exit 2) for a folder that holds something already, or cannot be written */
  static async open(
    folder: string,
    { startedAt, forward }: Pick<RecordingHead, 'startedAt' | 'forward'>,
    write: WriteV = writevSync,
  ): Promise<RecordingWriter> {
    const head: RecordingHead = { format: RECORDING_FORMAT, kind: 'recording', startedAt, forward };
    try {
      await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
        throw new UserError(`${folder} is a file, not a folder`, {
          hint: 'a recording needs a folder of its own: give --out a new one',
          exitCode: EXIT.usage,
          cause: error,
        });
      });
      const [stranger] = await readdir(folder);
      if (stranger !== undefined)
        throw new UserError(`the folder ${folder} is not empty: it holds ${stranger}`, {
          hint: 'a recording needs a folder of its own: give --out a new one',
          exitCode: EXIT.usage,
        });
      // The first one claims the folder: of two recorders that begin at once only one gets it.
      const make = (name: string) => openSync(join(folder, name), 'wx');
      const bodies = make(RECORDING_FILES.bodies);
      const requests = make(RECORDING_FILES.requests);
      const answers = make(RECORDING_FILES.answers);
      await writeHead(folder, head);
      return new RecordingWriter(folder, head, { bodies, requests, answers }, write);
    } catch (cause) {
      if (cause instanceof UserError) throw cause;
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new UserError(`no recording can be written to ${folder} (${code ?? message})`, {
        hint:
          code === 'EEXIST'
            ? 'another recorder has just begun there: give --out another folder'
            : 'give --out a folder in a place where you may write, with room on its disk',
        exitCode: EXIT.usage,
        cause,
      });
    }
  }

  /** Writes bytes of a body. @returns where in bodies.bin they begin. @throws Error of the file system */
  addBytes(buffers: readonly Buffer[]): number {
    const at = this.#bodies.end;
    this.#append(this.#bodies, buffers);
    return at;
  }

  /** Writes a request whose bytes are written. @throws Error of the file system; then it is not in the recording */
  addRequest(request: RecordedRequest): void {
    this.#append(this.#requests, [Buffer.from(`${JSON.stringify(request)}\n`)]);
    this.#requests.whole = this.#requests.end;
    for (const [at, bytes] of request.body.pieces)
      this.#bodies.whole = Math.max(this.#bodies.whole, at + bytes);
    this.counts.requests++;
    this.counts.bodyBytes += request.body.bytes;
  }

  /** @throws Error of the file system */
  addAnswer(answer: RecordedAnswer): void {
    this.#append(this.#answers, [Buffer.from(`${JSON.stringify(answer)}\n`)]);
    this.#answers.whole = this.#answers.end;
    for (const [at, bytes] of answer.body?.pieces ?? [])
      this.#bodies.whole = Math.max(this.#bodies.whole, at + bytes);
  }

  /** Cuts off what belongs to no request, and writes the end. */
  async close({ answers, lost }: RecordingEnd): Promise<void> {
    for (const { file, whole } of [this.#bodies, this.#requests, this.#answers]) {
      attempt(() => ftruncateSync(file, whole));
      attempt(() => fsyncSync(file));
      closeSync(file);
    }
    const end = { at: new Date().toISOString(), ...this.counts, answers, lost };
    // On a full disk there may be no room for it: then the recording counts as cut off, which it is.
    await writeHead(this.folder, { ...this.#head, end }).catch(() => undefined);
  }

  #append(output: Output, buffers: readonly Buffer[]): void {
    if (this.failure.aborted) throw this.failure.reason as Error;
    try {
      for (let first = 0; first < buffers.length; first += MOST_BUFFERS) {
        let left = buffers.slice(first, first + MOST_BUFFERS);
        while (left.length > 0) {
          const written = this.#write(output.file, left, output.end);
          if (written === 0) throw new Error('the disk takes nothing more');
          output.end += written;
          left = rest(left, written);
        }
      }
    } catch (error) {
      this.#failing.abort(error);
      throw error;
    }
  }
}

/** What is left of `buffers` behind their first `bytes`. */
function rest(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let over = bytes;
  let at = 0;
  while (at < buffers.length && buffers[at].length <= over) over -= buffers[at++].length;
  return at === buffers.length ? [] : [buffers[at].subarray(over), ...buffers.slice(at + 1)];
}

const writeHead = (folder: string, head: RecordingHead): Promise<void> =>
  writeWhole(join(folder, RECORDING_FILES.head), `${JSON.stringify(head, null, 2)}\n`);

/** What a broken disk refuses is not worth another word: its first refusal was reported. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // See above.
  }
}
