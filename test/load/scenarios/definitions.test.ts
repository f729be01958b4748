/** The list of scenarios: that each definition is whole, and that a new one needs nothing else. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from '../../../cli/commands/load.ts';
import { parseCommandLine } from '../../../cli/parse.ts';
import { decide } from '../../../load/decide.ts';
import { describeDecision } from '../../../load/dry-run.ts';
import type { Definition } from '../../../load/scenarios/definition.ts';
import { definitionOf, ownOptions, SCENARIOS } from '../../../load/scenarios/index.ts';
import { OPTION_GROUPS, SHARED_NAMES } from '../../../load/scenarios/options.ts';
import { paceOptions, SIGNED, whyNoPace } from '../../../load/scenarios/pieces.ts';
import {
  presetsOf,
  problemsTogether,
  requestOf,
  scenarioOptions,
  summaryOf,
  withoutEffect,
} from '../../../load/scenarios/rules.ts';
import { pacedShape } from '../../../load/shape.ts';
import { projectRoot } from '../../../paths.ts';
import { CHART_NAMES } from '../../../plots/charts.ts';
import type { K6Load } from '../../../scenarios/lib/plan.ts';
import type { LoadShape } from '../../../results/types.ts';
import type { OptionValues } from '../../../system/option.ts';
import { factsOf, jobOf } from '../../support/job.ts';

const valuesOf = (args: string[]): OptionValues =>
  parseCommandLine(load, args, {}, tmpdir()).values;

test('each definition is whole: script, options, defaults, pictures', () => {
  const names = load.options.map(({ name }) => name);
  assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  for (const definition of SCENARIOS) {
    const { name, summary, options, defaults, pictures } = definition;
    assert.ok(existsSync(join(projectRoot, 'scenarios', `${name}.ts`)), name);
    assert.ok(existsSync(join(projectRoot, 'load', 'scenarios', `${name}.ts`)), name);
    assert.ok(summary !== '' && !summary.includes('\n') && !summary.endsWith('.'), name);
    for (const option of [...options.map((one) => one.name), ...Object.keys(defaults)])
      assert.ok(names.includes(option), `${name}: --${option}`);
    const mayUse = [...SHARED_NAMES, ...options.map((option) => option.name)];
    for (const option of definition.uses(valuesOf(['--scenario', name, '--payloads', '/x'])))
      assert.ok(mayUse.includes(option), `${name} uses ${option}`);
    for (const picture of pictures) assert.ok((CHART_NAMES as readonly string[]).includes(picture));
    assert.match(summaryOf(), new RegExp(`(^|; )${name} = `));
  }
  for (const picture of ['fleet', 'breakpoint'])
    assert.equal(SCENARIOS.filter(({ pictures }) => pictures.includes(picture)).length, 1, picture);
});

test('an option of several scenarios is one object, and none of them is a shared one', () => {
  for (const option of ownOptions()) {
    assert.ok(!SHARED_NAMES.includes(option.name), option.name);
    const objects = SCENARIOS.flatMap(({ options }) =>
      options.filter(({ name }) => name === option.name),
    );
    assert.ok(
      objects.every((one) => one === option),
      option.name,
    );
  }
});

test('every option of load has its group, and the groups stand in their order', () => {
  const order = load.options.map(({ group }) =>
    (OPTION_GROUPS as readonly string[]).indexOf(group!),
  );
  assert.ok(!order.includes(-1), load.options[order.indexOf(-1)]?.name);
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
  assert.deepEqual(new Set(order).size, OPTION_GROUPS.length);
});

test('any other file of scenarios/ is a scenario of the user: its pace comes from the options', () => {
  const mine = definitionOf('example');
  assert.ok(!SCENARIOS.includes(mine));
  const job = jobOf(['--scenario', 'example', '--rate', '5/s', '--stages', '10s:9']);
  assert.equal(decide(job, factsOf()).shape.executor, 'ramping-arrival-rate');
});

/** Waves: a rate that halves and doubles. */
const waves: Definition = {
  name: 'waves',
  summary: 'a rate that comes and goes',
  options: [
    {
      name: 'wave-time',
      type: 'duration',
      argument: 'TIME',
      min: 1000,
      group: 'pace',
      help: 'how long one wave lasts',
    },
  ],
  defaults: { rate: '20/s', 'wave-time': '10s' },
  uses: (values) => [...paceOptions(values, { stages: false }), 'wave-time', ...SIGNED],
  whyUnused: whyNoPace,
  problems: (values, { durationMs }) =>
    (values['wave-time'] as number) * 2 > durationMs ? ['--wave-time must fit twice'] : [],
  request: (values) => ({
    stages: [
      { durationMs: (values['wave-time'] as number) / 2, target: 40 },
      { durationMs: (values['wave-time'] as number) / 2, target: 20 },
    ],
  }),
  shape: pacedShape,
  source: () => ({ kind: 'signed', fed: 'never', asRecorded: false }),
  gates: ['p95<1s'],
  pictures: [],
  describe: ({ stages }) => [`waves         up to ${stages![0].target}/s`],
};

