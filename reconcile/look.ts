/** The look into the target's storage after a load: reads, compares, waits for late writers within a bound, and writes the list. */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LookReason, ReconcileLine, StorageLook } from '../results/types.ts';
import { FILES } from '../results/writer.ts';
import { formatDuration, formatNumber } from '../results/units.ts';
import type { StorageReader } from '../stack/storage/storage.ts';
import { UserError } from '../user-error.ts';
import { findFarClock } from './far-clock.ts';
import { type Answers, outcomesOf } from './outcomes.ts';
import { REPLAY_CLOCK_MS } from './earlier-replay.ts';
import { type Reconciled, Reconciler } from './reconcile.ts';
import type { SentRun } from './sent-run.ts';
import type { SendTimes } from './send-times.ts';
import type { SentSubmissions } from './sent.ts';
import { SentIndex } from './sent-index.ts';

/** The target's clock may differ from ours by as much: what it stored within this time around the run is read. */
export const CLOCK_ALLOWANCE_S = 300;
/** Between two readings; doubled each time. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const EXAMPLES = 5;
/** A clock that is further off is worth a note. */
const CLOCK_NOTE_MS = 2000;

export type LookRequest = {
  /** For people, where it cannot be opened. */
  storage: string;
  open(): Promise<StorageReader>;
  sent: SentSubmissions;
  answers: Answers;
  times: SendTimes;
  /** Submissions per lease, as in the plan. */
  lease: number;
  /** Submitters of the hostile sender beside the load. */
  others: ReadonlySet<string>;
  /** See {@link SentRun}. */
  pairsAreMeant?: boolean;
  /** When the load began and k6 had ended, ms since 1970. */
  beganMs: number;
  endedMs: number;
  /** The run's folder, for the list. */
  folder: string;
  /** How long to wait for late writers, from now on. */
  waitMs: number;
  /** Ends reading and waiting; the last whole reading counts. */
  signal: AbortSignal;
  onStatus?(text: string): void;
  clock?: Clock;
};

/** What waiting needs. */
export type Clock = {
  /** Monotonic. */
  nowMs(): number;
  /** Resolves early, too, when `signal` is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** ms since 1970. Absent: Date.now. */
  wallMs?(): number;
};

const REAL_CLOCK: Clock = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
};

const wallMsOf = (clock: Clock = REAL_CLOCK): number => clock.wallMs?.() ?? Date.now();

export type LookOutcome = {
  look: StorageLook;
  /** As in results/types.ts Reconcile. */
  stored: number | null;
  notStored: number | null;
  /** What this run's entries take; null or absent: not known. */
  size?: { bytes: number; submissions: number } | null;
  notes: string[];
};

/** Never throws: what fails stands in the outcome. */
export async function lookIntoStorage(request: LookRequest): Promise<LookOutcome> {
  const { signal, sent, waitMs, clock = REAL_CLOCK } = request;
  // A reader may listen to it for each of many requests at once.
  setMaxListeners(0, signal);
  const startedMs = clock.nowMs();
  const waitedMs = () => Math.round(clock.nowMs() - startedMs);
  const notes: string[] = [];
  let storage = request.storage;
  let reader: StorageReader | null = null;
  let readings = 0;
  let best: { result: Reconciled; examples: ReconcileLine[] } | null = null;
  let failure: string | null = null;
  let hint = '';
  const reasons: LookReason[] = [];
  const list = new LineList(join(request.folder, FILES.reconcileList));
  try {
    const run = await sentRunOf(request);
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        reader ??= await request.open();
        storage = reader.name;
        best = await readOnce({ ...request, reader, run, list, aheadMs: 0 });
        readings++;
        failure = null;
      } catch (error) {
        if (signal.aborted) break;
        // A storage that fails now may answer in a moment.
        failure = messageOf(error);
        hint = hintOf(error);
      }
      if (failure === null && best!.result.mayStillCome === 0) break;
      const leftMs = waitMs - waitedMs();
      if (leftMs <= 0 || signal.aborted) break;
      request.onStatus?.(
        failure === null
          ? `${formatNumber(best!.result.mayStillCome)} accepted submissions are not in the storage yet; looking again`
          : `the storage cannot be read (${failure}); trying again`,
      );
      await clock.sleep(Math.min(pauseMs, leftMs), signal);
      if (signal.aborted) break;
    }
    if (best !== null && failure === null && !signal.aborted && hasFoundNothing(best.result)) {
      request.onStatus?.('nothing of this run is in the storage; looking at other times');
      const isFresh = sent.templates.some(({ fresh }) => fresh);
      const range = isFresh ? await findFarClock(reader!, run, wallMsOf(clock), signal) : null;
      if (range !== null) {
        const aheadMs = Math.round((range[0] + range[1]) / 2);
        reasons.push({ kind: 'clock', aheadMs, allowedMs: CLOCK_ALLOWANCE_S * 1000 });
        best = await readOnce({ ...request, reader: reader!, run, list, aheadMs });
        readings++;
      } else reasons.push(reasonOfNothing(best.result, isFresh));
    }
  } catch (error) {
    if (!signal.aborted) failure = messageOf(error);
  } finally {
    await reader?.close().catch(() => undefined);
    sent.close();
    list.drop();
    if (list.failure !== null)
      notes.push(`${FILES.reconcileList} could not be written (${list.failure})`);
  }
  if (signal.aborted) notes.push(interruptedNote(best !== null));
  if (failure !== null) notes.push(failureNote(storage, failure, hint, best !== null));
  const look: StorageLook = {
    storage,
    complete: best !== null && failure === null && !signal.aborted,
    ...(failure !== null && { failure }),
    waitedMs: waitedMs(),
    readings,
  };
  if (best === null) return { look, stored: null, notStored: null, notes };
  const { classes, eras, verified, clockAheadMs, blocksCompared, foreignNotListed } = best.result;
  if (best.result.ownPairs > 0) look.ownPairs = best.result.ownPairs;
  Object.assign(look, { clockAheadMs, blocksCompared, classes, examples: best.examples });
  if (foreignNotListed > 0) look.foreignNotListed = foreignNotListed;
  if (eras.length > 0) look.eras = eras;
  if (verified !== null) Object.assign(look, verified);
  if (reasons.length > 0) look.reasons = reasons;
  const { right, different, missing, sameSecond, refusedStored, unknownStored } = classes;
  const isFresh = sent.templates.some(({ fresh }) => fresh);
  notes.push(...notesOf(best.result, storage, reasons, isFresh));
  return {
    look,
    stored: right + different + refusedStored + unknownStored,
    notStored: missing + sameSecond,
    size: best.result.stored,
    notes,
  };
}

