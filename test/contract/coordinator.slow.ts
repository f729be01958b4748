/** The coordinator by its tables: the embedded one with `--faithful`, and REAL_COORDINATOR, over the same rows; every table equal, row by row. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { before, describe, test } from 'node:test';
import pg from 'pg';
import type { Uses } from '../../stack/components/use.ts';
import type { RunningStack } from '../../stack/up.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import {
  insertRows,
  readTables,
  type SubmissionRow,
  type Tables,
} from '../stack/coordinator/support.ts';
import { contractStack, realCommand } from './support.ts';

const INTERVAL = 1200;
/** In the past: whoever is late counts at once. Whole minutes, all batches over. */
const START = (Math.floor(Date.now() / 60_000) - 150) * 60;
const BATCHES = 6;

/** Its verifiers are containers, and rows are verified already: an engine that does nothing. */
function engineThatDoesNothing(): string {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'docker'), '#!/bin/sh\nexit 0\n');
  chmodSync(join(folder, 'docker'), 0o755);
  return folder;
}

const timeAt = (seconds: number): string => new Date((START + seconds) * 1000).toISOString();
const producer = (n: number): string => `B62q-producer-${String(n).padStart(4, '0')}`;
const row = (
  batch: number,
  second: number,
  n: number,
  state: number,
  more: Partial<SubmissionRow> = {},
): SubmissionRow => ({
  submitted_at: timeAt(batch * INTERVAL + second),
  submitter: producer(n),
  state_hash: `state-${state}`,
  parent: `state-${state - 1}`,
  height: state,
  ...more,
});

/** Of each batch what is special in it. */
const ROWS: SubmissionRow[] = [
  // 0: few producers, so every state is selected; refused rows, and one that nobody verified.
  ...Array.from({ length: 12 }, (_, n) => row(0, 10 + n, n, 100 + (n % 3))),
  row(0, 40, 30, 101, { validation_error: '(Pickles.verify dlog_check)', state_hash: null }),
  row(0, 41, 31, 101, { verified: null, validation_error: null, state_hash: null }),
  // 1: many; one ahead by 1, 2, 3 and 4 of the selected one, one behind, several rows of a producer.
  ...Array.from({ length: 45 }, (_, n) => row(1, 10 + n, n, 200)),
  ...[1, 2, 3, 4].map((ahead) => row(1, 100 + ahead, 50 + ahead, 200 + ahead)),
  row(1, 120, 60, 199),
  ...Array.from({ length: 3 }, (_, i) => row(1, 200 + i, 5, 200)),
  // 2: empty. 3: a fraction of a second in one row changes how all times are printed.
  ...Array.from({ length: 5 }, (_, n) => row(3, 7 * n, n, 300)),
  { ...row(3, 90, 7, 300), submitted_at: timeAt(3 * INTERVAL + 90.25) },
  // 4: only refused ones. 5: a fork of two states of one height.
  ...Array.from({ length: 3 }, (_, n) => row(4, n, n, 400, { validation_error: 'Fail to decode block' })), // prettier-ignore
  ...Array.from({ length: 30 }, (_, n) => row(5, n, n, n % 2 === 0 ? 500 : 501, { parent: 'state-499', height: 500 })), // prettier-ignore
];

async function tablesOf(uses: Uses): Promise<Record<keyof Tables, string[]>> {
  const env = {
    ...process.env,
    PATH: [engineThatDoesNothing(), process.env.PATH].join(delimiter),
  };
  let stack: RunningStack | undefined;
  try {
    // Rows first: a coordinator that is late looks at once.
    stack = await contractStack(['postgres', 'coordinator'], { uses }, { startSeconds: START, intervalSeconds: INTERVAL, miniBatches: 2 }, env); // prettier-ignore
    await stack.stopOne('coordinator');
    const { addresses } = stack;
    const client = new pg.Client({ ...addresses.postgres!, ssl: false });
    await client.connect();
    try {
      await client.query(
        'TRUNCATE bot_logs, statehash, bot_logs_statehash, nodes, points, points_summary, score_history RESTART IDENTITY CASCADE',
      );
      await client.query({
        text: 'INSERT INTO bot_logs (processing_time, files_processed, file_timestamps, batch_start_epoch, batch_end_epoch) VALUES (0, -1, to_timestamp($1::bigint), $1::bigint, $1::bigint)',
        values: [START],
      });
      await insertRows(client, ROWS);
      await stack.startOne('coordinator');
      const count = async (): Promise<number> => {
        const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM score_history WHERE score_at = $1', [timeAt(BATCHES * INTERVAL).replace('Z', '')]); // prettier-ignore
        return rows[0].n;
      };
      await until(async () => (await count()) > 0);
      // Its last transaction is over when the scores are there.
      await stack.stopOne('coordinator');
      return await readTables(client);
    } finally {
      await client.end();
    }
  } finally {
    await stack?.stop();
  }
}

const real = realCommand('coordinator');

describe('coordinator', () => {
  let embedded: Record<keyof Tables, string[]>;
  before(async () => {
    embedded = await tablesOf({ verifier: { kind: 'command', command: 'true' } });
  });

  test('embedded: what the rules say of these rows', () => {
    const pointsOf = (batch: number): number => {
      const end = `["batch_end","${timeAt((batch + 1) * INTERVAL).slice(0, 19)}Z"]`;
      return embedded.points.filter((text) => text.includes(end)).length;
    };
    // 45 and 3 more of one producer on the selected state, and those one and two ahead.
    assert.deepEqual([0, 1, 2, 3, 4, 5].map(pointsOf), [12, 50, 0, 6, 0, 30]);
    assert.equal(embedded.nodes.length, 12 + 33 + 5);
  });

  test('real: every table equal', { skip: real === null ? 'REAL_COORDINATOR names no command' : false }, async () => {
    const tables = await tablesOf({
      coordinator: { kind: 'command', command: real! },
      verifier: { kind: 'image', image: 'example/worker:1' },
    });
    assert.deepEqual(tables, embedded);
  }); // prettier-ignore
});
