/**
 * Was the generator the bottleneck? Then its figures say little about the target, and a gate that failed proves nothing.
 * Pure: from counted facts. Open and closed models are judged by the same evidence.
 *
 * | evidence | limited when |
 * |---|---|
 * | requests that failed for want of files, ports or memory of this machine | more than 1 in 1,000 |
 * | k6 stood still as a whole (suspended, stopped) | a tenth of the load |
 * | periods in which a CPU quota held its control group back | a tenth of them |
 * | submissions that waited for their signature | more than the on-time gate lets be missed, 1 % at least |
 * | open model: starts late, dropped while VUs were free, or never made | surely more than the on-time gate lets be missed, and no fewer than the target held up |
 * | closed model: think times that took too long | surely more than a fifth, and the target did not take the processor |
 * | the machine was busy | k6 took half of it; or, without think times, k6 waited most of its time for others that are not the target |
 *
 * "Surely": beyond what chance makes of few starts (few-starts.ts, as the gate on-time is judged). Late by little beside the target's own
 * time is not late: a queue at the target makes k6 on the same machine wake some milliseconds later.
 */
import type {
  GeneratorFigures,
  ProcessFigures,
  Refusal,
  ResourceLine,
  ScheduleFigures,
} from '../results/types.ts';
import { formatDuration, formatGrowth, formatNumber, formatShare } from '../results/units.ts';
import { missesOf, surelyAtLeast, surelyMissed } from './few-starts.ts';
import type { GateRule } from './gates.ts';
import { queueOutgrewLateness } from './queue-growth.ts';

/** What held the generator back. `unknown`: it was late, and nothing that was measured says why. */
export type GeneratorCause =
  | 'open files'
  | 'local ports'
  | 'memory'
  | 'standstill'
  | 'cpu quota'
  | 'other processes'
  | 'k6'
  | 'signing'
  | 'unknown';
export type GeneratorLimit = { cause: GeneratorCause; sentence: string };

export type GeneratorFacts = {
  /** Requests that were answered or failed. */
  sent: number;
  /** Of the load, to its planned end or its stop. */
  loadMs: number;
  /** Of an open model. */
  schedule: ScheduleFigures | null;
  /** Share of starts that the run's on-time gate lets be missed. */
  allowedMisses: number;
  generator: GeneratorFigures;
  refusals: readonly Refusal[];
  /** Median of what an answer took, ms; null: none came. */
  answerP50Ms: number | null;
  /** The target's processor time is among `cpu.others`: it is on this machine, and nobody said which process it is. */
  targetIsAmongOthers: boolean;
  /** Of a load whose submissions are signed while they are sent. */
  feeder?: { requests: number; waitedLong: number } | null;
};

const BUSY = 0.95;
const CONSIDERABLE = 0.5;
/** Of the machine, that others take: with less a late start has another reason. */
const OTHERS_CONSIDERABLE = 0.25;
const THROTTLED = 0.1;
const STANDSTILL = 0.1;
const OWN_FAILURES = 0.001;
/** Of k6's time, that it waited for others, where nothing else shows what that did. */
const MOSTLY_WAITED = 0.75;
/** Of the machine, that others took then. */
const OTHERS_MOST = 0.5;
/** Share of think times that may be late. */
const LATE_THINK_TIMES = 0.2;
/** Lateness below this share of the target's own time does not matter. */
const NEGLIGIBLE = 0.1;
/** Share of the feeder's requests that may wait for the signer; in an open model what the on-time gate lets be missed, if that is more. */
const MOST_WAITED_LONG = 0.01;
/** A mean of fewer readings is no mean. */
const FEWEST_READINGS = 3;

/** What Go says when this machine refuses it something (syscall errors of Linux and macOS). */
const OWN_FAILURE_WORDS: { cause: GeneratorCause; words: RegExp; what: string; hint: string }[] = [
  {
    cause: 'open files',
    words: /too many open files/i,
    what: 'this machine allows k6 no more open files',
    hint: 'raise ulimit -n, or lower --vus',
  },
  {
    cause: 'local ports',
    words: /cannot assign requested address|can't assign requested address/i,
    what: 'this machine had no local port left',
    hint: 'the target closes its connections, or --vus is too high',
  },
  {
    cause: 'memory',
    words: /cannot allocate memory|no buffer space available/i,
    what: 'this machine had no memory left for a connection',
    hint: 'lower --vus',
  },
];

