/** `npm run score` and `npm run explain` as a user calls them: on files, and on a real database that they may not change. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import { startCoordinator } from '../../stack/coordinator/coordinator.ts';
import { submissionFile } from '../../stack/storage/layout.ts';
import { EXIT } from '../../user-error.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import {
  at,
  configOf,
  insertRows,
  MINUTES,
  newDatabase,
  readTables,
  rowsOn,
  seconds,
  START,
} from '../stack/coordinator/support.ts';

const LAGGING = join(projectRoot, 'test/vectors/coordinator-lagging.json');
const BATCH = 20 * MINUTES;

test('a recorded run: batches, scores and thresholds as tables', async () => {
  const { exitCode, stdout } = await runHere(['score', LAGGING]);
  assert.equal(exitCode, EXIT.passed);
  assert.match(stdout, /91 rows, 3 batches \(3 surveys\), 30 block producers/);
  assert.match(
    stdout,
    /\| 2024-06-05T00:20:00Z \| +30 \| +30 \| +30 \| +10 \| +4 \| +6 \| +26 \| +26 \|/,
  );
  assert.match(stdout, /66\.66/);
});

test('--what-if: before and after, and what it did', async () => {
  const { stdout, exitCode } = await runHere([
    'score',
    LAGGING,
    '--what-if',
    'exclude=2024-06-05T00:20:00Z/2024-06-05T00:40:00Z',
  ]);
  assert.equal(exitCode, EXIT.passed);
  assert.match(stdout, /1 batch excluded: 2 surveys left/);
  assert.match(stdout, /\| before +\| +\d+ \| +\d+ \| +\d+ \|\n\| after /);
  assert.match(stdout, /reaches 99 %, 95 %, 90 %/);
});

test('--json has the same figures', async () => {
  const { stdout } = await runHere(['score', LAGGING, '--json']);
  const { before: then, after: now } = JSON.parse(stdout) as {
    before: { surveys: number; batches: { points: number }[] };
    after: null;
  };
  assert.deepEqual(
    [then.surveys, then.batches.map(({ points }) => points), now],
    [3, [30, 26, 27], null],
  );
});

for (const [words, said, code] of [
  [['score'], /needs to know what to read/, EXIT.usage],
  [['score', '/no/such/file'], /cannot be read/, EXIT.usage],
  [
    ['score', LAGGING, '--what-if', 'x', '--what-if', 'exclude=1'],
    /"x" is none of.*\n.*exclude=1 needs two times/s,
    EXIT.usage,
  ],
  [['score', LAGGING, '--from', '2030-01-01T00:00:00Z'], /has no batch in this time/, EXIT.noData],
  [['score', LAGGING, '--from', 'batch 7'], /--from must be a time such as/, EXIT.usage],
  [
    ['score', LAGGING, '--from', '2030-01-02', '--to', '2030-01-01'],
    /--to must be later than --from/,
    EXIT.usage,
  ],
  [['score', LAGGING, '--what-if', 'credit=@24'], /must name a class of errors/, EXIT.usage],
  [['score', LAGGING, '--what-if', 'credit=sok-mismach'], /mean sok-mismatch\?/, EXIT.usage],
  [
    ['e2e', 'run', '--name', 'A b', '--storage', 'postgers'],
    /--storage must be one of .*"postgers" \(did you mean postgres\?\)\n/,
    EXIT.usage,
  ],
  [
    ['e2e', 'teardown', '--name', 'A b'],
    /--name must be of small letters, .*\nwhat to do: .* --name mesa-1 is one\n$/,
    EXIT.usage,
  ],
  [
    ['score', LAGGING, '--what-if', 'exclude=2030-01-02/2030-01-01'],
    /must end after it starts/,
    EXIT.usage,
  ],
  [['score', 'mysql://u:secret@h/db'], /reads no such URL/, EXIT.usage],
  [['score', 'postgres://u:secret@127.0.0.1/db'], /the URL holds a password/, EXIT.usage],
  [['explain'], /--producer is missing/, EXIT.usage],
  [
    ['explain', '--days', '99999999', '--batch', '9999-12-31'],
    /--batch must be a time .*\n.*--days must be a whole number from 1 to 36500/,
    EXIT.usage,
  ],
  [['explain', '--producer', 'B62x'], /--database is missing/, EXIT.usage],
  [['explain', '--producer', 'x'], /must be a public key/, EXIT.usage],
  // In the state of a run it would be printed, and keep the run from being removed.
  [
    ['e2e', 'run', '--producers', '1', '--database', 'postgres://u:secret@h/db'],
    /--producers must be .*\n.*--database must not hold a password/,
    EXIT.usage,
  ],
] as const)
  test(`${words.join(' ')}: refused in a sentence`, async () => {
    const { exitCode, stderr } = await runHere(words);
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /secret/);
    assert.equal(exitCode, code);
  });

test('a file that is neither is refused by its kind', async () => {
  const folder = scratchFolder();
  for (const [name, content, said] of [
    ['custom', 'PGDMP\x01', /PostgreSQL’s own format/],
    ['text', 'hello', /neither a recorded run nor a dump/],
    ['wrong.json', '\ufeff{"batches":[{"start":"x"}]}', /batches\.0\.start must be a time/],
  ] as const) {
    writeFileSync(join(folder, name), content);
    const { exitCode, stderr } = await runHere(['score', join(folder, name)]);
    assert.match(stderr, said);
    assert.equal(exitCode, EXIT.usage);
  }
});

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server?.stop());

/** As keys are written; the last two digits tell them apart. */
const key = (i: number): string => `B62q${'x'.repeat(49)}${String(i).padStart(2, '0')}`;

