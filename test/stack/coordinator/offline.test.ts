/** Scores from rows alone: the recorded runs, what-if, dumps. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { copyField, readDump, timestampUs } from '../../../stack/coordinator/offline/dump.ts';
import { readRecordedRun } from '../../../stack/coordinator/offline/recorded-run.ts';
import { percentOf, reaching, replay } from '../../../stack/coordinator/offline/replay.ts';
import { type OfflineRow, RowStore } from '../../../stack/coordinator/offline/row-store.ts';
import { windowsOver } from '../../../stack/coordinator/offline/source.ts';
import { parseWhatIf, type WhatIf } from '../../../stack/coordinator/offline/what-if.ts';
import { projectRoot } from '../../../paths.ts';
import { UserError } from '../../../user-error.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { recordedRun } from './support.ts';

const SETTINGS = { uptimeDays: 90, keepsPrevious: false, cutoverMs: null };
const HOUR = 3600;

for (const name of ['healthy', 'lagging'] as const)
  test(`recorded run ${name}: batches and scores as the coordinator had them`, async () => {
    const source = await readRecordedRun(
      join(projectRoot, 'test/vectors', `coordinator-${name}.json`),
    );
    const { batches, scores, surveys } = replay(source.store, source.windows, SETTINGS);
    const recorded = recordedRun(name).batches;
    assert.deepEqual(
      batches.map(({ counting, points, scored, shortlisted }) => [
        counting,
        points,
        scored.size,
        shortlisted,
      ]),
      recorded.map(({ submissions, expected }) => [
        submissions.length,
        expected.points_added.length,
        expected.points_summary_added.length,
        expected.bot_logs_statehash_added.length,
      ]),
    );
    assert.equal(surveys, 3);
    const nodes = recorded.at(-1)!.expected.nodes as {
      block_producer_key: string;
      score: number;
      score_percent: string;
    }[];
    for (const { block_producer_key: key, score, score_percent } of nodes)
      assert.deepEqual(scores.get(key), { points: score, percent: score_percent }, key);
  });

const row = (producer: number, second: number, changes: Partial<OfflineRow> = {}): OfflineRow => ({
  submitter: `p${producer}`,
  submittedAtUs: second * 1e6,
  stateHash: 's1',
  parent: 's0',
  blockHash: 'b1',
  verified: true,
  error: '',
  ...changes,
});
const SOK = "proof's sok message digest does not match the sok message";
const refused = { error: SOK, stateHash: null, parent: null };
/** Four batches of an hour. p0 always counts, p1 is refused in the second, p2 in all, p3 is refused for another reason. */
function fourBatches(): RowStore {
  const store = new RowStore();
  for (let batch = 0; batch < 4; batch++) {
    const at = batch * HOUR;
    store.add(row(0, at + 1));
    store.add(row(1, at + 2, batch === 1 ? refused : {}));
    store.add(row(2, at + 3, { ...refused, blockHash: batch === 3 ? 'b-alone' : 'b1' }));
    store.add(row(3, at + 4, { error: 'Fail to decode block', stateHash: null }));
  }
  return store;
}
const scoresOf = (whatIf: WhatIf) => {
  const store = fourBatches();
  const result = replay(store, windowsOver(store, HOUR, 0), SETTINGS, whatIf);
  return {
    ...result,
    points: [0, 1, 2, 3].map((i) => result.scores.get(`p${i}`)!.points),
    percents: [0, 1, 2, 3].map((i) => result.scores.get(`p${i}`)!.percent),
  };
};

test('what if nothing: refused rows give nothing, and are counted by class', () => {
  const { points, percents, errors } = scoresOf({});
  assert.deepEqual(points, [4, 3, 0, 0]);
  assert.deepEqual(percents, ['100.00', '75.00', '0.00', '0.00']);
  assert.deepEqual(
    errors.map(({ class: name, rows, producers }) => [name, rows, producers]),
    [
      ['sok-mismatch', 5, 2],
      ['block-undecodable', 4, 1],
    ],
  );
});

test('what if batches are excluded: they are no surveys', () => {
  const result = scoresOf({ exclude: [{ startSeconds: HOUR, endSeconds: 2 * HOUR }] });
  assert.deepEqual(
    [result.points, result.percents[1], result.surveys],
    [[3, 3, 0, 0], '100.00', 3],
  );
  // Wholly inside only.
  assert.equal(
    scoresOf({ exclude: [{ startSeconds: HOUR + 1, endSeconds: 2 * HOUR }] }).surveys,
    4,
  );
});

