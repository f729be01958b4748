/** The house rules that a reader cannot see at a glance: who may import whom, and what stays pure. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { SCENARIOS } from '../load/scenarios/index.ts';
import { projectRoot } from '../paths.ts';

const ALL: readonly string[] = ['*'];
/** Room -> rooms it may import, beside itself; the same table stands in ARCHITECTURE.md. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  mina: [],
  results: [],
  system: [],
  scenarios: ['mina'],
  producers: ['mina', 'system'],
  stack: ['mina', 'system'],
  monitor: ['results', 'system'],
  reconcile: ['mina', 'scenarios', 'results', 'stack/storage', 'system'],
  judge: ['results'],
  plots: ['results'],
  report: ['results', 'plots', 'judge'],
  faults: ['stack', 'system'],
  load: [
    'faults',
    'mina',
    'scenarios',
    'results',
    'system',
    'producers',
    'stack',
    'monitor',
    'reconcile',
    'judge',
    'plots',
    'report',
  ],
  e2e: [
    'faults',
    'mina',
    'scenarios',
    'results',
    'system',
    'producers',
    'stack',
    'monitor',
    'reconcile',
    'judge',
    'plots',
    'report',
  ],
  nightly: ['results', 'system', 'stack', 'judge', 'report', 'load'],
  console: ['load', 'e2e', 'scenarios', 'results', 'system', 'judge', 'plots', 'report'],
  cli: ALL,
  bench: ALL,
};
/** Files at the top that every room but the pure ones may use. */
const TOP = ['user-error.ts', 'paths.ts', 'whole-file.ts'];
const PURE = /^(mina|scenarios)\//;

function sources(): string[] {
  return Object.keys(MAY_IMPORT).flatMap((room) =>
    readdirSync(join(projectRoot, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name) && !name.startsWith('20'))
      .map((name) => join(room, name))
      .filter((name) => !name.startsWith('mina/wasm/')),
  );
}

