/**
 * What a submission costs the target: CPU, bytes, memory, from the seconds of samples.ndjson and the readings of
 * resources.ndjson. Pure.
 *
 * A reading covers the time from `t - intervalMs` to `t`, which are no whole seconds. The submissions in it are those between its two
 * ends on the line of cumulative submissions, which is straight within each second. Only readings that lie wholly in seconds with a
 * sample count, and neither in the first nor in the last of them (parts of a second) nor in the warm-up. A submission counts
 * when it began, which is when it costs. Samples that only say when it ended give no regression where answers took long: cost and
 * submission fall apart (measured: with answers of 1.5 s the slope is 35 % low).
 *
 * The regression is CPU = fixed · time + slope · submissions, by least squares weighted with time. Two things would make it lie, and
 * are dealt with:
 *
 * - A constant rate. Then fixed cost and slope cannot be told apart. The counts of single readings differ nevertheless, by chance and by
 *   the straight line within a second, and errors in the counts press the slope towards 0. So readings are joined to stretches
 *   until the counts vary ten times as much as chance does (variance over mean, 1 for independent arrivals), which keeps that error
 *   below a tenth; if they never do, there is no slope.
 * - Readings that follow each other are alike (garbage collection, caches), so there are fewer independent ones than lines: n(1 - r)/(1 + r)
 *   with the residuals' autocorrelation r (Santer et al. 2000, doi:10.1029/1999JD901105). Residuals of a fit show less of it
 *   than there is, by (k + 2kr)/n for k factors, which is added. `npm run bench -- cost` prints how often the interval holds.
 */
import { startedIn } from './rates.ts';
import type { CostFigures, Estimate, ProcessReading, ResourceLine, SampleLine } from './types.ts';
import { formatMs } from './units.ts';

/** An interval around zero says that there may as well be nothing: it is no figure. */
export const isFigure = ({ low, high }: Estimate): boolean => low > 0 || high < 0;

/** Who is looked at, and what is known beside samples and readings. */
export type CostQuestion = {
  /** Name of the target's readings; default `backend`. */
  target?: string;
  /** Seconds since the beginning that do not count. */
  warmUpMs?: number;
  /** Bytes that the target's storage holds for this run's submissions, and how many it holds; null: not known. */
  stored?: { bytes: number; submissions: number } | null;
};

export type CostRun = {
  samples: readonly SampleLine[];
  resources: readonly ResourceLine[];
} & CostQuestion;

/** Fewer stretches are no regression. */
const FEWEST_STRETCHES = 8;
/** Variance of the counts over their mean; 1 is chance. */
const BEYOND_CHANCE = 10;
/** Relative standard deviation of the rate that a regression needs at least. */
const LEAST_SPREAD = 0.1;
/** A slope that may be so much off, as a share of itself, says nothing. */
const WIDEST_INTERVAL = 1;
/** Where VUs and submissions rise together, their shares in the memory cannot be told apart: squared correlation. */
const TOGETHER = 0.9;

/** One reading of the target with what was sent in it. */
type Interval = {
  startMs: number;
  endMs: number;
  seconds: number;
  submissions: number;
  /** Since the beginning of the samples, at the end. */
  submissionsUntil: number;
  vus: number | null;
  /** Readings of another process of this name are another life: memory starts anew. */
  life: number;
  cpuMs: number | null;
  writtenBytes: number | null;
  rssBytes: number | null;
};

/** Cumulative submissions over time; null where a second has no sample. */
class Submissions {
  readonly #lines: readonly SampleLine[];
  /** Before the line of the same place. */
  readonly #before: number[];

  constructor(lines: readonly SampleLine[]) {
    this.#lines = lines;
    let sum = 0;
    this.#before = lines.map((line) => (sum += startedIn(line)) - startedIn(line));
  }

  /** Place of the second that `ms` lies in; the end of a second counts as in it. null: there is no such line */
  placeOf(ms: number): number | null {
    let [low, high] = [0, this.#lines.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lines[middle].t <= ms) low = middle;
      else high = middle - 1;
    }
    const line = this.#lines[low];
    return line !== undefined && line.t <= ms && ms <= line.t + 1000 ? low : null;
  }

  until(ms: number): number | null {
    const place = this.placeOf(ms);
    if (place === null) return null;
    const line = this.#lines[place];
    return this.#before[place] + (startedIn(line) * (ms - line.t)) / 1000;
  }
}

