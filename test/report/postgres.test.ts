/** What the page says of PostgreSQL's own figures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markdownReport } from '../../report/describe.ts';
import { postgresFigures } from '../../results/postgres-figures.ts';
import type { ResourceLine } from '../../results/types.ts';
import { syntheticRun } from '../../bench/synthetic-run.ts';

const LINES: ResourceLine[] = [
  {
    t: 1,
    kind: 'postgres',
    name: 'db|1/x',
    connections: 2,
    maxConnections: 40,
    databaseBytes: 1e6,
  },
  {
    t: 2,
    kind: 'postgres',
    name: 'db|1/x',
    intervalMs: 1000,
    connections: 4,
    commitsPerSecond: 10,
  },
  {
    t: 3,
    kind: 'postgres',
    name: 'db|1/x',
    intervalMs: 3000,
    connections: 6,
    commitsPerSecond: 30,
  },
  { t: 4, kind: 'host', cores: 2 },
];

test('mean and highest; rates weigh with their interval; what was not read is absent', () => {
  assert.deepEqual(postgresFigures(LINES), {
    'db|1/x': {
      connections: { mean: 4, max: 6 },
      maxConnections: { mean: 40, max: 40 },
      commitsPerSecond: { mean: 25, max: 30 },
      databaseBytes: { mean: 1e6, max: 1e6 },
    },
  });
});

test('a table a database, and none without', () => {
  const run = syntheticRun({ seconds: 5 });
  assert.doesNotMatch(markdownReport(run, []), /PostgreSQL/);
  const page = markdownReport({ ...run, resources: [...run.resources, ...LINES] }, []);
  assert.match(page, /^## PostgreSQL db\\\|1\/x$/m);
  assert.match(page, /^\| Commits per second +\| +25 \| +30 \|$/m);
  assert.match(page, /The server takes 40 connections\./);
  assert.doesNotMatch(page, /Deadlocks/);
});
