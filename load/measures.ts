/** All that is measured while a load runs, and what went wrong in the meantime. */
import { join } from 'node:path';
import { FaultMeter } from '../results/faults.ts';
import { SendTimes } from '../reconcile/send-times.ts';
import type { HostileFigures, Refusal } from '../results/types.ts';
import { targetOf } from '../scenarios/lib/plan.ts';
import { QuotaWatch } from './generator-evidence.ts';
import { SampleAggregator } from './k6/samples.ts';
import type { PreparedRun } from './prepare.ts';
import { ResourceMeter } from './resource-meter.ts';
import { type Schedule, scheduleOf, steeredSchedule, timedSchedule } from './schedule.ts';

export type Measures = {
  readonly aggregator: SampleAggregator;
  /** When each submission was sent, for the storage. */
  readonly times: SendTimes;
  readonly resources: ResourceMeter;
  readonly quota: QuotaWatch;
  /** What other answers than the expected one said, once k6 has ended. */
  refusals: Refusal[];
  /** What ended the load before its time, each a piece of a sentence. */
  readonly broken: string[];
  /** What the reader of the results should know. */
  readonly notes: string[];
  hostile: HostileFigures | undefined;
  /** Of a load with faults. */
  readonly faults: FaultMeter | null;
  readonly startedAt: Date;
  /** The same on a clock that never goes back. */
  readonly startedMs: number;
  /** When the load was stopped, so that it ended before its time, ms since 1970; null: it was not. */
  stoppedMs: number | null;
  /** When k6 had ended, ms since 1970; 0: it has not. */
  endedMs: number;
  /** k6 was killed: what it had not yet reported is lost. */
  isKilled: boolean;
};

/** @returns null: starts wait for answers */
function scheduleFor({ plan, decision, feed }: PreparedRun): Schedule | null {
  const { load } = plan;
  if (decision.offsetsMs !== null) return timedSchedule(decision.offsetsMs, load.durationMs);
  const mostPerSecond = load.steered?.mostPerSecond;
  const turns = feed?.turns;
  if (mostPerSecond === undefined || !feed || !turns) return scheduleOf(load);
  return steeredSchedule({ ...feed, turns }, load.durationMs, mostPerSecond);
}

/** @param isLookedInto whether there is a storage that the run is compared with */
export function startMeasures(prepared: PreparedRun, isLookedInto: boolean): Measures {
  const { k6Plan, writer, feed, parts, plan } = prepared;
  const { targets } = k6Plan;
  const { lease } = k6Plan.load;
  const { load } = plan;
  const schedule = scheduleFor(prepared);
  const corpusFolder = join(writer.folder, 'corpus');
  const times = new SendTimes(lease, join(corpusFolder, 'times'));
  return {
    times,
    aggregator: new SampleAggregator({
      ...(isLookedInto && { times }),
      lease,
      count: k6Plan.source.kind === 'corpus' ? k6Plan.source.count : Infinity,
      expectedStatus: k6Plan.expected.status,
      bodyBytesOf: prepared.bodyBytesOf,
      feeder: feed?.samplesOf(lease) ?? null,
      answersPath: join(corpusFolder, 'answers.bin'),
      schedule: schedule && { schedule, vus: load.vus },
      warmUpMs: load.warmUpMs ?? 0,
      ...(targets !== null && {
        targets: { count: targets.length, of: targetOf({ seed: k6Plan.seed, targets }) },
      }),
      ...(parts && {
        groups: { expectedStatus: parts.list.map((part) => part.expectedStatus), of: parts.of },
      }),
    }),
    resources: new ResourceMeter(),
    quota: new QuotaWatch(),
    refusals: [],
    broken: [],
    notes: [],
    hostile: undefined,
    faults: plan.faults === undefined ? null : new FaultMeter(plan.faults),
    startedAt: new Date(),
    startedMs: performance.now(),
    stoppedMs: null,
    endedMs: 0,
    isKilled: false,
  };
}
