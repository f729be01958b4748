/** The options of `npm run load` that shape the load over time: which scenario takes which, and what they mean together. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { closest } from 'fastest-levenshtein';
import { BREAKPOINT_METRIC, metricOfGate, OPEN_METRICS } from '../judge/gates.ts';
import { type KindWeight, parseMix, parseSizes } from '../load/mix.ts';
import { type LoadRequest, loadShape, MOST_VUS, parseRate, parseStages } from '../load/plan.ts';
import type { SearchOptions } from '../load/breakpoint/search.ts';
import { scheduleOf } from '../load/schedule.ts';
import { projectRoot } from '../paths.ts';
import type { BodySize } from '../producers/sized-templates.ts';
import type { CommandCall } from './command.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import {
  FLEET_DEFAULTS,
  hasOwnTimes,
  OWN_TIMES_ONLY_IN,
  OWN_TIMES_OPTIONS,
  ownTimesModel,
  ownTimesProblems,
  uselessReason,
  uselessWithOwnTimes,
} from './own-times-options.ts';
import { parseDuration } from '../system/duration.ts';

type Sources = CommandCall['sources'];

/** Scenarios of the toolkit, and their own defaults. Every other file in scenarios/ is a user's. */
const OWN_DEFAULTS: Record<string, Record<string, string>> = {
  load: {},
  smoke: {},
  replay: {},
  fleet: FLEET_DEFAULTS,
  ramp: { stages: '30s:100,1m:100,30s:0' },
  arrival: { rate: '100/s' },
  soak: { rate: '300/s', duration: '1h' },
  hostile: { vus: '50' },
  // In a minute some 80 bodies, 1.4 GB; k6 holds two or three of them for each VU.
  'big-blocks': { vus: '4', sizes: '17.5KB,64KB,1MB,4MB,14MB,50MB,over' },
  mixed: { mix: 'load=8,big-blocks=1,hostile=1', sizes: '64KB,256KB,1MB' },
  breakpoint: { rate: '50/s', duration: '30s', timeout: '10s' },
  spike: { vus: '20', 'burst-factor': '10', 'burst-from': '20s', 'burst-time': '20s' },
};

/** `Command.presets`. */
export const SCENARIO_PRESETS = OWN_DEFAULTS;
export const BUILT_IN_SCENARIOS: readonly string[] = Object.keys(OWN_DEFAULTS);

/** Names of the files in scenarios/. */
const scenarioFiles = (): string[] =>
  readdirSync(join(projectRoot, 'scenarios'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => name.slice(0, -'.ts'.length));

/** @returns what is wrong with a scenario's name, to stand after the option's; null: nothing */
export function scenarioProblem(name: string): string | null {
  const names = scenarioFiles();
  if (names.includes(name)) return null;
  const own = names.filter((one) => !BUILT_IN_SCENARIOS.includes(one));
  return (
    `must be one of ${[...BUILT_IN_SCENARIOS, ...own].join(', ')}, or a file of your own in scenarios/, ` +
    `but is "${name}" (did you mean ${closest(name, names)}?)`
  );
}

/** Options of the search for the highest rate that holds. */
const BREAKPOINT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'max-rate',
    type: 'number',
    argument: 'N',
    default: '5000',
    min: 1,
    max: 50_000,
    help: 'submissions per second that breakpoint goes up to, from --rate at first',
  },
  {
    name: 'hold',
    type: 'duration',
    argument: 'TIME',
    default: '10s',
    min: 2000,
    max: 3_600_000,
    help: 'how long breakpoint holds each rate; --duration is that of the last load, which confirms what was found',
  },
  {
    name: 'settle',
    type: 'duration',
    argument: 'TIME',
    default: '1s',
    min: 0,
    max: 600_000,
    help: 'pause of breakpoint between two rates; after one that failed it also waits until the target answers as before',
  },
  {
    name: 'precision',
    type: 'number',
    argument: 'PERCENT',
    default: '5',
    min: 1,
    max: 50,
    help: 'width of the range in which the knee lies with 95 % probability when breakpoint ends',
  },
  {
    name: 'max-trials',
    type: 'integer',
    argument: 'N',
    default: '40',
    min: 2,
    max: 500,
    help: 'how many rates breakpoint tries at most',
  },
];

/** @returns what stands after the option's name, if `parsed` holds problems */
const problemIn = (parsed: object): string | null =>
  'problems' in parsed ? (parsed.problems as string[]).join('; ') : null;