const importsOf = (file: string): string[] =>
  [
    ...readFileSync(join(projectRoot, file), 'utf8').matchAll(
      /(?:^|\n)\s*(?:import|export)[^;'"]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g,
    ),
  ].map((match) => match[1] ?? match[2] ?? match[3]);

function faultsOf(file: string, imports: readonly string[]): string[] {
  const room = file.split('/')[0];
  return imports.flatMap((specifier) => {
    if (!specifier.startsWith('.')) {
      const allowed =
        room === 'scenarios' ? specifier.startsWith('k6') : !/^(node:|k6)/.test(specifier);
      return PURE.test(file) && !allowed ? [`${file} imports ${specifier}`] : [];
    }
    const target = relative('.', normalize(join(dirname(file), specifier)));
    const targetRoom = target.split('/')[0];
    const allowed = MAY_IMPORT[room];
    // Not even the benches: a checkout without tests has to build.
    if (targetRoom === 'test') return [`${file} imports ${target}`];
    if (targetRoom === room || allowed === ALL) return [];
    if (allowed.some((one) => target.startsWith(`${one}/`))) return [];
    if (TOP.includes(target) && !PURE.test(file)) return [];
    return [`${file} imports ${target}`];
  });
}

test('imports point one way, and pure modules stay pure', () => {
  const files = sources();
  assert.ok(files.length > 30, `only ${files.length} sources found`);
  assert.deepEqual(
    files.flatMap((file) => faultsOf(file, importsOf(file))),
    [],
  );
});

test('the rule sees what a room may take of another only in part', () => {
  assert.deepEqual(
    faultsOf('reconcile/x.ts', ['../stack/storage/s3.ts', '../stack/backend/log.ts']),
    ['reconcile/x.ts imports stack/backend/log.ts'],
  );
});

test('the rule sees what it forbids', () => {
  assert.deepEqual(faultsOf('bench/x.ts', ['../test/support/y.ts', '../console/page/z.ts']), [
    'bench/x.ts imports test/support/y.ts',
  ]);
  assert.deepEqual(faultsOf('mina/x.ts', ['node:fs', '../load/plan.ts', './y.ts', 'bs58check']), [
    'mina/x.ts imports node:fs',
    'mina/x.ts imports load/plan.ts',
  ]);
  assert.deepEqual(faultsOf('scenarios/x.ts', ['k6/http', 'node:fs', '../results/types.ts']), [
    'scenarios/x.ts imports node:fs',
    'scenarios/x.ts imports results/types.ts',
  ]);
  assert.deepEqual(
    faultsOf('plots/x.ts', ['../results/types.ts', '../load/run.ts', '../paths.ts']),
    ['plots/x.ts imports load/run.ts'],
  );
});

/** Files of a program -> the files of ours that each imports, types included. */
type Imports = Map<string, readonly string[]>;

/** @returns each circle once, as the files on its way; empty: there is none */
function circlesOf(imports: Imports): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const walk = (file: string): void => {
    const at = way.indexOf(file);
    if (at !== -1) {
      circles.push([...way.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    way.push(file);
    for (const next of imports.get(file) ?? []) walk(next);
    way.pop();
    done.add(file);
  };
  for (const file of imports.keys()) walk(file);
  return circles;
}

const ofOurs = (file: string): string[] =>
  importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative('.', normalize(join(dirname(file), specifier))));

test('files form no circle, types included', () => {
  const imports = new Map(sources().map((file) => [file, ofOurs(file)]));
  assert.ok([...imports.values()].flat().length > 300);
  assert.deepEqual(circlesOf(imports), []);
});

test('the rule sees a circle', () => {
  const imports: Imports = new Map([
    ['a.ts', ['b.ts', 'd.ts']],
    ['b.ts', ['c.ts']],
    ['c.ts', ['a.ts', 'd.ts']],
    ['d.ts', []],
  ]);
  assert.deepEqual(circlesOf(imports), [['a.ts', 'b.ts', 'c.ts', 'a.ts']]);
  assert.deepEqual(circlesOf(new Map([['a.ts', ['a.ts']]])), [['a.ts', 'a.ts']]);
});

/** Scenarios whose names are words of their own; `load` is a command, too. */
const DISTINCT = SCENARIOS.map(({ name }) => name).filter((name) => name !== 'load');
/** Rooms in which only the definitions know a scenario by its name. */
const NAMELESS = /^(load|nightly|cli|judge|report|plots|console)\//;
/** Names that are not the scenario's: of what, and where. */
const OTHER_WORDS: Record<string, readonly string[]> = {
  // Parts of a mix, which is one scenario's option.
  'load/request.ts': ['big-blocks', 'replay', 'hostile'],
  'load/parts.ts': ['big-blocks', 'replay', 'hostile'],
  'load/findings.ts': ['hostile'],
  // A gate's figure, charts, sources of times, classes of what is stored, figures of a summary.
  'judge/gates.ts': ['breakpoint'],
  'judge/merge/reconcile.ts': ['hostile'],
  'judge/merge/outcomes.ts': ['rounds'],
  'plots/charts.ts': ['breakpoint', 'fleet'],
  'plots/names.ts': ['breakpoint', 'fleet'],
  'report/sections/stored.ts': ['hostile'],
  'load/timed-starts.ts': ['fleet', 'rounds'],
  // An option, of --ab.
  'cli/commands/load.ts': ['rounds'],
  'console/server/planner.ts': ['rounds'],
  'cli/nightly-config.ts': ['rounds'],
  // A network of the harness.
  'cli/console-e2e.ts': ['fleet'],
  // A purpose of random numbers.
  'load/hostile/sender.ts': ['hostile'],
};

/** Names of scenarios in quotes, and comparisons of one. */
function namedIn(file: string, text: string): string[] {
  // Without comments, and names of an object's fields.
  const code = text
    .replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '')
    .replaceAll(/\b(Pick|Omit)<[^>]*>|\[\s*'[\w-]+'\s*\]/g, '');
  const words = DISTINCT.filter((name) => new RegExp(`['"]${name}['"]`).test(code));
  const compared =
    /\bscenario\b[\s)]*(===|!==|==|!=)\s*['"]|['"]\s*(===|!==)\s*[\w.]*\bscenario\b|switch \([^)]*\bscenario\b|\.includes\([\w.]*\bscenario\b/;
  return [
    ...words.filter((name) => !(OTHER_WORDS[file] ?? []).includes(name)),
    ...(compared.test(code) ? ['a comparison'] : []),
  ].map((what) => `${file}: ${what}`);
}

test('only its definition knows a scenario by its name', () => {
  const files = sources().filter(
    (file) => NAMELESS.test(file) && !file.startsWith('load/scenarios/'),
  );
  assert.ok(files.length > 80, `${files.length} files`);
  assert.deepEqual(
    files.flatMap((file) => namedIn(file, readFileSync(join(projectRoot, file), 'utf8'))),
    [],
  );
  for (const text of [
    "if (request.scenario === 'load') return;",
    "const isFed = ['load', 'ramp'].includes(scenario);",
    'switch (values.scenario) {',
    "const name = 'smoke';",
    "return 'load' === plan.scenario;",
  ])
    assert.ok(namedIn('load/x.ts', text).length > 0, text);
  assert.deepEqual(namedIn('load/x.ts', "/** Of 'smoke'. */\nimport './load/plan.ts';"), []);
});