/** The readings that count, in the order of time. */
function intervalsOf({ samples, resources, target, warmUpMs = 0 }: CostRun): Interval[] {
  const lines = [...samples].sort((a, b) => a.t - b.t);
  if (lines.length < 3) return [];
  const submissions = new Submissions(lines);
  const beginMs = Math.max(lines[0].t + 1000, lines[0].t + warmUpMs);
  const finishMs = lines[lines.length - 1].t;
  const intervals: Interval[] = [];
  let life = 0;
  let pid: number | undefined;
  const ofTarget = (line: ResourceLine): line is ProcessReading =>
    line.kind === 'process' && line.name === (target ?? 'backend');
  for (const line of resources.filter(ofTarget).sort((a, b) => a.t - b.t)) {
    if (line.rootPid !== pid) life++;
    pid = line.rootPid;
    const { t, intervalMs, cpuCores, writeBytesPerSecond, rssBytes } = line;
    if (intervalMs === undefined || intervalMs <= 0) continue;
    const startMs = t - intervalMs;
    if (startMs < beginMs || t > finishMs) continue;
    const [first, last] = [submissions.placeOf(startMs), submissions.placeOf(t)];
    const [from, until] = [submissions.until(startMs), submissions.until(t)];
    if (first === null || last === null || from === null || until === null) continue;
    // A hole between the two ends: nobody knows what was sent in it.
    if (lines[last].t - lines[first].t !== (last - first) * 1000) continue;
    intervals.push({
      startMs,
      endMs: t,
      seconds: intervalMs / 1000,
      submissions: until - from,
      submissionsUntil: until,
      vus: lines[last].vus,
      life,
      cpuMs: cpuCores === undefined ? null : cpuCores * intervalMs,
      writtenBytes:
        writeBytesPerSecond === undefined ? null : (writeBytesPerSecond * intervalMs) / 1000,
      rssBytes: rssBytes ?? null,
    });
  }
  return intervals;
}

/** Stretches of `length` readings without a hole or a restart between them. What is left over at an end is dropped. */
function joined(intervals: readonly Interval[], length: number): Interval[][] {
  const stretches: Interval[][] = [];
  let open: Interval[] = [];
  for (const interval of intervals) {
    const before = open[open.length - 1];
    if (before && (before.life !== interval.life || interval.startMs - before.endMs > 50))
      open = [];
    open.push(interval);
    if (open.length === length) {
      stretches.push(open);
      open = [];
    }
  }
  return stretches;
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** 97.5th percentile of Student's t (Abramowitz and Stegun 26.7.5; below 8 degrees of freedom the values themselves). */
function student(degrees: number): number {
  const EXACT = [Infinity, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365];
  if (degrees < EXACT.length) return EXACT[Math.max(0, Math.floor(degrees))];
  const z = 1.959963985;
  const v = degrees;
  return (
    z +
    (z ** 3 + z) / (4 * v) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * v ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * v ** 3)
  );
}

/** `matrix` · x = `right`, for a few unknowns; null if there is no single answer. */
function solve(matrix: readonly number[][], right: readonly number[]): number[] | null {
  const rows = matrix.map((row, i) => [...row, right[i]]);
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++)
      if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row;
    if (Math.abs(rows[pivot][column]) < 1e-12) return null;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = rows[row][column] / rows[column][column];
      for (let i = column; i <= size; i++) rows[row][i] -= factor * rows[column][i];
    }
  }
  return rows.map((row, i) => row[size] / row[i]);
}

type Fit = { estimates: Estimate[]; r2: number };

/**
 * Weighted least squares of `y` over the columns of `x`, with confidence intervals.
 * @param lost degrees of freedom that were used before (means that were taken off)
 * @returns null if the columns do not determine their factors
 */
