/**
 * Sources of readings beside the process table: containers, agents, Prometheus, PostgreSQL. Each keeps its
 * own time, so that one that hangs holds up nothing else. Whatever fails becomes a note among the readings.
 */
import type { ResourceLine, ResourceNote } from '../results/types.ts';
import { HttpError } from '../system/http.ts';
import { UserError } from '../user-error.ts';

export type MonitorClock = {
  /** Milliseconds since 1970, for the readings' `t`. */
  epochMs: () => number;
  monotonicMs: () => number;
  /** Calls `action` once after `ms`. @returns what cancels it */
  after: (ms: number, action: () => void) => () => void;
};

export const systemClock: MonitorClock = {
  epochMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

export type SourceContext = {
  intervalMs: number;
  clock: MonitorClock;
  emit: (line: ResourceLine) => void;
};

export type MonitorSource = {
  /** Stands in its notes. */
  name: string;
  /** Begins to read. @returns what ends it; it may be called once, and ends within `limitMs` of the source */
  start(context: SourceContext): { stop: () => Promise<void> };
};

/** Below this, a last interval is too short for a figure that means something. */
export const SHORTEST_LAST_INTERVAL_MS = 250;

/** How long one reading over a socket may take. */
export const READ_LIMIT_MS = 5000;

/** A message that stands alone: the innermost cause of a failed request says more than "fetch failed". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Those say it all in their own words.
  if (error instanceof UserError || error instanceof HttpError) return error.message;
  const inner: unknown =
    error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined);
  if (inner instanceof Error) return reasonOf(inner);
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}

/**
 * @returns what `action` gives, if it does so in time; its signal is aborted at the limit or when `outer` is
 * @throws Error that names the limit
 */
export async function withLimit<T>(
  limitMs: number,
  action: (signal: AbortSignal) => Promise<T>,
  after: MonitorClock['after'] = systemClock.after,
  outer?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  let cancel: () => void = () => undefined;
  const limit = new Promise<never>((_, reject) => {
    const give = (error: Error) => {
      controller.abort(error);
      reject(error);
    };
    cancel = after(limitMs, () => give(new Error(`no answer within ${limitMs / 1000} s`)));
    outer?.addEventListener('abort', () => give(new Error('stopped')), {
      once: true,
      signal: controller.signal,
    });
    if (outer?.aborted) give(new Error('stopped'));
  });
  const work = action(controller.signal);
  // Of the two, only the first is waited for.
  work.catch(() => undefined);
  limit.catch(() => undefined);
  try {
    return await Promise.race([work, limit]);
  } finally {
    cancel();
    // Takes the listener off `outer`; the work is done or no longer waited for.
    controller.abort();
  }
}

/** What a polled source is asked for at each tick. */
export type Poll = {
  /** Milliseconds since 1970, of the tick. */
  t: number;
  /** Now, on a clock that never goes back: what differences are taken over. */
  monotonicMs: () => number;
  signal: AbortSignal;
  note: (text: string) => void;
};

export type PolledOptions = {
  name: string;
  /** @throws when it cannot be read: one note per trouble, and the readings are absent meanwhile */
  read: (poll: Poll) => Promise<readonly Exclude<ResourceLine, ResourceNote>[]>;
  /** Gives back what it holds; may take as long as a reading. */
  close?: () => Promise<void>;
  limitMs?: number;
};

/** A source that is read at each interval. A reading that takes longer than the limit is given up. */
export function polledSource({
  name,
  read,
  close,
  limitMs = READ_LIMIT_MS,
}: PolledOptions): MonitorSource {
  return {
    name,
    start({ intervalMs, clock, emit }) {
      const startedMs = clock.monotonicMs();
      const stopping = new AbortController();
      let cancelTimer: () => void = () => undefined;
      let tick = 0;
      let lastTickMs = -Infinity;
      let trouble: string | undefined;
      let work: Promise<void> = Promise.resolve();
      const note = (text: string, t = clock.epochMs()) => emit({ t, kind: 'note', name, text });

      async function readOnce(limit: number, outer?: AbortSignal): Promise<void> {
        const t = clock.epochMs();
        lastTickMs = clock.monotonicMs();
        let late = false;
        try {
          const lines = await withLimit(
            limit,
            async (signal) =>
              read({
                t,
                monotonicMs: clock.monotonicMs,
                signal,
                note: (text) => {
                  if (!late) note(text);
                },
              }),
            clock.after,
            outer,
          );
          if (trouble !== undefined) note('can be read again');
          trouble = undefined;
          for (const line of lines) emit(line);
        } catch (error) {
          late = true;
          if (outer?.aborted) return;
          const text = `could not be read: ${reasonOf(error)}`;
          if (text === trouble) return;
          trouble = text;
          note(text, t);
        }
      }

      function schedule(): void {
        if (stopping.signal.aborted) return;
        const elapsedMs = clock.monotonicMs() - startedMs;
        tick = Math.max(tick, Math.floor(elapsedMs / intervalMs)) + 1;
        const waitMs = Math.max(0, tick * intervalMs - elapsedMs);
        cancelTimer = clock.after(Math.ceil(waitMs), () => {
          work = readOnce(limitMs, stopping.signal).finally(schedule);
        });
      }
      work = readOnce(limitMs, stopping.signal).finally(schedule);

      return {
        async stop() {
          cancelTimer();
          stopping.abort();
          await work;
          const sinceMs = clock.monotonicMs() - lastTickMs;
          // What answers is asked once more, briefly: the end of a run is waited for.
          if (
            trouble === undefined &&
            sinceMs >= Math.min(intervalMs / 2, SHORTEST_LAST_INTERVAL_MS)
          )
            await readOnce(Math.min(limitMs, 1000));
          if (close) await withLimit(1000, () => close(), clock.after).catch(() => undefined);
        },
      };
    },
  };
}

/** A rate per second, or nothing when the counter went back or there was none before. */
export function ratePerSecond(
  before: number | undefined,
  now: number | undefined,
  intervalMs: number,
): number | undefined {
  if (before === undefined || now === undefined || now < before || intervalMs <= 0)
    return undefined;
  return ((now - before) * 1000) / intervalMs;
}

/** Without the fields that could not be had: a figure is absent, never null or undefined in the file. */
export function present<T extends object>(figures: T): T {
  return Object.fromEntries(
    Object.entries(figures).filter(([, value]) => value !== undefined),
  ) as T;
}

export const rounded = (value: number | undefined, digits: number): number | undefined =>
  value === undefined ? undefined : Number(value.toFixed(digits));
