/** The clock of the tests: it stands still until the test moves it. */
import type { MonitorClock } from '../../monitor/source.ts';

/** Where it stands at 0, in milliseconds since 1970. */
export const EPOCH = 1_700_000_000_000;

type Timer = { at: number; action: () => void };

export class FakeClock implements MonitorClock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  /** Milliseconds; to be given where a `now` is asked for. */
  now = (): number => this.#nowMs;
  monotonicMs = this.now;
  epochMs = (): number => EPOCH + this.#nowMs;
  after = (ms: number, action: () => void) => {
    const timer = { at: this.#nowMs + ms, action };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** The timer that is next; undefined: none is set. */
  get timer(): Timer | undefined {
    return [...this.#timers].sort((a, b) => a.at - b.at)[0];
  }

  /** Goes on by `ms`, and no timer fires. */
  advance(ms: number): void {
    this.#nowMs += ms;
  }

  /** Goes on by `ms`; each timer fires at its time, and between two whatever waits for them runs. */
  async step(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (let i = 0; i < 10_000; i++) {
      await settle();
      const next = this.timer;
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.at);
      next.action();
    }
    this.#nowMs = end;
    await settle();
  }

  /** Is at `ms` at once, as after a stall of the machine: what was due until then fires late. */
  async jumpTo(ms: number): Promise<void> {
    this.#nowMs = ms;
    for (const timer of [...this.#timers].filter(({ at }) => at <= ms)) {
      this.#timers.delete(timer);
      timer.action();
    }
    await settle();
  }
}

/** What waits for a promise or an immediate runs. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));
