/** From a run to all that its charts draw, computed once for both picture formats. Pure. */
import { decodeBuckets, type Bucket } from '../results/histogram.ts';
import { paceInWords } from '../results/pace.ts';
import { figuresOf, type RunView, sumsOf } from '../results/sums.ts';
import type {
  BreakpointFigures,
  LatencyFigures,
  LoadShape,
  ReconcileLiveLine,
} from '../results/types.ts';
import { formatDate, formatDuration, formatNumber } from '../results/units.ts';
import { fleetData, type FleetData } from './fleet.ts';
import { type Asked, askedOf } from './asked.ts';
import { type Limit, limitsOf } from './limits.ts';
import { controlMarks, faultMarks, type Mark, stageMarks } from './marks.ts';
import type { StageLags } from './stage-lags.ts';
import type { LatencyStep, RateStep, ReadingPoint, TimeSpan } from './series.ts';

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
  /** Charts of the run's scenario, which its report shows; absent: none. */
  pictures?: string[];
  /** Limits of gates, as lines; absent: none are drawn. */
  limits?: Limit[];
  /** What else happened at a moment; absent: nothing. */
  marks?: Mark[];
  /** Latencies before it say nothing of the target; absent: 0. */
  warmUpS?: number;
  /** What the plan asks for over time; null or absent: it has no such line. */
  asked?: Asked | null;
  /** Processes whose storage is read, MB per second. */
  disks?: { name: string; read: ReadingPoint[]; written: ReadingPoint[] }[];
  /** Of the machine, MB per second. */
  network?: { name: string; points: ReadingPoint[] }[];
  /** Looks into the storage while the load ran; absent: none. */
  looks?: (Pick<ReconcileLiveLine, 'accepted' | 'stored' | 'notStored'> & { atS: number })[];
  /** What the look after the load found; absent: there was none, or it did not come to its end. */
  storedAtEnd?: { stored: number; notStored: number };
  /** How long each stage of the whole chain took, on the run's axis; absent: only the backend was loaded. */
  stageLags?: StageLags;
};