/** Requests of this share that went wrong are no matter of time. */
const MOSTLY_WRONG = 0.5;

/** @returns why the generator was the bottleneck; null: it was not */
export function generatorLimit(facts: GeneratorFacts): GeneratorLimit | null {
  const own = ownFailures(facts);
  if (own !== null) return own;
  // A target that refuses or breaks most of what it gets does so however late that comes.
  const wrong = facts.refusals.reduce((sum, { count }) => sum + count, 0);
  if (wrong > MOSTLY_WRONG * facts.sent) return null;
  return (
    standstill(facts) ??
    signing(facts) ??
    quota(facts) ??
    (facts.schedule === null ? thinkTimes(facts) : starts(facts, facts.schedule)) ??
    busyMachine(facts)
  );
}

/** Of requests that failed for what this machine refused; null: there were none, or a handful. */
function ownFailures({ refusals, sent }: GeneratorFacts): GeneratorLimit | null {
  for (const { cause, words, what, hint } of OWN_FAILURE_WORDS) {
    const count = refusals.reduce(
      (sum, refusal) =>
        sum + (refusal.answer.startsWith('error:') && words.test(refusal.text) ? refusal.count : 0),
      0,
    );
    if (count > OWN_FAILURES * sent)
      return {
        cause,
        sentence: `${what}, and ${formatNumber(count)} of ${formatNumber(sent)} requests failed for it (${hint})`,
      };
  }
  return null;
}

function standstill({ generator, loadMs }: GeneratorFacts): GeneratorLimit | null {
  const { standstillMs = 0 } = generator;
  if (loadMs === 0 || standstillMs < STANDSTILL * loadMs) return null;
  return { cause: 'standstill', sentence: standstillWords(standstillMs, loadMs) };
}

const standstillWords = (standstillMs: number, loadMs: number): string =>
  `k6 stood still for ${formatDuration(standstillMs)} of ${formatDuration(loadMs)} (a suspended machine, a stopped process)`;

function quota({ generator }: GeneratorFacts): GeneratorLimit | null {
  if (!isThrottled(generator)) return null;
  return { cause: 'cpu quota', sentence: causeWords('cpu quota', generator) };
}

function signing({
  feeder,
  schedule,
  allowedMisses,
  generator,
}: GeneratorFacts): GeneratorLimit | null {
  // In an open model one that waited begins late: who lets more be late lets more wait.
  const most = schedule === null ? MOST_WAITED_LONG : Math.max(MOST_WAITED_LONG, allowedMisses);
  if (!feeder || feeder.waitedLong <= most * feeder.requests) return null;
  return {
    cause: 'signing',
    sentence: `the signing of submissions could not keep up: ${formatNumber(feeder.waitedLong)} of ${formatNumber(feeder.requests)} waited for it longer than 100 ms${sharesOf(generator)}`,
  };
}

function starts(facts: GeneratorFacts, schedule: ScheduleFigures): GeneratorLimit | null {
  const { generator, allowedMisses, answerP50Ms } = facts;
  const { planned, droppedWhileFree, latenessP99Ms } = schedule;
  const { neverCame, byTarget, ...own } = missesOf(schedule);
  const isNegligible = (latenessP99Ms ?? 0) < NEGLIGIBLE * (answerP50Ms ?? 0);
  const late = isNegligible ? 0 : own.late;
  const misses = late + droppedWhileFree + neverCame;
  if (surelyMissed(misses, planned) <= allowedMisses || misses < byTarget) return null;
  if (misses === late && causeOf(generator) === 'unknown' && queueOutgrewLateness(schedule))
    return null;
  const parts = [
    late > 0 && `${formatNumber(late)} began late`,
    droppedWhileFree > 0 && `${formatNumber(droppedWhileFree)} were dropped though VUs were free`,
    neverCame > 0 && `${formatNumber(neverCame)} never came`,
  ].filter(Boolean);
  const cause = causeOf(generator);
  return {
    cause,
    sentence: `of ${formatNumber(planned)} starts ${parts.join(', ')}${because(cause, facts)}`,
  };
}

