/** A dump as other programs read it, and logs and secrets in a dump. */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { judge } from '../../e2e/assertions/index.ts';
import { exportDump } from '../../e2e/dump/export.ts';
import { makeGolden } from '../../e2e/dump/golden.ts';
import { readDump } from '../../e2e/dump/read.ts';
import { secretSearch } from '../../e2e/dump/secrets.ts';
import { writeEvidence } from '../../e2e/dump/write-evidence.ts';
import { EXIT } from '../../user-error.ts';
import { GOLDEN, golden } from '../support/evidence.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();

const bytesOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length), readFileSync(path, 'latin1')]),
  );

test('the same seed gives the same bytes, another one others; from memory and from a dump', async () => {
  const one = join(scratch, 'one');
  const { evidence, blocks } = await golden();
  const files = await exportDump(evidence, blocks, one);
  assert.equal(files.length, 1 + blocks.size);
  const again = await makeGolden(GOLDEN);
  await exportDump(again.evidence, again.blocks, join(scratch, 'two'));
  assert.deepEqual(bytesOf(join(scratch, 'two')), bytesOf(one));
  await writeEvidence(evidence, blocks, join(scratch, 'dump'));
  const folder = join(scratch, 'dump');
  await exportDump(await readDump(folder), { folder }, join(scratch, 'three'));
  assert.deepEqual(bytesOf(join(scratch, 'three')), bytesOf(one));
  const other = await makeGolden({ ...GOLDEN, seed: 'left', producers: 3, batches: 1 });
  await exportDump(other.evidence, other.blocks, join(scratch, 'four'));
  assert.notDeepEqual(bytesOf(join(scratch, 'four')), bytesOf(one));
});

test('npm run score reads the export, and finds the scores of its tables', async () => {
  const { exitCode, stdout, stderr } = await runHere(['score', join(scratch, 'one', 'dump.sql'), '--json']); // prettier-ignore
  assert.equal(exitCode, EXIT.passed, stderr);
  const { evidence } = await golden();
  const { before } = JSON.parse(stdout) as { before: { batches: unknown[]; scores: Record<string, { points: number; percent: string }> } }; // prettier-ignore
  assert.equal(before.batches.length, 3);
  assert.deepEqual(
    Object.entries(before.scores).map(([key, { points, percent }]) => `${key} ${points} ${percent}`).sort(),
    evidence.tables.nodes!.map((node) => `${node.block_producer_key!} ${node.score} ${node.score_percent!}`).sort(),
  ); // prettier-ignore
});

test('a log’s errors are found in whatever form it is written, and allowed words let them pass', async () => {
  const { evidence, blocks } = await golden();
  const folder = join(scratch, 'logs');
  await writeEvidence(evidence, blocks, folder);
  appendFileSync(
    join(folder, 'logs', 'backend.log'),
    [
      '{"level":"info","ts":"2026-11-26T14:30:00.123Z","msg":"Received request"}',
      '{"level":"error","ts":"2026-11-26T14:30:01.123Z","msg":"Error while saving 17"}',
      '{"level":"error","ts":"2026-11-26T14:30:02.123Z","msg":"Error while saving 18"}',
      '',
    ].join('\n'),
  );
  writeFileSync(
    join(folder, 'logs', 'coordinator.log'),
    '2026-11-26 14:30:00,123 ERROR list index out of range\nTraceback (most recent call last):\n  File "x.py", line 1\nIndexError: list index out of range\n',
  );
  const read = await readDump(folder);
  const judged = judge(read).find(({ name }) => name === 'no-error-lines')!;
  assert.equal(judged.outcome, 'failed');
  assert.deepEqual(
    judged.examples.map(({ what }) => what.split(':')[0]),
    ['backend, error, 2 like it', 'coordinator, error'],
  );
  assert.deepEqual(judged.counts, { logs: 2, lines: 7, 'kinds of errors': 2, allowed: 0 });
  read.head.allowed.logWords = ['Error while saving', 'list index'];
  assert.equal(judge(read).find(({ name }) => name === 'no-error-lines')!.outcome, 'held');
});

const KEY = `EKE${'v'.repeat(49)}`;

test('secrets are found in every file of a dump, in the forms in which programs print them, and never shown', async () => {
  const { evidence, blocks } = await golden();
  const folder = join(scratch, 'secrets');
  await writeEvidence(evidence, blocks, folder);
  const secret = 'pä"ss/word 7';
  const logs = join(folder, 'logs', 'backend.log');
  appendFileSync(logs, `connecting to postgres://me:hunter2@db/x\nkey ${KEY}\n${encodeURIComponent(secret)}\n`); // prettier-ignore
  appendFileSync(
    join(folder, 'events.ndjson'),
    `${JSON.stringify({ at_ms: 1, kind: 'step', fields: { note: `password ${secret}` } })}\n`,
  );
  appendFileSync(
    join(folder, 'leaderboard.ndjson'),
    `${JSON.stringify({ at_ms: 1, path: '/x', status: 404, body: { Error: Buffer.from(secret).toString('base64'), Error_message: '' } })}\n`, // prettier-ignore
  );
  const read = await readDump(folder, [
    { name: 'PGPASSWORD', value: secret },
    { name: 'TOO_SHORT', value: 'a' },
  ]);
  assert.deepEqual(read.secrets.map(({ file, what }) => [file, what]).sort(), [
    ['events.ndjson', 'PGPASSWORD'],
    ['leaderboard.ndjson', 'PGPASSWORD'],
    ['logs/backend.log', 'PGPASSWORD'],
    ['logs/backend.log', 'a Mina private key'],
    ['logs/backend.log', 'a password in an address'],
  ]);
  const judged = JSON.stringify(judge(read).find(({ name }) => name === 'no-secrets'));
  assert.match(judged, /"outcome":"failed"/);
  for (const shown of [secret, KEY, 'hunter2']) assert.ok(!judged.includes(shown), shown);
  const find = secretSearch([]);
  for (const right of [
    'postgres://me@db/x',
    'http://127.0.0.1:8080/@',
    'B62qkKcZoRsRQ6PLL5SJyxRwJyFa8otqpinRUg6jZKQHYzkCEj9Z1Rk',
    'postgres://me:***@db/x',
  ])
    assert.deepEqual(find(right), [], right);
  assert.deepEqual(find('AKIAABCDEFGHIJKLMNOP'), ['an AWS access key']);
  assert.deepEqual(find('-----BEGIN EC PRIVATE KEY-----'), ['a private key in PEM']);
});
