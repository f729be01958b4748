/**
 * What values of options mean in a scenario: which of them have an effect, what is wrong with them together, and the request that
 * they make. Walks the definitions; pure.
 */
import { factsOfLoad, gateProblems } from '../../judge/gates.ts';
import type { LoadShape, OptionValue } from '../../results/types.ts';
import { parseDuration } from '../../system/duration.ts';
import type { OptionSpec, OptionValues } from '../../system/option.ts';
import { parseRate, parseStages, parseThink } from '../pace.ts';
import { forkProblems } from '../hard-fork.ts';
import type { LoadRequest } from '../request.ts';
import { scheduleOf } from '../schedule.ts';
import { MOST_STEERED_PER_SECOND } from '../shape.ts';
import type { Definition, IsChosen } from './definition.ts';
import { definitionOf, ownOptions, SCENARIOS } from './index.ts';
import { SHARED_NAMES, SHARED_OPTIONS } from './options.ts';

/** Where each value came from. */
export type Sources = Record<string, OptionValue['source']>;
export type Settings = {
  /** How a value that is not a flag is called in sentences: its variable, or its file. */
  env: Record<string, string | undefined>;
  configFile: string | null;
  /** Options of the file that are meant for other loads, too. */
  shared?: ReadonlySet<string> | undefined;
};

/** The options of the scenarios: those that several share, then those of each. */
export const scenarioOptions = (scenarios: readonly Definition[] = SCENARIOS): OptionSpec[] => [
  ...SHARED_OPTIONS,
  ...ownOptions(scenarios),
];

/** Defaults by scenario. */
export const presetsOf = (
  scenarios: readonly Definition[] = SCENARIOS,
): Record<string, Record<string, string>> =>
  Object.fromEntries(scenarios.map(({ name, defaults }) => [name, { ...defaults }]));

/** For the help of the option `scenario`. */
export const summaryOf = (scenarios: readonly Definition[] = SCENARIOS): string =>
  scenarios.map(({ name, summary }) => `${name} = ${summary}`).join('; ');

const isChosenIn =
  (sources: Sources): IsChosen =>
  (name) =>
    !['default', 'scenario'].includes(sources[name] ?? 'default');

/** Options of new blocks, which some scenarios make only with --chain. */
const OF_CHAIN: readonly string[] = ['era', 'fork-at'];

const isWithoutChain = (used: ReadonlySet<string>, { chain }: OptionValues): boolean =>
  used.has('chain') && chain === 0;

/** The values of a scenario. */
type Meaning = {
  definition: Definition;
  isChosen: IsChosen;
  /** With what follows from which ones were chosen. */
  all: OptionValues;
  /** Names of those that the scenario makes nothing of. */
  unused: string[];
  /** Without these. */
  effective: OptionValues;
};

function meaningOf(
  values: OptionValues,
  sources: Sources,
  scenarios: readonly Definition[],
): Meaning {
  const definition = definitionOf(values.scenario as string, scenarios);
  const isChosen = isChosenIn(sources);
  const all = definition.adjusted?.(values, isChosen) ?? values;
  const used = new Set(definition.uses(all));
  if (isWithoutChain(used, all)) for (const name of OF_CHAIN) used.delete(name);
  const names = [...SHARED_NAMES, ...ownOptions(scenarios).map(({ name }) => name)];
  const unused = names.filter((name) => !used.has(name));
  const effective = { ...all };
  for (const name of unused) delete effective[name];
  return { definition, isChosen, all, unused, effective };
}

/**
 * Values that have no effect. A flag is an error: who typed it expects something of it; so is an option of a config file that chooses
 * the scenario itself. A variable, or a file of options for several scenarios, is meant for others too: a note.
 */
export function withoutEffect(
  values: OptionValues,
  sources: Sources,
  settings: Settings,
  scenarios: readonly Definition[] = SCENARIOS,
): { problems: string[]; notes: string[] } {
  const { definition, all, unused } = meaningOf(values, sources, scenarios);
  const found = { problems: [] as string[], notes: [] as string[] };
  for (const name of unused) {
    const why =
      definition.whyUnused?.(name, all) ??
      (OF_CHAIN.includes(name) && definition.uses(all).includes('chain')
        ? 'without --chain: the recorded blocks go as they are'
        : `in the scenario ${definition.name}`);
    const source = sources[name];
    if (source === 'flag') found.problems.push(`--${name} has no effect ${why}`);
    if (source === 'file') {
      const sentence = `${settings.configFile ?? 'the config file'}: ${name} has no effect ${why}`;
      const isOwn = sources.scenario === 'file' && settings.shared?.has(name) !== true;
      (isOwn ? found.problems : found.notes).push(sentence);
    }
    if (source === 'environment')
      found.notes.push(`${settings.env[name] ?? name} of the environment has no effect ${why}`);
  }
  return found;
}

/** @returns null: there are none, or they have no effect */
const stagesOf = ({ stages, rate }: OptionValues): ReturnType<typeof parseStages> | null =>
  stages === undefined ? null : parseStages(stages as string, parseDuration, rate !== undefined);