function fit(
  x: readonly number[][],
  y: readonly number[],
  weights: readonly number[],
  lost = 0,
): Fit | null {
  const columns = x[0]?.length ?? 0;
  // To the same size: sums of squares of bytes and of seconds would not meet in one double.
  const scale = Array.from({ length: columns }, (_, j) =>
    x.reduce((most, row) => Math.max(most, Math.abs(row[j])), 0),
  );
  if (columns === 0 || scale.some((size) => size === 0)) return null;
  const scaled = x.map((row) => row.map((value, j) => value / scale[j]));
  const product = (j: number, k: number) =>
    sum(
      scaled.map((row, i) => weights[i] * row[j] * row[k]),
      Number,
    );
  const total = sum([...weights], Number);
  const matrix = scale.map((_, j) => scale.map((__, k) => product(j, k) / total));
  const right = scale.map(
    (_, j) =>
      sum(
        scaled.map((row, i) => weights[i] * row[j] * y[i]),
        Number,
      ) / total,
  );
  const factors = solve(matrix, right);
  if (factors === null) return null;
  const residuals = scaled.map(
    (row, i) =>
      y[i] -
      sum(
        row.map((value, j) => value * factors[j]),
        Number,
      ),
  );
  const mean =
    sum(
      y.map((value, i) => weights[i] * value),
      Number,
    ) / total;
  const left = sum(
    residuals.map((residual, i) => weights[i] * residual ** 2),
    Number,
  );
  const whole = sum(
    y.map((value, i) => weights[i] * (value - mean) ** 2),
    Number,
  );
  const rows = residuals.length;
  const free = rows - columns - lost;
  if (free <= 0) return null;
  const alike = 1 / independentShare(residuals, columns);
  const variance = ((left / total) * rows) / free;
  const reach = student(Math.max(FEWEST_DEGREES, rows / alike - columns - lost));
  const estimates = factors.map((factor, j) => {
    const unit = scale.map((_, k) => Number(j === k));
    const spread = solve(matrix, unit)![j];
    const half = (reach * Math.sqrt(Math.max(0, (variance * spread * alike) / rows))) / scale[j];
    const value = factor / scale[j];
    return { value, low: value - half, high: value + half };
  });
  return { estimates, r2: whole === 0 ? 1 : Math.max(0, 1 - left / whole) };
}

/** Fewer degrees of freedom would make the interval useless where residuals are few, or all but nothing, and alike by chance. */
const FEWEST_DEGREES = 3;
const MOST_ALIKE = 0.95;

/** Independent residuals of all: (1 - r)/(1 + r), with what `columns` factors take of the autocorrelation given back. */
function independentShare(residuals: readonly number[], columns: number): number {
  const rows = residuals.length;
  if (rows <= 2 * columns) return 1;
  const mean = sum(residuals, Number) / rows;
  const off = residuals.map((residual) => residual - mean);
  const squares = sum(off, (value) => value ** 2);
  const products = sum(
    off.slice(1).map((value, i) => value * off[i]),
    Number,
  );
  const seen = squares === 0 ? 0 : products / squares;
  const r = (rows * seen + columns) / (rows - 2 * columns);
  const likeness = Math.min(MOST_ALIKE, Math.max(0, r));
  return (1 - likeness) / (1 + likeness);
}

/** Answers that took longer than this on average do not say when their submissions cost. */
const LONG_ANSWER_MS = 250;

/** Mean of what answers took where the samples do not say when submissions began; else 0. */
function unknownBegin(samples: readonly SampleLine[]): number {
  if (samples.every(({ started }) => started !== undefined)) return 0;
  const latencies = samples.flatMap(({ latency }) => latency ?? []);
  const count = sum(latencies, (latency) => latency.count);
  return count === 0 ? 0 : sum(latencies, ({ p50, count: of }) => p50 * of) / count;
}

type CpuFit = Pick<
  CostFigures,
  'fixedCores' | 'cpuMsPerFurtherSubmission' | 'r2' | 'stretchSeconds'
>;
const NO_FIT: CpuFit = {
  fixedCores: null,
  cpuMsPerFurtherSubmission: null,
  r2: null,
  stretchSeconds: null,
};

