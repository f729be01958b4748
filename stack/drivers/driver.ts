/**
 * A component of the program, however it is started: in this toolkit (embedded.ts), as any binary or checkout (command.ts), or as a
 * container (container.ts). One face for all: `start` resolves when the component is ready, its log is a file, `stop` leaves nothing behind.
 *
 * A component does not depend on the process that started it: it goes on when that one ends, and another process takes it over by its
 * handle (attach.ts). Who wants it to end with itself sees to that (../watchman.ts).
 */
import { statSync } from 'node:fs';
import { lastLinesOf } from '../../system/follow-file.ts';
import type { ProcessIdentity } from '../../system/process-identity.ts';
import { UserError } from '../../user-error.ts';
import { type ReadyQuestion, readyOf } from './ready.ts';

export type ComponentEnd = { exitCode: number | null; signal: string | null };

/** What another process needs to take a component over; plain data. */
export type Handle =
  | ({ kind: 'process' } & ProcessIdentity)
  | {
      kind: 'container';
      id: string;
      /** Writes the container's log to its file. */
      logs: ProcessIdentity | null;
    };

export type Component = {
  /** As the user knows it: `backend`, `coordinator` … */
  readonly name: string;
  /** Where it is reached; null: it listens nowhere. */
  readonly url: string | null;
  readonly handle: Handle;
  /** Its end, whoever wanted it. Never rejects; who has only taken it over does not learn how it ended. */
  readonly ended: Promise<ComponentEnd>;
  /** Asks it to end, ends it by force after `withinMs`, and waits. Again: nothing. */
  stop(withinMs?: number): Promise<void>;
  /** Ends it by force at once, as a crash would. */
  kill(): Promise<void>;
  /** Leaves it running and watches it no longer: nothing of it keeps this process from ending. */
  release(): Promise<void>;
};

/** Whose it is: found again in the environment of each process and on each container, also where nobody could write down that it was started. */
export type Marks = { stack: string; component: string };

export const marksOf = ({ stack, component }: Marks): Record<string, string> => ({
  DELEGATION_TOOLKIT_STACK: stack,
  DELEGATION_TOOLKIT_COMPONENT: component,
});

export type StartOptions = {
  /** What it writes, is added here; its folder must be there. */
  logFile: string;
  marks: Marks;
  /** Ends a start that is under way: what was begun is ended first. */
  signal?: AbortSignal | undefined;
  /** Called as soon as there is something to be ended, before it is ready. */
  onBegun?: (handle: Handle) => void;
};

export const STOP_MS = 15_000;
const ASK_EVERY_MS = 100;
/** One question; a component that takes a connection and says nothing is not ready. */
const ASK_MS = 2000;
const LAST_LINES = 8;

/** Where a file ends now; 0 where it is not there. */
export function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

/** The last lines of its log since it was started, for the error that a failed start ends with. */
export const lastWords = (logFile: string, from: number): string =>
  lastLinesOf(logFile, LAST_LINES, from)
    .filter((line) => line.trim() !== '')
    .join(' | ');

/**
 * Waits until a started component is ready.
 * @param from byte of the log at which it was started
 * @throws UserError if it ends first or is not ready in time; the reason of `signal`. What was started is the caller's to end
 */
export async function untilReady(
  name: string,
  question: ReadyQuestion,
  ended: Promise<ComponentEnd>,
  { logFile, from }: { logFile: string; from: number },
  signal?: AbortSignal,
): Promise<void> {
  const ready = readyOf(question, { logFile, from });
  const over = new AbortController();
  let end: ComponentEnd | null = null;
  void ended.then((how) => {
    end = how;
    over.abort();
  });
  const failure = (what: string): UserError => {
    const words = lastWords(logFile, from);
    return new UserError(`${name} ${what}${words === '' ? '' : `: ${words}`}`, {
      hint: words === '' ? 'it left no word' : 'these are the last lines of its log',
    });
  };
  const limitMs = performance.now() + ready.withinMs;
  for (;;) {
    signal?.throwIfAborted();
    // TypeScript does not see that it is set elsewhere.
    const how = end as ComponentEnd | null;
    if (how !== null)
      throw failure(`ended with ${how.signal ?? `exit code ${how.exitCode}`} before it was ready`);
    if (performance.now() > limitMs)
      throw failure(`was not ready within ${ready.withinMs} ms (${ready.what})`);
    const asked = AbortSignal.any([over.signal, signal ?? [], AbortSignal.timeout(ASK_MS)].flat());
    if (await ready.ask(asked).catch(() => false)) return;
    await pauseOf(ASK_EVERY_MS, over.signal, signal);
  }
}

/** Shorter when one of the signals comes. */
function pauseOf(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals)
      if (signal?.aborted) done();
      else signal?.addEventListener('abort', done);
  });
}
