/**
 * When the submissions of an open model are due. k6 has no word for it in its samples, so its rule is repeated here
 * (grafana/k6, lib/executor/constant_arrival_rate.go and ramping_arrival_rate.go, v2.2.0):
 *
 * - constant: start j, counted from 0, is due at j periods; a period is a whole number of nanoseconds;
 * - ramping: start j is due when the area under the rate reaches j + 1.
 *
 * Pure.
 */
import type { LoadShape } from '../results/types.ts';

/** A start due so near to the end may come or not: k6's own timers race. */
const EDGE_MS = 1;
/** Of areas, which are sums of fractions: 10^-6 of a start. */
const AREA_ROUNDING = 1e-6;
const LATE_MS = 10;
const LATE_SHARE_OF_INTERVAL = 0.05;

/** A stretch of time in which the rate goes straight from one value to another. */
type Piece = {
  startMs: number;
  durationMs: number;
  /** Starts per millisecond at both ends. */
  from: number;
  to: number;
  /** Area under the rate before and after this piece. */
  areaBefore: number;
  areaAfter: number;
};

export type Schedule = {
  /**
   * `timed`: each start has a time of its own; none is dropped, but may come late. `steered`: the rate is changed while the load runs, and the
   * feeder knows when each was due.
   */
  kind: 'constant' | 'ramping' | 'timed' | 'steered';
  /** From when the times count, ms since 1970; absent: k6's own word decides. null: nothing has begun. */
  beganMs?: () => number | null;
  /** Starts that never came, and of these how many while VUs were free; absent: k6 says so. */
  missed?: () => { starts: number; whileFree: number };
  /** Starts that are due before the end of the load. */
  readonly planned: number;
  /** The same if k6 sets out `ms` late, and ends in time nevertheless. */
  plannedIf(ms: number): number;
  /** Those, and one that is due at the very end. */
  readonly atMost: number;
  /** When start `j` (from 0) is due, in milliseconds from the beginning; Infinity beyond the last. */
  intendedMs(j: number): number;
  /** How many are due before `ms`. */
  dueBefore(ms: number): number;
  /**
   * A start is late when it comes later than this: 10 ms, or a twentieth of the shortest interval between two starts where that is
   * longer. Go's timers wake within a millisecond or so, its collector halts k6 for less; 10 ms are neither.
   */
  toleranceMs: number;
  peakRatePerSecond: number;
  /** Of the whole load. */
  durationMs: number;
};

/** @returns null for a closed model, whose starts wait for answers */
export function scheduleOf(shape: LoadShape): Schedule | null {
  const { executor, rate, durationMs } = shape;
  if (rate === undefined) return null;
  if (executor === 'constant-arrival-rate') {
    const periodMs = Math.floor((rate.timeUnitMs * 1e6) / rate.starts) / 1e6;
    return finish('constant', durationMs, periodMs, {
      intendedMs: (j) => j * periodMs,
      dueBefore: (ms) => (ms <= 0 ? 0 : Math.ceil(ms / periodMs - 1e-9)),
    });
  }
  if (executor !== 'ramping-arrival-rate') return null;
  const pieces = piecesOf(shape);
  const peak = pieces.reduce((max, { from, to }) => Math.max(max, from, to), 0);
  const intendedMs = (j: number): number => timeOfArea(pieces, j + 1);
  return finish('ramping', durationMs, 1 / peak, {
    intendedMs,
    dueBefore: (ms) => {
      const count = Math.floor(areaAt(pieces, ms) + AREA_ROUNDING);
      return count > 0 && intendedMs(count - 1) >= ms ? count - 1 : count;
    },
  });
}

function finish(
  kind: Schedule['kind'],
  durationMs: number,
  shortestIntervalMs: number,
  times: Pick<Schedule, 'intendedMs' | 'dueBefore'>,
): Schedule {
  return {
    kind,
    ...times,
    planned: times.dueBefore(durationMs - EDGE_MS),
    plannedIf: (ms) => times.dueBefore(durationMs - EDGE_MS - ms),
    atMost: times.dueBefore(durationMs + EDGE_MS),
    toleranceMs: Math.max(LATE_MS, LATE_SHARE_OF_INTERVAL * shortestIntervalMs),
    peakRatePerSecond: 1000 / shortestIntervalMs,
    durationMs,
  };
}