/** Whether not one submission of the run is in the storage though some were accepted. */
const hasFoundNothing = ({ classes }: Reconciled): boolean =>
  classes.missing > 0 &&
  classes.right +
    classes.different +
    classes.sameSecond +
    classes.refusedStored +
    classes.unknownStored ===
    0;

const reasonOfNothing = ({ elsewhere }: Reconciled, isFresh: boolean): LookReason => {
  const allowedMs = isFresh ? CLOCK_ALLOWANCE_S * 1000 : REPLAY_CLOCK_MS;
  return elsewhere === null
    ? { kind: 'nothing found', allowedMs }
    : { kind: 'other time', ...elsewhere, allowedMs };
};

/** The run's side, made once for all readings. */
export async function sentRunOf(
  request: Omit<LookRequest, 'open' | 'storage' | 'folder' | 'waitMs'>,
): Promise<SentRun> {
  const { sent, answers, times, lease, others, pairsAreMeant, beganMs, endedMs, signal } = request;
  return {
    sent,
    index: await SentIndex.of(sent, signal),
    outcomes: outcomesOf(answers, lease),
    timesOf: (index) => times.of(index),
    retriesOf: (index) => answers.retriesOf(index),
    beganMs,
    endedMs,
    others,
    pairsAreMeant,
  };
}