/** Four batches of 24 producers; the last of them fares differently in each. */
async function aDatabase(): Promise<{ url: string; database: string }> {
  const database = await newDatabase(server, START);
  const one = (batch: number, changes: Parameters<typeof rowsOn>[2]) =>
    rowsOn(100 + batch, { first: 23, count: 1, from: batch * BATCH + 90 }, changes);
  const rows = [
    ...[0, 1, 2, 3, 4].flatMap((batch) =>
      rowsOn(100 + batch, { count: 23, from: batch * BATCH + 10 }),
    ),
    ...one(0, {}),
    ...one(1, {
      validation_error: 'Transaction_snark.verify: Mismatched sok_message',
      state_hash: null,
      parent: null,
    }),
    ...one(2, { state_hash: 'state-98', parent: 'state-97' }),
    // None in batch 3; in batch 4 it is not verified.
    ...one(4, { verified: null }),
  ].map((row) => ({
    ...row,
    submitter: key(Number(row.submitter.slice(-2))),
    block_hash: `block-of-${row.state_hash}`,
  }));
  await server.withClient(database, (client) => insertRows(client, rows));
  const { ended } = startCoordinator({
    database: configOf(server, database),
    untilSeconds: seconds(START) + 5 * BATCH,
    log: () => undefined,
  });
  assert.equal(await ended, 'last window counted');
  return {
    database,
    url: `postgres://${server.user}@127.0.0.1:${server.port}/${database}?sslmode=disable`,
  };
}

test('score on a database equals its tables, and leaves them alone', async () => {
  const { database, url } = await aDatabase();
  const then = await server.withClient(database, readTables);
  const env = { PGPASSWORD: server.password };
  const { stdout, exitCode, stderr } = await runHere(['score', url], env);
  assert.equal(exitCode, EXIT.passed, stderr);
  assert.match(
    stdout,
    new RegExp(`\\| ${key(0)} \\| +5 \\| +100\\.00 \\| +5 \\(100\\.00 %\\) \\|`),
  );
  assert.match(stdout, new RegExp(`\\| ${key(23)} \\| +1 \\| +20\\.00 \\| +1 \\(20\\.00 %\\) \\|`));
  assert.match(stdout, /sok-mismatch \| not known \| +1 \| +1 \|/);
  const credited = await runHere(['score', url, '--what-if', 'credit=sok-mismatch@24'], env);
  assert.match(credited.stdout, /1 point credited/);
  assert.match(
    credited.stdout,
    new RegExp(`\\| ${key(23)} \\| +1 \\| +20\\.00 \\| +2 \\| +40\\.00 \\|`),
  );
  assert.deepEqual(await server.withClient(database, readTables), then);
});

