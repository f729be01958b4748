/** From a run to all that its charts draw, computed once for both picture formats. Pure. */
import { markOf } from '../results/control.ts';
import { latenciesAfter, mergeLatency } from '../results/figures.ts';
import { decodeBuckets, type Bucket } from '../results/histogram.ts';
import { paceInWords } from '../results/pace.ts';
import type { Run } from '../results/reader.ts';
import type {
  BreakpointFigures,
  ControlLine,
  HostReading,
  LoadShape,
  LatencyFigures,
  ProcessReading,
} from '../results/types.ts';
import { formatDate, formatDuration, formatNumber } from '../results/units.ts';
import { fleetData, type FleetData } from './fleet.ts';
import {
  latencySteps,
  rateSteps,
  readingPoints,
  timeSpan,
  type LatencyStep,
  type RateStep,
  type ReadingPoint,
  type TimeSpan,
} from './series.ts';

export type ChartData = {
  subtitle: string;
  span: TimeSpan;
  rates: RateStep[];
  latencies: LatencyStep[];
  /** Latency of the whole run, with its buckets in rising order. */
  latency: LatencyFigures | null;
  buckets: Bucket[];
  processes: { name: string; cpu: ReadingPoint[]; memory: ReadingPoint[] }[];
  hostCpu: ReadingPoint[];
  hostCores: number | null;
  /** Something that happened to a process, e.g. its end. */
  events: { atS: number; text: string }[];
  /** Steps of the axis in which the target's log has errors that nobody expected, and how many in all; null: none. */
  logErrors: { count: number; atS: number[] } | null;
  /** Of the scenario breakpoint; null of all others. */
  breakpoint: BreakpointFigures | null;
  /** Of the scenario fleet; null of all others. */
  fleet: FleetData | null;
  /** Where rounds begin, their stress and their pauses; empty: the load has none. */
  rounds: { atS: number; text: string }[];
  /** What was asked of the load while it ran; empty: nothing was. */
  control: { atS: number; text: string }[];
  /** Limits of gates as lines over a panel, in its unit; absent: none are drawn. */
  limits?: { panel: 'latency' | 'rate'; at: number; label: string }[];
};

/** One line of key facts under each title. */
function keyFacts({ plan, summary, samples }: Run): string {
  const facts: string[] = [];
  const scenario = plan?.scenario ?? summary?.scenario;
  if (scenario !== undefined) facts.push(`scenario ${scenario}`);
  if (plan) {
    const { executor, iterations, durationMs } = plan.load;
    facts.push(paceInWords(plan.load));
    facts.push(
      executor === 'shared-iterations' && iterations !== null
        ? `${formatNumber(iterations)} submissions`
        : formatDuration(durationMs),
    );
    facts.push(`${plan.target.url}${plan.target.embedded ? ' (embedded backend)' : ''}`);
  }
  const startedAt =
    summary?.startedAt ??
    (samples.length > 0 ? new Date(samples[0].t).toISOString() : plan?.plannedAt);
  if (startedAt !== undefined) facts.push(formatDate(startedAt));
  if (summary?.interrupted) facts.push('interrupted');
  if (!summary) facts.push('did not end by itself');
  return facts.join('  ·  ');
}

const USUAL_PROCESSES = ['backend', 'k6', 'toolkit'];

/** What every run has first, then the others as they appeared: legends of two runs then compare. */
function inUsualOrder<T>(processes: readonly [name: string, T][]): [name: string, T][] {
  const rank = ([name]: [string, T]) => {
    const known = USUAL_PROCESSES.indexOf(name);
    return known === -1 ? USUAL_PROCESSES.length : known;
  };
  return [...processes].sort((a, b) => rank(a) - rank(b));
}

/** One mark for each step of the axis with an error in it; errors before and after the load have none, but count. */
function logErrors({ logs }: Run, { startT, seconds, stepS }: TimeSpan): ChartData['logErrors'] {
  const errors = logs.filter(({ allowed, level }) => allowed !== true && level === undefined);
  if (errors.length === 0) return null;
  const steps = new Set(errors.map(({ t }) => Math.floor((t - startT) / 1000 / stepS)));
  return {
    count: errors.reduce((sum, { count }) => sum + count, 0),
    atS: [...steps]
      .map((step) => (step + 0.5) * stepS)
      .filter((atS) => atS >= 0 && atS <= seconds)
      .sort((a, b) => a - b),
  };
}

/** Beyond so many rounds labels would cover each other: only the beginnings are marked, and then nothing. */
const LABELLED_ROUNDS = 4;
const MOST_ROUNDS = 40;