test('what if an error gives a point: by class, by text, and only near a real point', () => {
  const near = scoresOf({ credit: { error: 'sok-mismatch', withinHours: 1 } });
  assert.deepEqual([near.points, near.changes.credited], [[4, 4, 0, 0], 1]);
  const all = scoresOf({ credit: { error: 'sok-mismatch', withinHours: null } });
  assert.deepEqual([all.points, all.changes.credited], [[4, 4, 4, 0], 5]);
  assert.deepEqual(
    scoresOf({ credit: { error: 'decode', withinHours: null } }).points,
    [4, 3, 0, 4],
  );
  const tooFar = scoresOf({ credit: { error: SOK, withinHours: 0.5 } });
  assert.deepEqual(tooFar.points, [4, 3, 0, 0]);
});

test('what if sok refusals were waived: where the block is known by others', () => {
  const { points, changes } = scoresOf({ sokWaiver: true });
  assert.deepEqual(points, [4, 4, 3, 0]);
  assert.deepEqual([changes.waived, changes.unwaived], [4, 1]);
});

test('thresholds count who reaches them', () => {
  assert.deepEqual(reaching(scoresOf({})), [1, 1, 1]);
  assert.deepEqual(
    reaching(scoresOf({ exclude: [{ startSeconds: HOUR, endSeconds: 2 * HOUR }] })),
    [2, 2, 2],
  );
});

test('percentages are cut after two digits, never rounded by a float', () => {
  assert.equal(percentOf(2, 3), '66.66');
  assert.equal(percentOf(6472, 6472), '100.00');
  assert.equal(percentOf(1, 6480), '0.01');
  // 100 * 29 / 100 in floats is 28.999999999999996.
  for (let n = 1; n <= 400; n++)
    for (let k = 0; k <= n; k++) {
      const exact = (BigInt(k) * 10_000n) / BigInt(n);
      assert.equal(percentOf(k, n), `${exact / 100n}.${String(exact % 100n).padStart(2, '0')}`);
    }
});

test('the changes are read, and every wrong one is reported', () => {
  assert.deepEqual(
    parseWhatIf([
      'exclude=1970-01-01T01:00:00Z/1970-01-01T02:00:00Z',
      'credit=sok-mismatch@24',
      'sok-waiver',
    ]),
    {
      whatIf: {
        exclude: [{ startSeconds: HOUR, endSeconds: 2 * HOUR }],
        credit: { error: 'sok-mismatch', withinHours: 24 },
        sokWaiver: true,
      },
    },
  );
  const wrong = parseWhatIf(['exclude=now/then', 'credit=', 'more']);
  assert.ok('problems' in wrong && wrong.problems.length === 3);
  // Credited silently it would be 0 points: a class that is none is refused, a text of an error is not.
  const near = parseWhatIf(['credit=sok-mismach@24']);
  assert.ok('problems' in near);
  assert.match(near.problems[0], /credit=sok-mismach: there is no such class of errors \(did you mean sok-mismatch\?\); there are sok-mismatch, proof, block-undecodable, unknown,/); // prettier-ignore
  assert.ok('whatIf' in parseWhatIf(['credit=Pickles.verify']));
});

test('rows come back as they were added, newest first, whatever the order and however many', () => {
  const store = new RowStore();
  const rows = Array.from({ length: 5000 }, (_, i) =>
    row(i % 7, (i * 7919) % 5000, { stateHash: i % 3 === 0 ? null : `s${i % 50}` }),
  );
  for (const one of rows) store.add(one);
  const back = [...store.batches(windowsOver(store, 1000, 0))];
  assert.equal(back.length, 5);
  for (const [i, batch] of back.entries())
    assert.deepEqual(
      batch.rows,
      rows
        .filter(({ submittedAtUs }) => Math.floor(submittedAtUs / 1e9) === i)
        .sort((a, b) => b.submittedAtUs - a.submittedAtUs),
    );
});

