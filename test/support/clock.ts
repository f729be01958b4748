/** A clock that stands still until the test moves it. */

export type FakeClock = {
  /** Milliseconds; to be given where a `now` is asked for. */
  now: () => number;
  advance(ms: number): void;
};

export function fakeClock(startMs = 0): FakeClock {
  let nowMs = startMs;
  return { now: () => nowMs, advance: (ms) => void (nowMs += ms) };
}
