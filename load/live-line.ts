/** What the user sees while a run goes on: one live line a second. Pure. */
import type { ProcessReading } from '../results/types.ts';
import { formatGrowth, formatMs } from '../results/units.ts';

export type LiveFigures = {
  elapsedMs: number;
  durationMs: number;
  vus: number | null;
  submissionsPerSecond: number;
  p95Ms: number | null;
  errors: number;
  /** Of looks into the storage while the load runs; absent: there was none yet. */
  stored?: { stored: number; notStored: number } | null;
  backend: ProcessReading | undefined;
  generator: ProcessReading | undefined;
  /** Slopes of memory, in bytes a minute; absent: the load is too young to tell. */
  growth?: { backend: number | undefined; generator: number | undefined };
};

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
          `${figures.stored.stored} stored${figures.stored.notStored > 0 ? `, ${figures.stored.notStored} not stored` : ''}`,
        ]
      : []),
    `backend ${cores(figures.backend, figures.growth?.backend)}`,
    `generator ${cores(figures.generator, figures.growth?.generator)}`,
    `${clock(figures.durationMs - figures.elapsedMs)} left`,
  ].join(' | ');
}
