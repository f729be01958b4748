/** The house rules that a reader cannot see at a glance: who may import whom, and what stays pure. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
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
  load: [
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
  cli: ALL,
  bench: ALL,
};
/** Files at the top that every room but the pure ones may use. */
const TOP = ['user-error.ts', 'paths.ts'];
const PURE = /^(mina|scenarios)\//;

function sources(): string[] {
  return Object.keys(MAY_IMPORT).flatMap((room) =>
    readdirSync(join(projectRoot, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.startsWith('20'))
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
