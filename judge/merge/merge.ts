/**
 * The results of several generators of one load as one: counts and histograms add, seconds are aligned by their time, rates and shares
 * are taken anew from the sums. Merging loses nothing: percentiles are those of all answers. Pure; judge.ts has gates and verdict.
 *
 * What cannot be added is kept apart or left out, with a note: the readings of each generator's own processes get its number
 * before their names (`g2:k6`), a target that several watched counts once, and so does the machine that they share.
 */
import { figuresOfSamples, processFigures } from '../../results/figures.ts';
import type { Run } from '../../results/reader.ts';
import type {
  ControlLine,
  LogSecond,
  MarkLine,
  Plan,
  Reconcile,
  ReconcileLiveLine,
  ResourceLine,
  SampleLine,
  Summary,
  VerdictReason,
} from '../../results/types.ts';
import { together } from './clocks.ts';
import { mergeControl } from './control.ts';
import { mergeFaults, mergeMarks } from './faults.ts';
import { mergeLogs } from './logs.ts';
import { mergeLooks } from './looks.ts';
import {
  mergeGroups,
  mergeHostile,
  mergeRefusals,
  mergeSchedules,
  mergeTargets,
} from './outcomes.ts';
import { mergePlans } from './plan.ts';
import { mergeReconciles } from './reconcile.ts';
import { mergeResources, withGrowth } from './resources.ts';
import { mergeLatencyFigures, mergeSamples } from './seconds.ts';
import { addCounts, sum } from './sums.ts';

/** All of a merged run but its gates and its verdict. */
export type Merged = {
  plan: Plan;
  samples: SampleLine[];
  resources: ResourceLine[];
  logs: LogSecond[];
  control: ControlLine[];
  marks: MarkLine[];
  /** Looks into the storage while it ran. */
  live: ReconcileLiveLine[];
  reconcile: Reconcile | null;
  summary: Omit<Summary, 'gates' | 'verdict' | 'cost'>;
  /** What was wrong with the parts, with the numbers of their generators. */
  reasons: VerdictReason[];
};

/** Of the parts' reasons those that are true of the whole, too; gates are judged anew, and an interrupt stands in the summary. */
const KEPT: readonly VerdictReason['kind'][] = ['broken', 'generator-limited'];

function reasonsOfParts(runs: readonly Run[]): VerdictReason[] {
  return runs.flatMap(({ summary }, i): VerdictReason[] => {
    const generator = i + 1;
    if (summary === null) return [{ kind: 'broken', words: 'did not end by itself', generator }];
    return (summary.verdict.reasons ?? [])
      .filter(({ kind }) => KEPT.includes(kind))
      .map((reason) => ({ ...reason, generator }) as VerdictReason);
  });
}

/**
 * One run out of several.
 * @param runs that {@link mergeProblems} has no complaint about
 * @param id of the new run
 * @throws Error if a stored histogram is broken
 */
export function mergeRuns(runs: readonly Run[], id: string): Merged {
  const plans = runs.map(({ plan }) => plan!);
  const figures = runs.map(
    (run) =>
      run.summary?.figures ??
      figuresOfSamples(run.samples, run.resources, run.plan!.load.warmUpMs ?? 0),
  );
  const started = sum(figures, (one) => one.started ?? one.sent);
  const accepted = sum(figures, (one) => one.accepted);
  const work = together(runs, { started, accepted });
  const notes: string[] = [
    ...(work.note === null ? [] : [work.note]),
    ...runs.flatMap(({ summary }, i) =>
      (summary?.notes ?? []).map((note) => `generator ${i + 1}: ${note}`),
    ),
  ];
  if (new Set(plans.map(({ seed }) => seed)).size < plans.length)
    notes.push(
      'several generators had the same seed: unless each sent a segment of its own, they sent the same submissions',
    );
  const resources = mergeResources(runs, notes);
  const logs = mergeLogs(runs);
  const plan = mergePlans(plans, id);
  const samples = mergeSamples(runs.map((run) => run.samples));
  const marks = mergeMarks(runs);
  const faults = mergeFaults(plan, marks, samples, work.time.beganMs);
  const ofFaults = faults?.facts ?? null;
  return {
    plan,
    samples,
    resources,
    logs: logs.lines,
    control: mergeControl(runs),
    marks,
    live: mergeLooks(runs),
    reconcile: mergeReconciles(runs.map(({ reconcile }) => reconcile)),
    reasons: [
      ...reasonsOfParts(runs),
      ...(ofFaults === null ? [] : [{ kind: 'faults', ...ofFaults } as const]),
    ],
    summary: {
      format: 1,
      id,
      scenario: plans[0].scenario,
      ...spanOfRuns(runs),
      loadMs: Math.round(work.loadMs),
      loadBeganMs: work.time.beganMs,
      loadEndedMs: work.time.endedMs,
      ...endsOfRequests(runs),
      interrupted: runs.some(({ summary }) => summary?.interrupted),
      figures: {
        ...countsOf(figures),
        ...work.rates,
        processes: withGrowth(processFigures(resources, work.time), runs),
      },
      ...outcomesOf(runs),
      ...(faults && { faults: faults.figures }),
      ...(logs.figures && { logs: logs.figures }),
      notes,
    },
  };
}

