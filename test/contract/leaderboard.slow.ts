/** The leaderboard's API: the embedded one with `--faithful`, and REAL_LEADERBOARD, over the same tables; each answer equal but for times of now. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import type { PostgresAddress } from '../../stack/components/addresses.ts';
import type { RunningStack } from '../../stack/up.ts';
import { contractStack, realCommand } from './support.ts';

/** 55 characters, as keys are. */
const KEY = `B62q${'k'.repeat(51)}`;
const OTHER = `B62q${'o'.repeat(51)}`;

const CASES: { path: string; status: number }[] = [
  { path: '/health', status: 200 },
  { path: '/health/ready', status: 200 },
  { path: '/health/debug', status: 403 },
  { path: '/uptimescore/', status: 200 },
  { path: `/uptimescore/${KEY}`, status: 200 },
  { path: '/uptimescore/snarkwork/', status: 200 },
  { path: `/uptimescore/${KEY}/snarkwork/`, status: 200 },
  { path: '/uptimescore/snarkwork/2026-01-01T00:30:00Z/', status: 200 },
  { path: `/uptimescore/${KEY}/snarkwork/2026-01-01T00:30:00Z/`, status: 200 },
  // Before the first score; a producer without one; a key that is none.
  { path: '/uptimescore/snarkwork/2020-01-01T00:00:00Z/', status: 404 },
  { path: `/uptimescore/B62q${'x'.repeat(51)}`, status: 404 },
  { path: '/uptimescore/B62short', status: 404 },
  { path: '/uptimescore/snarkwork/yesterday/', status: 404 },
  { path: '/uptimescore/blockproduction/', status: 404 },
  { path: '/uptimescore/?limit=1', status: 400 },
];

async function fill(address: PostgresAddress): Promise<void> {
  const client = new pg.Client({ ...address, ssl: false });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO nodes (block_producer_key, score, score_percent, application_status) VALUES ('${KEY}', 71, 98.61, true), ('${OTHER}', 72, 100, true), ('hidden', 5, 6.94, NULL)`,
    );
    await client.query(
      `INSERT INTO score_history (node_id, score_at, score, score_percent)
       SELECT id, '2026-01-01 00:20:00'::timestamp + n * interval '20 minutes', score - n, score_percent - n FROM nodes, generate_series(0, 2) AS n`,
    );
  } finally {
    await client.end();
  }
}

/** Without what says when and how fast it was asked. */
const steady = (body: string): string =>
  body
    .replace(/("timestamp": ?)"[^"]*"/g, '$1"…"')
    .replace(/("response_time_ms": ?)[\d.]+/g, '$1…')
    .replace(/\s+/g, '');

type Answer = { path: string; status: number; body: string };
async function answersOf(stack: RunningStack): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const { path } of CASES) {
    const response = await fetch(`${stack.addresses.leaderboard!.url}${path}`);
    answers.push({ path, status: response.status, body: steady(await response.text()) });
  }
  return answers;
}

const real = realCommand('leaderboard');

describe('leaderboard', () => {
  let stack: RunningStack;
  let embedded: Answer[];
  before(async () => {
    stack = await contractStack(['postgres', 'leaderboard']);
    await fill(stack.addresses.postgres!);
    embedded = await answersOf(stack);
  });
  after(() => stack?.stop());

  test('embedded: each request has its status', () => {
    assert.deepEqual(
      embedded.map(({ path, status }) => ({ path, status })),
      CASES,
    );
    assert.ok(!embedded[3].body.includes('hidden'));
  });

  test('real: the same answers', { skip: real === null ? 'REAL_LEADERBOARD names no command' : false }, async () => {
    const other = await contractStack(['postgres', 'leaderboard'], {
      uses: { leaderboard: { kind: 'command', command: real! } },
      variables: { leaderboard: { LOGGING_LOCATION: '/dev/null' } },
    });
    try {
      await fill(other.addresses.postgres!);
      assert.deepEqual(await answersOf(other), embedded);
    } finally {
      await other.stop();
    }
  }); // prettier-ignore
});
