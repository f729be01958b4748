/** The readings of a run in a few figures. Pure (no I/O). */
import type { ProcessFigures, ResourceLine } from '../results/types.ts';

/**
 * Mean and peak per watched process. The mean of the CPU weighs each reading with its interval, so it is
 * CPU time divided by time even when readings came late; lines without an interval weigh alike.
 * null: there was no such reading. Lines of hosts and notes are passed over.
 */
export function figuresOf(lines: Iterable<ResourceLine>): Record<string, ProcessFigures> {
  type Sums = ProcessFigures & { cpuMs: number; intervalMs: number };
  const byName = new Map<string, Sums>();
  const higher = (a: number | null, b: number | undefined) =>
    b === undefined ? a : Math.max(a ?? b, b);
  for (const line of lines) {
    if (line.kind !== 'process') continue;
    let sums = byName.get(line.name);
    if (!sums) {
      sums = {
        cpuCoresMean: null,
        cpuCoresMax: null,
        rssBytesMax: null,
        readings: 0,
        cpuMs: 0,
        intervalMs: 0,
      };
      byName.set(line.name, sums);
    }
    sums.readings++;
    sums.rssBytesMax = higher(sums.rssBytesMax, line.rssBytes);
    if (line.cpuCores === undefined) continue;
    const intervalMs = line.intervalMs ?? 1000;
    sums.cpuMs += line.cpuCores * intervalMs;
    sums.intervalMs += intervalMs;
    sums.cpuCoresMax = higher(sums.cpuCoresMax, line.cpuCores);
  }
  return Object.fromEntries(
    [...byName].map(([name, { cpuMs, intervalMs, ...figures }]) => [
      name,
      { ...figures, cpuCoresMean: intervalMs > 0 ? cpuMs / intervalMs : null },
    ]),
  );
}