/** What big-blocks and mixed send. */
const MIX_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'sizes',
    type: 'text',
    argument: 'LIST',
    env: 'MINA_LOAD_SIZES',
    check: (text) => problemIn(parseSizes(text)),
    help: 'sizes of the bodies of big-blocks, one after the other and from the beginning again, such as "17.5KB,1MB,50MB,over" (1 MB is 1,000,000 bytes; over: one byte more than the backend takes, which must be answered 413); in mixed those of its big-blocks',
  },
  {
    name: 'mix',
    type: 'text',
    argument: 'LIST',
    env: 'MINA_LOAD_MIX',
    check: (text) => problemIn(parseMix(text)),
    help: 'kinds of requests of mixed and their weights, such as "load=8,big-blocks=1,replay=1,hostile=1"; replay sends those of --payloads as they are; hostile requests come beside the pace of the others',
  },
];

/** Options that shape the load over time, beside --vus, --duration and --think. */
export const MODEL_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'rate',
    type: 'text',
    argument: 'N/s',
    env: 'MINA_LOAD_RATE',
    check: (text) => {
      const rate = parseRate(text);
      return 'problem' in rate ? rate.problem : null;
    },
    help: 'submissions that begin per second (N/min, N/h) however long answers take, for arrival, ramp, spike, soak and your own; --vus is then how many VUs stand ready (as many as answers of 1 s need, and a quarter more)',
  },
  {
    name: 'stages',
    type: 'text',
    argument: 'LIST',
    env: 'MINA_LOAD_STAGES',
    help: 'stages of ramp, duration:target, such as "30s:100,1m:100,30s:0"; targets are VUs, from none at first; with --rate they are rates in its unit, from that rate at first',
  },
  {
    name: 'burst-factor',
    type: 'number',
    argument: 'N',
    min: 1.01,
    max: 1000,
    help: 'how many times the base load of spike its burst is',
  },
  {
    name: 'burst-from',
    type: 'duration',
    argument: 'TIME',
    min: 0,
    max: 86_400_000,
    help: 'when the burst of spike begins',
  },
  {
    name: 'burst-time',
    type: 'duration',
    argument: 'TIME',
    min: 100,
    max: 86_400_000,
    help: 'how long the burst of spike lasts',
  },
  {
    name: 'warm-up',
    type: 'duration',
    argument: 'TIME',
    default: '0',
    env: 'MINA_LOAD_WARM_UP',
    min: 0,
    max: 86_400_000,
    help: 'answers within this time after the start count, but not in the latency figures and their gates',
  },
  ...BREAKPOINT_OPTIONS,
  ...MIX_OPTIONS,
  ...OWN_TIMES_OPTIONS,
];

/** Options of a few scenarios: the ones that make something of them. */
const ONLY_IN: Record<string, readonly string[]> = {
  ...Object.fromEntries(BREAKPOINT_OPTIONS.map(({ name }) => [name, ['breakpoint']])),
  sizes: ['big-blocks', 'mixed'],
  mix: ['mixed'],
  ...OWN_TIMES_ONLY_IN,
};

const BURST = ['burst-factor', 'burst-from', 'burst-time'];

/** Whether recorded bodies are sent as they are; a mix that is wrong is told elsewhere. */
function hasReplayIn({ scenario, mix }: OptionValues): boolean {
  const kinds = parseMix((mix as string | undefined) ?? '');
  return (
    scenario === 'mixed' && Array.isArray(kinds) && kinds.some(({ kind }) => kind === 'replay')
  );
}

/** Options that a scenario makes nothing of. */
function uselessOptions(values: OptionValues): string[] {
  const scenario = values.scenario as string;
  const ofOthers = Object.keys(ONLY_IN).filter((name) => !ONLY_IN[name].includes(scenario));
  return [...ofOthers, ...uselessInModel(scenario, values)];
}

