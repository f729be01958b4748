/** The clock of an agent's machine against ours, by questions and their round trips. */
import { READ_LIMIT_MS, withLimit, type MonitorClock } from './source.ts';

/** Round trips of one estimate: that of the shortest one errs by half of it at most. */
const CLOCK_QUESTIONS = 5;
/** A smaller offset is not worth a note. */
const NOTED_OFFSET_MS = 100;

/** @returns the agent's clock now, milliseconds since 1970 */
export type AskClock = (signal: AbortSignal) => Promise<number>;

/**
 * How far the agent's clock is ahead, in milliseconds: t - (sent + received) / 2 of the shortest round trip
 * (Cristian, "Probabilistic clock synchronization", 1989); the error is at most half of `roundTripMs`.
 */
export async function clockOffset(
  ask: AskClock,
  { epochMs, monotonicMs, after }: MonitorClock,
): Promise<{ offsetMs: number; roundTripMs: number }> {
  let best = { offsetMs: 0, roundTripMs: Infinity };
  for (let i = 0; i < CLOCK_QUESTIONS; i++) {
    const sentMs = monotonicMs();
    const sentEpochMs = epochMs();
    const t = await withLimit(READ_LIMIT_MS, ask, after);
    const roundTripMs = monotonicMs() - sentMs;
    if (roundTripMs < best.roundTripMs)
      best = { offsetMs: t - (sentEpochMs + roundTripMs / 2), roundTripMs };
  }
  return best;
}

/**
 * Measures one agent's offset again and again, over all connections to it.
 * @returns what measures, and notes an offset that differs from the one noted last
 */
export function watchedOffset(
  clock: MonitorClock,
  note: (text: string) => void,
): (ask: AskClock) => Promise<number> {
  let notedMs = 0;
  return async (ask) => {
    const { offsetMs, roundTripMs } = await clockOffset(ask, clock);
    if (Math.abs(offsetMs - notedMs) > NOTED_OFFSET_MS + roundTripMs) {
      notedMs = offsetMs;
      const way = offsetMs > 0 ? 'ahead' : 'behind';
      note(
        `its clock is ${Math.round(Math.abs(offsetMs))} ms ${way} (within ${Math.ceil(roundTripMs / 2)} ms); its times are moved by that`,
      );
    }
    return offsetMs;
  };
}
