/**
 * What one sees in a picture, in a sentence or two: of the figures that it is drawn from, and nothing beyond them. Of what does not change
 * only the level is said. Pure.
 */
import { ACCEPTED, labelAnswer, sumAnswers } from '../results/answers.ts';
import { rowStartMs } from '../results/steps.ts';
import { formatBytes, formatClock, formatMs, formatNumber, formatShare } from '../results/units.ts';
import { describeBreakpoint } from './breakpoint.ts';
import type { ChartData } from './data.ts';
import { describeFleet } from './fleet.ts';
import { ratePoints } from './more-charts.ts';
import type { ChartName } from './names.ts';
import { stageLagsChart } from './stage-lags.ts';
import type { LatencyStep, RateStep, ReadingPoint } from './series.ts';

const NOTHING = 'There is nothing to see: no data.';

/** @returns whole sentences */
export function captionOf(name: ChartName, data: ChartData): string {
  return CAPTIONS[name](data) ?? NOTHING;
}

const CAPTIONS: Record<ChartName, (data: ChartData) => string | null> = {
  breakpoint: ({ breakpoint }) => breakpoint && sentence(describeBreakpoint(breakpoint)),
  fleet: ({ fleet }) => fleet && sentence(describeFleet(fleet)),
  throughput,
  latency,
  heatmap,
  resources,
  distribution,
  'rate-latency': rateLatency,
  asked,
  io,
  stored,
  'stage-lags': ({ stageLags, subtitle }) =>
    stageLags === undefined ? null : stageLagsChart(subtitle, stageLags).caption,
};

const sentence = (words: string): string => `${words[0].toUpperCase()}${words.slice(1)}.`;
const inCores = (value: number): string => {
  const text = formatNumber(value);
  return `${text} ${text === '1' ? 'core' : 'cores'}`;
};
const perSecond = (rate: number): string => `${formatNumber(rate)}/s`;
const clock = (atS: number, { span }: ChartData): string =>
  formatClock(Math.floor(atS), span.seconds >= 3600);

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? NaN : sorted[(sorted.length - 1) >> 1];
};

/** Steps that lie in the load as a whole: neither in the warm-up, nor the first and the last, which are cut. */
function settled<Step extends { startS: number }>(
  steps: readonly Step[],
  { warmUpS = 0 }: ChartData,
): readonly Step[] {
  const whole = steps.length > 4 ? steps.slice(1, -1) : steps;
  const after = whole.filter(({ startS }) => startS >= warmUpS);
  return after.length === 0 ? whole : after;
}

/** A fifth of the steps at either end are its beginning and its end. */
const PARTS = 5;
/** Less is no change that a reader could tell from noise. */
const CHANGE = 1.5;
/** Steps around one whose median stands for it: a single one is an outlier, and no level. */
const AROUND = 2;

type Level = { value: number; step: number };
type Course = { kind: 'flat' | 'rise' | 'fall' | 'hump'; begin: Level; peak: Level; end: Level };

/** How a figure went, by medians of neighbours. null: too few steps. */
export function courseOf(values: readonly number[]): Course | null {
  if (values.length < 6) return null;
  const smooth = values.map((_, i) =>
    median(values.slice(Math.max(0, i - AROUND), i + AROUND + 1)),
  );
  const part = Math.max(1, Math.floor(values.length / PARTS));
  const begin = { value: median(smooth.slice(0, part)), step: 0 };
  const end = { value: median(smooth.slice(-part)), step: values.length - 1 };
  const peakAt = smooth.reduce((best, value, i) => (value > smooth[best] ? i : best), 0);
  const peak = { value: smooth[peakAt], step: peakAt };
  const low = Math.min(begin.value, end.value);
  const isHump = peak.value >= CHANGE * Math.max(begin.value, end.value) && peakAt >= part / 2;
  const kind =
    peak.value < CHANGE * low
      ? 'flat'
      : isHump
        ? 'hump'
        : end.value >= CHANGE * begin.value
          ? 'rise'
          : begin.value >= CHANGE * end.value
            ? 'fall'
            : 'flat';
  return { kind, begin, peak, end };
}

/** The mean reading of a time; null: none. */
function readingAt(points: readonly ReadingPoint[], atS: number, reachS: number): number | null {
  const near = points.filter(
    ({ atS: time, value }) => value !== null && Math.abs(time - atS) <= reachS,
  );
  if (near.length === 0) return null;
  return near.reduce((sum, { value }) => sum + value!.mean, 0) / near.length;
}

const startedPerSecond = ({ started, sent, observedS }: RateStep): number =>
  (started ?? sent) / observedS;