async function readOnce(
  call: LookRequest & { reader: StorageReader; run: SentRun; list: LineList; aheadMs: number },
): Promise<{ result: Reconciled; examples: ReconcileLine[] }> {
  const { reader, run, list, signal, aheadMs } = call;
  const from = Math.floor((run.beganMs + aheadMs) / 1000) - CLOCK_ALLOWANCE_S;
  const to = Math.ceil((wallMsOf(call.clock) + aheadMs) / 1000) + CLOCK_ALLOWANCE_S;
  const examples = new Map<ReconcileLine['class'], ReconcileLine[]>();
  list.begin();
  const reconciler = new Reconciler(run, from, (line) => {
    list.add(line);
    const some = examples.get(line.class);
    if (some === undefined) examples.set(line.class, [line]);
    else if (some.length < EXAMPLES) some.push(line);
  });
  let entries = 0;
  for await (const batch of reader.submissions({ from, to }, signal)) {
    reconciler.add(batch);
    entries += batch.length;
    call.onStatus?.(`reading the storage: ${formatNumber(entries)} entries`);
    signal.throwIfAborted();
  }
  const result = await reconciler.finish(reader.block?.bind(reader));
  signal.throwIfAborted();
  list.commit();
  return { result, examples: [...examples.values()].flat() };
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');

const interruptedNote = (isJudged: boolean): string =>
  isJudged
    ? 'the wait for late writers was interrupted: what the last whole reading of the storage showed counts'
    : 'the look into the storage was interrupted before it came to an end, so nothing is known of what is stored';

const hintOf = (error: unknown): string => (error instanceof UserError ? error.hint : '');

const failureNote = (storage: string, failure: string, hint: string, isJudged: boolean): string =>
  `${storage} could not be read${isJudged ? ' again' : ', so nothing is known of what is stored'}: ${failure}${
    hint === '' ? '' : ` (${hint})`
  }`;

/** What a reader of the results must not miss, one sentence each. */
function notesOf(
  { classes, clockAheadMs, ownPairs }: Reconciled,
  storage: string,
  reasons: readonly LookReason[],
  isFresh: boolean,
): string[] {
  const { right, different, missing, sameSecond, refusedStored, unreadable, doubles } = classes;
  const accepted = right + different + missing + sameSecond;
  const notes: string[] = [];
  const lost = missing + sameSecond;
  if (lost > 0)
    notes.push(
      `${formatNumber(lost)} of ${formatNumber(accepted)} accepted submissions ${lost === 1 ? 'is' : 'are'} not in the storage${
        sameSecond > 0
          ? ` (${missing === 0 ? '' : `${formatNumber(missing)} without any reason to be seen, `}${formatNumber(sameSecond)} because another one of the submitter is stored at that second)`
          : ''
      }`,
    );
  if (ownPairs > 0)
    notes.push(
      `${formatNumber(ownPairs)} of those of the same second ${ownPairs === 1 ? 'is' : 'are'} no loss of the target: this run itself sent another one of the submitter less than a second before or after, and no storage of the program keeps both${isFresh ? '; more producers keep them apart' : ''}`,
    );
  for (const reason of reasons) notes.push(reasonText(reason, storage));
  const others: [count: number, one: string, many: string][] = [
    [
      different,
      'accepted submission is stored otherwise than it was sent',
      'accepted submissions are stored otherwise than they were sent',
    ],
    [
      refusedStored,
      'submission is stored though it was refused',
      'submissions are stored though they were refused',
    ],
    [
      doubles,
      'entry of the storage is one too many of its submission',
      'entries of the storage are too many of their submissions',
    ],
    [unreadable, 'entry of the storage cannot be read', 'entries of the storage cannot be read'],
  ];
  for (const [count, one, many] of others)
    if (count > 0) notes.push(`${formatNumber(count)} ${count === 1 ? one : many}`);
  if (clockAheadMs !== null && Math.abs(clockAheadMs) >= CLOCK_NOTE_MS)
    notes.push(
      `the target's clock is ${(Math.abs(clockAheadMs) / 1000).toFixed(1)} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine's`,
    );
  return notes;
}

const awayText = (aheadMs: number): string =>
  `${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'}`;

function reasonText(reason: LookReason, storage: string): string {
  switch (reason.kind) {
    case 'clock':
      return `within ${formatDuration(reason.allowedMs)} of this machine's clock nothing of this run was stored: the target's clock is ${awayText(reason.aheadMs)} it, so the storage was looked into around that time`;
    case 'other time':
      return `of these recorded bodies ${storage} has ${formatNumber(reason.entries)} ${reason.entries === 1 ? 'entry' : 'entries'}, at a time that is ${awayText(reason.aheadMs)} that of the run: an earlier replay left them, or the target's clock is off by more than ${formatDuration(reason.allowedMs)}`;
    case 'nothing found':
      return `not one accepted submission is in ${storage}: is it the storage of this target, and is the target's clock within ${formatDuration(reason.allowedMs)} of this machine's?`;
  }
}

/** A file of lines that appears when it is whole: that of the last whole reading stays. */
class LineList {
  /** Why nothing more is written. */
  failure: string | null = null;
  readonly #path: string;
  readonly #part: string;
  #file: number | null = null;
  #text: string[] = [];
  #length = 0;

  constructor(path: string) {
    this.#path = path;
    this.#part = `${path}.part`;
  }

  #attempt(action: () => void): void {
    if (this.failure !== null) return;
    try {
      action();
    } catch (error) {
      this.failure = messageOf(error);
      this.#end();
      rmSync(this.#part, { force: true });
    }
  }

  /** What was begun before and not committed is dropped. */
  begin(): void {
    this.#end();
    this.#attempt(() => (this.#file = openSync(this.#part, 'w')));
  }

  add(line: ReconcileLine): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#text.push(text);
    this.#length += text.length;
    if (this.#length > 1 << 20) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#text.join(''));
    this.#text = [];
    this.#length = 0;
    this.#attempt(() => {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file!, bytes, at);
    });
  }

  commit(): void {
    this.#flush();
    this.#attempt(() => {
      closeSync(this.#file!);
      this.#file = null;
      renameSync(this.#part, this.#path);
    });
  }

  #end(): void {
    this.#text = [];
    this.#length = 0;
    if (this.#file === null) return;
    closeSync(this.#file);
    this.#file = null;
  }

  /** Removes what was begun and not committed. */
  drop(): void {
    const isOpen = this.#file !== null;
    this.#end();
    if (isOpen) rmSync(this.#part, { force: true });
  }
}
