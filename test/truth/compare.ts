/**
 * A run's summary against what its target saw. All sums and percentiles here are made from the target's log, by means of its own: an exact
 * sort, a count. No bound is a guess of how fast a machine is: times are held between what the target knows must have passed at the client
 * before and after.
 */
import assert from 'node:assert/strict';
import type { LatencyFigures, Reconcile, SampleLine, Summary } from '../../results/types.ts';
import type { Arrival } from './target.ts';

export type Run = { summary: Summary; samples: readonly SampleLine[]; reconcile: Reconcile | null };

/** What is known of the load beforehand, from its options alone. */
export type Known = {
  /** How long it sends; null: it ends with its last submission. */
  durationMs: number | null;
  /** Think time, always the same; null: none, or it varies. */
  thinkMs: number | null;
  /** Of an open model at a constant rate. */
  perSecond: number | null;
  /** A load that is made of several: only the last one stands in the summary. */
  isLastOfSeveral?: boolean;
  /** Bodies that must be refused with this status, which is then what is expected. */
  refusedWith?: number;
  /** Each failed request comes again. */
  retries?: boolean;
};

/** Two clocks of one machine: k6's (real time, cut to a millisecond or microsecond) and the target's (the same at its start, then monotonic). */
const CLOCK_MS = 20;
/** A bucket of a histogram of 3 digits is a thousandth wide. */
const HISTOGRAM = 1.0011;
const MICROSECOND_MS = 0.001;

/** Nearest rank, of values in order. */
const percentileOf = (sorted: readonly number[], p: number): number =>
  sorted[Math.max(1, Math.ceil((p / 100) * sorted.length - 1e-9)) - 1];

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const PERCENTILES = [
  ['p50Ms', 50],
  ['p90Ms', 90],
  ['p95Ms', 95],
  ['p99Ms', 99],
] as const;

/** Of the load in the summary: its arrivals, none of its question before, of the hostile sender, or of earlier loads. */
export function arrivalsOf(log: readonly Arrival[], { summary }: Run, known: Known): Arrival[] {
  const fromMs = known.isLastOfSeveral === true ? summary.loadBeganMs! - CLOCK_MS : -Infinity;
  return log.filter(({ by, arrivedMs }) => by === 'load' && arrivedMs >= fromMs);
}

