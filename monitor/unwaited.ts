/**
 * Processes of a watched tree that come and go between readings and that nobody waits for: what they used is in no other process's sum, so the
 * tree's CPU is too low. (Where the tree is alone in a control group, that one's counter knows: usageBetween in tree.ts.) Pure.
 *
 * Of children that live for a tenth of an interval every tenth reading shows one: a few are enough to say it.
 */
import type { Snapshot, WatchedProcess } from './tree.ts';

/** Readings at which some were gone; fewer are a program's start or end. */
const LEAST_READINGS = 3;
/** Sums of ended children come in clock ticks, of user and of system time. */
const TICKS_MS = 20;

/** Processes below one that still runs, which were there at one reading and not at the next. */
type Vanished = {
  /** At how many readings some of them were gone. */
  readings: number;
  /** What they had used when they were seen last. */
  seenMs: number;
  /** What that one had in its own sum of ended children before the first of them went. */
  sumBeforeMs: number;
};

const keyOf = ({ pid, startedAtMs }: WatchedProcess): string => `${pid} ${startedAtMs}`;

export class UnwaitedWatch {
  /** What was there at the reading before the last one. */
  #before = new Set<string>();
  /** By the nearest ancestor that still runs: who would have waited, or whose children would have. */
  readonly #byAncestor = new Map<string, Vanished>();
  /** Those with no ancestor in the tree (init has them), by their owner. */
  readonly #orphans = new Map<string, Vanished>();
  readonly #said = new Set<string>();

  /**
   * To be called with each two readings that follow one another.
   * @param roots pids of the watched roots: their own end is no such child's
   * @returns names of targets of which it has just turned out, each once
   */
  next(previous: Snapshot, current: Snapshot, roots: ReadonlySet<number>): string[] {
    const alive = new Map([...current.processes.values()].map((one) => [keyOf(one), one]));
    const found = this.#unwaited(alive);
    const counted = new Set<Vanished>();
    for (const row of previous.processes.values()) {
      const key = keyOf(row);
      if (alive.has(key) || roots.has(row.pid)) continue;
      // Its control group has counted it.
      if (previous.groups?.has(row.owner) && current.groups?.has(row.owner)) continue;
      const ancestor = ancestorOf(row, previous, alive);
      if (ancestor !== null)
        counted.add(add(this.#byAncestor, keyOf(ancestor), row, ancestor.reapedCpuMs));
      // Of one that was there for long, only its last moment is lost.
      else if (!this.#before.has(key)) counted.add(add(this.#orphans, row.owner, row, 0));
    }
    for (const vanished of counted) vanished.readings++;
    this.#before = new Set([...previous.processes.values()].map(keyOf));
    for (const key of this.#byAncestor.keys()) if (!alive.has(key)) this.#byAncestor.delete(key);
    const news = [...found].filter((owner) => owner !== '' && !this.#said.has(owner));
    for (const owner of news) this.#said.add(owner);
    return news;
  }

  /**
   * Owners of what had vanished up to the reading before: a parent is read before its children, so its sum may take one in at the next reading
   * only.
   */
  #unwaited(alive: ReadonlyMap<string, WatchedProcess>): Set<string> {
    const found = new Set<string>();
    for (const [key, vanished] of this.#byAncestor) {
      const ancestor = alive.get(key);
      if (ancestor && isUnwaited(vanished, ancestor.reapedCpuMs)) found.add(ancestor.owner);
    }
    for (const [owner, vanished] of this.#orphans) if (isUnwaited(vanished, 0)) found.add(owner);
    return found;
  }
}

/** The nearest one above `row` that still runs; null: none of the tree. */
function ancestorOf(
  row: WatchedProcess,
  { processes }: Snapshot,
  alive: ReadonlyMap<string, WatchedProcess>,
): WatchedProcess | null {
  let ancestor = processes.get(row.parentPid);
  for (let steps = 0; ancestor && steps < processes.size; steps++) {
    if (alive.has(keyOf(ancestor))) return ancestor;
    ancestor = processes.get(ancestor.parentPid);
  }
  return null;
}

function add(
  where: Map<string, Vanished>,
  key: string,
  row: WatchedProcess,
  sumBeforeMs: number,
): Vanished {
  const known = where.get(key) ?? { readings: 0, seenMs: 0, sumBeforeMs };
  known.seenMs += row.cpuMs + row.reapedCpuMs;
  where.set(key, known);
  return known;
}

const isUnwaited = ({ readings, seenMs, sumBeforeMs }: Vanished, sumMs: number): boolean =>
  readings >= LEAST_READINGS && seenMs > sumMs - sumBeforeMs + TICKS_MS;
