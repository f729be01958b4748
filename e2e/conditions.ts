/**
 * Waiting on conditions over counts, each with a deadline. What the counts were is kept as they change, so that a time-out says which count did not
 * move since when. Pure but for the clock, which is an argument.
 */
import { EXIT, UserError } from '../user-error.ts';

/** Figures by name; null: could not be read at that moment. */
export type Counts = Record<string, number | null>;

export type Condition = {
  name: string;
  /** For people: `every stored submission is verified`. */
  words: string;
  /** Counts that it looks at. */
  of: readonly string[];
  holds(now: Counts, before: History): boolean;
  withinMs: number;
};

/** What was seen of the counts: an entry each time that one of them changed. */
export type History = { atMs: number; counts: Counts }[];

export type WaitClock = {
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws the reason of the signal */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
};

export type Wait = {
  conditions: readonly Condition[];
  /** @throws whatever keeps a count from being read for good */
  read(): Promise<Counts>;
  clock: WaitClock;
  signal: AbortSignal;
  everyMs?: number;
  onChange?: (counts: Counts) => void;
  onHeld?: (condition: Condition, counts: Counts) => void;
};

const EVERY_MS = 250;

export class TimedOut extends UserError {
  readonly condition: Condition;
  readonly history: History;
  constructor(condition: Condition, history: History, nowMs: number) {
    super(timeOutWords(condition, history, nowMs), {
      hint: 'the history of all counts is in events.ndjson, what the components said in logs/',
      exitCode: EXIT.broken,
    });
    this.condition = condition;
    this.history = history;
  }
}

/**
 * Until all conditions hold at once; their deadlines count from now.
 * @returns the counts with which they hold
 * @throws TimedOut for the first whose time is over; the reason of `signal`; what `read` throws
 */
export async function waitFor(wait: Wait): Promise<{ counts: Counts; history: History }> {
  const { conditions, clock, signal } = wait;
  const beganMs = clock.now();
  const history: History = [];
  const held = new Set<Condition>();
  for (;;) {
    signal.throwIfAborted();
    const counts = await wait.read();
    const nowMs = clock.now();
    if (history.length === 0 || changed(history.at(-1)!.counts, counts)) {
      history.push({ atMs: nowMs, counts });
      wait.onChange?.(counts);
    }
    const open = conditions.filter((condition) => !condition.holds(counts, history));
    for (const condition of conditions)
      if (open.includes(condition)) held.delete(condition);
      else if (!held.has(condition)) {
        held.add(condition);
        wait.onHeld?.(condition, counts);
      }
    if (open.length === 0) return { counts, history };
    const late = open.find(({ withinMs }) => nowMs - beganMs > withinMs);
    if (late !== undefined) throw new TimedOut(late, history, nowMs);
    await clock.sleep(wait.everyMs ?? EVERY_MS, signal);
  }
}

const changed = (before: Counts, now: Counts): boolean =>
  Object.keys({ ...before, ...now }).some((name) => before[name] !== now[name]);

/** When a count last changed, and what it was then; null: it was never read. */
export function lastMoved(
  history: History,
  name: string,
): { atMs: number; value: number; moved: boolean } | null {
  let last: ReturnType<typeof lastMoved> = null;
  for (const { atMs, counts } of history) {
    const value = counts[name] ?? null;
    if (value === null) continue;
    if (last === null || value !== last.value) last = { atMs, value, moved: last !== null };
  }
  return last;
}

/** `… did not come true within 90 s: verified stands at 120 since 12:00:03 (35 s), stored stands at 240 since …`. */
export function timeOutWords(condition: Condition, history: History, nowMs: number): string {
  const counts = condition.of.map((name) => {
    const last = lastMoved(history, name);
    if (last === null) return `${name} could not be read`;
    const since = `${new Date(last.atMs).toISOString().slice(11, 19)}Z`;
    const seconds = Math.round((nowMs - last.atMs) / 1000);
    return last.moved
      ? `${name} stands at ${last.value} since ${since} (${seconds} s)`
      : `${name} never moved from ${last.value} (${seconds} s)`;
  });
  return `"${condition.words}" did not come true within ${Math.round(condition.withinMs / 1000)} s: ${counts.join(', ')}`;
}

/** How often a count grew. */
export function timesGrown(history: History, name: string): number {
  let times = 0;
  let last: number | null = null;
  for (const { counts } of history) {
    const value = counts[name] ?? null;
    if (value === null) continue;
    if (last !== null && value > last) times++;
    last = value;
  }
  return times;
}

/** A count that is at least so much. */
export const reaches = (
  name: string,
  least: number,
  withinMs: number,
  words = `${name} reaches ${least}`,
): Condition => ({
  name: `${name} >= ${least}`,
  words,
  of: [name],
  holds: ({ [name]: value }) => value !== null && value !== undefined && value >= least,
  withinMs,
});

/** A count that grew so often, whatever it stands at. */
export const grows = (name: string, times: number, withinMs: number): Condition => ({
  name: `${name} grew ${times} times`,
  words: `${name} grows ${times} times`,
  of: [name],
  holds: (_, history) => timesGrown(history, name) >= times,
  withinMs,
});

/** Two counts that are equal, and not 0. */
export const equals = (
  name: string,
  other: string,
  withinMs: number,
  words: string,
): Condition => ({
  name: `${name} = ${other}`,
  words,
  of: [name, other],
  holds: ({ [name]: one, [other]: two }) => typeof one === 'number' && one > 0 && one === two,
  withinMs,
});
