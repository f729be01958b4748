/**
 * `nightly.yaml`: what a night runs. Beside its own settings it holds options of `npm run load`, for all scenarios and for each, which are
 * checked by that command's own table. Every problem is reported with its line, all of them at once.
 */
import { dirname, resolve } from 'node:path';
import { isMap, isScalar, isSeq, type ParsedNode, type YAMLMap } from 'yaml';
import { COMPARED_FIGURES, type ReadFigure } from '../judge/compare/figures.ts';
import { FEWEST_ROUNDS } from '../judge/compare/rounds.ts';
import type { LoadJob } from '../load/job.ts';
import { parseTarget } from '../load/target/targets.ts';
import type { GoodVersion, NightPlan, NightScenario } from '../nightly/plan.ts';
import { listProblems } from '../system/problems.ts';
import { UserError } from '../user-error.ts';
import { checkedJob, load } from './commands/load.ts';
import { type ConfigFile, configSchema, readOptions, readSettingsFile, type SettingsFile, shown, textsOf } from './config-file.ts'; // prettier-ignore
import { parseFile } from './parse.ts';
import { didYouMean } from '../system/suggest.ts';

/** Of load, but the night's own business: where results go, what is only shown, what the second stage does. */
const NOT_HERE = ['config', 'results', 'ab', 'rounds', 'effect', 'explain', 'dry-run', 'e2e', 'e2e-name', 'e2e-folder', 'e2e-wait']; // prettier-ignore

const KEEP = 30;
const ROUNDS = 8;
const MOST_MINUTES = 14 * 24 * 60;
const GATING = COMPARED_FIGURES.filter(({ gates }) => gates).map(({ name }) => name);

const NIGHT_NAME = /^[\w][\w .-]{0,60}$/;
const MOST_KEPT = 100_000;
const MOST_ROUNDS = 100;
const LEAST_MINUTES = 0.01;

type Texts = ConfigFile['texts'];
type Found = { node: ParsedNode | null; line: number };

const GOOD_SETTINGS = ['url', 'command', 'ready'] as const;
const SCENARIO_SETTINGS = ['name', 'options', 'round', 'rounds', 'figures', 'good'] as const;
const NIGHT_SETTINGS = ['folder', 'keep', 'max-minutes', 'rounds', 'figures', 'good', 'options', 'round', 'scenarios'] as const; // prettier-ignore

/** JSON Schema (2020-12) of the file, for editors: its own settings, and load's options from that command's table. */
export function nightSchema(): object {
  const { $schema, properties: ofLoad } = configSchema(load) as {
    $schema: string;
    properties: Record<string, object>;
  };
  const options = Object.fromEntries(
    Object.entries(ofLoad).filter(([name]) => name !== '$schema' && !NOT_HERE.includes(name)),
  );
  const names = { enum: COMPARED_FIGURES.map(({ name }) => name) };
  const texts = { type: ['string', 'number'] };
  const url = { type: 'string', pattern: '^https?://' };
  const loadOptions = (description: string) => ({
    description,
    $ref: '#/$defs/options',
  });
  const shared: Record<(typeof SCENARIO_SETTINGS)[number] & (typeof NIGHT_SETTINGS)[number], object> = {
    options: loadOptions('options of npm run load'),
    round: loadOptions("options of a round of the second stage that differ from the night's"),
    rounds: { description: 'rounds beside the good version', type: 'integer', minimum: FEWEST_ROUNDS, maximum: MOST_ROUNDS, default: ROUNDS },
    figures: { description: 'figures that are held against the nights before', default: GATING, anyOf: [names, { type: 'array', items: names, minItems: 1 }] },
    good: {
      description: 'the last good version, to be measured beside the one of now where something is suspected',
      anyOf: [{ const: 'none' }, { $ref: '#/$defs/good' }],
    },
  }; // prettier-ignore
  const scenario: Record<(typeof SCENARIO_SETTINGS)[number], object> = {
    name: { description: 'of its series', type: 'string', pattern: NIGHT_NAME.source },
    ...shared,
  };
  const good: Record<(typeof GOOD_SETTINGS)[number], object> = {
    url: { description: 'where it serves', ...url },
    command: { description: 'program and arguments that start it; without it, it serves already', anyOf: [texts, { type: 'array', items: texts, minItems: 1 }] },
    ready: { description: 'a URL that answers 200 once it serves', ...url },
  }; // prettier-ignore
  const night: Record<(typeof NIGHT_SETTINGS)[number], object> = {
    folder: { description: 'where runs, history and report lie; relative to this file', type: 'string' },
    keep: { description: 'runs of each series that stay', type: 'integer', minimum: 1, maximum: MOST_KEPT, default: KEEP },
    'max-minutes': { description: 'the night ends within this time', type: 'number', minimum: LEAST_MINUTES, maximum: MOST_MINUTES },
    ...shared,
    scenarios: {
      description: 'what the night runs, one after the other',
      type: 'array',
      minItems: 1,
      items: { type: 'object', additionalProperties: false, required: ['name'], properties: scenario },
    },
  }; // prettier-ignore
  return {
    $schema,
    title: 'Configuration of npm run nightly',
    type: 'object',
    additionalProperties: false,
    required: ['scenarios'],
    properties: { $schema: { type: 'string' }, ...night },
    $defs: {
      good: { type: 'object', additionalProperties: false, required: ['url'], properties: good },
      options: { type: 'object', additionalProperties: false, properties: options },
    },
  };
}

