/** The form's texts and what becomes of them; the checks are the server's, which has the command line's own. Pure. */
import { durationText, parseDuration } from '../../system/duration.ts';
import type { OptionSpec } from '../../system/option.ts';

/** As somebody would type them. */
export type Options = Record<string, string | string[] | true>;

export type FormOption = Omit<OptionSpec, 'check' | 'isPath'>;
export type FormScenario = { name: string; summary: string; defaults: Record<string, string>; uses: string[] }; // prettier-ignore
export type FormFacts = { scenarios: FormScenario[]; headings: Record<string, string>; options: FormOption[]; /** Of an end-to-end run. */ e2e: FormOption[] }; // prettier-ignore

/** What somebody typed, by option; a flag is `on` or empty; a repeatable one has a line for each value. */
export type Texts = Record<string, string>;

/** What today's testers know, and what they ask for first. */
export const MAIN: readonly string[] = ['target', 'vus', 'rate', 'duration', 'stages', 'think', 'producers', 'era', 'storage', 'gate', 'seed', 'steerable']; // prettier-ignore

/** As today's testers call it. */
export const LABELS: Record<string, string> = {
  target: 'Host',
  vus: 'Users (VUs)',
  rate: 'Rate',
  duration: 'Duration',
  'spawn-rate': 'Spawn rate',
  stages: 'Stages',
  think: 'Think time',
  producers: 'Block producers',
  era: 'Era',
  storage: 'Storage to reconcile with',
  gate: 'Gates',
  seed: 'Seed',
  steerable: 'Pace can be changed while it runs',
};

export const labelOf = (name: string): string => {
  const words = LABELS[name] ?? name.replaceAll('-', ' ');
  return words[0].toUpperCase() + words.slice(1);
};

export function optionsOfTexts(texts: Texts, specs: readonly FormOption[]): Options {
  const options: Options = {};
  for (const spec of specs) {
    const text = (texts[spec.name] ?? '').trim();
    if (text === '') continue;
    options[spec.name] =
      spec.type === 'flag'
        ? true
        : spec.repeatable === true
          ? text.split('\n').map((line) => line.trim()).filter((line) => line !== '') // prettier-ignore
          : text;
  }
  return options;
}

export const textsOfOptions = (options: Options): Texts =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name,
      value === true ? 'on' : Array.isArray(value) ? value.join('\n') : value,
    ]),
  );

/** Problems by the option that they begin with; `''`: of several together. */
export function problemsByOption(problems: readonly string[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const problem of problems) {
    const name = /^--([\w-]+)[ :]/.exec(problem)?.[1] ?? '';
    (found[name] ??= []).push(name === '' ? problem : problem.slice(name.length + 2).replace(/^[: ]+/, '')); // prettier-ignore
  }
  return found;
}

/** Whether the scenario makes something of an option; one that no scenario names belongs to all. */
export function isUsed(
  name: string,
  scenario: string,
  { scenarios }: Pick<FormFacts, 'scenarios'>,
): boolean {
  const chosen = scenarios.find((one) => one.name === scenario);
  if (chosen === undefined || !scenarios.some(({ uses }) => uses.includes(name))) return true;
  return chosen.uses.includes(name);
}

export function defaultOf(
  spec: FormOption,
  scenario: string,
  { scenarios }: Pick<FormFacts, 'scenarios'>,
): string {
  const own = scenarios.find(({ name }) => name === scenario)?.defaults[spec.name];
  return own ?? spec.default ?? '';
}

/** Problems that belong to no field of the form. */
export const problemsOfNone = (
  problems: readonly string[],
  options: readonly FormOption[],
): string[] =>
  problems.filter((problem) => {
    const name = /^--([\w-]+)/.exec(problem)?.[1] ?? '';
    return !options.some((option) => option.name === name);
  });

/** As Locust asks for it. No option of the command line: a scenario of stages says the same, and that is what is started. */
export const SPAWN: FormOption = {
  name: 'spawn-rate',
  type: 'number',
  argument: 'all at once',
  help: 'users that begin per second; the load is then one of --stages, and its duration holds their coming',
};

/** The scenario of stages, where the chosen one is the usual one with users; null: a spawn rate says nothing here. */
export function stagedFor(
  texts: Texts,
  scenario: string,
  { scenarios, options }: Pick<FormFacts, 'scenarios' | 'options'>,
): string | null {
  const usual = options.find(({ name }) => name === 'scenario')?.default;
  if (scenario !== usual || (texts.rate ?? '').trim() !== '') return null;
  return scenarios.find(({ defaults }) => defaults.stages !== undefined)?.name ?? null;
}

/**
 * What a spawn rate makes of the form.
 * @param staged the scenario of stages; null: it says nothing here
 * @param usual the scenario's own value of an option
 * @returns the texts of the load that is meant; `problem` is null, or stands after the field's name
 */
export function spawned(
  texts: Texts,
  staged: string | null,
  usual: (name: 'vus' | 'duration') => string,
): { texts: Texts; problem: string | null } {
  const { [SPAWN.name]: given = '', ...others } = texts;
  const text = given.trim();
  if (text === '' || staged === null) return { texts: others, problem: null };
  const perSecond = Number(text);
  if (!(perSecond > 0) || !Number.isFinite(perSecond))
    return { texts: others, problem: `must be users per second, above 0, but is "${text}"` };
  const of = (name: 'vus' | 'duration') => (texts[name] ?? '').trim() || usual(name);
  const [vus, durationMs] = [Number(of('vus')), parseDuration(of('duration'))];
  // What is wrong with these is marked at them.
  if (!Number.isInteger(vus) || vus < 1 || durationMs === null)
    return { texts: others, problem: null };
  const comingMs = Math.round((vus / perSecond) * 1000);
  if (comingMs < 1000) return { texts: others, problem: null };
  const most = Math.max(1, Math.floor((perSecond * durationMs) / 1000));
  const stages =
    comingMs < durationMs
      ? `${durationText(comingMs)}:${vus},${durationText(durationMs - comingMs)}:${vus}`
      : `${durationText(durationMs)}:${Math.min(vus, most)}`;
  return { texts: { ...others, scenario: staged, vus: '', duration: '', stages }, problem: null };
}
