/** Mean and peak of each watched process, summed as the readings come. Pure. */
import type { LoadTime } from './rates.ts';
import type { ProcessFigures, ProcessReading, ResourceLine } from './types.ts';

type ProcessSums = ProcessFigures & { cpuMs: number; intervalMs: number };

/** A reading without an interval covers so much. */
const USUAL_INTERVAL_MS = 1000;

/** The milliseconds of a reading that lie within `time`. */
function insideMs({ t, intervalMs = USUAL_INTERVAL_MS }: ProcessReading, time: LoadTime): number {
  const fromMs = Math.max(t - intervalMs, time.beganMs);
  return Math.max(0, Math.min(t, time.endedMs) - fromMs);
}

/**
 * Mean and peak per watched process. The mean of the CPU weighs each reading with its interval, so it is
 * CPU time divided by time even when readings came late; lines without an interval weigh alike. Of a reading that lies in the load
 * in part, that part counts; one that lies in it by less than half is no peak.
 * null: there was no such reading. Lines of hosts and notes are passed over.
 */
export class ProcessMeter {
  readonly #byName = new Map<string, ProcessSums>();

  /** @param time of the load; absent: all readings lie in it */
  add(line: ResourceLine, time?: LoadTime): void {
    this.addMemory(line);
    this.addCpu(line, time);
  }

  /** Memory is taken over all readings: what a process takes after the load is its own, too. */
  addMemory(line: ResourceLine): void {
    if (line.kind !== 'process') return;
    const sums = this.#of(line.name);
    sums.readings++;
    sums.rssBytesMax = higher(sums.rssBytesMax, line.rssBytes);
  }

  addCpu(line: ResourceLine, time?: LoadTime): void {
    if (line.kind !== 'process' || line.cpuCores === undefined) return;
    const { intervalMs = USUAL_INTERVAL_MS } = line;
    const inside = time === undefined ? intervalMs : insideMs(line, time);
    if (inside <= 0) return;
    const sums = this.#of(line.name);
    sums.cpuMs += line.cpuCores * inside;
    sums.intervalMs += inside;
    if (inside >= intervalMs / 2) sums.cpuCoresMax = higher(sums.cpuCoresMax, line.cpuCores);
  }

  #of(name: string): ProcessSums {
    let sums = this.#byName.get(name);
    if (!sums) {
      sums = {
        cpuCoresMean: null,
        cpuCoresMax: null,
        rssBytesMax: null,
        readings: 0,
        cpuMs: 0,
        intervalMs: 0,
      };
      this.#byName.set(name, sums);
    }
    return sums;
  }

  figures(): Record<string, ProcessFigures> {
    return Object.fromEntries(
      [...this.#byName].map(([name, { cpuMs, intervalMs, ...figures }]) => [
        name,
        { ...figures, cpuCoresMean: intervalMs > 0 ? cpuMs / intervalMs : null },
      ]),
    );
  }
}

const higher = (a: number | null, b: number | undefined): number | null =>
  b === undefined ? a : Math.max(a ?? b, b);