/** `, when the backend reached 2.0 cores`: only where its CPU rose with it, to near its highest. */
function cpuWords(data: ChartData, fromS: number, atS: number): string {
  const backend = data.processes.find(({ name }) => name === 'backend');
  if (backend === undefined) return '';
  const reach = 3 * data.span.stepS;
  const [before, then] = [fromS, atS].map((time) => readingAt(backend.cpu, time, reach));
  const highest = backend.cpu.reduce((most, { value }) => Math.max(most, value?.mean ?? 0), 0);
  if (before === null || then === null || then < 1.2 * before || then < 0.8 * highest) return '';
  return `, when the backend reached ${inCores(Number(then.toPrecision(2)))}`;
}

function latency(data: ChartData): string | null {
  const steps = settled(data.latencies, data);
  if (steps.length === 0) return null;
  const course = courseOf(steps.map(({ p95 }) => p95));
  const slowest = data.latencies.reduce((a, b) => (b.max > a.max ? b : a));
  const tail = `the slowest answer took ${formatMs(slowest.max)}${data.span.seconds > 1 ? `, at ${clock(slowest.startS, data)}` : ''}`;
  const levels = (of: 'p50' | 'p95') => formatMs(median(steps.map((step) => step[of])));
  if (course === null || course.kind === 'flat')
    return `p95 ${course === null ? 'was' : 'stayed around'} ${levels('p95')} and the median ${course === null ? '' : 'around '}${levels('p50')}; ${tail}.`;
  return `${changeWords(course, steps, data)}; ${tail}.`;
}

function changeWords(
  { kind, begin, peak, end }: Course,
  steps: readonly LatencyStep[],
  data: ChartData,
): string {
  const to = kind === 'fall' ? end : peak;
  const at = steps[to.step];
  const atS = (at.startS + at.endS) / 2;
  const rateStep = data.rates.find(({ startS }) => startS === at.startS);
  const rate = rateStep === undefined ? '' : ` at ${perSecond(startedPerSecond(rateStep))}`;
  const low = formatMs(kind === 'fall' ? end.value : begin.value);
  const fromS = (steps[0].startS + steps[0].endS) / 2;
  if (kind === 'fall') return `p95 fell from ${formatMs(begin.value)} to ${low}`;
  const back = kind === 'hump' ? `, and was ${formatMs(end.value)} at the end` : '';
  return `p95 rose from ${low} to ${formatMs(peak.value)} (${clock(atS, data)})${rate === '' ? '' : `${rate} submissions`.replace(/\/s submissions$/, ' submissions/s')}${cpuWords(data, fromS, atS)}${back}`;
}

function throughput(data: ChartData): string | null {
  const { rates } = data;
  const sent = rates.reduce((sum, step) => sum + step.sent, 0);
  if (rates.length === 0 || sent === 0) return null;
  const steps = settled(rates, data);
  const seconds = steps.reduce((sum, { observedS }) => sum + observedS, 0);
  const mean = steps.reduce((sum, step) => sum + step.sent, 0) / seconds;
  const course = courseOf(steps.map((step) => step.sent / step.observedS));
  const pace =
    course?.kind === 'rise'
      ? `Answers rose from ${perSecond(course.begin.value)} to ${perSecond(course.peak.value)}`
      : course?.kind === 'fall'
        ? `Answers fell from ${perSecond(course.begin.value)} to ${perSecond(course.end.value)}`
        : course?.kind === 'hump'
          ? `Answers rose from ${perSecond(course.begin.value)} to ${perSecond(course.peak.value)} (${clock(steps[course.peak.step].startS, data)}) and ended at ${perSecond(course.end.value)}`
          : `${perSecond(mean)} were answered on average`;
  return `${pace}; ${errorWords(data, sent)}.`;
}

function errorWords(data: ChartData, sent: number): string {
  const totals = sumAnswers(data.rates);
  const others = Object.entries(totals).filter(
    ([answer, count]) => answer !== ACCEPTED && count > 0,
  );
  if (others.length === 0) return 'all were accepted';
  const count = others.reduce((sum, [, one]) => sum + one, 0);
  const [first] = others.sort(([, a], [, b]) => b - a);
  const failed = (step: RateStep) =>
    Object.entries(step.answers).some(([answer, one]) => answer !== ACCEPTED && one > 0);
  const steps = data.rates.filter(failed);
  const when =
    steps.length === 0
      ? ''
      : steps[0].startS === steps.at(-1)!.startS
        ? `, at ${clock(steps[0].startS, data)}`
        : `, between ${clock(steps[0].startS, data)} and ${clock(steps.at(-1)!.endS, data)}`;
  const which = others.length === 1 ? labelAnswer(first[0]) : `${labelAnswer(first[0])} most often (${formatNumber(first[1])})`; // prettier-ignore
  return `${formatNumber(count)} (${formatShare(count / sent)}) had another answer than 200${when}: ${which}`;
}