export type NightConfig = {
  plan: NightPlan;
  /** The environment for what the scenarios start: without the secrets of any of them. */
  env: NodeJS.ProcessEnv;
};

/**
 * @param folder where runs and history lie, if the command line says so
 * @throws UserError (exit 2) with every problem of the file
 */
export function readNightConfig(
  path: string,
  env: NodeJS.ProcessEnv,
  folder: string | undefined,
  defaultFolder: string,
): NightConfig {
  const hint = 'see docs/nightly.md and examples/nightly.yaml';
  const file = readSettingsFile(path);
  listProblems(file.problems, hint);
  const reader = new Reader(file as SettingsFile, env);
  const config = reader.read(folder, defaultFolder);
  listProblems([...new Set(reader.problems)], hint);
  return config!;
}

class Reader {
  readonly problems: string[] = [];
  readonly #file: SettingsFile;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  #rest: NodeJS.ProcessEnv;

  constructor(file: SettingsFile, env: NodeJS.ProcessEnv) {
    this.#file = file;
    this.#folder = dirname(file.path);
    this.#env = env;
    this.#rest = env;
  }

  read(folder: string | undefined, defaultFolder: string): NightConfig | null {
    const { contents } = this.#file.document;
    if (!isMap(contents)) {
      this.problems.push(`${this.#file.path} must hold settings such as "scenarios:"`);
      return null;
    }
    const found = this.#fields(contents, NIGHT_SETTINGS);
    const general: General = {
      options: this.#options(found.options),
      round: this.#options(found.round),
      rounds: this.#number(found.rounds, 'rounds', FEWEST_ROUNDS, MOST_ROUNDS) ?? ROUNDS,
      figures: this.#figures(found.figures) ?? GATING,
      good: this.#good(found.good),
    };
    const own = this.#text(found.folder, 'folder');
    const minutes = this.#number(
      found['max-minutes'],
      'max-minutes',
      LEAST_MINUTES,
      MOST_MINUTES,
      false,
    );
    const keep = this.#number(found.keep, 'keep', 1, MOST_KEPT) ?? KEEP;
    const nightFolder = folder ?? (own === null ? defaultFolder : resolve(this.#folder, own));
    const scenarios = this.#scenarios(found.scenarios, general, nightFolder);
    const plan = {
      folder: nightFolder,
      keep,
      withinMs: minutes === null ? null : minutes * 60_000,
      scenarios,
    };
    return { plan, env: this.#rest };
  }

  #scenarios(found: Found | undefined, general: General, folder: string): NightScenario[] {
    const list = found?.node;
    if (!isSeq(list) || list.items.length === 0) {
      this.problems.push(
        `${this.#file.path}${found === undefined ? '' : `, line ${found.line}`}: scenarios must be a list of at least one scenario`,
      );
      return [];
    }
    const names = new Map<string, number>();
    return list.items.flatMap((item) => {
      const line = this.#lineOf(item);
      if (!isMap(item)) {
        this.#say(line, `a scenario must have a name and options, but is ${shown(item, this.#file.text)}`); // prettier-ignore
        return [];
      }
      const scenario = this.#scenario(item, line, general, folder);
      if (scenario === null) return [];
      const earlier = names.get(scenario.name);
      if (earlier !== undefined)
        this.#say(line, `the name ${scenario.name} stands in line ${earlier}, too: it is that of a series`); // prettier-ignore
      names.set(scenario.name, line);
      return [scenario];
    });
  }

  #scenario(
    map: YAMLMap.Parsed,
    line: number,
    general: General,
    folder: string,
  ): NightScenario | null {
    const before = this.problems.length;
    const found = this.#fields(map, SCENARIO_SETTINGS);
    const name = this.#text(found.name, 'name');
    if (name === null) this.#say(line, 'a scenario needs a name');
    else if (!NIGHT_NAME.test(name))
      this.#say(found.name!.line, `name must be letters, digits, blanks, ".", "_" and "-", at most 61, but is "${name.slice(0, 60)}"`); // prettier-ignore
    const own = { options: this.#options(found.options), round: this.#options(found.round) };
    const options = { ...general.options, ...own.options };
    const round = { ...general.round, ...own.round };
    // Meant for the other scenarios, too: where they have no effect, that is a note.
    const shared = new Set(Object.keys({ ...general.options, ...general.round }));
    for (const name of Object.keys({ ...own.options, ...own.round })) shared.delete(name);
    const rounds =
      this.#number(found.rounds, 'rounds', FEWEST_ROUNDS, MOST_ROUNDS) ?? general.rounds;
    const figures = this.#figures(found.figures) ?? general.figures;
    const good = found.good === undefined ? general.good : this.#good(found.good);
    if (this.problems.length > before) return null;
    const job = this.#job(options, line, name!, shared);
    const roundJob =
      Object.keys(round).length === 0 || job === null
        ? job
        : this.#job({ ...options, ...round }, line, `${name}, a round`, shared);
    if (job === null || roundJob === null) return null;
    if (job.search !== null)
      this.#say(
        line,
        `${name}: a search has another load each night, so its nights are no series; give a scenario at a fixed rate near the knee (rate: …)`,
      );
    if (good !== null && job.targets.length !== 1)
      this.#say(line, `${name}: a good version is compared with one target, but there ${job.targets.length === 0 ? 'is none (the embedded backend has no other version)' : `are ${job.targets.length}`}`); // prettier-ignore
    const inFolder = (one: LoadJob): LoadJob => ({ ...one, resultsFolder: folder });
    return {
      name: name!,
      job: inFolder(job),
      roundJob: inFolder(roundJob),
      rounds,
      figures: COMPARED_FIGURES.filter((figure) => figures.includes(figure.name)).map(
        (figure): ReadFigure => ({ ...figure, gates: true }),
      ),
      good,
    };
  }

