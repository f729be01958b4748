/** Time as an argument: tests have their own. */
import { setTimeout } from 'node:timers/promises';

export type Clock = {
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws the signal's reason when it is aborted */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
};

/** setTimeout cannot wait longer; it would not wait at all. */
const LONGEST_MS = 2 ** 31 - 1;

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    for (let rest = ms; rest > 0; rest -= LONGEST_MS)
      await setTimeout(Math.min(rest, LONGEST_MS), undefined, { signal });
  },
};
