/**
 * Readings of processes and the machine, summed as they are read. Readings closer together than a step are joined to their mean, lowest and
 * highest; a reading that failed, or a hole of more than one and a half intervals, breaks the line. Pure.
 */
import { type Extremes, include, noExtremes, spreadOf } from './extremes.ts';
import { ProcessMeter } from './process-meter.ts';
import { PostgresMeter, type PostgresFigures } from './postgres-figures.ts';
import type { LoadTime } from './rates.ts';
import type { ReadingPoint, Spread, TimeSpan } from './steps.ts';
import type { ProcessFigures, ResourceLine, ResourceNote } from './types.ts';

/** Up to so many readings are kept as they are: how far apart they lie says whether they are joined. */
const MOST_KEPT = 4 * 1000;

/** One figure over time. */
export class ReadingSeries {
  readonly #span: TimeSpan;
  #kept: { atS: number; value: number | undefined }[] = [];
  #joined: Map<number, Extremes> | null = null;
  /** Of `#joined` the one that was asked for last: thousands of readings of one step follow each other. */
  #last: { index: number; step: Extremes } = { index: -1, step: noExtremes() };

  constructor(span: TimeSpan) {
    this.#span = span;
  }

  /** @param t ms since 1970. @param value undefined where it could not be read */
  add(t: number, value: number | undefined): void {
    const atS = (t - this.#span.startT) / 1000;
    if (atS < 0 || atS > this.#span.seconds) return;
    if (this.#joined !== null) return this.#join(atS, value);
    this.#kept.push({ atS, value });
    if (this.#kept.length > MOST_KEPT) this.#joinAll();
  }

  #joinAll(): void {
    this.#joined = new Map();
    for (const { atS, value } of this.#kept) this.#join(atS, value);
    this.#kept = [];
  }

  #join(atS: number, value: number | undefined): void {
    const index = Math.floor(atS / this.#span.stepS);
    if (this.#last.index !== index) {
      const step = this.#joined!.get(index) ?? noExtremes();
      this.#joined!.set(index, step);
      this.#last = { index, step };
    }
    if (value !== undefined) include(this.#last.step, value);
  }

  points(): ReadingPoint[] {
    const { stepS, seconds } = this.#span;
    this.#kept.sort((a, b) => a.atS - b.atS);
    const interval = medianInterval(this.#kept.map(({ atS }) => atS));
    if (this.#joined === null && stepS >= 2 * interval && stepS > 1) this.#joinAll();
    const points: ReadingPoint[] = [];
    const add = (atS: number, value: Spread | null, reach: number) => {
      const previous = points.at(-1);
      if (previous && previous.value !== null && value !== null && atS - previous.atS > reach)
        points.push({ atS: (previous.atS + atS) / 2, value: null });
      points.push({ atS, value });
    };
    if (this.#joined === null) {
      for (const { atS, value } of this.#kept)
        add(atS, value === undefined ? null : { mean: value, min: value, max: value }, 1.5 * interval); // prettier-ignore
      return points;
    }
    for (const [index, step] of [...this.#joined].sort(([a], [b]) => a - b))
      add(Math.min((index + 0.5) * stepS, seconds), spreadOf(step), 1.5 * stepS);
    return points;
  }
}

/** Median distance of neighbours; Infinity where there are none, so that nothing counts as a hole. */
function medianInterval(times: readonly number[]): number {
  const distances = times
    .slice(1)
    .map((time, i) => time - times[i])
    .sort((a, b) => a - b);
  return distances.length === 0 ? Infinity : distances[distances.length >> 1];
}

type ProcessSeries = Record<'cpu' | 'memory' | 'read' | 'written', ReadingSeries>;
type HostSeries = Record<'cpu' | 'received' | 'sent' | 'loopback', ReadingSeries>;

export class ReadingSums {
  readonly notes: ResourceNote[] = [];
  /** Of the machine; null: it was not read. */
  hostCores: number | null = null;
  readonly processes = new Map<string, ProcessSeries>();
  readonly host: HostSeries;
  readonly #span: TimeSpan;
  readonly #time: LoadTime | undefined;
  readonly #meter = new ProcessMeter();
  readonly #postgres = new PostgresMeter();

  /** @param time of the load, for the figures of the processes; absent: all readings lie in it */
  constructor(span: TimeSpan, time?: LoadTime) {
    this.#span = span;
    this.#time = time;
    const series = () => new ReadingSeries(span);
    this.host = { cpu: series(), received: series(), sent: series(), loopback: series() };
  }

  add(line: ResourceLine): void {
    switch (line.kind) {
      case 'note':
        this.notes.push(line);
        return;
      case 'postgres':
        this.#postgres.add(line);
        return;
      case 'host':
        this.hostCores ??= line.cores;
        this.host.cpu.add(line.t, line.cpuCores);
        this.host.received.add(line.t, line.networkReceivedBytesPerSecond);
        this.host.sent.add(line.t, line.networkSentBytesPerSecond);
        this.host.loopback.add(line.t, line.loopbackBytesPerSecond);
        return;
      case 'process': {
        this.#meter.add(line, this.#time);
        let series = this.processes.get(line.name);
        if (series === undefined) {
          const one = () => new ReadingSeries(this.#span);
          series = { cpu: one(), memory: one(), read: one(), written: one() };
          this.processes.set(line.name, series);
        }
        series.cpu.add(line.t, line.cpuCores);
        series.memory.add(line.t, line.rssBytes === undefined ? undefined : line.rssBytes / 1e6);
        series.read.add(line.t, line.readBytesPerSecond);
        series.written.add(line.t, line.writeBytesPerSecond);
      }
    }
  }

  processFigures(): Record<string, ProcessFigures> {
    return this.#meter.figures();
  }

  postgresFigures(): Record<string, PostgresFigures> {
    return this.#postgres.figures();
  }
}