function requestFrom({ definition, isChosen, all, effective }: Meaning): LoadRequest {
  const rate = effective.rate === undefined ? null : parseRate(effective.rate as string);
  const isRate = rate !== null && 'starts' in rate;
  const scale = isRate ? rate.scale : 1;
  const stages = stagesOf(effective);
  return {
    scenario: definition.name,
    vus: all.vus as number,
    vusChosen: isChosen('vus'),
    durationMs: all.duration as number,
    rate: isRate ? { starts: rate.starts, timeUnitMs: rate.timeUnitMs } : null,
    stages:
      stages === null || 'problems' in stages
        ? null
        : stages.map(({ durationMs, target }) => ({ durationMs, target: target * scale })),
    ...(effective.steerable === true && { steerable: true }),
    warmUpMs: (effective['warm-up'] as number | undefined) ?? 0,
    think: parseThink(String(all.think), parseDuration) ?? { minMs: 0, maxMs: 0 },
    requestTimeoutMs: all.timeout as number,
    seed: all.seed as string,
    network: all.network as LoadRequest['network'],
    era: (all.era as LoadRequest['era']) ?? 'mesa',
    eraChosen: isChosen('era'),
    forkAtMs: (effective['fork-at'] as number | undefined) ?? null,
    producers: (all.producers as number | undefined) ?? null,
    ...definition.request?.(effective),
  };
}

/** The values with what follows from which ones were chosen. */
export const adjustedValues = (
  values: OptionValues,
  sources: Sources,
  scenarios: readonly Definition[] = SCENARIOS,
): OptionValues => meaningOf(values, sources, scenarios).all;

/** What the values ask for. For those that {@link problemsTogether} has nothing against. */
export const requestOf = (
  values: OptionValues,
  sources: Sources,
  scenarios: readonly Definition[] = SCENARIOS,
): LoadRequest => requestFrom(meaningOf(values, sources, scenarios));

const isTimed = ({ timed }: Definition, request: LoadRequest): boolean =>
  timed?.isTimed(request) ?? false;

/** Values that only make sense together, but for {@link withoutEffect}. @returns every problem */
export function problemsTogether(
  values: OptionValues,
  sources: Sources,
  scenarios: readonly Definition[] = SCENARIOS,
): string[] {
  const meaning = meaningOf(values, sources, scenarios);
  const { definition, effective, isChosen } = meaning;
  const problems: string[] = [];
  const stages = stagesOf(effective);
  if (stages !== null && 'problems' in stages)
    return stages.problems.map((problem) => `--stages ${problem}`);
  const request = requestFrom(meaning);
  const shape = definition.shape(request);
  problems.push(...(definition.problems?.(effective, request, isChosen) ?? []));
  problems.push(...forkProblems(request));
  problems.push(...steerableProblems(request, effective));
  if (problems.length === 0 && shape.rate !== undefined && scheduleOf(shape)?.planned === 0)
    problems.push(
      `--rate ${String(effective.rate)} begins not one submission in ${shape.durationMs / 1000} s`,
    );
  // How long a recording lasts is known when it is read.
  if (request.warmUpMs! >= shape.durationMs && !request.timeFactor)
    problems.push(
      `--warm-up must be shorter than the load, but is ${request.warmUpMs! / 1000} s of ${shape.durationMs / 1000} s`,
    );
  problems.push(...gatesWithoutData(values, meaning, request, shape));
  return problems;
}

/** What a pace that is changed while the load runs does not go with. */
function steerableProblems(
  { steerable, rate, think }: LoadRequest,
  { rate: words }: OptionValues,
): string[] {
  if (!steerable) return [];
  const problems: string[] = [];
  if (!rate && think.maxMs === 0)
    problems.push('--steerable needs a --think time above 0, or a --rate: what is signed while it is sent needs a pace'); // prettier-ignore
  if (rate && (rate.starts * 1000) / rate.timeUnitMs > MOST_STEERED_PER_SECOND)
    problems.push(`--steerable hands out each submission by itself, at most ${MOST_STEERED_PER_SECOND}/s, but --rate is ${String(words)}`); // prettier-ignore
  return problems;
}

/** Gates of the user that this load could not answer, as far as options say it. */
function gatesWithoutData(
  values: OptionValues,
  { definition }: Meaning,
  request: LoadRequest,
  shape: LoadShape,
): string[] {
  const isEmbedded = ((values.target as string[] | undefined) ?? []).length === 0;
  const isGiven = (name: string): boolean => {
    const value = values[name];
    return Array.isArray(value) ? value.length > 0 : value !== undefined;
  };
  const facts = factsOfLoad(shape, {
    hostile: (definition.hostile?.(request) ?? null) !== null,
    search: definition.search !== undefined,
    soak: definition.isSoak === true,
    watched: isEmbedded || isGiven('target-pid') || isGiven('target-container'),
    log: isEmbedded || isGiven('target-log'),
    storage: !isEmbedded && !isGiven('storage') ? null : 'signed',
  });
  // Times of their own are known when they are read.
  const timed = isTimed(definition, request) ? { isOpen: true, retries: true } : {};
  return gateProblems((values.gate as string[] | undefined) ?? [], { ...facts, ...timed }).map(
    (problem) => `--gate ${problem}`,
  );
}
