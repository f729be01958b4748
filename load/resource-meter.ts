/** What a summary takes from the monitor's readings, kept as running figures: a day's readings are no matter of memory. */
import { ProcessMeter } from '../results/figures.ts';
import { GrowthMeter, SETTLING_MS } from '../results/growth.ts';
import type {
  GeneratorFigures,
  MemoryGrowth,
  ProcessFigures,
  ResourceLine,
} from '../results/types.ts';
import { GeneratorMeter } from '../judge/generator-limit.ts';

/** First and last end of a request up to now, ms since 1970; null: none was seen yet. */
export type LoadTimes = { firstEndMs: number | null; lastEndMs: number | null };

/** Readings that wait for an answer after them. More wait only where nothing is answered for hours. */
const MOST_WAITING = 10_000;

export class ResourceMeter {
  readonly #processes = new ProcessMeter();
  readonly #generator = new GeneratorMeter();
  readonly #growth = new Map<string, GrowthMeter>();
  /** Whether they lie within the load is not known: k6 tells of an answer a second after it came. */
  #waiting: ResourceLine[] = [];

  /** @param times as known now */
  add(line: ResourceLine, times: LoadTimes): void {
    this.#processes.addMemory(line);
    this.#waiting.push(line);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    this.#settle(times);
  }

  #settle({ firstEndMs, lastEndMs }: LoadTimes): void {
    if (firstEndMs === null || lastEndMs === null) return;
    const settled = this.#waiting.findIndex(({ t }) => t > lastEndMs);
    for (const line of this.#waiting.splice(0, settled === -1 ? Infinity : settled)) {
      this.#processes.addCpu(line, { beganMs: firstEndMs, endedMs: lastEndMs });
      if (line.t <= firstEndMs) continue;
      this.#generator.add(line);
      if (line.kind !== 'process' || line.rssBytes === undefined) continue;
      let growth = this.#growth.get(line.name);
      if (growth === undefined)
        this.#growth.set(line.name, (growth = new GrowthMeter(firstEndMs + SETTLING_MS)));
      growth.add(line.t, line.rssBytes);
    }
  }

  /** Over the load; undefined: no slope can be told yet. */
  growthOf(name: string): MemoryGrowth | undefined {
    return this.#growth.get(name)?.figure() ?? undefined;
  }

  /** @param times of the whole load */
  figures(times: LoadTimes): {
    processes: Record<string, ProcessFigures>;
    generator: Pick<GeneratorFigures, 'cpu' | 'waitedShare'>;
  } {
    this.#settle(times);
    const { firstEndMs, lastEndMs } = times;
    // The reading that the end of the load cuts, and what came after it.
    for (const line of this.#waiting.splice(0))
      if (firstEndMs !== null && lastEndMs !== null)
        this.#processes.addCpu(line, { beganMs: firstEndMs, endedMs: lastEndMs });
    const processes = this.#processes.figures();
    for (const name of Object.keys(processes)) {
      const rssGrowth = this.growthOf(name);
      if (rssGrowth !== undefined) processes[name].rssGrowth = rssGrowth;
    }
    return { processes, generator: this.#generator.figures() };
  }
}