test('explain names the stage at which a point was lost', async () => {
  const { database, url } = await aDatabase();
  const env = { PGPASSWORD: server.password };
  const explain = (...words: string[]) =>
    runHere(['explain', '--producer', key(23), '--database', url, ...words], env);
  const all = await explain();
  assert.equal(all.exitCode, EXIT.passed, all.stderr);
  assert.match(all.stdout, /has score 1 \(20\.00 %\)/);
  assert.match(all.stdout, /Looked at: 5 surveys, 1 with a point/);
  for (const reason of [
    /1 {2}it has a point/,
    /1 {2}every row was refused by the verifier: sok-mismatch\n +last: 2026-01-01T00:20:00Z/,
    /1 {2}its rows are verified, but their states are not shortlisted\n +last: 2026-01-01T00:40:00Z/,
    /1 {2}no row was stored\n +last: 2026-01-01T01:00:00Z/,
    /1 {2}no row was verified\n +last: 2026-01-01T01:20:00Z/,
  ])
    assert.match(all.stdout, reason);

  const lagging = await explain('--batch', at(2 * BATCH + 5), '--cutover', at(0));
  assert.match(lagging.stdout, /picked +in mini-batch 1 of 5/);
  assert.match(lagging.stdout, /verified +yes, by the rule of mesa/);
  assert.match(lagging.stdout, /a state is selected with 2 supporters \(20 x supporters >= 24\)/);
  assert.match(lagging.stdout, /state +state-98, height 102/);
  assert.match(lagging.stdout, /selected +no: 1 supporter\n +shortlist +no: no way leads to it/);

  const refused = await explain('--batch', at(BATCH));
  assert.match(
    refused.stdout,
    /refused, which rule: give --cutover: Transaction_snark.verify: Mismatched sok_message/,
  );
  assert.match(refused.stdout, /the node’s fault, not the producer’s/);

  const good = await explain('--batch', at(0));
  assert.match(good.stdout, /=> it has a point/);
  assert.match(good.stdout, /selected +yes: 24 supporters\n +shortlist +yes: weight 0/);

  // Verified after all: it counts today, and has no point.
  await server.withClient(database, (client) =>
    client.query('UPDATE submissions SET verified = true WHERE verified IS NULL'),
  );
  const late = await explain('--batch', at(4 * BATCH));
  assert.match(late.stdout, /counts today, but was not there, or not verified/);
  const nowhere = await explain('--batch', '2030-01-01T00:00:00Z');
  assert.equal(nowhere.exitCode, EXIT.noData);
});

test('explain sees holes, excluded batches, credits and who is not known', async () => {
  const { database, url } = await aDatabase();
  const env = { PGPASSWORD: server.password };
  await server.withClient(database, async (client) => {
    await client.query('DELETE FROM points_summary WHERE bot_log_id IN (3, 4)');
    await client.query('UPDATE bot_logs SET files_processed = -1 WHERE id = 3');
    await client.query(
      `INSERT INTO points (node_id, bot_log_id, amount) SELECT id, 5, 1 FROM nodes WHERE block_producer_key = '${key(23)}'`,
    );
    await client.query(
      'DELETE FROM points WHERE bot_log_id = 4; DELETE FROM bot_logs_statehash WHERE bot_log_id = 4; DELETE FROM bot_logs WHERE id = 4',
    );
  });
  const { stdout } = await runHere(['explain', '--producer', key(23), '--database', url], env);
  assert.match(stdout, /1 {2}the batch was excluded/);
  assert.match(stdout, /1 {2}the batch was never counted/);
  assert.match(stdout, /1 {2}it has a point that was credited afterwards/);
  const nobody = await runHere(['explain', '--producer', 'B62qnobody', '--database', url], env);
  assert.match(nobody.stdout, /is not known to the coordinator: .*; nor is it a public key/);
  assert.match(nobody.stdout, /4 {2}no row was stored|3 {2}no row was stored/);
});

test('explain compares with the other storage: of two in one second each keeps another', async () => {
  const { url } = await aDatabase();
  const folder = scratchFolder();
  mkdirSync(join(folder, 'submissions/2026-01-01'), { recursive: true });
  mkdirSync(join(folder, 'blocks'));
  const store = (second: number, submitter: string, blockHash: string) =>
    writeFileSync(
      join(folder, submissionFile(at(second).replace('.000Z', 'Z'), submitter)),
      JSON.stringify({
        created_at: at(second).replace('.000Z', 'Z'),
        peer_id: '12D3KooW',
        remote_addr: '192.0.2.1',
        submitter,
        block_hash: blockHash,
      }),
    );
  store(90, key(23), 'another');
  store(95, key(23), 'never-in-the-table');
  store(96, key(1), 'of somebody else');
  const { stdout, stderr } = await runHere(
    ['explain', '--producer', key(23), '--database', url, '--batch', at(0), '--storage', folder],
    { PGPASSWORD: server.password },
  );
  assert.match(stdout, /which keeps the first of two in one second: 2 entries/, stderr);
  assert.match(stdout, /00:01:30Z: another block there \(another\): two were sent in this second/);
  assert.match(stdout, /00:01:35Z: stored there, and not in the table/);
});
