/**
 * The results of several generators of one load as one: counts and histograms add, seconds are aligned by their time, rates and shares
 * are taken anew from the sums. Merging loses nothing: percentiles are those of all answers. Pure; gates and verdict are the caller's.
 *
 * What cannot be added is kept apart or left out, with a note: the readings of each generator's own processes get its number
 * before their names (`g2:k6`), a target that several watched counts once, and so does the machine that they share.
 */
import { EXIT } from '../user-error.ts';
import { ACCEPTED } from '../results/answers.ts';
import { figuresOfSamples, processFigures, takenIn } from '../results/figures.ts';
import { LatencyHistogram } from '../results/histogram.ts';
import type { Run } from '../results/reader.ts';
import type {
  AnswerClass,
  GroupFigures,
  HostileFigures,
  LatencyFigures,
  LatencyOfSecond,
  LoadShape,
  LogFigures,
  LogLine,
  Plan,
  ProcessFigures,
  Reconcile,
  ReconcileClasses,
  ResourceLine,
  SampleLine,
  ScheduleFigures,
  StorageLook,
  Summary,
  TargetFigures,
} from '../results/types.ts';

/** All of a merged run but its gates and its verdict. */
export type Merged = {
  plan: Plan;
  samples: SampleLine[];
  resources: ResourceLine[];
  logs: LogLine[];
  reconcile: Reconcile | null;
  summary: Omit<Summary, 'gates' | 'verdict' | 'cost'>;
  /** What of the parts was wrong, to stand in the verdict. */
  broken: string[];
  /** Why one of the generators was the bottleneck; null: none was. */
  generatorLimit: string | null;
};

type Counts = Record<AnswerClass, number>;

function addCounts(all: readonly Counts[]): Counts {
  const sums: Counts = {};
  for (const counts of all)
    for (const [answer, count] of Object.entries(counts))
      sums[answer] = (sums[answer] ?? 0) + count;
  return sums;
}

const sum = <T>(items: readonly T[], of: (item: T) => number | undefined): number =>
  items.reduce((total, item) => total + (of(item) ?? 0), 0);

/** Exactly: histograms share their buckets, and the maximum is known. */
export function mergeSecondLatency(
  parts: readonly (LatencyOfSecond | null)[],
): LatencyOfSecond | null {
  const present = parts.filter((part) => part !== null);
  if (present.length <= 1) return present[0] ?? null;
  const merged = new LatencyHistogram();
  for (const { hdr, max } of present) merged.addEncoded(hdr, max);
  return merged.ofSecond();
}

/** As above; minimum and mean are those of the parts, so that they stay exact too. */
export function mergeLatencyFigures(
  parts: readonly (LatencyFigures | null | undefined)[],
): LatencyFigures | null {
  const present = parts.filter((part) => part !== null && part !== undefined);
  if (present.length <= 1) return present[0] ?? null;
  const merged = new LatencyHistogram();
  for (const { hdr, maxMs } of present) merged.addEncoded(hdr, maxMs);
  const figures = merged.figures();
  if (figures === null) return null;
  return {
    ...figures,
    meanMs: sum(present, ({ meanMs, count }) => meanMs * count) / figures.count,
    minMs: present.reduce((least, { minMs }) => Math.min(least, minMs), Infinity),
  };
}

/** One line a second over all generators; `elapsedS` counts from the earliest. */
export function mergeSamples(parts: readonly (readonly SampleLine[])[]): SampleLine[] {
  const seconds = new Map<number, SampleLine[]>();
  for (const line of parts.flat()) {
    const lines = seconds.get(line.t);
    if (lines) lines.push(line);
    else seconds.set(line.t, [line]);
  }
  const times = [...seconds.keys()].sort((a, b) => a - b);
  return times.map((t) => {
    const lines = seconds.get(t)!;
    const [failedIterations, late, dropped] = (
      ['failedIterations', 'late', 'dropped'] as const
    ).map((name) => sum(lines, (line) => line[name]));
    const retries = sum(lines, (line) => line.retries);
    const answers = addCounts(lines.map((line) => line.answers));
    const accepted = sum(lines, (line) => takenIn(line).accepted);
    const expected = sum(lines, (line) => takenIn(line).expected);
    return {
      t,
      elapsedS: Math.round((t - times[0]) / 1000),
      // One that is not known makes the sum unknown: it is no 0.
      vus: lines.some(({ vus }) => vus === null) ? null : sum(lines, ({ vus }) => vus!),
      sent: sum(lines, ({ sent }) => sent),
      answers,
      ...(accepted !== (answers[ACCEPTED] ?? 0) && { accepted }),
      ...(expected !== accepted && { expected }),
      ...(failedIterations > 0 && { failedIterations }),
      ...(late > 0 && { late }),
      ...(dropped > 0 && { dropped }),
      ...(retries > 0 && { retries }),
      bytesSent: sum(lines, ({ bytesSent }) => bytesSent),
      bytesReceived: sum(lines, ({ bytesReceived }) => bytesReceived),
      latency: mergeSecondLatency(lines.map(({ latency }) => latency)),
      felt: mergeSecondLatency(lines.map(({ felt }) => felt)),
    };
  });
}