function heatmap(data: ChartData): string | null {
  const { latencies } = data;
  const totals = new Map<number, number>();
  let count = 0;
  for (const { rows } of latencies)
    rows?.counts.forEach((one, i) => {
      totals.set(rows.lowest + i, (totals.get(rows.lowest + i) ?? 0) + one);
      count += one;
    });
  if (count === 0) return null;
  // The row that 99 of 100 answers do not exceed: what lies above is the tail.
  let within = 0;
  const sorted = [...totals].sort(([a], [b]) => a - b);
  const edge = sorted.find(([, one]) => (within += one) >= 0.99 * count)![0] + 1;
  const tail = latencies
    .map(({ startS, endS, rows }) => ({
      startS,
      endS,
      count: rows?.counts.reduce((sum, one, i) => (rows.lowest + i >= edge ? sum + one : sum), 0) ?? 0, // prettier-ignore
    }))
    .filter((step) => step.count > 0);
  const slow = tail.reduce((sum, step) => sum + step.count, 0);
  const [{ value: low }, { value: high }] = [0.01, 0.99].map((share) => {
    let sum = 0;
    const row = sorted.find(([, one]) => (sum += one) >= share * count)![0];
    return { value: share < 0.5 ? rowStartMs(row) : rowStartMs(row + 1) };
  });
  const most = `98 of 100 answers took ${formatMs(Number(low.toPrecision(2)))} to ${formatMs(Number(high.toPrecision(2)))}`;
  if (slow < 5) return `${most}.`;
  const window = shortestWindow(tail, 0.8 * slow);
  const length = window.toS - window.fromS;
  if (length <= 0.25 * data.span.seconds)
    return `${most}; four in five of the ${formatNumber(slow)} slower ones lie between ${clock(window.fromS, data)} and ${clock(window.toS, data)}.`;
  return `${most}; the ${formatNumber(slow)} slower ones are spread over the run.`;
}

/** The shortest time that holds at least `wanted` of the counts. */
function shortestWindow(
  steps: readonly { startS: number; endS: number; count: number }[],
  wanted: number,
): { fromS: number; toS: number } {
  let best = { fromS: steps[0].startS, toS: steps.at(-1)!.endS };
  let from = 0;
  let inside = 0;
  for (const { endS, count } of steps) {
    inside += count;
    while (inside - steps[from].count >= wanted) inside -= steps[from++].count;
    if (inside >= wanted && endS - steps[from].startS < best.toS - best.fromS)
      best = { fromS: steps[from].startS, toS: endS };
  }
  return best;
}

function distribution({ latency: figures }: ChartData): string | null {
  if (figures === null) return null;
  const { p50Ms, p95Ms, p99Ms, maxMs, count } = figures;
  return `Half of ${formatNumber(count)} answers came within ${formatMs(p50Ms)}, 95 of 100 within ${formatMs(p95Ms)}, 99 of 100 within ${formatMs(p99Ms)}; the slowest took ${formatMs(maxMs)}.`;
}

const levelsOf = (points: readonly ReadingPoint[]): number[] =>
  points.flatMap(({ value }) => (value === null ? [] : [value.mean]));

/** Of three processes at most: more would be a table. */
const MOST_PROCESSES = 3;

function resources({ processes, hostCores }: ChartData): string | null {
  const words = processes
    .map(({ name, cpu, memory }) => ({
      name,
      cpu: levelsOf(cpu),
      memory: levelsOf(memory),
      most: cpu.reduce((most, { value }) => Math.max(most, value?.max ?? 0), 0),
    })) // prettier-ignore
    .filter(({ cpu, memory }) => cpu.length > 0 || memory.length > 0)
    .slice(0, MOST_PROCESSES)
    .map(({ name, cpu, memory, most }) => {
      const mean = cpu.reduce((sum, value) => sum + value, 0) / cpu.length;
      const cores = cpu.length === 0 ? [] : [`${inCores(mean)} on average, ${formatNumber(most)} at most`]; // prettier-ignore
      const [first, last] = [memory[0], memory.at(-1)];
      const mb = (value: number) => `${formatNumber(Math.round(value))} MB`;
      const size =
        first === undefined || last === undefined
          ? []
          : [Math.abs(last - first) < 0.1 * first ? mb(last) : `${mb(first)} at first and ${mb(last)} at last`]; // prettier-ignore
      return `${name} took ${[...cores, ...size].join(', ')}`;
    });
  if (words.length === 0) return null;
  return `${sentence(words.join('; ')).slice(0, -1)}${hostCores === null ? '' : `; the machine has ${inCores(hostCores)}`}.`;
}