  /** The load that these options ask for; null: something is wrong with them. */
  #job(texts: Texts, line: number, name: string, shared: ReadonlySet<string>): LoadJob | null {
    const file: ConfigFile = { path: this.#file.path, folder: this.#folder, texts, problems: [] };
    const { values, sources, problems } = parseFile(load, file, this.#env);
    this.problems.push(...problems);
    if (problems.length > 0) return null;
    try {
      const { job, env } = checkedJob({
        values,
        sources,
        operands: [],
        env: this.#env,
        cwd: this.#folder,
        shared,
      });
      const isSecret = (variable: string): boolean => !Object.hasOwn(env, variable);
      this.#rest = Object.fromEntries(
        Object.entries(this.#rest).filter(([variable]) => !isSecret(variable)),
      );
      return job;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      for (const problem of error.message.split('\n')) this.#say(line, `${name}: ${problem}`);
      return null;
    }
  }

  #good(found: Found | undefined): GoodVersion | null {
    if (found === undefined) return null;
    const { node, line } = found;
    if (!isMap(node)) {
      const text = this.#text(found, 'good');
      if (text !== null && text !== 'none') this.#say(line, 'good must have a url, or be none');
      return null;
    }
    const fields = this.#fields(node, GOOD_SETTINGS);
    const url = this.#url(fields.url, 'url');
    if (fields.url === undefined) this.#say(line, 'good needs a url');
    const command = this.#list(fields.command, 'command');
    const ready = this.#url(fields.ready, 'ready');
    if (fields.ready !== undefined && command === null)
      this.#say(fields.ready.line, 'ready has no effect without command');
    return url === null ? null : { url, command, ready };
  }