/** From the first to the last moment of any of them. */
function spanOfRuns(runs: readonly Run[]): Pick<Summary, 'startedAt' | 'endedAt'> {
  const startedAt = runs.map(
    ({ summary, samples }) => summary?.startedAt ?? new Date(samples[0].t).toISOString(),
  );
  const endedAt = runs.map(
    ({ summary, samples }) =>
      summary?.endedAt ?? new Date(samples[samples.length - 1].t + 1000).toISOString(),
  );
  return { startedAt: startedAt.sort()[0], endedAt: endedAt.sort()[endedAt.length - 1] };
}

/** First and last end of a request; null unless every part knows. */
function endsOfRequests(runs: readonly Run[]): Pick<Summary, 'firstEndMs' | 'lastEndMs'> {
  const first = runs.map(({ summary }) => summary?.firstEndMs ?? null);
  const last = runs.map(({ summary }) => summary?.lastEndMs ?? null);
  const known = (times: (number | null)[]): times is number[] => !times.includes(null);
  return known(first) && known(last)
    ? {
        firstEndMs: first.reduce((least, ms) => Math.min(least, ms), Infinity),
        lastEndMs: last.reduce((most, ms) => Math.max(most, ms), -Infinity),
      }
    : { firstEndMs: null, lastEndMs: null };
}

type Figures = Summary['figures'];
type Counted = Omit<Figures, 'submissionsPerSecond' | 'acceptedPerSecond' | 'processes'>;

/** All figures but rates and processes. */
function countsOf(figures: readonly Figures[]): Counted {
  const sent = sum(figures, (one) => one.sent);
  const started = sum(figures, (one) => one.started ?? one.sent);
  const accepted = sum(figures, (one) => one.accepted);
  const expected = figures.some((one) => one.expected !== undefined)
    ? sum(figures, (one) => one.expected ?? one.accepted)
    : undefined;
  const lateness = mergeLatencyFigures(figures.map((one) => one.lateness));
  const retries = addCounts(figures.map((one) => one.retries ?? {}));
  const refusals = mergeRefusals(figures.map((one) => one.refusals));
  return {
    sent,
    ...(started !== sent && { started }),
    accepted,
    ...(expected !== undefined && { expected }),
    answers: addCounts(figures.map((one) => one.answers)),
    errorRate: sent === 0 ? null : (sent - (expected ?? accepted)) / sent,
    bytesSent: sum(figures, (one) => one.bytesSent),
    bytesReceived: sum(figures, (one) => one.bytesReceived),
    latency: mergeLatencyFigures(figures.map((one) => one.latency)),
    felt: mergeLatencyFigures(figures.map((one) => one.felt)),
    failedIterations: sum(figures, (one) => one.failedIterations),
    schedule: mergeSchedules(
      figures.map((one) => one.schedule),
      lateness,
    ),
    sinceIntended: mergeLatencyFigures(figures.map((one) => one.sinceIntended)),
    lateness,
    warmUpAnswers: sum(figures, (one) => one.warmUpAnswers),
    ...(Object.keys(retries).length > 0 && { retries }),
    ...(refusals && { refusals }),
  };
}

/** Sections that only some loads have. */
function outcomesOf(
  runs: readonly Run[],
): Pick<Summary, 'targets' | 'sizes' | 'kinds' | 'hostile'> {
  const targets = mergeTargets(runs.map(({ summary }) => summary?.targets));
  const sizes = mergeGroups(runs.map(({ summary }) => summary?.sizes));
  const kinds = mergeGroups(runs.map(({ summary }) => summary?.kinds));
  const hostile = mergeHostile(runs.map(({ summary }) => summary?.hostile));
  return {
    ...(targets && { targets }),
    ...(sizes && { sizes }),
    ...(kinds && { kinds }),
    ...(hostile && { hostile }),
  };
}