/** Where rounds begin, their stress and their pauses, as far as `span` has come. @param beganS of the load, on the axis */
export function roundMarks(
  rounds: NonNullable<LoadShape['timed']>['rounds'],
  beganS: number,
  span: Pick<TimeSpan, 'seconds'>,
): ChartData['rounds'] {
  if (rounds === undefined || rounds.times.length > MOST_ROUNDS) return [];
  const { basePerSecond, stressPerSecond, times } = rounds;
  const marks = times.flatMap(({ fromMs, stressFromMs, pauseFromMs, stopped }, i) => {
    const first = { atS: beganS + fromMs / 1000, text: `${i + 1}` };
    if (times.length > LABELLED_ROUNDS) return [first];
    const who = stopped === 0 ? '' : `, ${formatNumber(stopped)} stopped`;
    return [
      { ...first, text: `round ${i + 1}: ${formatNumber(basePerSecond)}/s${who}` },
      { atS: beganS + stressFromMs / 1000, text: `stress: ${formatNumber(stressPerSecond)}/s` },
      ...(i === times.length - 1 ? [] : [{ atS: beganS + pauseFromMs / 1000, text: 'pause' }]),
    ];
  });
  return marks.filter(({ atS }) => atS <= span.seconds);
}

/** Beyond so many, the words would cover each other. */
const LABELLED_CHANGES = 12;
const MOST_CHANGES = 200;

/** Changes of the pace on the axis. */
export function controlMarks(
  control: readonly ControlLine[],
  span: Pick<TimeSpan, 'startT' | 'seconds'>,
): ChartData['control'] {
  const marks = control.filter(({ action }) => action !== 'begin');
  if (marks.length > MOST_CHANGES) return [];
  return marks
    .map((line) => ({
      atS: (line.t - span.startT) / 1000,
      text: marks.length > LABELLED_CHANGES ? '' : markOf(line),
    }))
    .filter(({ atS }) => atS >= 0 && atS <= span.seconds);
}

/** Pictures and HTML report draw the same: the histograms of a long run are added once. */
const known = new WeakMap<Run, ChartData>();

/** @param run which is not changed afterwards. @throws Error if a stored histogram is broken (the second is named) */
export function chartData(run: Run): ChartData {
  const data = known.get(run) ?? computed(run);
  known.set(run, data);
  return data;
}

function computed(run: Run): ChartData {
  const { samples, resources, summary } = run;
  const span = timeSpan(samples, resources);
  const processLines = new Map<string, ProcessReading[]>();
  const hostLines: HostReading[] = [];
  for (const line of resources) {
    if (line.kind === 'host') hostLines.push(line);
    if (line.kind !== 'process') continue;
    const lines = processLines.get(line.name);
    if (lines) lines.push(line);
    else processLines.set(line.name, [line]);
  }
  const warmUpMs = run.plan?.load.warmUpMs ?? 0;
  const latency = summary?.figures.latency ?? mergeLatency(latenciesAfter(samples, warmUpMs));
  return {
    subtitle: keyFacts(run),
    span,
    rates: rateSteps(samples, span),
    latencies: latencySteps(samples, span),
    latency,
    buckets: latency ? decodeBuckets(latency.hdr) : [],
    processes: inUsualOrder([...processLines]).map(([name, lines]) => ({
      name,
      cpu: readingPoints(lines, (line) => line.cpuCores, span),
      memory: readingPoints(
        lines,
        (line) => (line.rssBytes === undefined ? undefined : line.rssBytes / 1e6),
        span,
      ),
    })),
    hostCpu: readingPoints(hostLines, (line) => line.cpuCores, span),
    hostCores: hostLines[0]?.cores ?? null,
    breakpoint: summary?.breakpoint ?? null,
    fleet: fleetData(run.fleet ?? [], run.plan?.load.timed?.speedup ?? 1),
    rounds: roundMarks(
      run.plan?.load.timed?.rounds,
      // Before the load begins there are readings already.
      ((summary?.loadBeganMs ?? span.startT) - span.startT) / 1000,
      span,
    ),
    control: controlMarks(run.control ?? [], span),
    events: [
      ...(warmUpMs > 0 ? [{ atS: warmUpMs / 1000, text: 'warm-up ends' }] : []),
      ...resources
        .filter((line) => line.kind === 'note')
        .map((line) => ({
          atS: (line.t - span.startT) / 1000,
          text: `${line.name}: ${line.text}`,
        })),
    ].filter(({ atS }) => atS >= 0 && atS <= span.seconds),
    logErrors: logErrors(run, span),
  };
}
