/**
 * Looks into the storage while the load runs: each reads only what came since the last one, and a little before it for late writers.
 * Counting only; what is wrong with a submission is found after the load (look.ts). A failure becomes a note and ends nothing.
 */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { LineFile } from '../results/line-file.ts';
import type { ReconcileLiveLine } from '../results/types.ts';
import { FILES } from '../results/writer.ts';
import type { StorageReader } from '../stack/storage/storage.ts';
import type { AnswerTable } from './answer-table.ts';
import { CLOCK_ALLOWANCE_S } from './look.ts';
import type { SendTimes } from './send-times.ts';
import { secondsOf, type SentSubmissions } from './sent.ts';
import { SentIndex } from './sent-index.ts';

/** Before the last look: what was written late is still seen. */
const OVERLAP_S = 15;
/** What is not there so long after its answer is missing, or written very late. */
export const MISSING_AFTER_MS = 10_000;
/** Entries of the overlap that are remembered before old ones are looked for. */
const MOST_RECENT = 50_000;
/** Submissions that are counted between two turns of the event loop. */
const AT_ONCE = 50_000;

export type LiveLookRequest = {
  everyMs: number;
  open: () => Promise<StorageReader>;
  /** Opened when the first look begins. */
  sent: () => SentSubmissions;
  answers: Pick<AnswerTable, 'length' | 'answerOf'>;
  times: Pick<SendTimes, 'endOf'>;
  beganMs: number;
  /** The run's folder. */
  folder: string;
  onNote: (text: string) => void;
};

export class LiveLook {
  readonly #request: LiveLookRequest;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #wake: () => void = () => undefined;
  #last: ReconcileLiveLine | null = null;
  #file: LineFile | null = null;
  #failures = 0;

  // What looks leave for the next one.
  #reader: StorageReader | null = null;
  #sent: SentSubmissions | null = null;
  #index: SentIndex | null = null;
  /** Right entries seen, by group. */
  #seen: Uint32Array = new Uint32Array();
  #stored = 0;
  /** Entries of the overlap, by where they lie. */
  #recent: ReadonlyMap<string, number> = new Map();
  #fromSecond: number;

  constructor(request: LiveLookRequest) {
    this.#request = request;
    setMaxListeners(0, this.#stop.signal);
    this.#fromSecond = Math.floor(request.beganMs / 1000) - CLOCK_ALLOWANCE_S;
    this.#done = this.#run();
  }

  /** The last look; null before there is one. */
  get last(): ReconcileLiveLine | null {
    return this.#last;
  }

  /** Cuts a look that is under way. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    this.#wake();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { everyMs, onNote } = this.#request;
    const { signal } = this.#stop;
    for (;;) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
        if (signal.aborted) wake();
        else this.#timer = setTimeout(wake, everyMs);
      });
      if (signal.aborted) break;
      try {
        await this.look();
      } catch (error) {
        if (signal.aborted) break;
        const why = (error as Error).message.replace(/\s+/g, ' ');
        if (this.#failures++ === 0)
          onNote(`a look into the storage during the load failed (${why})`);
        await this.#closeReader();
      }
    }
    if (this.#failures > 1)
      onNote(`${this.#failures} looks into the storage during the load failed`);
    await this.#closeReader();
    this.#sent?.close();
    this.#file?.close();
  }

  async #closeReader(): Promise<void> {
    await this.#reader?.close().catch(() => undefined);
    this.#reader = null;
  }

  /** One look, at once. @throws what the storage throws; the reason of stop() */
  async look(): Promise<void> {
    const { open, sent, folder } = this.#request;
    const { signal } = this.#stop;
    const startedMs = performance.now();
    const cpu = process.cpuUsage();
    const t = Date.now();
    this.#sent ??= sent();
    this.#index ??= await SentIndex.of(this.#sent, signal);
    if (this.#seen.length === 0) this.#seen = new Uint32Array(this.#index.groups);
    this.#reader ??= await open();
    const recent = new Map<string, number>();
    let newest = 0;
    const forgetOld = () => {
      for (const [where, second] of recent) if (second < newest - OVERLAP_S) recent.delete(where);
    };
    const range = { from: this.#fromSecond, to: Math.ceil(t / 1000) + CLOCK_ALLOWANCE_S };
    for await (const batch of this.#reader.submissions(range, signal, {
      rawBlocks: false,
    })) {
      signal.throwIfAborted();
      for (const row of batch) {
        if ('fault' in row) continue;
        const second = secondsOf(row.submittedAt);
        const place = this.#index.find({
          submitter: this.#index.submitters.find(row.submitter),
          createdAt: secondsOf(row.createdAt),
          block: this.#index.blocks.find(row.blockHash),
          peer: this.#index.peers.find(row.peerId),
        });
        if (place === -1) continue;
        // By the target's clock, and by entries of ours: another's may be of any second.
        newest = Math.max(newest, second);
        if (second >= newest - OVERLAP_S) recent.set(row.where, second);
        if (this.#recent.has(row.where)) continue;
        this.#seen[this.#index.groupAt(place)]++;
        this.#stored++;
      }
      if (recent.size > MOST_RECENT) forgetOld();
    }
    forgetOld();
    this.#recent = recent;
    if (newest > 0) this.#fromSecond = Math.max(this.#fromSecond, newest - OVERLAP_S);
    const { accepted, notStored } = await this.#count(t);
    const { user, system } = process.cpuUsage(cpu);
    this.#last = {
      t,
      accepted,
      stored: this.#stored,
      notStored,
      olderThanMs: MISSING_AFTER_MS,
      tookMs: Math.round(performance.now() - startedMs),
      cpuMs: Math.round((user + system) / 1000),
    };
    this.#file ??= new LineFile(join(folder, FILES.reconcileLive));
    this.#file.append(JSON.stringify(this.#last));
  }

  /** Accepted until now, and of those answered long enough before `t` how many are not there. */
  async #count(t: number): Promise<{ accepted: number; notStored: number }> {
    const { answers, times } = this.#request;
    const index = this.#index!;
    const sent = this.#sent!;
    const due = new Uint32Array(index.groups);
    let accepted = 0;
    const { length } = answers;
    for (let i = 0; i < length; i++) {
      if (i % AT_ONCE === AT_ONCE - 1) {
        await new Promise((turn) => setImmediate(turn));
        this.#stop.signal.throwIfAborted();
      }
      if (answers.answerOf(i)?.accepted !== true) continue;
      accepted++;
      const body = sent.bodyOf(i);
      if (body !== -1 && (times.endOf(i) ?? Infinity) < t - MISSING_AFTER_MS)
        due[index.groupOf[body]]++;
    }
    let notStored = 0;
    for (let group = 0; group < due.length; group++)
      notStored += Math.max(0, due[group] - this.#seen[group]);
    return { accepted, notStored };
  }
}
