/** README and docs: tables that come from the code, links that lead somewhere, the limits of the README. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { markdownTable } from 'markdown-table';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { GROUP_HEADINGS } from '../../cli/help.ts';
import { load } from '../../cli/commands/load.ts';
import { configSchema } from '../../cli/config-file.ts';
import { nightSchema } from '../../cli/nightly-config.ts';
import { COMMAND_NAMES, COMMANDS } from '../../cli/commands.ts';
import { ASSERTIONS } from '../../e2e/assertions/index.ts';
import { INCIDENTS } from '../../e2e/incidents/table.ts';
import { DISTURBANCES } from '../../e2e/staging/disturbances.ts';
import { FAULTS } from '../../faults/index.ts';
import { GATES } from '../../judge/gates.ts';
import { SCENARIOS } from '../../load/scenarios/index.ts';
import { ERAS, submissionPeriodMs } from '../../mina/eras.ts';
import { projectRoot } from '../../paths.ts';
import type { OptionSpec } from '../../system/option.ts';
import { EXIT } from '../../user-error.ts';

const table = (rows: string[][]): string => markdownTable(rows, { alignDelimiters: false });
const code = (text: string): string => `\`${text}\``;

const optionRow = ({
  name,
  argument,
  help,
  default: preset,
  env,
  choices,
}: OptionSpec): string[] => [
  code(`--${name}${argument === undefined ? '' : ` ${argument}`}`),
  choices ? `${help} (${choices.join(', ')})` : help,
  preset === undefined ? '' : code(preset),
  env === undefined ? '' : code(env),
];

const optionsText = (): string =>
  Object.entries(GROUP_HEADINGS)
    .map(([group, heading]) => {
      const rows = load.options.filter((option) => option.group === group).map(optionRow);
      return `## ${heading}\n\n${table([['option', 'what', 'default', 'environment'], ...rows])}`;
    })
    .join('\n\n');

const gatesText = (): string =>
  table([
    ['gate', 'figure', 'unit', 'default', 'which loads have it'],
    ...GATES.map(({ name, what, units, defaults, where }) => [
      code(name),
      what,
      units.length === 0 ? 'a number' : units.join(', '),
      defaults.map(({ gate, where: loads }) => `${code(gate)} (${loads})`).join('; '),
      where,
    ]),
  ]);

const scenariosText = (): string =>
  table([
    ['scenario', 'what it does', 'its own defaults', 'its own options'],
    ...SCENARIOS.map(({ name, summary, defaults, options }) => [
      code(name),
      summary,
      Object.entries(defaults)
        .map(([option, value]) => code(`--${option} ${value}`))
        .join(' '),
      options.map((option) => code(`--${option.name}`)).join(' '),
    ]),
  ]);

const minutes = (ms: number): string => `${ms / 60_000} min`;
const timeOf = (ms: number): string => new Date(ms).toISOString().replace(':00.000Z', 'Z');

const erasText = (): string => {
  const eras = [ERAS.berkeley, ERAS.mesa];
  const genesis = (network: 'mainnet' | 'devnet') => [
    `genesis of ${network}: time, global slot, height`,
    ...eras.map(({ networks }) => {
      const { genesisMs, globalSlot, fork } = networks[network]!;
      return `${timeOf(genesisMs)}, ${globalSlot}, ${fork.height === null ? 'not known here' : fork.height + 1}`;
    }),
  ];
  return table([
    ['', ...eras.map(({ label }) => label)],
    ['`--era`', ...eras.map(({ name }) => code(name))],
    [
      'protocol version of its blocks',
      ...eras.map(({ protocolVersion: v }) => `${v.transaction}.${v.network}.${v.patch}`),
    ],
    ['slot', ...eras.map(({ slotTimeMs }) => `${slotTimeMs / 1000} s`)],
    [
      'epoch',
      ...eras.map(
        ({ slotsPerEpoch, slotTimeMs }) =>
          `${slotsPerEpoch} slots, ${(slotsPerEpoch * slotTimeMs) / 86_400_000} days`,
      ),
    ],
    [
      'a node submits every',
      ...eras.map(
        ({ name, submissionSlots }) =>
          `${submissionSlots} slots, ${minutes(submissionPeriodMs(name))}`,
      ),
    ],
    genesis('mainnet'),
    genesis('devnet'),
    [
      'proof of a block',
      ...eras.map(({ proof }) =>
        proof.state === 'checkable' ? `needs ${proof.needs}` : `${proof.state}: ${proof.why}`,
      ),
    ],
  ]);
};

const incidentsText = (): string =>
  table([
    ['incident', 'what', 'since', 'caught by', 'fails with it', 'command'],
    ...INCIDENTS.map(({ name, what, since, caughtBy, consequences }) => [
      code(name),
      what,
      since,
      code(caughtBy),
      consequences.map(code).join(', '),
      code(`npm run e2e -- run --incident ${name}`),
    ]),
  ]);

const assertionsText = (): string =>
  table([
    ['assertion', 'what it claims', 'needs'],
    ...ASSERTIONS.map(({ name, title, needs }) => [code(name), title, needs.join(', ')]),
  ]);

const disturbancesText = (): string =>
  table([
    ['disturbance', 'what', 'expected'],
    ...DISTURBANCES.map(({ name, what, expects }) => [code(name), what, expects]),
  ]);

const faultsText = (): string =>
  table([
    ['fault', 'what', 'the load sees', 'needs'],
    ...FAULTS.map((fault) => [
      code(
        fault.value === undefined
          ? fault.name
          : `${fault.name}${fault.value.isOptional ? `[=${fault.value.argument}]` : `=${fault.value.argument}`}`,
      ),
      fault.what,
      fault.shows,
      fault.of === 'way'
        ? `any target${fault.readsRequests ? ' with http' : ''}`
        : 'the embedded backend',
    ]),
  ]);

/** Page and mark -> what stands there. */
const WRITTEN: [page: string, mark: string, text: () => string][] = [
  ['docs/options.md', 'options of load', optionsText],
  ['docs/gates.md', 'gates', gatesText],
  ['docs/scenarios.md', 'scenarios', scenariosText],
  ['docs/eras.md', 'eras', erasText],
  ['docs/incidents.md', 'incidents', incidentsText],
  ['docs/incidents.md', 'assertions', assertionsText],
  ['docs/e2e.md', 'disturbances', disturbancesText],
  ['docs/faults.md', 'faults', faultsText],
];