/** Arrivals by what they were answered; what was not answered is one class, whatever k6 calls it. */
function classesOf(arrivals: readonly Arrival[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of arrivals) {
    const name = status === null ? 'error' : String(status);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function inClasses(answers: Record<string, number>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [answer, count] of Object.entries(answers)) {
    const name = answer.startsWith('error:') ? 'error' : answer;
    counts[name] = (counts[name] ?? 0) + count;
  }
  return counts;
}

/**
 * Holds a run that went to its end against the log. @throws AssertionError with what differs
 */
export function agree(log: readonly Arrival[], run: Run, known: Known): void {
  const { summary, samples, reconcile } = run;
  const { figures } = summary;
  const arrivals = arrivalsOf(log, run, known);
  assert.ok(arrivals.length > 0, 'the target saw nothing');
  counts(arrivals, run, known);
  rates(arrivals, summary, known);
  latencies(arrivals, figures, known);
  seconds(arrivals, samples);
  if (known.perSecond !== null) schedule(arrivals, summary, known.perSecond);
  if (reconcile !== null) {
    assert.equal(reconcile.sent, figures.sent);
    assert.equal(reconcile.accepted, figures.accepted);
    assert.equal(reconcile.unknown, 0);
  }
}

function counts(arrivals: readonly Arrival[], { summary }: Run, known: Known): void {
  const { figures } = summary;
  const retried = Object.values(figures.retries ?? {}).reduce((sum, count) => sum + count, 0);
  assert.equal(figures.failedIterations, 0);
  assert.equal(figures.sent + retried, arrivals.length, 'requests');
  assert.equal(figures.started ?? figures.sent, figures.sent, 'all that was begun has ended');
  if (known.retries !== true) {
    assert.equal(retried, 0);
    assert.deepEqual(inClasses(figures.answers), classesOf(arrivals));
  }
  const accepted = arrivals.filter((one) => one.accepted);
  assert.equal(figures.accepted, accepted.length, 'accepted');
  const expected = arrivals.filter(
    ({ accepted: isTaken, status }) => isTaken || status === known.refusedWith,
  ).length;
  assert.equal(figures.expected ?? figures.accepted, expected, 'as expected');
  assert.ok(Math.abs(figures.errorRate! - (figures.sent - expected) / figures.sent) < 1e-9);
  assert.equal(
    figures.bytesSent,
    arrivals.reduce((sum, { bytes }) => sum + bytes, 0),
    'bytes of bodies',
  );
  for (const parts of [summary.sizes, summary.kinds?.filter(({ name }) => name !== 'hostile')])
    if (parts !== undefined) {
      assert.equal(
        parts.reduce((sum, { sent }) => sum + sent, 0),
        arrivals.length,
      );
      assert.equal(
        parts.reduce((sum, part) => sum + part.accepted, 0),
        accepted.length,
      );
    }
}

/** Starts over the load's own time. */
function rates(arrivals: readonly Arrival[], summary: Summary, { durationMs }: Known): void {
  const { loadMs, loadBeganMs, figures } = summary;
  const firstMs = Math.min(...arrivals.map(({ arrivedMs }) => arrivedMs));
  const lastMs = Math.max(...arrivals.map(({ answeredMs, arrivedMs }) => answeredMs ?? arrivedMs));
  assert.ok(firstMs >= loadBeganMs! - CLOCK_MS, `began ${loadBeganMs}, first arrival ${firstMs}`);
  if (durationMs !== null) assert.equal(loadMs, durationMs, 'the planned time');
  // It ends with the last answer, which the client has a little later than the target gave it.
  else assert.ok(loadMs >= lastMs - loadBeganMs! - CLOCK_MS, `${loadMs} ms`);
  const begun = figures.started ?? figures.sent;
  near(figures.submissionsPerSecond!, (begun * 1000) / loadMs, 0.001, 'rate');
  near(
    figures.acceptedPerSecond!,
    (arrivals.filter(({ accepted }) => accepted).length * 1000) / loadMs,
    0.001,
    'accepted rate',
  );
}

function near(value: number, truth: number, share: number, what: string): void {
  assert.ok(Math.abs(value - truth) <= share * truth + 1e-9, `${what}: ${value}, but ${truth}`);
}

/**
 * Each request took the client at least as long as the target took from body to answer. And no longer than from the answer to the one before
 * it on its connection (a client with one connection cannot have begun earlier) to the arrival of the next (it must have ended before),
 * less the think times between: both bounds are sums of what the target saw.
 */
function latencyBounds(
  arrivals: readonly Arrival[],
  thinkMs: number | null,
  isTimed: (arrival: Arrival) => boolean,
): { least: number[]; most: number[] | null } {
  const counted = arrivals.filter((one) => isTimed(one) && one.answeredMs !== null);
  const least = ascending(counted.map(({ wholeMs, answeredMs }) => answeredMs! - wholeMs));
  if (thinkMs === null) return { least, most: null };
  const byConnection = new Map<number, Arrival[]>();
  for (const one of ascendingByArrival(arrivals)) {
    const list = byConnection.get(one.connection);
    if (list) list.push(one);
    else byConnection.set(one.connection, [one]);
  }
  const most: number[] = [];
  for (const list of byConnection.values())
    list.forEach((one, i) => {
      if (!isTimed(one) || one.answeredMs === null) return;
      const before = list[i - 1]?.answeredMs ?? null;
      const after = list[i + 1]?.arrivedMs;
      most.push(before === null || after === undefined ? Infinity : after - before - 2 * thinkMs);
    });
  return { least, most: ascending(most) };
}

const ascendingByArrival = (arrivals: readonly Arrival[]): Arrival[] =>
  [...arrivals].sort((a, b) => a.arrivedMs - b.arrivedMs);

function latencies(
  arrivals: readonly Arrival[],
  { latency, felt }: Summary['figures'],
  { thinkMs }: Known,
): void {
  // As k6 times them: answers with the expected status, whatever their body.
  const isTimed = ({ status }: Arrival) => status === 200;
  const { least, most } = latencyBounds(arrivals, thinkMs, isTimed);
  if (least.length === 0) {
    assert.equal(latency, null, 'no expected answer, no latency');
    return;
  }
  assert.equal(latency!.count, least.length, 'timed answers');
  within(latency!, least, most, 'latency');
  assert.ok(felt!.count === latency!.count && felt!.p50Ms >= latency!.p50Ms / HISTOGRAM);
}

function within(
  figures: LatencyFigures,
  least: readonly number[],
  most: readonly number[] | null,
  what: string,
): void {
  for (const [name, p] of PERCENTILES) {
    const low = percentileOf(least, p) / HISTOGRAM - MICROSECOND_MS;
    // k6 rounds a sleep up to its timer, so a think time is never shorter, but is counted in whole milliseconds.
    const high = most === null ? Infinity : percentileOf(most, p) * HISTOGRAM + 2;
    assert.ok(
      figures[name] >= low && figures[name] <= high,
      `${what} ${name}: ${figures[name]} is not from ${low} to ${high}`,
    );
  }
  assert.ok(figures.meanMs >= meanOf(least) - 0.01, `${what}: mean ${figures.meanMs}`);
  assert.ok(figures.maxMs >= least.at(-1)! - 0.01, `${what}: max ${figures.maxMs}`);
}

/** Slack of the rows: a late sample may stand one second later, and each clock has its own second's edge. */
const ROW_MS = 1000;

/** Row by row, as running sums: what has arrived was begun, what is counted as ended was answered. */
function seconds(arrivals: readonly Arrival[], samples: readonly SampleLine[]): void {
  const arrived = ascending(arrivals.map(({ arrivedMs }) => arrivedMs));
  const answered = ascending(arrivals.map((one) => one.answeredMs ?? -Infinity));
  const before = (times: readonly number[], ms: number) => times.filter((time) => time < ms).length;
  let sent = 0;
  let started = 0;
  for (const [i, line] of samples.entries()) {
    if (i > 0) assert.equal(line.t, samples[i - 1].t + 1000, 'a row for each second');
    sent += line.sent + (line.retries ?? 0);
    started += line.started ?? 0;
    const endMs = line.t + 1000;
    const most = before(answered, endMs + ROW_MS + CLOCK_MS);
    assert.ok(sent <= most, `row ${i}: ${sent} ended, but ${most} were answered`);
    if (line.started === undefined) continue;
    const least = before(arrived, endMs - ROW_MS - CLOCK_MS);
    assert.ok(
      started + retriesUpTo(samples, i) >= least,
      `row ${i}: ${started} begun, but ${least} had arrived`,
    );
  }
  assert.equal(sent, arrivals.length, 'the rows hold all');
}

const retriesUpTo = (samples: readonly SampleLine[], i: number): number =>
  samples.slice(0, i + 1).reduce((sum, { retries = 0 }) => sum + retries, 0);

/** Of a constant rate: start j is due at j periods. */
function schedule(arrivals: readonly Arrival[], summary: Summary, perSecond: number): void {
  const { schedule: figures, sinceIntended, lateness } = summary.figures;
  const { planned, started, dropped, late, onTimeShare } = figures!;
  const due = (summary.loadMs * perSecond) / 1000;
  assert.ok(planned >= due - 1 && planned <= due + 1, `${planned} planned, ${due} due`);
  assert.equal(started, arrivals.length);
  assert.ok(started + dropped >= planned - 1 && started + dropped <= planned, `${dropped} dropped`);
  assert.ok(Math.abs(onTimeShare! - (started - late) / planned) < 1e-9);
  if (dropped > 0) return;
  const beganMs = summary.loadBeganMs!;
  const dueMs = arrivals.map((_, i) => beganMs + (i * 1000) / perSecond);
  const meanDue = meanOf(dueMs);
  // What arrived had begun; what was answered ended later. Means need no names.
  const latest = meanOf(arrivals.map(({ arrivedMs }) => arrivedMs)) - meanDue;
  assert.ok(lateness!.meanMs <= latest + CLOCK_MS, `lateness ${lateness!.meanMs}, ${latest} seen`);
  if (arrivals.some(({ accepted }) => !accepted)) return;
  const least = meanOf(arrivals.map(({ answeredMs }) => answeredMs!)) - meanDue;
  assert.equal(sinceIntended!.count, arrivals.length);
  assert.ok(
    sinceIntended!.meanMs >= least - CLOCK_MS,
    `since intended ${sinceIntended!.meanMs}, ${least} seen`,
  );
}

/** Shortest time between two arrivals of one submitter; Infinity: each came once. */
export function shortestGapMs(arrivals: readonly Arrival[]): number {
  const last = new Map<string, number>();
  let shortest = Infinity;
  for (const { submitter, arrivedMs } of ascendingByArrival(arrivals)) {
    if (submitter === null) continue;
    const before = last.get(submitter);
    if (before !== undefined) shortest = Math.min(shortest, arrivedMs - before);
    last.set(submitter, arrivedMs);
  }
  return shortest;
}