function mergeSchedules(
  parts: readonly (ScheduleFigures | null | undefined)[],
  lateness: LatencyFigures | null,
): ScheduleFigures | null {
  const present = parts.filter((part) => part !== null && part !== undefined);
  if (present.length <= 1) return present[0] ?? null;
  const [planned, started, late] = (['planned', 'started', 'late'] as const).map((name) =>
    sum(present, (part) => part[name]),
  );
  const keepsUp = present.every(({ keepingUpShare }) => keepingUpShare !== undefined);
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
    latenessP99Ms: lateness?.p99Ms ?? null,
    toleranceMs: present.reduce((most, { toleranceMs }) => Math.max(most, toleranceMs), 0),
  };
}

function mergeGroups(parts: readonly (GroupFigures[] | undefined)[]): GroupFigures[] | undefined {
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

function mergeTargets(
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

function mergeHostile(parts: readonly (HostileFigures | undefined)[]): HostileFigures | undefined {
  const present = parts.filter((part) => part !== undefined);
  if (present.length <= 1) return present[0];
  const names = [...new Set(present.flatMap(({ cases }) => cases.map(({ name }) => name)))];
  const add = <Name extends string, T extends Record<Name, number>>(all: T[], ...fields: Name[]) =>
    Object.fromEntries(fields.map((field) => [field, sum(all, (one) => one[field])])) as Record<
      Name,
      number
    >;
  return {
    ...add(present, 'rounds', 'requests', 'played', 'asExpected', 'unexpected', 'cut'),
    answers: addCounts(present.map(({ answers }) => answers)),
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

/** Of each log once: generators on one machine follow the same one. */
function mergeLogs(runs: readonly Run[]): { figures?: LogFigures; lines: LogLine[] } {
  const chosen: { figures: LogFigures; lines: LogLine[] }[] = [];
  for (const { summary, logs } of runs) {
    const figures = summary?.logs;
    if (figures === undefined) continue;
    const name = (one: LogFigures) => one.sources.join(' ');
    const known = chosen.findIndex((one) => name(one.figures) === name(figures));
    const isEmbedded = runs.every(({ plan }) => plan!.target.embedded);
    if (known === -1 || isEmbedded) chosen.push({ figures, lines: logs });
    else if (chosen[known].figures.lines < figures.lines) chosen[known] = { figures, lines: logs };
  }
  if (chosen.length === 0) return { lines: [] };
  const all = chosen.map(({ figures }) => figures);
  const groups = new Map<string, LogFigures['groups'][number]>();
  for (const group of all.flatMap((figures) => figures.groups)) {
    const key = `${group.allowed} ${group.shape}`;
    const same = groups.get(key);
    if (same === undefined) groups.set(key, { ...group });
    else {
      same.count += group.count;
      if (group.firstAt < same.firstAt) same.firstAt = group.firstAt;
      if (group.lastAt > same.lastAt) same.lastAt = group.lastAt;
    }
  }
  const skippedBytes = sum(all, (figures) => figures.skippedBytes);
  return {
    figures: {
      sources: [...new Set(all.flatMap(({ sources }) => sources))],
      lines: sum(all, ({ lines }) => lines),
      errors: sum(all, ({ errors }) => errors),
      allowed: sum(all, ({ allowed }) => allowed),
      ...(skippedBytes > 0 && { skippedBytes }),
      groups: [...groups.values()].sort(
        (a, b) => Number(a.allowed) - Number(b.allowed) || b.count - a.count,
      ),
    },
    lines: chosen.flatMap(({ lines }) => lines).sort((a, b) => a.t - b.t),
  };
}

const isSameMachine = (a: Plan, b: Plan): boolean =>
  JSON.stringify(Object.entries(a.host).sort()) === JSON.stringify(Object.entries(b.host).sort());

/** Of each generator its own processes, of what several watched the readings of the first. */
function mergeResources(runs: readonly Run[], notes: string[]): ResourceLine[] {
  /** `name pid machine` of what was watched -> number of the generator that did so first. */
  const owners = new Map<string, number>();
  const machineOf = (number: number) =>
    runs.findIndex(({ plan }) => isSameMachine(plan!, runs[number].plan!));
  const merged: ResourceLine[] = [];
  let otherHosts = false;
  runs.forEach(({ resources }, number) => {
    for (const line of resources) {
      if (line.kind === 'host') {
        // Such a line has no name: of several machines only the first can be told.
        if (number === 0) merged.push(line);
        else if (machineOf(number) !== 0) otherHosts = true;
        continue;
      }
      if (line.kind === 'note') {
        merged.push({ ...line, name: `g${number + 1}:${line.name}` });
        continue;
      }
      if (line.name === 'k6' || line.name === 'toolkit') {
        merged.push({ ...line, name: `g${number + 1}:${line.name}` });
        continue;
      }
      const pid = line.kind === 'process' ? line.rootPid : undefined;
      const what = `${line.name} ${pid ?? ''} ${pid === undefined ? '' : machineOf(number)}`;
      const owner = owners.get(what) ?? number;
      owners.set(what, owner);
      if (owner !== number) continue;
      // Two targets of one name, on machines or with ids of their own, are two.
      const isOther = [...owners].some(
        ([other, by]) => by < number && other.startsWith(`${line.name} `),
      );
      merged.push(isOther ? { ...line, name: `g${number + 1}:${line.name}` } : line);
    }
  });
  if (otherHosts)
    notes.push('the machines differ: the figures of whole machines are those of generator 1');
  return merged.sort((a, b) => a.t - b.t);
}

/** How the memory of each grew stands in the summaries: it is taken over the load of its own generator. */
function withGrowth(
  processes: Record<string, ProcessFigures>,
  runs: readonly Run[],
): Record<string, ProcessFigures> {
  for (const [name, figures] of Object.entries(processes)) {
    const [, number, own] = /^g(\d+):(.*)$/s.exec(name) ?? [];
    const of = own === undefined ? runs : [runs[Number(number) - 1]];
    const rssGrowth = of
      .map((run) => run?.summary?.figures.processes[own ?? name]?.rssGrowth)
      .find((growth) => growth !== undefined);
    if (rssGrowth !== undefined) figures.rssGrowth = rssGrowth;
  }
  return processes;
}

function mergeShapes(shapes: readonly LoadShape[]): LoadShape {
  const [first] = shapes;
  const { rate, stages, iterations, startVus } = first;
  return {
    ...first,
    vus: sum(shapes, ({ vus }) => vus),
    iterations: iterations === null ? null : sum(shapes, (shape) => shape.iterations ?? 0),
    ...(rate && {
      rate: { ...rate, starts: sum(shapes, (shape) => shape.rate?.starts) },
    }),
    ...(stages && {
      stages: stages.map((stage, i) => ({
        ...stage,
        target: sum(shapes, (shape) => shape.stages?.[i].target),
      })),
    }),
    ...(startVus !== undefined && { startVus: sum(shapes, (shape) => shape.startVus) }),
  };
}

function mergePlans(plans: readonly Plan[], id: string): Plan {
  const [first] = plans;
  const nullable = (of: (plan: Plan) => number | null) =>
    plans.some((plan) => of(plan) === null) ? null : sum(plans, (plan) => of(plan)!);
  const submissions = sum(plans, ({ corpus }) => corpus.submissions);
  return {
    ...first,
    id,
    plannedAt: plans.map(({ plannedAt }) => plannedAt).sort()[0],
    seed: [...new Set(plans.map(({ seed }) => seed))].join(' + '),
    load: mergeShapes(plans.map(({ load }) => load)),
    corpus: {
      ...first.corpus,
      submissions,
      producers: sum(plans, ({ corpus }) => corpus.producers),
      templates: sum(plans, ({ corpus }) => corpus.templates),
      meanBodyBytes:
        submissions === 0
          ? first.corpus.meanBodyBytes
          : sum(plans, ({ corpus }) => corpus.meanBodyBytes * corpus.submissions) / submissions,
      maxBodyBytes: plans.reduce((most, { corpus }) => Math.max(most, corpus.maxBodyBytes), 0),
    },
    estimate: {
      submissions: nullable(({ estimate }) => estimate.submissions),
      peakRatePerSecond: nullable(({ estimate }) => estimate.peakRatePerSecond),
      bytesSent: nullable(({ estimate }) => estimate.bytesSent),
      k6MemoryBytes: sum(plans, ({ estimate }) => estimate.k6MemoryBytes),
      durationMs: plans.reduce((most, { estimate }) => Math.max(most, estimate.durationMs), 0),
    },
  };
}

function mergeReconciles(parts: readonly (Reconcile | null)[]): Reconcile | null {
  const present = parts.filter((part) => part !== null);
  if (present.length !== parts.length) return null;
  const orNull = (of: (part: Reconcile) => number | null) =>
    present.some((part) => of(part) === null) ? null : sum(present, (part) => of(part)!);
  return {
    format: 1,
    planned: sum(present, ({ planned }) => planned),
    sent: sum(present, ({ sent }) => sent),
    answers: addCounts(present.map(({ answers }) => answers)),
    accepted: sum(present, ({ accepted }) => accepted),
    unknown: sum(present, ({ unknown }) => unknown),
    resent: sum(present, ({ resent }) => resent),
    stored: orNull(({ stored }) => stored),
    notStored: orNull(({ notStored }) => notStored),
    ...mergeLooks(present),
  };
}

/** Examples of each class in a look. */
const EXAMPLES = 5;

/** What the verifier said of right entries; absent where it said nothing of any part's. */
function verifiedOf(looks: readonly StorageLook[]): Partial<StorageLook> {
  if (looks.every(({ verified }) => verified === undefined)) return {};
  return {
    verified: sum(looks, ({ verified }) => verified ?? 0),
    validationErrors: sum(looks, ({ validationErrors }) => validationErrors ?? 0),
  };
}

function reasonsOf(looks: readonly StorageLook[]): Partial<StorageLook> {
  const reasons = looks.flatMap((look) => look.reasons ?? []);
  return reasons.length === 0 ? {} : { reasons };
}

/**
 * Each generator looked for what it had sent itself, so those classes add. Of entries that none of them sent, only a lower bound is known:
 * to each the others' are foreign, too, and each looked at its own time.
 */
function mergeLooks(parts: readonly Reconcile[]): { look?: StorageLook } {
  const looks = parts.map(({ look }) => look);
  const present = looks.filter((look) => look !== undefined);
  if (present.length === 0) return {};
  const most = (of: (look: StorageLook) => number): number =>
    present.reduce((highest, look) => Math.max(highest, of(look)), 0);
  const all = {
    storage: [...new Set(present.map(({ storage }) => storage))].join(' + '),
    complete: looks.every((look) => look?.complete === true),
    waitedMs: most(({ waitedMs }) => waitedMs),
    readings: most(({ readings }) => readings),
  };
  const failed = looks.findIndex(
    (look) => look?.classes === undefined || look.failure !== undefined,
  );
  const failure =
    failed === -1
      ? {}
      : {
          failure: `generator ${failed + 1}: ${looks[failed]?.failure ?? 'the storage was not read to its end'}`,
        };
  const classes = looks.map((look) => look?.classes);
  // A part of which nothing is known makes the sum unknown.
  if (!classes.every((one) => one !== undefined)) return { look: { ...all, ...failure } };
  const added = (name: keyof ReconcileClasses): number => sum(classes, (one) => one[name]);
  const entriesOf = (one: ReconcileClasses): number =>
    one.right +
    one.different +
    one.refusedStored +
    one.unknownStored +
    one.hostile +
    one.retried +
    one.doubles;
  const entries = sum(classes, entriesOf);
  const ahead = present.map(({ clockAheadMs }) => clockAheadMs ?? null);
  const compared = present.map(({ blocksCompared }) => blocksCompared ?? null);
  const counts = new Map<string, number>();
  return {
    look: {
      ...all,
      ...failure,
      clockAheadMs: ahead.reduce(
        (furthest, one) =>
          one !== null && Math.abs(one) >= Math.abs(furthest ?? 0) ? one : furthest,
        null,
      ),
      // Several may have compared the same ones.
      blocksCompared: compared.includes(null)
        ? null
        : most(({ blocksCompared }) => blocksCompared!),
      classes: {
        right: added('right'),
        different: added('different'),
        missing: added('missing'),
        sameSecond: added('sameSecond'),
        refusedStored: added('refusedStored'),
        unknownStored: added('unknownStored'),
        unknownNotStored: added('unknownNotStored'),
        foreign: classes.reduce(
          (highest, one) => Math.max(highest, one.foreign - (entries - entriesOf(one))),
          0,
        ),
        hostile: added('hostile'),
        retried: added('retried'),
        doubles: added('doubles'),
        // Each has seen the same ones.
        unreadable: most((look) => look.classes!.unreadable),
      },
      ...verifiedOf(present),
      ...reasonsOf(present),
      examples: present
        .flatMap(({ examples }) => examples ?? [])
        // What is foreign to one may be another's; an index is of one generator's corpus.
        .filter((line) => line.class !== 'foreign')
        .map((line) => ({ ...line, index: undefined }))
        .filter((line) => {
          const count = (counts.get(line.class) ?? 0) + 1;
          counts.set(line.class, count);
          return count <= EXAMPLES;
        }),
    },
  };
}

/** First and last end of a request, as the summary says, else to the second. */
function timesOf({
  summary,
  samples,
}: Run): { firstMs: number; lastMs: number; exact: boolean } | null {
  if (summary?.firstEndMs && summary.lastEndMs)
    return { firstMs: summary.firstEndMs, lastMs: summary.lastEndMs, exact: true };
  const sent = samples.filter((line) => line.sent > 0);
  if (sent.length === 0) return null;
  return { firstMs: sent[0].t, lastMs: sent[sent.length - 1].t + 1000, exact: false };
}

/** What plans must have in common to be parts of one load; VUs, rate and seed are each generator's own. */
const commonOf = ({
  scenario,
  load,
  target,
  corpus,
  transport,
}: Plan): Record<string, unknown> => ({
  scenario,
  executor: load.executor,
  duration: load.durationMs,
  'think time': load.think,
  timeout: load.requestTimeoutMs,
  'warm-up': load.warmUpMs ?? 0,
  "stages' durations": load.stages?.map(({ durationMs }) => durationMs),
  'unit of the rate': load.rate?.timeUnitMs,
  // Each embedded backend has a port of its own.
  target: target.embedded ? 'embedded' : (target.targets ?? target.url),
  network: corpus.network,
  'HTTP version': transport?.http ?? null,
});

/**
 * Whether the runs are parts of one load.
 * @returns every reason why they are not; empty: they are
 */
export function mergeProblems(runs: readonly Run[]): string[] {
  const problems: string[] = [];
  const name = (i: number) => `run ${i + 1} (${runs[i].plan?.id ?? runs[i].folder})`;
  runs.forEach(({ plan, samples }, i) => {
    if (plan === null) problems.push(`${name(i)} has no plan.json, so nobody knows what it was`);
    if (samples.length === 0) problems.push(`${name(i)} has no samples: nothing was sent`);
  });
  if (problems.length > 0) return problems;
  const first = commonOf(runs[0].plan!);
  for (let i = 1; i < runs.length; i++) {
    const other = commonOf(runs[i].plan!);
    for (const [what, value] of Object.entries(other))
      if (JSON.stringify(value) !== JSON.stringify(first[what]))
        problems.push(
          `${what} differs: ${JSON.stringify(first[what] ?? null)} in run 1, ${JSON.stringify(value ?? null)} in ${name(i)}`,
        );
    const { samples, plan } = runs[i];
    const [from, to] = [samples[0].t, samples[samples.length - 1].t];
    const base = runs[0].samples;
    if (from > base[base.length - 1].t || to < base[0].t)
      problems.push(`${name(i)} and run 1 were not at work at the same time`);
    for (let j = 0; j < i; j++) {
      const same = runs[j].plan!;
      if (
        runs[j].folder === runs[i].folder ||
        (same.id === plan!.id && same.plannedAt === plan!.plannedAt && isSameMachine(same, plan!))
      )
        problems.push(`run ${j + 1} and ${name(i)} are the same run`);
    }
  }
  return problems;
}

/**
 * One run out of several.
 * @param runs that {@link mergeProblems} has no complaint about
 * @param id of the new run
 * @throws Error if a stored histogram is broken
 */
export function mergeRuns(runs: readonly Run[], id: string): Merged {
  const plans = runs.map(({ plan }) => plan!);
  const notes: string[] = runs.flatMap(({ summary }, i) =>
    (summary?.notes ?? []).map((note) => `generator ${i + 1}: ${note}`),
  );
  const broken: string[] = [];
  runs.forEach(({ summary }, i) => {
    if (summary === null) broken.push(`generator ${i + 1} did not end by itself`);
    else if (summary.verdict.exitCode === EXIT.broken)
      broken.push(`generator ${i + 1}: ${summary.verdict.sentence.replace(/^BROKEN: |\.$/g, '')}`);
  });
  const limits = runs.flatMap(({ summary }, i) =>
    summary?.verdict.exitCode === EXIT.generatorLimited
      ? `generator ${i + 1}: ${summary.verdict.sentence.replace(/^GENERATOR-LIMITED: |;.*$/g, '')}`
      : [],
  );
  const seeds = new Set(plans.map(({ seed }) => seed));
  if (seeds.size < plans.length)
    notes.push(
      'several generators had the same seed: unless each sent a segment of its own, they sent the same submissions',
    );
  const samples = mergeSamples(runs.map((run) => run.samples));
  const resources = mergeResources(runs, notes);
  const logs = mergeLogs(runs);
  const figures = runs.map(
    (run) =>
      run.summary?.figures ??
      figuresOfSamples(run.samples, run.resources, run.plan!.load.warmUpMs ?? 0),
  );
  const times = runs.map(timesOf).filter((one) => one !== null);
  const firstMs = times.reduce((least, one) => Math.min(least, one.firstMs), Infinity);
  const lastMs = times.reduce((most, one) => Math.max(most, one.lastMs), -Infinity);
  const known = times.length > 0;
  const exact = times.every((one) => one.exact);
  const sent = sum(figures, (one) => one.sent);
  const accepted = sum(figures, (one) => one.accepted);
  const expected = figures.some((one) => one.expected !== undefined)
    ? sum(figures, (one) => one.expected ?? one.accepted)
    : undefined;
  const lateness = mergeLatencyFigures(figures.map((one) => one.lateness));
  const schedule = mergeSchedules(
    figures.map((one) => one.schedule),
    lateness,
  );
  const retries = addCounts(figures.map((one) => one.retries ?? {}));
  const targets = mergeTargets(runs.map(({ summary }) => summary?.targets));
  const hostile = mergeHostile(runs.map(({ summary }) => summary?.hostile));
  const sizes = mergeGroups(runs.map(({ summary }) => summary?.sizes));
  const kinds = mergeGroups(runs.map(({ summary }) => summary?.kinds));
  const spanMs = known ? lastMs - firstMs : 0;
  const startedAt = runs.map(({ summary, samples: lines }) =>
    summary ? summary.startedAt : new Date(lines[0].t).toISOString(),
  );
  const endedAt = runs.map(({ summary, samples: lines }) =>
    summary ? summary.endedAt : new Date(lines[lines.length - 1].t + 1000).toISOString(),
  );
  return {
    plan: mergePlans(plans, id),
    samples,
    resources,
    logs: logs.lines,
    reconcile: mergeReconciles(runs.map(({ reconcile }) => reconcile)),
    broken,
    generatorLimit: limits[0] ?? null,
    summary: {
      format: 1,
      id,
      scenario: plans[0].scenario,
      startedAt: startedAt.sort()[0],
      endedAt: endedAt.sort()[endedAt.length - 1],
      loadMs: Math.round(spanMs),
      firstEndMs: known && exact ? firstMs : null,
      lastEndMs: known && exact ? lastMs : null,
      interrupted: runs.some(({ summary }) => summary?.interrupted),
      figures: {
        sent,
        accepted,
        ...(expected !== undefined && { expected }),
        answers: addCounts(figures.map((one) => one.answers)),
        errorRate: sent === 0 ? null : (sent - (expected ?? accepted)) / sent,
        // Between n ends lie n - 1 intervals; of whole seconds all n lie within.
        submissionsPerSecond: spanMs > 0 ? ((exact ? sent - 1 : sent) * 1000) / spanMs : null,
        bytesSent: sum(figures, (one) => one.bytesSent),
        bytesReceived: sum(figures, (one) => one.bytesReceived),
        latency: mergeLatencyFigures(figures.map((one) => one.latency)),
        felt: mergeLatencyFigures(figures.map((one) => one.felt)),
        failedIterations: sum(figures, (one) => one.failedIterations),
        processes: withGrowth(processFigures(resources), runs),
        schedule,
        sinceIntended: mergeLatencyFigures(figures.map((one) => one.sinceIntended)),
        lateness,
        warmUpAnswers: sum(figures, (one) => one.warmUpAnswers),
        ...(Object.keys(retries).length > 0 && { retries }),
      },
      ...(targets && { targets }),
      ...(sizes && { sizes }),
      ...(kinds && { kinds }),
      ...(hostile && { hostile }),
      ...(logs.figures && { logs: logs.figures }),
      notes,
    },
  };
}
