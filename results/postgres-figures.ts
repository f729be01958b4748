/** Mean and highest of PostgreSQL's own figures over a run, by database. Pure. */
import type { PostgresReading, ResourceLine } from './types.ts';

const FIGURES = [
  'connections',
  'serverConnections',
  'maxConnections',
  'commitsPerSecond',
  'rollbacksPerSecond',
  'rowsInsertedPerSecond',
  'blockHitShare',
  'deadlocks',
  'temporaryBytesPerSecond',
  'databaseBytes',
  'submissionsBytes',
] as const satisfies readonly (keyof PostgresReading)[];

/** A figure that was never read is absent. */
export type PostgresFigures = Partial<
  Record<(typeof FIGURES)[number], { mean: number; max: number }>
>;

type Sums = { sum: number; weight: number; max: number };

/** Rates weigh with their interval, so that a mean is a count over a time; levels weigh alike. */
export class PostgresMeter {
  readonly #byName = new Map<string, Map<string, Sums>>();

  add(line: PostgresReading): void {
    let ofName = this.#byName.get(line.name);
    if (!ofName) this.#byName.set(line.name, (ofName = new Map<string, Sums>()));
    for (const key of FIGURES) {
      const value = line[key];
      if (value === undefined) continue;
      const weight = key.endsWith('PerSecond') ? (line.intervalMs ?? 1000) : 1;
      const before = ofName.get(key) ?? { sum: 0, weight: 0, max: -Infinity };
      ofName.set(key, {
        sum: before.sum + value * weight,
        weight: before.weight + weight,
        max: Math.max(before.max, value),
      });
    }
  }

  /** By database. */
  figures(): Record<string, PostgresFigures> {
    return Object.fromEntries(
      [...this.#byName].map(([name, ofName]) => [
        name,
        Object.fromEntries(
          [...ofName].map(([key, { sum, weight, max }]) => [key, { mean: sum / weight, max }]),
        ),
      ]),
    );
  }
}

/** {@link PostgresMeter} over all lines. */
export function postgresFigures(lines: Iterable<ResourceLine>): Record<string, PostgresFigures> {
  const meter = new PostgresMeter();
  for (const line of lines) if (line.kind === 'postgres') meter.add(line);
  return meter.figures();
}