function uselessInModel(scenario: string, values: OptionValues): string[] {
  switch (scenario) {
    case 'smoke':
      return ['vus', 'duration', 'think', 'order', 'rate', 'stages', ...BURST, 'warm-up'];
    case 'load':
    case 'hostile':
      return ['order', 'rate', 'stages', ...BURST];
    case 'replay':
    case 'fleet':
      return [...uselessWithOwnTimes(values), ...BURST];
  }
  const isMix = scenario === 'big-blocks' || scenario === 'mixed';
  const useless = isMix ? ['chain', 'stages'] : [];
  if (!hasReplayIn(values)) useless.push('order');
  if (scenario !== 'spike') useless.push(...BURST);
  if (['arrival', 'spike', 'breakpoint', 'soak'].includes(scenario)) useless.push('stages');
  if (scenario === 'breakpoint') useless.push('warm-up');
  const isRamp = values.stages !== undefined && !useless.includes('stages');
  if (isRamp) useless.push('duration');
  if (values.rate !== undefined) useless.push('think');
  else if (isRamp) useless.push('vus');
  return useless;
}

/** A soak has a rate of its own, unless somebody asks for VUs with think times. */
function pacedValues(values: OptionValues, sources: Sources): OptionValues {
  const isChosen = (name: string) => !['default', 'scenario'].includes(sources[name] ?? 'default');
  return values.scenario === 'soak' && isChosen('think') && !isChosen('rate')
    ? { ...values, rate: undefined }
    : values;
}

/** Values that only make sense together. @returns every problem */
export function modelProblems(given: OptionValues, sources: Sources): string[] {
  const problems: string[] = [];
  const values = pacedValues(given, sources);
  if (values.scenario === 'soak' && values.rate === undefined && (values.think as string) === '0')
    problems.push(
      '--think must be above 0 in the scenario soak, or --rate be given: what is signed while it is sent needs a pace',
    );
  const useless = uselessOptions(values);
  for (const name of useless)
    if (sources[name] === 'flag')
      problems.push(
        `--${name} has no effect in the scenario ${String(values.scenario)}` +
          (name === 'think' && values.rate !== undefined ? ' with --rate' : '') +
          (name === 'vus' ? ' without --rate: the stages say how many' : '') +
          (name === 'duration' && values.stages !== undefined ? ': the stages say how long' : '') +
          uselessReason(name, values),
      );
  const stages = stagesOf(values);
  if (stages !== null && 'problems' in stages) {
    problems.push(...stages.problems.map((problem) => `--stages ${problem}`));
    return problems;
  }
  const request = { ...modelOf(values, sources), ...BARE };
  const shape = loadShape(request);
  if (request.burst) {
    const { fromMs, lengthMs, factor } = request.burst;
    if (fromMs + lengthMs > request.durationMs)
      problems.push(
        `--burst-from and --burst-time must end within --duration, but are ${(fromMs + lengthMs) / 1000} s of ${request.durationMs / 1000} s`,
      );
    if (shape.vus > MOST_VUS)
      problems.push(
        `--burst-factor ${factor} makes ${shape.vus} VUs of ${request.vus}, but ${MOST_VUS} is the most`,
      );
  }
  const isOpen = shape.rate !== undefined || hasOwnTimes(values);
  problems.push(...ownTimesProblems(values, request, sources));
  if (problems.length === 0 && shape.rate !== undefined && scheduleOf(shape)!.planned === 0)
    problems.push(
      `--rate ${String(values.rate)} begins not one submission in ${shape.durationMs / 1000} s`,
    );
  // How long a recording lasts is told when it is read.
  if (request.warmUpMs! >= shape.durationMs && !request.timeFactor)
    problems.push(
      `--warm-up must be shorter than the load, but is ${request.warmUpMs! / 1000} s of ${shape.durationMs / 1000} s`,
    );
  if (hasReplayIn(values) && values.payloads === undefined)
    problems.push('--mix with replay needs --payloads DIR, the folder with the recorded requests');
  problems.push(...breakpointProblems(values));
  if (!isOpen)
    for (const text of gatesOf(values))
      if (OPEN_METRICS.includes(metricOfGate(text) ?? ''))
        problems.push(
          `--gate ${text} needs an open model: --scenario arrival or fleet, --timing recorded with replay, or --rate with ramp, spike or your own`,
        );
  return problems;
}

const gatesOf = (values: OptionValues): string[] => (values.gate as string[] | undefined) ?? [];

function breakpointProblems(values: OptionValues): string[] {
  if (values.scenario !== 'breakpoint')
    return gatesOf(values)
      .filter((text) => metricOfGate(text) === BREAKPOINT_METRIC)
      .map((text) => `--gate ${text} needs --scenario breakpoint`);
  const { first, highest } = searchOf(values);
  const duration = values.duration as number;
  const hold = values.hold as number;
  return [
    ...(first > highest
      ? [`--max-rate must be at least --rate, but is ${highest}/s, and --rate ${first}/s`]
      : []),
    ...(duration < hold
      ? [
          `--duration, of the load that confirms, must be at least --hold, but is ${duration / 1000} s, and --hold ${hold / 1000} s`,
        ]
      : []),
  ];
}

