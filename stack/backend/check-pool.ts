/**
 * Signatures checked in worker threads (check-worker.ts). Only 129 bytes of a submission go there, gathered during one turn of the event
 * loop: its body stays where it is, so a client that sends slowly never has a thread.
 *
 * A key goes to the same thread as long as that one is not behind: what a thread keeps of a key is then kept once.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { distFile } from '../../paths.ts';
import { type CheckResult, type CheckWorkerData, QUESTION } from './check-worker.ts';
import type { SignatureQuestion, SignatureRule } from './signature-check.ts';

/** @param why null if the signature fits; an Error where no thread could say */
type Done = (why: string | null | Error) => void;

export type CheckPool = {
  readonly threads: number;
  /** Asked and not answered. What is asked is bounded by whoever asks: body-room.ts. */
  readonly waiting: number;
  /** Answers in any order, never within the call. */
  check(question: SignatureQuestion, done: Done): void;
  /** What is not answered by then never is. */
  close(): Promise<void>;
};

/** The thread as far as it is used here. */
export type CheckThread = Pick<Worker, 'on' | 'postMessage' | 'terminate'>;

export type CheckPoolOptions = {
  rule: SignatureRule;
  /** Default: one for each core that this process may use. */
  threads?: number;
  /** Of all threads together; defaults of mina/signer.ts. */
  seenKeys?: number;
  tables?: number;
  /** For tests. */
  start?: (data: CheckWorkerData) => CheckThread;
};

type Asked = { question: SignatureQuestion; done: Done; tries: number };
/** `sent`: batches under way, in order. */
type Lane = { thread: CheckThread | null; gathered: Asked[]; sent: Asked[][]; waiting: number };

/** A thread may have so many more than the idlest before its keys go elsewhere: some milliseconds of work. */
const MOST_BEHIND = 32;
/** A question that ended two threads is not asked of a third. */
const TRIES = 2;
const SEEN_KEYS = 8192;
const TABLES = 1024;

/** A quarter more than an even share: keys do not spread evenly, and a table that is always taken away again is worth nothing. */
const shareOf = (count: number, threads: number): number =>
  threads === 1 ? count : Math.ceil((1.25 * count) / threads);

const startThread = (workerData: CheckWorkerData): CheckThread =>
  new Worker(distFile('backend-check-worker.js'), { workerData });

export function createCheckPool({
  rule,
  threads = availableParallelism(),
  seenKeys = SEEN_KEYS,
  tables = TABLES,
  start = startThread,
}: CheckPoolOptions): CheckPool {
  const data: CheckWorkerData = {
    rule,
    signer: { seenKeys: shareOf(seenKeys, threads), tables: shareOf(tables, threads) },
  };
  const lanes = Array.from({ length: threads }, (): Lane => ({
    thread: null,
    gathered: [],
    sent: [],
    waiting: 0,
  }));
  let waiting = 0;
  let isGathering = false;
  let isClosed = false;

  function laneOf({ publicKey }: SignatureQuestion): Lane {
    // The x of a point: as good as random, whoever made the key.
    const own = lanes[(publicKey[0] | (publicKey[1] << 8)) % lanes.length];
    let idlest = own;
    for (const lane of lanes) if (lane.waiting < idlest.waiting) idlest = lane;
    return own.waiting - idlest.waiting > MOST_BEHIND ? idlest : own;
  }

  function ask(asked: Asked): void {
    const lane = laneOf(asked.question);
    lane.gathered.push(asked);
    lane.waiting++;
    if (isGathering) return;
    isGathering = true;
    setImmediate(handOver);
  }

  function handOver(): void {
    isGathering = false;
    if (isClosed) return;
    for (const lane of lanes) {
      const batch = lane.gathered;
      if (batch.length === 0) continue;
      lane.gathered = [];
      lane.thread ??= startFor(lane);
      lane.sent.push(batch);
      const questions = new Uint8Array(batch.length * QUESTION.bytes);
      batch.forEach(({ question }, place) => {
        const at = place * QUESTION.bytes;
        questions.set(question.publicKey, at);
        questions.set(question.signature, at + QUESTION.signature);
        questions.set(question.message, at + QUESTION.message);
      });
      lane.thread.postMessage(questions, [questions.buffer]);
    }
  }

  function startFor(lane: Lane): CheckThread {
    const thread = start(data);
    thread.on('message', ({ faults }: CheckResult) => {
      if (lane.thread !== thread || isClosed) return;
      const batch = lane.sent.shift()!;
      const whys = new Map(faults);
      batch.forEach((asked, place) => settle(lane, asked, whys.get(place) ?? null));
    });
    thread.on('error', (error) => lost(lane, thread, error));
    thread.on('exit', (code) => lost(lane, thread, new Error(`it ended with ${code}`)));
    return thread;
  }

  function settle(lane: Lane, { done }: Asked, why: string | null | Error): void {
    lane.waiting--;
    waiting--;
    done(why);
  }

  /** The thread has died: what it held is asked anew, of the next one. */
  function lost(lane: Lane, thread: CheckThread, cause: Error): void {
    if (lane.thread !== thread || isClosed) return;
    lane.thread = null;
    const held = lane.sent.flat();
    lane.sent = [];
    for (const asked of held)
      if (++asked.tries < TRIES) {
        lane.waiting--;
        ask(asked);
      } else
        settle(
          lane,
          asked,
          new Error(`the thread that checks signatures failed: ${cause.message}`, { cause }),
        );
  }

  return {
    threads,
    get waiting() {
      return waiting;
    },
    check(question, done) {
      waiting++;
      ask({ question, done, tries: 0 });
    },
    async close() {
      isClosed = true;
      await Promise.all(
        lanes.flatMap(({ thread }) => (thread === null ? [] : [thread.terminate()])),
      );
    },
  };
}