function thinkTimes(facts: GeneratorFacts): GeneratorLimit | null {
  const { generator } = facts;
  const { thinkTimes: times, cpu = {} } = generator;
  if (!times || surelyAtLeast(times.late, times.count) <= LATE_THINK_TIMES) return null;
  // A target on the same machine that takes the larger part is itself the bottleneck.
  if ((cpu.target ?? 0) > (cpu.k6 ?? 0) + (cpu.others ?? 0)) return null;
  const cause = causeOf(generator);
  return {
    cause,
    sentence: `k6's own timers ran late: ${formatNumber(times.late)} of ${formatNumber(times.count)} think times took over ${formatDuration(times.toleranceMs)} too long${because(cause, facts)}`,
  };
}

function busyMachine(facts: GeneratorFacts): GeneratorLimit | null {
  const { schedule, allowedMisses, generator, targetIsAmongOthers } = facts;
  // An open model that kept its goal was not limited, whatever that took; one that missed it did so for the target's sake, or this.
  if (schedule !== null) {
    const kept = schedule.started - schedule.late;
    if (surelyMissed(schedule.planned - kept, schedule.planned) <= allowedMisses) return null;
  }
  const cause = causeOf(generator);
  if (cause === 'k6') return { cause, sentence: causeWords(cause, generator) };
  // Where there are schedules or think times, they have shown whether k6 was late: that others were busy alone is no fault.
  if (schedule !== null || generator.thinkTimes !== undefined) return null;
  if (cause !== 'other processes' || targetIsAmongOthers) return null;
  const { waitedShare = 0, cpu = {} } = generator;
  return waitedShare >= MOSTLY_WAITED && (cpu.others ?? 0) >= OTHERS_MOST
    ? { cause, sentence: causeWords(cause, generator) }
    : null;
}

const isThrottled = ({ throttling }: GeneratorFigures): boolean =>
  throttling !== undefined && surelyAtLeast(throttling.throttled, throttling.periods) >= THROTTLED;

/** What took the processor from k6. */
function causeOf(generator: GeneratorFigures): 'cpu quota' | 'other processes' | 'k6' | 'unknown' {
  if (isThrottled(generator)) return 'cpu quota';
  const { host = 0, k6 = 0, others = 0 } = generator.cpu ?? {};
  if (host >= BUSY && k6 >= CONSIDERABLE) return 'k6';
  if (others >= OTHERS_CONSIDERABLE && others > k6) return 'other processes';
  return 'unknown';
}

function causeWords(
  cause: GeneratorCause,
  { throttling, cpu = {}, waitedShare }: GeneratorFigures,
): string {
  if (cause === 'cpu quota') {
    const { periods, throttled, quotaCores } = throttling!;
    const of = quotaCores === null ? '' : ` of ${formatNumber(quotaCores)} cores`;
    return `the CPU quota${of} of its control group held the generator back in ${formatNumber(throttled)} of ${formatNumber(periods)} periods`;
  }
  if (cause === 'other processes') {
    const waited =
      waitedShare === undefined
        ? ''
        : `, and k6 waited for ${formatShare(waitedShare)} of its time`;
    return `other processes took ${formatShare(cpu.others!)} of the machine, k6 ${formatShare(cpu.k6 ?? 0)}${waited}`;
  }
  return `the machine's cores were ${formatShare(cpu.host!)} busy, ${formatShare(cpu.k6!)} by k6 alone`;
}

function because(
  cause: GeneratorCause,
  { generator, targetIsAmongOthers }: GeneratorFacts,
): string {
  if (cause === 'unknown') return sharesOf(generator);
  const isTarget =
    cause === 'other processes' && targetIsAmongOthers
      ? ' (if one of them is the target, --target-pid says so)'
      : '';
  return `: ${causeWords(cause, generator)}${isTarget}`;
}