/** Lowest rate that breakpoint goes down to, as a share of --rate. */
const LOWEST_SHARE = 1 / 64;
/** Submissions of a trial, at least: of fewer none may be due in its second half, so whether the target keeps up cannot be told. */
const FEWEST_IN_TRIAL = 10;

/** The search of the scenario breakpoint. For values that {@link modelProblems} has nothing against. */
export function searchOf(values: OptionValues): SearchOptions {
  const rate = parseRate(values.rate as string);
  // A trial's rate is a whole number of hundredths (load/breakpoint/run.ts), and must be able to equal these.
  const round = (perSecond: number) => Math.max(0.01, Math.round(perSecond * 100) / 100);
  const first = 'problem' in rate ? 1 : round((rate.starts * 1000) / rate.timeUnitMs);
  const fewest = (FEWEST_IN_TRIAL * 1000) / (values.hold as number);
  return {
    first,
    lowest: Math.min(first, round(Math.max(first * LOWEST_SHARE, fewest))),
    highest: round(values['max-rate'] as number),
    precision: (values.precision as number) / 100,
    mostTrials: values['max-trials'] as number,
  };
}

const sizesOf = ({ sizes }: OptionValues): LoadRequest['sizes'] =>
  parseSizes(sizes as string) as BodySize[];
const mixOf = ({ mix }: OptionValues): LoadRequest['mix'] =>
  parseMix(mix as string) as KindWeight[];

/** For a dry run, whose other lines are those of the first rate's load and of the one that confirms. */
export function describeSearch(values: OptionValues): string {
  const { first, highest, mostTrials } = searchOf(values);
  const holdS = (values.hold as number) / 1000;
  return `search        rates from ${first}/s up to ${highest}/s, each held for ${holdS} s, ${mostTrials} at most, usually about 20; then the load below at the rate that was found`;
}

/** What a shape needs beside its pace. */
const BARE = {
  requestTimeoutMs: 60_000,
  seed: '',
  network: 'testnet',
  producers: null,
  think: { minMs: 0, maxMs: 0 },
} as const;

function stagesOf(values: OptionValues): ReturnType<typeof parseStages> | null {
  if (values.stages === undefined || uselessOptions(values).includes('stages')) return null;
  return parseStages(values.stages as string, parseDuration, values.rate !== undefined);
}

/** The pace of the load. For values that {@link modelProblems} has nothing against. */
export function modelOf(
  all: OptionValues,
  sources: Sources,
): Pick<
  LoadRequest,
  | 'scenario'
  | 'vus'
  | 'vusChosen'
  | 'durationMs'
  | 'rate'
  | 'stages'
  | 'burst'
  | 'warmUpMs'
  | 'sizes'
  | 'mix'
  | 'fleet'
  | 'timeFactor'
  | 'resign'
> {
  const values = pacedValues(all, sources);
  const useless = uselessOptions(values);
  const given = (name: string) => values[name] !== undefined && !useless.includes(name);
  const rate = given('rate') ? parseRate(values.rate as string) : null;
  const scale = rate !== null && 'scale' in rate ? rate.scale : 1;
  const stages = stagesOf(values);
  return {
    ...ownTimesModel(values),
    scenario: values.scenario as string,
    vus: values.vus as number,
    vusChosen: ['flag', 'environment', 'file'].includes(sources.vus),
    durationMs: values.duration as number,
    rate:
      rate !== null && 'starts' in rate
        ? { starts: rate.starts, timeUnitMs: rate.timeUnitMs }
        : null,
    stages:
      stages === null || 'problems' in stages
        ? null
        : stages.map(({ durationMs, target }) => ({ durationMs, target: target * scale })),
    burst: given('burst-factor')
      ? {
          factor: values['burst-factor'] as number,
          fromMs: values['burst-from'] as number,
          lengthMs: values['burst-time'] as number,
        }
      : null,
    ...(given('sizes') && { sizes: sizesOf(values) }),
    ...(given('mix') && { mix: mixOf(values) }),
    warmUpMs: given('warm-up') ? (values['warm-up'] as number) : 0,
  };
}