/** @returns the regression, or why there is none */
function fitCpu(runs: readonly (readonly Interval[])[]): CpuFit | { why: string } {
  const all = runs.flat();
  if (all.length < FEWEST_STRETCHES)
    return { why: `${all.length} readings are too few for a regression (${FEWEST_STRETCHES})` };
  let varied = false;
  const longest = all.length / FEWEST_STRETCHES;
  for (let length = 1; length <= longest; length = Math.ceil(length * 1.5)) {
    const stretches = runs.flatMap((intervals) => joined(intervals, length));
    if (stretches.length < FEWEST_STRETCHES) break;
    const seconds = stretches.map((stretch) => sum(stretch, (interval) => interval.seconds));
    const counts = stretches.map((stretch) => sum(stretch, (interval) => interval.submissions));
    const cpuMs = stretches.map((stretch) => sum(stretch, (interval) => interval.cpuMs!));
    const rates = counts.map((count, i) => count / seconds[i]);
    const time = sum(seconds, Number);
    const mean = sum(counts, Number) / time;
    const variance =
      sum(
        rates.map((rate, i) => seconds[i] * (rate - mean) ** 2),
        Number,
      ) / time;
    const spread = mean === 0 ? 0 : Math.sqrt(variance) / mean;
    // Of counts over a stretch of the usual length: variance of the rate · length / rate.
    const beyondChance = mean === 0 ? 0 : (variance * (time / stretches.length)) / mean;
    if (spread < LEAST_SPREAD || beyondChance < BEYOND_CHANCE) continue;
    varied = true;
    const found = fit(
      rates.map((rate) => [1000, rate]),
      cpuMs.map((ms, i) => ms / seconds[i]),
      seconds,
    );
    if (found === null) continue;
    const [fixedCores, slope] = found.estimates;
    if (slope.high - slope.low > 2 * WIDEST_INTERVAL * Math.abs(slope.value))
      return { why: 'the readings scatter too much: the slope may as well be 0' };
    return {
      fixedCores,
      cpuMsPerFurtherSubmission: slope,
      r2: found.r2,
      stretchSeconds: time / stretches.length,
    };
  }
  return {
    why: varied
      ? 'the readings do not determine a slope'
      : 'the rate hardly changed, so fixed cost and slope cannot be separated (a ramp, or several runs of different rate, can)',
  };
}

/** The readings of each process of the target's name, one after another. */
function livesOf(intervals: readonly Interval[]): Interval[][] {
  const lives = new Map<number, Interval[]>();
  for (const interval of intervals) {
    const life = lives.get(interval.life);
    if (life) life.push(interval);
    else lives.set(interval.life, [interval]);
  }
  return [...lives.values()];
}

type MemoryFit = Pick<CostFigures, 'memoryBytesPerSubmission' | 'memoryBytesPerVu'>;

/** RSS over submissions, and over VUs where these change; each life of the target has a level of its own. */
function fitMemory(
  runs: readonly (readonly Interval[])[],
): MemoryFit & { why: Record<string, string> } {
  const none = (why: string) => ({
    memoryBytesPerSubmission: null,
    memoryBytesPerVu: null,
    why: { memoryBytesPerSubmission: why, memoryBytesPerVu: why },
  });
  const lives = runs
    .flatMap(livesOf)
    .map((life) => life.filter(({ rssBytes }) => rssBytes !== null))
    .filter((life) => life.length >= 2);
  const all = lives.flat();
  if (all.length < FEWEST_STRETCHES)
    return none(`${all.length} readings of memory are too few (${FEWEST_STRETCHES})`);
  const centred = (of: (interval: Interval) => number) =>
    lives.flatMap((life) => {
      const mean = sum(life, of) / life.length;
      return life.map((interval) => of(interval) - mean);
    });
  const submissions = centred(({ submissionsUntil }) => submissionsUntil);
  const memory = centred(({ rssBytes }) => rssBytes!);
  const weights = all.map(() => 1);
  const lost = lives.length;
  const knowsVus = all.every(({ vus }) => vus !== null);
  const vus = knowsVus ? centred((interval) => interval.vus!) : [];
  const vusChange = knowsVus && vus.some((off) => Math.abs(off) > 1);
  if (!vusChange) {
    const found = fit(
      submissions.map((count) => [count]),
      memory,
      weights,
      lost,
    );
    if (found === null) return none('nothing was sent between the readings');
    return {
      memoryBytesPerSubmission: found.estimates[0],
      memoryBytesPerVu: null,
      why: {
        memoryBytesPerVu: knowsVus ? 'the number of VUs did not change' : 'VUs are not known',
      },
    };
  }
  const together =
    sum(
      submissions.map((count, i) => count * vus[i]),
      Number,
    ) **
      2 /
    (sum(submissions, (count) => count ** 2) * sum(vus, (off) => off ** 2));
  if (!(together <= TOGETHER))
    return none('VUs and submissions rose together, so their shares cannot be separated');
  const found = fit(
    submissions.map((count, i) => [count, vus[i]]),
    memory,
    weights,
    lost,
  );
  if (found === null) return none('the readings do not determine it');
  return {
    memoryBytesPerSubmission: found.estimates[0],
    memoryBytesPerVu: found.estimates[1],
    why: {},
  };
}