function rateLatency(data: ChartData): string | null {
  const points = ratePoints(data).sort((a, b) => a.rate - b.rate);
  if (points.length < 10) return points.length === 0 ? null : `${points.length} points: too few to see a knee.`; // prettier-ignore
  const part = Math.max(3, Math.floor(points.length / PARTS));
  const [low, high] = [points.slice(0, part), points.slice(-part)].map((some) => ({
    rate: median(some.map(({ rate }) => rate)),
    p95: median(some.map(({ p95 }) => p95)),
  }));
  const at = ({ rate, p95 }: { rate: number; p95: number }) =>
    `${formatMs(p95)} at ${perSecond(rate)}`;
  if (high.rate < 1.3 * low.rate)
    return `The rate hardly changed (${perSecond(low.rate)} to ${perSecond(high.rate)}), so nothing is seen of a knee; p95 was ${formatMs(median(points.map(({ p95 }) => p95)))}.`;
  if (high.p95 < CHANGE * low.p95)
    return `p95 was ${at(low)} and ${at(high)}: no knee up to there.`;
  // The lowest rate from which on p95 stays above.
  const limit = CHANGE * low.p95;
  const smooth = points.map((_, i) => median(points.slice(Math.max(0, i - AROUND), i + AROUND + 1).map(({ p95 }) => p95))); // prettier-ignore
  const lastBelow = smooth.findLastIndex((p95) => p95 < limit);
  const knee = points[Math.min(lastBelow + 1, points.length - 1)].rate;
  return `p95 was ${at(low)} and ${at(high)}; above ${perSecond(knee)} it stays above ${formatMs(limit)}.`;
}

function asked(data: ChartData): string | null {
  const { rates, asked: plan } = data;
  const total = (of: (step: RateStep) => number | undefined) =>
    rates.reduce((sum, step) => sum + (of(step) ?? 0), 0);
  const begun = total(({ started, sent }) => started ?? sent);
  if (begun === 0 || !plan) return null;
  const accepted = total((step) => step.accepted);
  const [late, dropped] = [total((step) => step.late), total((step) => step.dropped)];
  const all = `${formatNumber(begun)} submissions were begun and ${formatNumber(accepted)} accepted`;
  if (plan.of === 'vus') {
    const most = rates.reduce((max, { vus }) => Math.max(max, vus?.max ?? 0), 0);
    const wanted = plan.points.reduce((max, { y }) => Math.max(max, y), 0);
    return `${all}; ${formatNumber(most)} of ${formatNumber(wanted)} VUs were at work at most.`;
  }
  const missed = [
    ...(late > 0 ? [`${formatNumber(late)} were begun too late`] : []),
    ...(dropped > 0 ? [`${formatNumber(dropped)} were never begun`] : []),
  ];
  return `${all}${missed.length === 0 ? ', none of them late' : `; ${missed.join(', ')}`}.`;
}

function io(data: ChartData): string | null {
  const { rates, disks = [] } = data;
  const seconds = rates.reduce((sum, { observedS }) => sum + observedS, 0);
  if (seconds === 0) return null;
  const mean = (of: 'bytesSent' | 'bytesReceived') =>
    rates.reduce((sum, step) => sum + (step[of] ?? 0), 0) / seconds;
  const written = disks
    .filter(({ written: points }) => levelsOf(points).length > 0)
    .slice(0, MOST_PROCESSES)
    .map(({ name, written: points }) => {
      const levels = levelsOf(points);
      const rate = levels.reduce((sum, value) => sum + value, 0) / levels.length;
      return `; ${name} wrote ${formatBytes(rate * 1e6)}/s to storage`;
    });
  return `${formatBytes(mean('bytesSent'))}/s of bodies were sent and ${formatBytes(mean('bytesReceived'))}/s of answers received on average${written.join('')}.`;
}

function stored(data: ChartData): string | null {
  const { looks = [], storedAtEnd } = data;
  const last = looks.at(-1);
  if (last === undefined) return null;
  const most = looks.reduce((a, b) => (b.notStored > a.notStored ? b : a));
  const during =
    most.notStored === 0
      ? `In ${formatNumber(looks.length)} looks nothing was missing`
      : `At ${clock(most.atS, data)} ${formatNumber(most.notStored)} accepted submissions were missing, the most of all looks`;
  const end =
    storedAtEnd === undefined
      ? `; the last look found ${formatNumber(last.stored)} of ${formatNumber(last.accepted)}`
      : `; at the end ${formatNumber(storedAtEnd.stored)} were stored and ${formatNumber(storedAtEnd.notStored)} missing`;
  return `${during}${end}.`;
}
