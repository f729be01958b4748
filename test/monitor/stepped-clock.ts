/** A clock for sources: it stands still until it is moved; all timers that are passed fire in their order. */
import type { MonitorClock } from '../../monitor/source.ts';

export const EPOCH = 1_700_000_000_000;

export class SteppedClock implements MonitorClock {
  now = 0;
  readonly #timers = new Set<{ at: number; action: () => void }>();
  epochMs = () => EPOCH + this.now;
  monotonicMs = () => this.now;
  after = (ms: number, action: () => void) => {
    const timer = { at: this.now + ms, action };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };
  /** Goes on by `ms`; between two timers, whatever waits for them runs. */
  async step(ms: number): Promise<void> {
    const end = this.now + ms;
    for (let i = 0; i < 10_000; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.now = Math.max(this.now, next.at);
      next.action();
    }
    this.now = end;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