/**
 * Of starts that have a time each, which k6 is told (scenarios/lib/timing.ts).
 * @param offsetsMs milliseconds from the beginning, ascending, below `durationMs`
 */
export function timedSchedule(offsetsMs: Uint32Array, durationMs: number): Schedule {
  const dueBefore = (ms: number): number => {
    let [low, high] = [0, offsetsMs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offsetsMs[middle] < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const planned = offsetsMs.length;
  return {
    kind: 'timed',
    planned,
    // It is k6's script that waits, from the moment that k6 tells.
    plannedIf: () => planned,
    atMost: planned,
    intendedMs: (j) => offsetsMs[j] ?? Infinity,
    dueBefore,
    toleranceMs: LATE_MS,
    peakRatePerSecond: mostWithin(offsetsMs, 1000),
    durationMs,
  };
}

/** Of a load whose pace is changed while it runs: Feed of load/feeder/feed.ts, with its turns. */
export type SteeredTimes = {
  takeDue(index: number): number | undefined;
  turns: {
    readonly beganMs: number | null;
    readonly missed: number;
    readonly missedWhileFree: number;
    dueBefore(ms: number): number;
  };
};

/** The history of the rate says what was due; what it says of the time to come is that the rate stays. */
export function steeredSchedule(
  feed: SteeredTimes,
  durationMs: number,
  mostPerSecond: number,
): Schedule {
  const { turns } = feed;
  const dueBefore = (ms: number) => turns.dueBefore(ms);
  return {
    kind: 'steered',
    beganMs: () => turns.beganMs,
    missed: () => ({ starts: turns.missed, whileFree: turns.missedWhileFree }),
    get planned() {
      return dueBefore(durationMs - EDGE_MS);
    },
    plannedIf: (ms) => dueBefore(durationMs - EDGE_MS - ms),
    get atMost() {
      return dueBefore(durationMs + EDGE_MS);
    },
    intendedMs: (j) => feed.takeDue(j) ?? Infinity,
    dueBefore,
    toleranceMs: LATE_MS,
    peakRatePerSecond: mostPerSecond,
    durationMs,
  };
}

/** How many of `offsetsMs` (ascending) lie in a window of `windowMs`, where they lie thickest. */
export function mostWithin(offsetsMs: Uint32Array, windowMs: number): number {
  let most = 0;
  for (let from = 0, to = 0; to < offsetsMs.length; to++) {
    while (offsetsMs[to] - offsetsMs[from] >= windowMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

function piecesOf({ rate, stages = [] }: LoadShape): Piece[] {
  const { starts, timeUnitMs } = rate!;
  const pieces: Piece[] = [];
  let from = starts / timeUnitMs;
  let startMs = 0;
  let area = 0;
  for (const { durationMs, target } of stages) {
    const to = target / timeUnitMs;
    const areaAfter = area + (durationMs * (from + to)) / 2;
    if (durationMs > 0) pieces.push({ startMs, durationMs, from, to, areaBefore: area, areaAfter });
    [from, area, startMs] = [to, areaAfter, startMs + durationMs];
  }
  return pieces;
}

/** When the area under the rate reaches `area`, in milliseconds; Infinity if it never does. */
function timeOfArea(pieces: readonly Piece[], area: number): number {
  // A search by halves: a soak may have many stages and asks for each start.
  let [low, high] = [0, pieces.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pieces[middle].areaAfter + AREA_ROUNDING < area) low = middle + 1;
    else high = middle;
  }
  const piece = pieces[low];
  if (piece === undefined) return Infinity;
  const { startMs, durationMs, from, to, areaBefore } = piece;
  const missing = Math.max(0, area - areaBefore);
  if (from === to) return startMs + missing / from;
  // from·x + slope·x²/2 = missing, in the form that does not divide by a slope of nearly nothing.
  const slope = (to - from) / durationMs;
  const root = Math.sqrt(Math.max(0, from * from + 2 * slope * missing));
  return startMs + Math.min(durationMs, (2 * missing) / (from + root));
}

/** Area under the rate up to `ms`; beyond the last piece that of the whole. */
function areaAt(pieces: readonly Piece[], ms: number): number {
  let area = 0;
  for (const { startMs, durationMs, from, to, areaBefore } of pieces) {
    if (ms <= startMs) break;
    const x = Math.min(durationMs, ms - startMs);
    area = areaBefore + from * x + ((to - from) / durationMs) * ((x * x) / 2);
  }
  return area;
}