for (const [page, mark, text] of WRITTEN)
  test(`${page}: its table of ${mark} is the code's own`, () => {
    const file = join(projectRoot, page);
    const whole = readFileSync(file, 'utf8');
    const start = `<!-- ${mark}: written by UPDATE_GOLDEN=1 npm test -->`;
    const from = whole.indexOf(start) + start.length;
    const to = whole.indexOf(`<!-- end of ${mark} -->`);
    assert.ok(from > start.length && to > from, 'the marks are gone');
    const written = `\n\n${text()}\n\n`;
    if (process.env.UPDATE_GOLDEN === '1')
      writeFileSync(file, whole.slice(0, from) + written + whole.slice(to));
    else assert.ok(whole.slice(from, to) === written, 'renew it with UPDATE_GOLDEN=1 npm test');
  });

test('load.schema.json is the table of options, for editors', () => {
  const file = join(projectRoot, 'load.schema.json');
  const schema = `${JSON.stringify(configSchema(load), null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, schema);
  else assert.ok(readFileSync(file, 'utf8') === schema, 'renew it with UPDATE_GOLDEN=1 npm test');
});

test('nightly.schema.json is what the reader of nightly.yaml takes, for editors', () => {
  const file = join(projectRoot, 'nightly.schema.json');
  const schema = nightSchema();
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
  else assert.ok(readFileSync(file, 'utf8') === text, 'renew it with UPDATE_GOLDEN=1 npm test');
  const shape = z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema);
  const isRight = (config: unknown) => shape.safeParse(config).success;
  const example = parseYaml(readFileSync(join(projectRoot, 'examples/nightly.yaml'), 'utf8')) as {
    scenarios: object[];
  };
  const [scenario] = example.scenarios;
  assert.ok(isRight(example));
  assert.ok(isRight({ ...example, good: { url: 'http://127.0.0.1:1', command: ['a', '-b'] } }));
  assert.ok(isRight({ ...example, good: 'none', figures: 'p95', rounds: 6 }));
  for (const wrong of [
    {},
    { ...example, kep: 3 },
    { ...example, keep: 0 },
    { ...example, rounds: 5 },
    { ...example, figures: ['p96'] },
    { ...example, good: {} },
    { ...example, scenarios: [] },
    { ...example, scenarios: [{ ...scenario, name: 'a/b' }] },
    { ...example, options: { duraton: '1m' } },
    { ...example, options: { results: 'elsewhere' } },
  ])
    assert.ok(!isRight(wrong), JSON.stringify(wrong));
});

const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');

test('the README is one page, with the two lines, every command and every exit code', () => {
  assert.ok(readme.trimEnd().split('\n').length <= 120);
  assert.match(readme, /^ {4}npm ci && npm run load -- --vus 500$/m);
  assert.match(readme, /^ {4}npm ci && npm test$/m);
  for (const name of COMMAND_NAMES) assert.ok(readme.includes(`npm run ${name}`), name);
  for (const exit of Object.values(EXIT)) {
    assert.match(readme, new RegExp(`^\\| ${exit} +\\| `, 'm'), `exit code ${exit}`);
    const whatNow = readFileSync(join(projectRoot, 'docs/what-now.md'), 'utf8');
    assert.match(whatNow, new RegExp(`^## ${exit}: `, 'm'), `what now after ${exit}`);
  }
});

