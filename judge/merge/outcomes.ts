/** What came of the submissions of several generators: schedules, sizes and kinds, targets, hostile cases, refusals. Pure. */
import type {
  PartFigures,
  HostileFigures,
  LatencyFigures,
  QueueFigures,
  Refusal,
  ScheduleFigures,
  TargetFigures,
} from '../../results/types.ts';
import { addCounts, sum } from './sums.ts';

export function mergeSchedules(
  parts: readonly (ScheduleFigures | null | undefined)[],
  lateness: LatencyFigures | null,
): ScheduleFigures | null {
  const present = parts.filter((part) => part !== null && part !== undefined);
  if (present.length <= 1) return present[0] ?? null;
  const [planned, started, late] = (['planned', 'started', 'late'] as const).map((name) =>
    sum(present, (part) => part[name]),
  );
  const keepsUp = present.every(({ keepingUpShare }) => keepingUpShare !== undefined);
  const queue = mergeQueues(present.map((part) => part.queue));
  const whileBusy = sum(present, ({ lateWhileBusy }) => lateWhileBusy);
  return {
    planned,
    started,
    late,
    ...(whileBusy > 0 && { lateWhileBusy: whileBusy }),
    dropped: sum(present, ({ dropped }) => dropped),
    droppedWhileFree: sum(present, ({ droppedWhileFree }) => droppedWhileFree),
    onTimeShare: planned === 0 ? null : (started - late) / planned,
    // Of a constant rate half of what is planned is due in the second half.
    ...(keepsUp &&
      planned > 0 && {
        keepingUpShare: sum(present, (part) => part.keepingUpShare! * part.planned) / planned,
      }),
    ...(queue && { queue }),
    latenessP99Ms: lateness?.p99Ms ?? null,
    toleranceMs: present.reduce((most, { toleranceMs }) => Math.max(most, toleranceMs), 0),
  };
}

/** Loads of the same length whose parts of time are the same share of it. */
const SAME_LENGTH = 0.05;

/** What was under way for all of them, part by part of each one's own load. @returns undefined: one has none, or they were not as long */
function mergeQueues(queues: readonly (QueueFigures | undefined)[]): QueueFigures | undefined {
  const [first, ...rest] = queues;
  const present = queues.filter((queue) => queue !== undefined);
  if (first === undefined || present.length < queues.length) return undefined;
  const isAlike = rest.every(
    (queue) =>
      queue!.inFlight.length === first.inFlight.length &&
      Math.abs(queue!.overMs - first.overMs) <= SAME_LENGTH * first.overMs,
  );
  if (!isAlike) return undefined;
  const added = (partsOf: (queue: QueueFigures) => readonly number[]): number[] =>
    first.inFlight.map((_, part) => sum(present, (queue) => partsOf(queue)[part] ?? 0));
  return {
    overMs: Math.max(...present.map(({ overMs }) => overMs)),
    inFlight: added(({ inFlight }) => inFlight),
    ...(present.some(({ errors }) => errors) && { errors: added(({ errors }) => errors ?? []) }),
  };
}

export function mergeGroups(
  parts: readonly (PartFigures[] | undefined)[],
): PartFigures[] | undefined {
  const [first, ...rest] = parts.filter((part) => part !== undefined);
  if (first === undefined) return undefined;
  const names = [...new Set([first, ...rest].flat().map(({ name }) => name))];
  return names.map((name) => {
    const same = parts.flatMap((part) => part?.filter((group) => group.name === name) ?? []);
    return {
      ...same[0],
      sent: sum(same, ({ sent }) => sent),
      accepted: sum(same, ({ accepted }) => accepted),
      expected: same.some(({ expected }) => expected === null)
        ? null
        : sum(same, ({ expected }) => expected!),
      answers: addCounts(same.map(({ answers }) => answers)),
      bytesSent: sum(same, ({ bytesSent }) => bytesSent),
      // Of a group the histogram is not kept, so percentiles of several do not add.
      latency: same.length === 1 ? same[0].latency : null,
      bytesPerSecond: same.length === 1 ? same[0].bytesPerSecond : null,
    };
  });
}

export function mergeTargets(
  parts: readonly (TargetFigures[] | undefined)[],
): TargetFigures[] | undefined {
  const all = parts.flatMap((part) => part ?? []);
  if (all.length === 0) return undefined;
  return [...new Set(all.map(({ url }) => url))].map((url) => {
    const same = all.filter((target) => target.url === url);
    return {
      ...same[0],
      sent: sum(same, ({ sent }) => sent),
      accepted: sum(same, ({ accepted }) => accepted),
      answers: addCounts(same.map(({ answers }) => answers)),
    };
  });
}

const MOST_EXAMPLES = 3;

export function mergeHostile(
  parts: readonly (HostileFigures | undefined)[],
): HostileFigures | undefined {
  const present = parts.filter((part) => part !== undefined);
  if (present.length <= 1) return present[0];
  const names = [...new Set(present.flatMap(({ cases }) => cases.map(({ name }) => name)))];
  const add = <Name extends string, T extends Record<Name, number>>(all: T[], ...fields: Name[]) =>
    Object.fromEntries(fields.map((field) => [field, sum(all, (one) => one[field])])) as Record<
      Name,
      number
    >;
  // Of several generators, the one with the fewest in the whitelist.
  const unlisted = present
    .flatMap((one) => one.unlisted ?? [])
    .sort((a, b) => a.listed - b.listed)
    .at(0);
  return {
    ...add(present, 'rounds', 'requests', 'played', 'asExpected', 'unexpected', 'cut'),
    answers: addCounts(present.map(({ answers }) => answers)),
    ...(unlisted && { unlisted }),
    cases: names.map((name) => {
      const same = present.flatMap(({ cases }) => cases.filter((one) => one.name === name));
      return {
        ...same[0],
        expected: same.find(({ expected }) => expected !== '')?.expected ?? '',
        ...add(same, 'played', 'asExpected', 'unexpected', 'cut', 'requests'),
        examples: same.flatMap(({ examples }) => examples).slice(0, MOST_EXAMPLES),
      };
    }),
  };
}

/** Refusals of an answer's words that a summary keeps. */
const MOST_REFUSALS = 20;

export function mergeRefusals(
  parts: readonly (readonly Refusal[] | undefined)[],
): Refusal[] | undefined {
  const all = parts.flatMap((part) => part ?? []);
  if (all.length === 0) return undefined;
  const byWords = new Map<string, Refusal>();
  for (const refusal of all) {
    const key = `${refusal.answer} ${refusal.text}`;
    const same = byWords.get(key);
    byWords.set(key, { ...refusal, count: refusal.count + (same?.count ?? 0) });
  }
  return [...byWords.values()].sort((a, b) => b.count - a.count).slice(0, MOST_REFUSALS);
}
