/**
 * Writes a recording (format.ts). What is added is written in groups: while one group goes to the disk the next one gathers, so
 * thousands of requests a second cost a few writes each millisecond. A write that fails ends the recording: what is whole stays, what
 * was written in part is taken back.
 */
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { EXIT, UserError } from '../../user-error.ts';
import {
  type RecordedAnswer,
  type RecordedRequest,
  RECORDING_FILES,
  RECORDING_FORMAT,
  type RecordingHead,
} from './format.ts';

/** More than this waits for the disk: whoever reads from a socket should stop. */
const FULL_BYTES = 32 * 1024 * 1024;
/** Buffers of one write; Linux takes 1024 (IOV_MAX). */
const MOST_BUFFERS = 512;

type Output = {
  file: FileHandle;
  /** Where the next byte goes. */
  end: number;
  /** What is whole up to here. */
  whole: number;
};

type Group = {
  bodies: Buffer[];
  requests: string[];
  answers: string[];
  bytes: number;
  done: Promise<void>;
  finish(error?: Error): void;
};

/** Writes some of `buffers` at `position` and says how many bytes; Node's writev, or a disk that fails in a test. */
export type WriteV = (file: FileHandle, buffers: Buffer[], position: number) => Promise<number>;

const writev: WriteV = async (file, buffers, position) =>
  (await file.writev(buffers, position)).bytesWritten;

export type RecordingEnd = Pick<NonNullable<RecordingHead['end']>, 'answers' | 'lost'>;

export class RecordingWriter {
  readonly folder: string;
  /** Of the requests that are written. */
  readonly counts = { requests: 0, bodyBytes: 0 };
  /** Aborted by the first write that fails, with its error. */
  readonly failure: AbortSignal;
  readonly #head: RecordingHead;
  readonly #outputs: Record<'bodies' | 'requests' | 'answers', Output>;
  readonly #write: WriteV;
  readonly #failing = new AbortController();
  #bodiesEnd = 0;
  #group = newGroup();
  /** Of groups that are not written yet. */
  #waitingBytes = 0;
  #running: Promise<void> | null = null;
  #roomAsked: (() => void)[] = [];