const sharesOf = (generator: GeneratorFigures): string => {
  const { host, k6 } = generator.cpu ?? {};
  return host === undefined || k6 === undefined ? '' : `; ${causeWords('k6', generator)}`;
};

/** What to say of a generator that was disturbed, but not so that its figures say nothing. @returns sentences */
export function generatorNotes(
  { generator, loadMs }: Pick<GeneratorFacts, 'generator' | 'loadMs'>,
  limit: GeneratorLimit | null,
): string[] {
  const { standstillMs = 0, throttling } = generator;
  const notes: string[] = [];
  if (standstillMs > 0 && limit?.cause !== 'standstill')
    notes.push(`${standstillWords(standstillMs, loadMs)}: what was under way then took longer`);
  if (throttling !== undefined && throttling.throttled > 0 && limit?.cause !== 'cpu quota')
    notes.push(causeWords('cpu quota', generator));
  return notes;
}

/** More than this would have to end some day: 1 MB a minute is 1.4 GB a day. */
const MOST_GROWTH = 2 ** 20;

/** What to say of a generator that grows: a fault of its own, and none of the target's. @returns sentences */
export const growthNotes = (processes: Record<string, ProcessFigures>): string[] =>
  [
    ['k6', 'k6'],
    ['toolkit', 'this program'],
  ].flatMap(([name, words]) => {
    const growth = processes[name]?.rssGrowth;
    return growth === undefined || growth.bytesPerMinute <= MOST_GROWTH
      ? []
      : `the memory of ${words} grew by ${formatGrowth(growth.bytesPerMinute)} over ${formatDuration(growth.overMs)}: the generator's own fault, not the target's; a load of many hours may want for memory`;
  });

/** What the strictest on-time gate of `rules` lets be missed, 0 to 1; without one nothing is too much. */
export function allowedMisses(rules: readonly GateRule[]): number {
  const limits = rules
    .filter(({ metric, operator }) => metric === 'on-time' && operator.startsWith('>'))
    .map(({ limit }) => 1 - limit);
  return Math.min(1, ...limits);
}

/** Means of the readings that it is given: who took the machine, and what k6 waited for. */
export class GeneratorMeter {
  readonly #sums = new Map<string, { percent: number; readings: number }>();
  readonly #k6 = { ran: 0, waited: 0, readings: 0 };

  /** @param line of the load's own time */
  add(line: ResourceLine): void {
    if (line.kind !== 'host' && line.kind !== 'process') return;
    if (line.kind === 'process' && line.name === 'k6' && line.waitedCores !== undefined) {
      const ms = line.intervalMs ?? 0;
      this.#k6.ran += (line.cpuCores ?? 0) * ms;
      this.#k6.waited += line.waitedCores * ms;
      this.#k6.readings++;
    }
    if (line.cpuPercentOfMachine === undefined) return;
    const name = line.kind === 'host' ? HOST : line.name;
    const sum = this.#sums.get(name) ?? { percent: 0, readings: 0 };
    sum.percent += line.cpuPercentOfMachine;
    sum.readings++;
    this.#sums.set(name, sum);
  }

  figures(): Pick<GeneratorFigures, 'cpu' | 'waitedShare'> {
    const mean = (name: string): number | undefined => {
      const { percent, readings } = this.#sums.get(name) ?? { percent: 0, readings: 0 };
      return readings < FEWEST_READINGS ? undefined : percent / readings / 100;
    };
    const [host, k6, target, toolkit] = [HOST, 'k6', 'backend', 'toolkit'].map(mean);
    const cpu = {
      ...(host !== undefined && { host }),
      ...(k6 !== undefined && { k6 }),
      ...(target !== undefined && { target }),
      ...(host !== undefined &&
        k6 !== undefined && {
          others: Math.max(0, host - k6 - (target ?? 0) - (toolkit ?? 0)),
        }),
    };
    const { ran, waited, readings } = this.#k6;
    return {
      ...(Object.keys(cpu).length > 0 && { cpu }),
      ...(readings >= FEWEST_READINGS &&
        ran + waited > 0 && { waitedShare: waited / (ran + waited) }),
    };
  }
}

/** No process has a name with a blank at its beginning. */
const HOST = ' host';
