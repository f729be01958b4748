/** What the user sees while a run goes on: steps, then one live line a second. */
import type { ProcessReading } from '../results/types.ts';
import { formatGrowth, formatMs } from '../results/units.ts';

type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

export type LiveFigures = {
  elapsedMs: number;
  durationMs: number;
  vus: number | null;
  submissionsPerSecond: number;
  p95Ms: number | null;
  errors: number;
  /** Of looks into the storage while the load runs; absent: there was none yet. */
  stored?: { stored: number; missing: number } | null;
  backend: ProcessReading | undefined;
  generator: ProcessReading | undefined;
  /** Slopes of memory, in bytes a minute; absent: the load is too young to tell. */
  growth?: { backend: number | undefined; generator: number | undefined };
};

/** Seconds between two lines where the output is not a terminal: a log of an hour stays readable. */
const PLAIN_LINE_EVERY_MS = 10_000;

/** One line: elapsed, VUs, rate, p95, errors, CPU of both sides, time left. Unknown figures are `-`. */
export function liveLine(figures: LiveFigures): string {
  const clock = (ms: number) => {
    const seconds = Math.max(0, Math.round(ms / 1000));
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  };
  const cores = (reading: ProcessReading | undefined, growth: number | undefined) =>
    (reading?.cpuCores === undefined ? '-' : `${reading.cpuCores.toFixed(2)} cores`) +
    (growth === undefined ? '' : ` ${formatGrowth(growth)}`);
  return [
    clock(figures.elapsedMs),
    `${figures.vus ?? '-'} VUs`,
    `${figures.submissionsPerSecond.toFixed(0)} submissions/s`,
    `p95 ${figures.p95Ms === null ? '-' : formatMs(figures.p95Ms)}`,
    `${figures.errors} errors`,
    ...(figures.stored
      ? [
          `${figures.stored.stored} stored${figures.stored.missing > 0 ? `, ${figures.stored.missing} missing` : ''}`,
        ]
      : []),
    `backend ${cores(figures.backend, figures.growth?.backend)}`,
    `generator ${cores(figures.generator, figures.growth?.generator)}`,
    `${clock(figures.durationMs - figures.elapsedMs)} left`,
  ].join(' | ');
}

/** Lines that stay, and one line at the bottom that is replaced; only lines that stay where there is no terminal. */
export class Screen {
  readonly #output: Output;
  readonly #now: () => number;
  #lastPlain = -Infinity;
  #live = false;

  constructor(output: Output, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  /** A line that stays. */
  line(text: string): void {
    this.#clear();
    this.#output.write(`${text}\n`);
    this.#lastPlain = -Infinity;
  }

  /** The line that changes. Where there is no terminal it is printed every ten seconds. */
  status(text: string): void {
    if (this.#output.isTTY) {
      const width = (this.#output.columns || 80) - 1; // 0: a terminal that does not know
      this.#output.write(`\r\u001b[2K${text.slice(0, width)}`);
      this.#live = true;
      return;
    }
    const now = this.#now();
    if (now - this.#lastPlain < PLAIN_LINE_EVERY_MS) return;
    this.#lastPlain = now;
    this.#output.write(`${text}\n`);
  }

  #clear(): void {
    if (this.#live) this.#output.write('\r\u001b[2K');
    this.#live = false;
  }

  /** Leaves the cursor on a line of its own. */
  end(): void {
    this.#clear();
  }
}
