/** A target of known capacity that is simulated, request by request: what a trial would have seen in flight. Pure. */
import { QueueMeter } from '../results/queue-meter.ts';
import type { QueueFigures, ScheduleFigures } from '../results/types.ts';
import { exponentialOf, normalOf } from '../judge/random.ts';

/** One queue before `servers` that work side by side, in Kendall's notation `arrivals`/`service`/`servers`. */
export type SimulatedTarget = {
  /** Requests per second that it can answer. */
  capacity: number;
  /** D: by the clock, as k6 begins them. M: at random (Poisson), as if a network before the target mixed them up. */
  arrivals: 'D' | 'M';
  /** How long a server works on one: D: always the same. M: exponentially distributed. */
  service: 'D' | 'M';
  servers: number;
  /** Its capacity is another in each trial: standard deviation of its logarithm. */
  blur?: number;
  /** Requests that it answers at once after a pause, beyond its capacity (a token bucket's allowance). */
  burst?: number;
  /** From so many milliseconds of load on the capacity is only this share. */
  throttle?: { afterMs: number; share: number };
};

/** What a load at a constant rate shows. */
export function playLoad(
  { capacity, arrivals, service, servers, blur = 0, burst = 0, throttle }: SimulatedTarget,
  { rate, durationMs }: { rate: number; durationMs: number },
  random: () => number,
): Pick<ScheduleFigures, 'planned'> & { queue: QueueFigures } {
  const exponential = exponentialOf(random);
  const today = capacity * Math.exp(blur * normalOf(random)());
  const workMs = (servers * 1000) / today;
  const free = new Float64Array(servers).fill(-(burst * 1000) / today);
  const meter = new QueueMeter(durationMs);
  const gapMs = 1000 / rate;
  let planned = 0;
  for (let at = arrivals === 'D' ? 0 : gapMs * exponential(); at < durationMs; planned++) {
    meter.begun(at);
    let first = 0;
    for (let i = 1; i < servers; i++) if (free[i] < free[first]) first = i;
    const slower = throttle !== undefined && at >= throttle.afterMs ? 1 / throttle.share : 1;
    const work = workMs * slower * (service === 'D' ? 1 : exponential());
    // A bucket fills up to its allowance and no further.
    free[first] = Math.max(free[first], at - (burst * 1000) / today) + work;
    meter.ended(Math.max(at, free[first]), true);
    at += gapMs * (arrivals === 'D' ? 1 : exponential());
  }
  return { planned, queue: meter.figures() };
}
