/** The options of `npm run load` that shape the load over time: which scenario takes which, and what they mean together. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { closest } from 'fastest-levenshtein';
import { OPEN_METRICS, parseGate } from '../load/gates.ts';
import { type LoadRequest, loadShape, MOST_VUS, parseRate, parseStages } from '../load/plan.ts';
import { scheduleOf } from '../load/schedule.ts';
import { projectRoot } from '../paths.ts';
import type { CommandCall, OptionSpec, OptionValues } from './command.ts';
import { parseDuration } from './parse.ts';

type Sources = CommandCall['sources'];

/** Scenarios of the toolkit, and their own defaults. Every other file in scenarios/ is a user's. */
const OWN_DEFAULTS: Record<string, Record<string, string>> = {
  load: {},
  smoke: {},
  replay: {},
  ramp: { stages: '30s:100,1m:100,30s:0' },
  arrival: { rate: '100/s' },
  hostile: { vus: '50' },
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
    help: 'submissions that begin per second (N/min, N/h) however long answers take, for arrival, ramp, spike and your own; --vus is then how many VUs stand ready (as many as answers of 1 s need, and a quarter more)',
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
];

const BURST = ['burst-factor', 'burst-from', 'burst-time'];

/** Options that a scenario makes nothing of. */
function uselessOptions(values: OptionValues): string[] {
  const scenario = values.scenario as string;
  switch (scenario) {
    case 'smoke':
      return ['vus', 'duration', 'think', 'order', 'rate', 'stages', ...BURST, 'warm-up'];
    case 'load':
    case 'hostile':
      return ['order', 'rate', 'stages', ...BURST];
    case 'replay':
      return ['producers', 'producers-file', 'network', 'chain', 'rate', 'stages', ...BURST];
  }
  const useless = ['order'];
  if (scenario !== 'spike') useless.push(...BURST);
  if (scenario === 'arrival' || scenario === 'spike') useless.push('stages');
  const isRamp = values.stages !== undefined && !useless.includes('stages');
  if (isRamp) useless.push('duration');
  if (values.rate !== undefined) useless.push('think');
  else if (isRamp) useless.push('vus');
  return useless;
}

/** Values that only make sense together. @returns every problem */
export function modelProblems(values: OptionValues, sources: Sources): string[] {
  const problems: string[] = [];
  const useless = uselessOptions(values);
  for (const name of useless)
    if (sources[name] === 'flag')
      problems.push(
        `--${name} has no effect in the scenario ${String(values.scenario)}` +
          (name === 'think' && values.rate !== undefined ? ' with --rate' : '') +
          (name === 'vus' ? ' without --rate: the stages say how many' : '') +
          (name === 'duration' && values.stages !== undefined ? ': the stages say how long' : ''),
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
  const isOpen = shape.rate !== undefined;
  if (problems.length === 0 && isOpen && scheduleOf(shape)!.planned === 0)
    problems.push(
      `--rate ${String(values.rate)} begins not one submission in ${shape.durationMs / 1000} s`,
    );
  if (request.warmUpMs! >= shape.durationMs)
    problems.push(
      `--warm-up must be shorter than the load, but is ${request.warmUpMs! / 1000} s of ${shape.durationMs / 1000} s`,
    );
  if (!isOpen)
    for (const text of (values.gate as string[] | undefined) ?? []) {
      const rule = parseGate(text);
      if ('metric' in rule && OPEN_METRICS.includes(rule.metric))
        problems.push(
          `--gate ${text} needs an open model: --scenario arrival, or --rate with ramp, spike or your own`,
        );
    }
  return problems;
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
  values: OptionValues,
  sources: Sources,
): Pick<
  LoadRequest,
  'scenario' | 'vus' | 'vusChosen' | 'durationMs' | 'rate' | 'stages' | 'burst' | 'warmUpMs'
> {
  const useless = uselessOptions(values);
  const given = (name: string) => values[name] !== undefined && !useless.includes(name);
  const rate = given('rate') ? parseRate(values.rate as string) : null;
  const scale = rate !== null && 'scale' in rate ? rate.scale : 1;
  const stages = stagesOf(values);
  return {
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
    warmUpMs: given('warm-up') ? (values['warm-up'] as number) : 0,
  };
}
