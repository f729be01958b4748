/** Which storage a run looks into, and how the look is asked for. */
import { pathToFileURL } from 'node:url';
import type { StorageReader } from '../stack/storage/storage.ts';
import { openStorageReader } from '../stack/storage/storage-url.ts';
import { REPLAY_STORED_GATES, STORED_GATES } from '../judge/gates.ts';
import { hasReplay } from './mix.ts';
import type { LoadJob, PreparedRun } from './prepare.ts';
import type { SendTimes } from '../reconcile/send-times.ts';
import type { Answers } from '../reconcile/outcomes.ts';
import { type LookOutcome, lookIntoStorage } from '../reconcile/look.ts';
import { sentOf, type SentSubmissions } from '../reconcile/sent.ts';

/** For writers that answer before they write. */
const DEFAULT_WAIT_MS = 30_000;
/** The embedded backend answers when it has written. */
const EMBEDDED_WAIT_MS = 2000;
/** After an interrupt somebody waits. */
const INTERRUPTED_WAIT_MS = 5000;

export type StorageChoice = {
  /** For people, until the reader tells its own name. */
  name: string;
  waitMs: number;
  open(): Promise<StorageReader>;
};

/** The default gates of a run whose storage is looked into. */
export function storedGates({
  storage,
  targets,
  request,
}: Pick<LoadJob, 'storage' | 'targets' | 'request'>): readonly string[] {
  if (storage === null && targets.length > 0) return [];
  return hasReplay(request) && !request.resign ? REPLAY_STORED_GATES : STORED_GATES;
}

/** @returns null: nobody said where the target stores */
export function storageOf(
  job: Pick<LoadJob, 'storage' | 'storageWaitMs'>,
  { storageFolder }: Pick<PreparedRun, 'storageFolder'>,
  env: NodeJS.ProcessEnv,
): StorageChoice | null {
  const { storage, storageWaitMs } = job;
  if (storage !== null)
    return {
      // Never with a password: storageUrlProblem refuses one.
      name: storage,
      waitMs: storageWaitMs ?? DEFAULT_WAIT_MS,
      open: () => openStorageReader(storage, env),
    };
  if (storageFolder === null) return null;
  return {
    name: `the embedded backend's storage ${storageFolder}`,
    waitMs: storageWaitMs ?? EMBEDDED_WAIT_MS,
    open: () => openStorageReader(pathToFileURL(storageFolder).href, env),
  };
}

/** Opens the storage once, before the load: nobody wants to hear after an hour that its URL is wrong. @throws UserError */
export async function checkStorage(url: string, env: NodeJS.ProcessEnv): Promise<void> {
  await (await openStorageReader(url, env)).close();
}

/** What the run sent; close it. @throws Error of node:fs */
export function sentByRun({ feed, k6Plan }: Pick<PreparedRun, 'feed' | 'k6Plan'>): SentSubmissions {
  const sent = feed === null ? sentOf(k6Plan) : feed.sent();
  if (sent === null) throw new Error('the run has a feeder and none to ask');
  return sent;
}

/** Looks into the storage when all was sent. Never throws: what fails stands in the outcome. */
export async function lookAfterRun(call: {
  choice: StorageChoice;
  prepared: PreparedRun;
  answers: Answers;
  times: SendTimes;
  beganMs: number;
  endedMs: number;
  interrupted: boolean;
  signal: AbortSignal;
  onStatus(text: string): void;
}): Promise<LookOutcome> {
  const { choice, prepared, interrupted } = call;
  const { writer, k6Plan, hostile } = prepared;
  let sent: SentSubmissions;
  try {
    sent = sentByRun(prepared);
  } catch (error) {
    const failure = `what was sent cannot be read again: ${(error as Error).message}`;
    return {
      look: { storage: choice.name, complete: false, failure, waitedMs: 0, readings: 0 },
      stored: null,
      notStored: null,
      notes: [failure],
    };
  }
  return lookIntoStorage({
    ...call,
    storage: choice.name,
    open: () => choice.open(),
    sent,
    lease: k6Plan.load.lease,
    others: new Set(hostile?.material.publicKeys ?? []),
    folder: writer.folder,
    waitMs: interrupted ? Math.min(choice.waitMs, INTERRUPTED_WAIT_MS) : choice.waitMs,
  });
}