  #url(found: Found | undefined, name: string): string | null {
    const text = this.#text(found, name);
    if (text === null) return null;
    const target = parseTarget(text);
    if ('problem' in target) {
      this.#say(found!.line, `${name} ${target.problem}`);
      return null;
    }
    return target.url;
  }

  #figures(found: Found | undefined): string[] | null {
    const names = this.#list(found, 'figures');
    if (names === null) return null;
    const known = COMPARED_FIGURES.map(({ name }) => name);
    for (const name of names)
      if (!known.includes(name))
        this.#say(
          found!.line,
          `there is no figure "${name}"${didYouMean(name, known)}: use some of ${known.join(', ')}`,
        );
    return names;
  }

  #options(found: Found | undefined): Texts {
    if (found === undefined || found.node === null) return {};
    if (!isMap(found.node)) {
      this.#say(found.line, `options must be options of load such as "rate: 100/s", but are ${shown(found.node, this.#file.text)}`); // prettier-ignore
      return {};
    }
    const map = found.node;
    for (const { key } of map.items)
      if (isScalar(key) && NOT_HERE.includes(String(key.value)))
        this.#say(this.#lineOf(key), `${String(key.value)} is no option of a night's scenario`);
    const { texts, problems } = readOptions(withoutKeys(map, NOT_HERE), this.#file, load, NOT_HERE);
    this.problems.push(...problems);
    return texts;
  }

  #number(
    found: Found | undefined,
    name: string,
    min: number,
    max: number,
    whole = true,
  ): number | null {
    const text = this.#text(found, name);
    if (text === null) return null;
    const value = Number(text);
    const isRight = /^\d+(\.\d+)?$/.test(text) && value >= min && value <= max && (!whole || Number.isInteger(value)); // prettier-ignore
    if (isRight) return value;
    this.#say(found!.line, `${name} must be ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}, but is "${text}"`); // prettier-ignore
    return null;
  }

  /** One text; null: none, or no text, which is a problem then. */
  #text(found: Found | undefined, name: string): string | null {
    if (found === undefined || found.node === null) return null;
    const text = textsOf(found.node, this.#file.document, { repeatable: false });
    if (typeof text === 'string') return text;
    if (text === undefined)
      this.#say(found.line, `${name} must be one value, but is ${shown(found.node, this.#file.text)}`); // prettier-ignore
    return null;
  }

  /** One text or several; null: none. */
  #list(found: Found | undefined, name: string): string[] | null {
    if (found === undefined || found.node === null) return null;
    const texts = textsOf(found.node, this.#file.document, { repeatable: true });
    if (texts === undefined) {
      this.#say(found.line, `${name} must be a value or a list of values, but is ${shown(found.node, this.#file.text)}`); // prettier-ignore
      return null;
    }
    return texts === null ? null : [texts].flat();
  }

  /** The map's values by name. */
  #fields<Name extends string>(
    map: YAMLMap.Parsed,
    names: readonly Name[],
  ): Partial<Record<Name, Found>> {
    const found: Partial<Record<Name, Found>> = {};
    for (const { key, value } of map.items) {
      const line = this.#lineOf(key);
      const name = isScalar(key) ? String(key.value) : shown(key, this.#file.text);
      if (names.includes(name as Name)) found[name as Name] = { node: value, line };
      else if (name !== '$schema') {
        const meant = didYouMean(name, names) || ` (use ${names.join(', ')})`;
        this.#say(line, `there is no setting "${name.slice(0, 60)}"${meant}`);
      }
    }
    return found;
  }

  #lineOf(node: { range?: readonly [number, number, number] | null }): number {
    return this.#file.lineAt(node.range?.[0] ?? 0);
  }

  #say(line: number, problem: string): void {
    this.problems.push(`${this.#file.path}, line ${line}: ${problem}`);
  }
}

type General = {
  options: Texts;
  round: Texts;
  rounds: number;
  figures: readonly string[];
  good: GoodVersion | null;
};

/** The same map without these; each of them has been named already. */
function withoutKeys(map: YAMLMap.Parsed, names: readonly string[]): YAMLMap.Parsed {
  const items = map.items.filter(
    ({ key }) => !(isScalar(key) && names.includes(String(key.value))),
  );
  return Object.assign(Object.create(map) as YAMLMap.Parsed, { items });
}