const DUMP = `--
-- PostgreSQL database dump
--
SET client_encoding = 'UTF8';

COPY public.bot_logs (id, processing_time, files_processed, file_timestamps, batch_start_epoch, batch_end_epoch) FROM stdin;
1	0	-1	1970-01-01 00:00:00+00	0	0
3	1	2	1970-01-01 01:00:01+00	3600	7200
2	1	2	1970-01-01 00:00:01+00	0	3600
4	1	-1	1970-01-01 02:00:01+00	7200	10800
\\.

COPY public.other (text) FROM stdin;
COPY public.submissions (submitter) FROM stdin;
\\.

COPY public.nodes (id, block_producer_key, updated_at, score, score_percent) FROM stdin;
1	p0	1970-01-01 00:00:00+00	2	100.00
2	p9	1970-01-01 00:00:00+00	\\N	\\N
\\.

COPY public.submissions (id, submitted_at_date, submitted_at, submitter, block_hash, state_hash, parent, validation_error, verified) FROM stdin;
1	1970-01-01	1970-01-01 00:00:01	p0	b	s	r		t
2	1970-01-01	1970-01-01 01:00:01.5	p0	b	s	r	\\N	t
3	1970-01-01	1970-01-01 01:00:02	p1	b	\\N	\\N	a\\ttab and a \\\\	f
4	1970-01-01	1970-01-01 02:00:02	p1	b	s	r		t
\\.
`;

for (const isCompressed of [false, true])
  test(`a plain dump${isCompressed ? ', gzipped' : ''}: rows, windows, exclusions and scores`, async () => {
    const path = join(scratchFolder(), 'dump.sql');
    writeFileSync(path, isCompressed ? gzipSync(DUMP) : DUMP);
    const source = await readDump(path, isCompressed);
    assert.equal(source.store.count, 4);
    assert.deepEqual(source.windows, [
      { startSeconds: 0, endSeconds: 3600, excluded: false },
      { startSeconds: 3600, endSeconds: 7200, excluded: false },
      { startSeconds: 7200, endSeconds: 10_800, excluded: true },
    ]);
    assert.deepEqual([...source.recorded], [['p0', { points: 2, percent: '100.00' }]]);
    const { scores, surveys, errors } = replay(source.store, source.windows, SETTINGS);
    assert.equal(surveys, 2);
    assert.deepEqual(
      [...scores],
      [
        ['p0', { points: 2, percent: '100.00' }],
        ['p1', { points: 0, percent: '0.00' }],
      ],
    );
    assert.equal(errors[0].example, 'a\ttab and a \\');
  });

test('fields and times of COPY', () => {
  assert.equal(copyField('\\N'), null);
  assert.equal(copyField('\\101\\x42\\n'), 'AB\n');
  assert.equal(timestampUs('1970-01-01 00:00:01.000002'), 1_000_002);
  assert.equal(timestampUs('1970-01-01 00:00:01.5'), 1_500_000);
});

test('a dump that is cut off, wherever, is refused: nothing counts as not sent', async () => {
  const path = join(scratchFolder(), 'dump.sql');
  const row = DUMP.indexOf('4\t1970-01-01');
  const zipped = gzipSync(DUMP);
  for (const [content, said] of [
    [DUMP.slice(0, row), /cut off: it ends within a table's rows, at line 25/],
    [DUMP.slice(0, row + 20), /line 26: a row of submissions has \d of 9 fields/],
    [DUMP.replace('1970-01-01 02:00:02', 'infinity'), /line 26: .* has the time "infinity"/],
    [zipped.subarray(0, -20), /cannot be read: unexpected end of file/],
  ] as const) {
    writeFileSync(path, content);
    await assert.rejects(
      readDump(path, typeof content !== 'string'),
      (error) => error instanceof UserError && error.exitCode === 2 && said.test(error.message),
    );
  }
});

test('a window that two coordinators counted is one', async () => {
  const path = join(scratchFolder(), 'dump.sql');
  const line = DUMP.split('\n').find((text) => text.startsWith('3\t'))!;
  writeFileSync(path, DUMP.replace(line, `${line}\n${line}`));
  assert.equal((await readDump(path, false)).windows.length, 3);
});

test('a dump without submissions, or of another schema, is refused', async () => {
  const path = join(scratchFolder(), 'dump.sql');
  for (const [text, said] of [
    ['-- PostgreSQL database dump\n', /no rows of the table submissions/],
    ['COPY public.submissions (id, submitter) FROM stdin;\n\\.\n', /no column submitted_at/],
  ] as const) {
    writeFileSync(path, text);
    await assert.rejects(
      readDump(path, false),
      (error) => error instanceof UserError && said.test(error.message),
    );
  }
});