  private constructor(
    folder: string,
    head: RecordingHead,
    files: Record<'bodies' | 'requests' | 'answers', FileHandle>,
    write: WriteV,
  ) {
    this.folder = folder;
    this.failure = this.#failing.signal;
    this.#head = head;
    this.#write = write;
    const output = (file: FileHandle): Output => ({ file, end: 0, whole: 0 });
    this.#outputs = {
      bodies: output(files.bodies),
      requests: output(files.requests),
      answers: output(files.answers),
    };
  }

  /** @throws UserError (exit 2) for a folder that holds something already, or cannot be written */
  static async open(
    folder: string,
    { startedAt, forward }: Pick<RecordingHead, 'startedAt' | 'forward'>,
    write: WriteV = writev,
  ): Promise<RecordingWriter> {
    const head: RecordingHead = { format: RECORDING_FORMAT, kind: 'recording', startedAt, forward };
    try {
      await mkdir(folder, { recursive: true });
      const [stranger] = await readdir(folder);
      if (stranger !== undefined)
        throw new UserError(`the folder ${folder} is not empty: it holds ${stranger}`, {
          hint: 'a recording needs a folder of its own: give --out a new one',
          exitCode: EXIT.usage,
        });
      const make = (name: string) => open(join(folder, name), 'wx');
      // The first one claims the folder: of two recorders that begin at once only one gets it.
      const bodies = await make(RECORDING_FILES.bodies);
      const requests = await make(RECORDING_FILES.requests);
      const answers = await make(RECORDING_FILES.answers);
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

  /** Takes bytes of a body, which must not change any more. @returns where in bodies.bin they begin */
  addBytes(bytes: Buffer): number {
    const at = this.#bodiesEnd;
    this.#bodiesEnd += bytes.length;
    this.#group.bodies.push(bytes);
    this.#grow(bytes.length);
    return at;
  }

  /** Resolves when it is written, and its bytes before it. @throws Error of the file system; then it is not in the recording */
  async addRequest(request: RecordedRequest): Promise<void> {
    const line = `${JSON.stringify(request)}\n`;
    const group = this.#group;
    group.requests.push(line);
    this.#grow(line.length);
    await group.done;
    this.counts.requests++;
    this.counts.bodyBytes += request.body.bytes;
  }

  addAnswer(answer: RecordedAnswer): void {
    const line = `${JSON.stringify(answer)}\n`;
    this.#group.answers.push(line);
    this.#grow(line.length);
  }

  /** Whether more waits for the disk than should. */
  get isFull(): boolean {
    return this.#waitingBytes > FULL_BYTES;
  }

  /** Calls `action` once there is room again, or nothing is written any more. */
  whenRoom(action: () => void): void {
    if (this.isFull && !this.failure.aborted) this.#roomAsked.push(action);
    else action();
  }

  /** Writes what waits, and the end. A recording that failed is cut back to what is whole; its head says so all the same. */
  async close({ answers, lost }: RecordingEnd): Promise<void> {
    while (this.#running !== null) await this.#running;
    for (const { file, whole } of Object.values(this.#outputs)) {
      await file.truncate(whole).catch(ignore);
      await file.sync().catch(ignore);
      await file.close();
    }
    const end = { at: new Date().toISOString(), ...this.counts, answers, lost };
    // On a full disk there may be no room for it: then the recording counts as cut off, which it is.
    await writeHead(this.folder, { ...this.#head, end }).catch(ignore);
  }

  #grow(bytes: number): void {
    this.#group.bytes += bytes;
    this.#waitingBytes += bytes;
    if (this.failure.aborted) {
      const group = this.#group;
      this.#group = newGroup();
      this.#waitingBytes -= group.bytes;
      group.finish(this.failure.reason as Error);
    } else this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // What is added in this turn of the event loop goes together.
    await Promise.resolve();
    while (this.#group.bytes > 0) {
      const group = this.#group;
      this.#group = newGroup();
      try {
        if (this.failure.aborted) throw this.failure.reason;
        const { bodies, requests, answers } = this.#outputs;
        await this.#append(bodies, group.bodies);
        await this.#append(requests, textOf(group.requests));
        await this.#append(answers, textOf(group.answers));
        for (const output of [bodies, requests, answers]) output.whole = output.end;
        group.finish();
      } catch (error) {
        this.#failing.abort(error);
        group.finish(error as Error);
      }
      this.#waitingBytes -= group.bytes;
      if (!this.isFull || this.failure.aborted) {
        const asked = this.#roomAsked;
        this.#roomAsked = [];
        for (const action of asked) action();
      }
    }
    this.#running = null;
  }

  async #append(output: Output, buffers: Buffer[]): Promise<void> {
    for (let first = 0; first < buffers.length; first += MOST_BUFFERS) {
      let left = buffers.slice(first, first + MOST_BUFFERS);
      while (left.length > 0) {
        const written = await this.#write(output.file, left, output.end);
        if (written === 0) throw new Error('the disk takes nothing more');
        output.end += written;
        left = rest(left, written);
      }
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

const textOf = (lines: readonly string[]): Buffer[] =>
  lines.length === 0 ? [] : [Buffer.from(lines.join(''))];

function newGroup(): Group {
  let finish: Group['finish'] = () => undefined;
  const done = new Promise<void>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve() : reject(error));
  });
  // Nobody may wait for it: bytes without a line, or answers.
  done.catch(ignore);
  return { bodies: [], requests: [], answers: [], bytes: 0, done, finish };
}

const writeHead = (folder: string, head: RecordingHead): Promise<void> =>
  writeFileAtomic(join(folder, RECORDING_FILES.head), `${JSON.stringify(head, null, 2)}\n`);

const ignore = (): void => undefined;