/** One line of key facts under each title. */
function keyFacts(run: RunView): string {
  const { plan, summary } = run;
  const [first] = sumsOf(run).samples.first;
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
    summary?.startedAt ?? (first === undefined ? plan?.plannedAt : new Date(first.t).toISOString());
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
function logErrors(run: RunView): ChartData['logErrors'] {
  const { logs, span } = sumsOf(run);
  if (logs.errors === 0) return null;
  return {
    count: logs.errors,
    atS: [...logs.steps]
      .map((step) => (step + 0.5) * span.stepS)
      .filter((atS) => atS >= 0 && atS <= span.seconds)
      .sort((a, b) => a - b),
  };
}

/** Where an old chain ended and a new era began, on the run's own axis. */
function eraMarks({ fleet, plan }: RunView, beganS: number): Mark[] {
  const network = fleet?.find((one) => one.kind === 'network');
  if (network?.hardFork === undefined) return [];
  const speedup = plan?.load.timed?.speedup ?? 1;
  const { chainEndMs, genesisMs } = network.hardFork;
  const at = (ms: number) => beganS + ms / 1000 / speedup;
  const era = network.eras?.at(-1)?.era ?? '';
  return [
    { atS: at(chainEndMs), text: `${network.hardFork.from} ends`, kind: 'change' },
    { atS: at(genesisMs), text: `${era} begins`, kind: 'change' },
  ];
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

/** On the axis of the other charts, and with what is marked in them. Results from before it was kept have none. */
function stageLagsOf(
  { summary }: RunView,
  span: TimeSpan,
  marks: readonly Mark[],
): StageLags | undefined {
  const lags = summary?.e2e?.lagsOverTime;
  if (lags === undefined || lags.stages.every(({ steps }) => steps.length === 0)) return undefined;
  const laterS = (lags.beganMs - span.startT) / 1000;
  return {
    seconds: Math.max(span.seconds, Math.ceil(laterS + lags.seconds)),
    stepS: lags.stepS,
    batches: lags.batches.map((one) => ({ ...one, endS: one.endS + laterS })),
    stages: lags.stages.map(({ name, steps }) => ({
      name,
      steps: steps.map((step) => ({
        ...step,
        startS: step.startS + laterS,
        endS: step.endS + laterS,
      })),
    })),
    marks,
  };
}

/** Pictures and HTML report draw the same: the histograms of a long run are added once. */
const known = new WeakMap<RunView, ChartData>();

/** @param run which is not changed afterwards. @throws Error if a stored histogram is broken (the second is named) */
export function chartData(run: RunView): ChartData {
  const data = known.get(run) ?? computed(run);
  known.set(run, data);
  return data;
}

function computed(run: RunView): ChartData {
  const { summary, plan } = run;
  const { span, samples, readings } = sumsOf(run);
  const warmUpMs = plan?.load.warmUpMs ?? 0;
  const { latency } = figuresOf(run);
  // Before the load begins there are readings already.
  const beganS = ((summary?.loadBeganMs ?? span.startT) - span.startT) / 1000;
  const onAxis = ({ atS }: { atS: number }) => atS >= 0 && atS <= span.seconds;
  const { host, processes, hostCores } = readings;
  const inMb = (points: ReadingPoint[]): ReadingPoint[] =>
    points.map(({ atS, value }) => ({
      atS,
      value: value && { mean: value.mean / 1e6, min: value.min / 1e6, max: value.max / 1e6 },
    }));
  const isRead = (points: ReadingPoint[]) => points.some(({ value }) => value !== null);
  const sorted = inUsualOrder([...processes]);
  const disks = sorted
    .map(([name, { read, written }]) => ({
      name,
      read: inMb(read.points()),
      written: inMb(written.points()),
    }))
    .filter(({ read, written }) => isRead(read) || isRead(written));
  const network = [
    { name: 'sent', points: inMb(host.sent.points()) },
    { name: 'received', points: inMb(host.received.points()) },
    { name: 'within it (loopback)', points: inMb(host.loopback.points()) },
  ].filter(({ points }) => isRead(points));
  const looks = (run.live ?? []).map(({ t, accepted, stored, notStored }) => ({
    atS: (t - span.startT) / 1000,
    accepted,
    stored,
    notStored,
  }));
  const { stored, notStored } = run.reconcile ?? { stored: null, notStored: null };
  const { control = [] } = run;
  const events = readings.notes
    .map(({ t, name, text }) => ({ atS: (t - span.startT) / 1000, text: `${name}: ${text}` }))
    .filter(onAxis);
  const marks = [
    ...(warmUpMs > 0 ? [{ atS: warmUpMs / 1000, text: 'warm-up ends', kind: 'phase' as const }] : []), // prettier-ignore
    ...(plan ? stageMarks(plan.load, beganS) : []),
    ...controlMarks(control, span.startT),
    ...eraMarks(run, beganS),
    ...faultMarks(run.marks ?? [], span),
  ].filter(onAxis);
  const allMarks = [...events.map((one) => ({ ...one, kind: 'event' as const })), ...marks];
  const stageLags = stageLagsOf(run, span, allMarks);
  return {
    subtitle: keyFacts(run),
    span,
    rates: samples.rates(span),
    latencies: samples.latencies(span),
    latency,
    buckets: latency ? decodeBuckets(latency.hdr) : [],
    processes: sorted.map(([name, { cpu, memory }]) => ({
      name,
      cpu: cpu.points(),
      memory: memory.points(),
    })),
    hostCpu: host.cpu.points(),
    hostCores,
    breakpoint: summary?.breakpoint ?? null,
    fleet: fleetData(run.fleet ?? [], plan?.load.timed?.speedup ?? 1),
    rounds: roundMarks(plan?.load.timed?.rounds, beganS, span),
    events,
    marks,
    logErrors: logErrors(run),
    limits: limitsOf(summary?.gates ?? []),
    ...(warmUpMs > 0 && { warmUpS: warmUpMs / 1000 }),
    ...(plan?.pictures && { pictures: plan.pictures }),
    asked: plan && askedOf(plan.load, { beganS, startT: span.startT, control }),
    ...(disks.length > 0 && { disks }),
    ...(network.length > 0 && { network }),
    ...(looks.length > 0 && { looks: looks.filter(onAxis) }),
    ...(stored !== null && notStored !== null && { storedAtEnd: { stored, notStored } }),
    ...(stageLags !== undefined && { stageLags }),
  };
}