test('every command has an npm script', () => {
  const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of COMMAND_NAMES) assert.equal(scripts[name], `node build.mjs --run ${name}`);
});

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'ARCHITECTURE.md',
  ...readdirSync(join(projectRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const linksOf = (page: string): string[] =>
  [...readFileSync(join(projectRoot, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^https?:/.test(link));
/** As GitHub makes them of headings. */
const anchorsOf = (page: string): string[] =>
  [...readFileSync(join(projectRoot, page), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test('every link of README and docs leads to a file, and to a heading of it', () => {
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => {
        const [path, anchor] = link.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        if (!existsSync(join(projectRoot, file))) return true;
        return anchor !== undefined && !anchorsOf(file).includes(anchor);
      })
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('every page of docs can be found from the README, and every picture is shown', () => {
  const linked = new Set(
    pages.flatMap((page) => linksOf(page).map((link) => join(dirname(page), link.split('#')[0]))),
  );
  const lost = readdirSync(join(projectRoot, 'docs'))
    .map((name) => join('docs', name))
    .filter((file) => !linked.has(file));
  assert.deepEqual(lost, []);
});

test('options that the docs name are options', async () => {
  const commands = await Promise.all(Object.values(COMMANDS).map((command) => command()));
  const parts = await Promise.all(
    commands.flatMap((command) => Object.values(command.parts ?? {}).map((part) => part())),
  );
  const names = new Set(
    [...commands, ...parts].flatMap(({ options }) => options.map(({ name }) => name)),
  );
  // Of the help, of npm, of docker and of the agent's program.
  const others = new Set([
    'help',
    'prefix',
    'add-host',
    'ulimit',
    'serve',
    'token-env',
    'container',
    // Of e2e.
    'incident',
  ]);
  const unknown = pages
    .filter((page) => page.startsWith('docs/') || page === 'README.md')
    .flatMap((page) =>
      readFileSync(join(projectRoot, page), 'utf8')
        .split('\n')
        .filter((line) => !/github\.com|docker|k6 run/.test(line))
        .flatMap((line) =>
          [...line.matchAll(/(?<![\w-])--([a-z][a-z0-9-]+)/g)].map(([, name]) => name),
        )
        .filter((name) => !names.has(name) && !others.has(name))
        .map((name) => `${page}: --${name}`),
    );
  assert.deepEqual(unknown, []);
});