test('a new scenario is its definition: parser, rules, request, decision, dry run and help take it from the list', () => {
  const list = [...SCENARIOS, waves];
  const known = new Set(load.options.map(({ name }) => name));
  const command = {
    ...load,
    options: [
      ...load.options.map((option) =>
        option.name === 'scenario' ? { ...option, check: () => null } : option,
      ),
      ...scenarioOptions(list).filter(({ name }) => !known.has(name)),
    ],
    presets: presetsOf(list),
  };
  assert.match(summaryOf(list), /; waves = a rate that comes and goes$/);
  const parse = (args: string[]) => {
    const { values, sources } = parseCommandLine(command, ['--scenario', 'waves', ...args], {}, tmpdir()); // prettier-ignore
    const settings = { env: {}, configFile: null };
    return {
      problems: [
        ...withoutEffect(values, sources, settings, list).problems,
        ...problemsTogether(values, sources, list),
      ],
      request: requestOf(values, sources, list),
    };
  };
  assert.deepEqual(parse(['--stages', '1s:5', '--duration', '15s']).problems, [
    '--stages has no effect in the scenario waves',
    '--wave-time must fit twice',
  ]);
  const { problems, request } = parse([]);
  assert.deepEqual(problems, []);
  const job = jobOf([], { request });
  const decision = decide(job, factsOf(), waves);
  assert.equal(decision.shape.executor, 'ramping-arrival-rate');
  assert.equal(decision.volume.highestRatePerSecond, 40);
  assert.ok(decision.gates.some(({ expression }) => expression === 'p95<1s'));
  assert.match(describeDecision(job, decision, 1).join('\n'), /^scenario {6}waves .*\n[^]*^waves {9}up to 40\/s$/m); // prettier-ignore
  // The others make nothing of its option.
  const { values, sources } = parseCommandLine(command, ['--wave-time', '5s'], {}, tmpdir());
  assert.deepEqual(withoutEffect(values, sources, { env: {}, configFile: null }, list).problems, [
    '--wave-time has no effect in the scenario load',
  ]);
});

test('values without effect: a flag is an error, a variable or a file for several scenarios a note, a file of its own an error', () => {
  const found = (
    scenario: string,
    sources: Record<string, 'flag' | 'environment' | 'file' | 'default'>,
  ) =>
    withoutEffect(
      { ...valuesOf(['--scenario', scenario]), rate: '5/s' },
      { scenario: 'flag', ...sources },
      { env: { rate: 'MINA_LOAD_RATE' }, configFile: 'ci.yaml' },
    );
  assert.deepEqual(found('smoke', { rate: 'flag' }).problems, [
    '--rate has no effect in the scenario smoke',
  ]);
  assert.deepEqual(found('smoke', { rate: 'environment' }), {
    problems: [],
    notes: ['MINA_LOAD_RATE of the environment has no effect in the scenario smoke'],
  });
  assert.deepEqual(found('smoke', { rate: 'file' }), {
    problems: [],
    notes: ['ci.yaml: rate has no effect in the scenario smoke'],
  });
  assert.deepEqual(found('smoke', { rate: 'file', scenario: 'file' }), {
    problems: ['ci.yaml: rate has no effect in the scenario smoke'],
    notes: [],
  });
  // Of a night, for all its scenarios.
  const shared = withoutEffect(
    { ...valuesOf(['--scenario', 'smoke']), rate: '5/s' },
    { scenario: 'file', rate: 'file' },
    { env: {}, configFile: null, shared: new Set(['rate']) },
  );
  assert.deepEqual(shared, {
    problems: [],
    notes: ['the config file: rate has no effect in the scenario smoke'],
  });
  assert.deepEqual(found('arrival', { rate: 'environment' }), { problems: [], notes: [] });
  // A default of the table is nobody's wish.
  assert.deepEqual(found('smoke', { rate: 'default' }), { problems: [], notes: [] });
});

test('what is without effect is out of the request, too', () => {
  const values = {
    ...valuesOf(['--scenario', 'load']),
    rate: '5/s',
    stages: '1s:5',
    'burst-factor': 3,
  };
  const request = requestOf(values, { rate: 'environment', stages: 'file' });
  assert.deepEqual([request.rate, request.stages, request.burst], [null, null, undefined]);
  assert.equal(definitionOf('load').shape(request).executor, 'constant-vus');
});

test('a soak has a rate, unless somebody asks for VUs with think times', () => {
  const values = valuesOf(['--scenario', 'soak']);
  assert.deepEqual(requestOf(values, {}).rate, { starts: 300, timeUnitMs: 1000 });
  assert.equal(requestOf(values, { think: 'environment' }).rate, null);
  assert.deepEqual(requestOf(values, { think: 'flag', rate: 'flag' }).rate, { starts: 300, timeUnitMs: 1000 }); // prettier-ignore
});

test('k6 gets the shape of the results as it is, and a lease', () => {
  // A compiler's test: scenarios/ and results/ may not import each other, so the two types stand apart.
  const shape = (load: Omit<K6Load, 'lease'>): LoadShape => load;
  const load6 = (load: LoadShape): Omit<K6Load, 'lease'> => load;
  const decided = decide(jobOf(), factsOf()).shape;
  assert.deepEqual(shape(load6(decided)), decided);
});