/**
 * One target over one run, or over several of different rate, whose readings then answer together: `costOf([slow, fast])` tells fixed cost
 * and slope where each alone had a constant rate. The runs must be of one target on one machine.
 * @returns null if the target's processes were not watched at all
 */
export function costOf(runs: readonly CostRun[]): CostFigures | null {
  const target = runs[0]?.target ?? 'backend';
  const watched = runs.some(({ resources }) =>
    resources.some((line) => line.kind === 'process' && line.name === target),
  );
  if (!watched) return null;
  const unknown: Record<string, string> = {};
  const all = runs.map(intervalsOf);
  const intervals = all.flat();
  const withCpu = all.map((run) => run.filter(({ cpuMs }) => cpuMs !== null));
  const written = intervals.filter(({ writtenBytes }) => writtenBytes !== null);
  const samples = runs.flatMap((run) => run.samples);
  const sent = sum(samples, (line) => line.sent);

  const per = (name: string, amount: number, submissions: number, why: string): number | null => {
    if (submissions > 0) return amount / submissions;
    unknown[name] = why;
    return null;
  };
  /** An interval around zero is no figure. */
  const known = (name: string, estimate: Estimate | null): Estimate | null => {
    if (estimate === null || isFigure(estimate)) return estimate;
    unknown[name] = 'it may as well be nothing: the interval of 95 % lies around zero';
    return null;
  };
  const noReading =
    intervals.length === 0
      ? 'no reading of the target lies within the load'
      : 'nothing was sent while there were readings';
  const count = (of: readonly Interval[]) => sum(of, ({ submissions }) => submissions);

  const cpu = withCpu.flat();
  const answerMs = unknownBegin(samples);
  const cpuFit =
    answerMs > LONG_ANSWER_MS
      ? {
          why: `answers took ${formatMs(answerMs)}, and these samples do not say when their submissions began`,
        }
      : fitCpu(withCpu);
  if ('why' in cpuFit) for (const name of Object.keys(NO_FIT)) unknown[name] = cpuFit.why;
  const { why: memoryUnknown, ...memory } = fitMemory(all);
  Object.assign(unknown, memoryUnknown);

  const bodyBytes = sum(samples, (line) => line.bytesSent);
  const bytesInPerSubmission = per('bytesInPerSubmission', bodyBytes, sent, 'nothing was sent');
  const bytesWrittenPerSubmission = per(
    'bytesWrittenPerSubmission',
    sum(written, ({ writtenBytes }) => writtenBytes!),
    count(written),
    intervals.length > 0 && written.length === 0
      ? "what the target's processes write could not be read"
      : noReading,
  );
  const stored = runs.every((run) => run.stored)
    ? runs
        .map((run) => run.stored!)
        .reduce((a, b) => ({
          bytes: a.bytes + b.bytes,
          submissions: a.submissions + b.submissions,
        }))
    : null;
  const amplification =
    bytesWrittenPerSubmission === null || !bytesInPerSubmission
      ? null
      : bytesWrittenPerSubmission / bytesInPerSubmission;
  if (amplification === null)
    unknown.writeAmplification = unknown.bytesWrittenPerSubmission ?? 'nothing was sent';
  return {
    target,
    seconds: sum(intervals, ({ seconds }) => seconds),
    submissions: Math.round(count(intervals)),
    readings: intervals.length,
    cpuMsPerSubmission: per(
      'cpuMsPerSubmission',
      sum(cpu, ({ cpuMs }) => cpuMs!),
      count(cpu),
      noReading,
    ),
    ...('why' in cpuFit
      ? NO_FIT
      : { ...cpuFit, fixedCores: known('fixedCores', cpuFit.fixedCores) }),
    bytesInPerSubmission,
    bytesOutPerSubmission: per(
      'bytesOutPerSubmission',
      sum(samples, (line) => line.bytesReceived),
      sent,
      'nothing was sent',
    ),
    bytesWrittenPerSubmission,
    bytesStoredPerSubmission: per(
      'bytesStoredPerSubmission',
      stored?.bytes ?? 0,
      stored?.submissions ?? 0,
      stored === null ? "the size of the target's storage is not known" : 'nothing is stored',
    ),
    writeAmplification: amplification,
    memoryBytesPerSubmission: known('memoryBytesPerSubmission', memory.memoryBytesPerSubmission),
    memoryBytesPerVu: known('memoryBytesPerVu', memory.memoryBytesPerVu),
    unknown,
  };
}
