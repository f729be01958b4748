/**
 * The hourly limit: at most `limit` submissions of one submitter within any 60 minutes. Refused ones do not count.
 * Source: uptime-service-backend, src/delegation_backend/time_heap.go.
 */

const HOUR_MS = 60 * 60 * 1000;

export type HourlyLimiter = {
  /** @returns null if the limit is used up; else the attempt is counted, and this is its time, for {@link takeBack} */
  record(submitter: string): number | null;
  /** An attempt that came to nothing counts no more. */
  takeBack(submitter: string, time: number): void;
  /** Submitters that are remembered. */
  readonly size: number;
};

/** Times of one submitter, oldest first from `first` on. */
type Attempts = { times: number[]; first: number };

/**
 * @param nowMs a clock that never goes back
 * Memory: one number per attempt of the last hour; a submitter that was silent for an hour is forgotten.
 */
export function createHourlyLimiter(limit: number, nowMs: () => number): HourlyLimiter {
  /** Ordered by the latest counted attempt, oldest first. */
  const attempts = new Map<string, Attempts>();

  function forgetSilent(now: number): void {
    for (const [submitter, { times }] of attempts) {
      if (times[times.length - 1] > now - HOUR_MS) return;
      attempts.delete(submitter);
    }
  }

  return {
    get size() {
      return attempts.size;
    },
    record(submitter) {
      const now = nowMs();
      forgetSilent(now);
      const known = attempts.get(submitter) ?? { times: [], first: 0 };
      while (known.first < known.times.length && known.times[known.first] <= now - HOUR_MS)
        known.first++;
      if (known.times.length - known.first >= limit) return null;
      if (known.first > 64 && known.first * 2 > known.times.length) {
        known.times = known.times.slice(known.first);
        known.first = 0;
      }
      known.times.push(now);
      attempts.delete(submitter);
      attempts.set(submitter, known);
      return now;
    },
    takeBack(submitter, time) {
      const known = attempts.get(submitter);
      const at = known?.times.lastIndexOf(time) ?? -1;
      // Those before `first` are an hour old and count no more anyway.
      if (known === undefined || at < known.first) return;
      known.times.splice(at, 1);
      if (known.times.length === 0) attempts.delete(submitter);
    },
  };
}
