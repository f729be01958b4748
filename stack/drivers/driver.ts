/**
 * A component of the program, however it is started: in this toolkit (embedded.ts), as any binary or checkout (command.ts), or as a
 * container (container.ts). One face for all: `start` resolves when the component is ready, `logs` are its lines, `stop` leaves nothing behind.
 */
import { UserError } from '../../user-error.ts';

export type ComponentEnd = { exitCode: number | null; signal: string | null };

export type Component = {
  /** As the user knows it: `backend`, `coordinator` … */
  readonly name: string;
  /** Where it is reached; null: it listens nowhere. */
  readonly url: string | null;
  /** Its end, whoever wanted it. Never rejects. */
  readonly ended: Promise<ComponentEnd>;
  /** Asks it to end, ends it by force after `withinMs`, and waits. Again: nothing. */
  stop(withinMs?: number): Promise<void>;
};

export type StartOptions = {
  /** Each line of its log, without the line break, also while it starts. */
  onLine: (line: string) => void;
  /** Ends a start that is under way: what was begun is ended first. */
  signal?: AbortSignal | undefined;
};

export type Driver = {
  readonly name: string;
  /** Resolves when it is ready. @throws UserError (exit 5) with the last lines of its log; the reason of `signal` */
  start(options: StartOptions): Promise<Component>;
};

/** Whether it serves; asked again and again while it starts. It may throw: not yet. */
export type Ready = {
  /** In words, for what did not become ready: `http://127.0.0.1:8080/health`. */
  what: string;
  ask: (signal: AbortSignal) => Promise<boolean>;
  withinMs: number;
};

export const STOP_MS = 15_000;
const ASK_EVERY_MS = 100;
/** One question; a component that takes a connection and says nothing is not ready. */
const ASK_MS = 2000;
const LAST_LINES = 8;

/** Passes lines on and keeps the last ones, for the error that a failed start ends with. */
export function keepingLines(onLine: (line: string) => void): {
  onLine: (line: string) => void;
  last: () => string;
} {
  const kept: string[] = [];
  return {
    onLine(line) {
      kept.push(line);
      if (kept.length > LAST_LINES) kept.shift();
      onLine(line);
    },
    last: () => kept.join(' | '),
  };
}

/**
 * Waits until a started component is ready.
 * @throws UserError if it ends first or is not ready in time; the reason of `signal`. What was started is the caller's to end
 */
export async function untilReady(
  name: string,
  ready: Ready,
  ended: Promise<ComponentEnd>,
  last: () => string,
  signal?: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  let end: ComponentEnd | null = null;
  void ended.then((how) => {
    end = how;
    over.abort();
  });
  const failure = (what: string): UserError =>
    new UserError(`${name} ${what}${last() === '' ? '' : `: ${last()}`}`, {
      hint: last() === '' ? 'it left no word' : 'these are the last lines of its log',
    });
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
