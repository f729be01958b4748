/** The stateless verifier as the updater calls it, without checks: the embedded one, and REAL_VERIFIER; the same lines for the same submissions. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { distFile } from '../../paths.ts';
import { recorded, recordedInput, WITH_WORK, WITHOUT_WORK } from '../support/verifier.ts';
import { commandProgram, realCommand } from './support.ts';

/** As the updater writes rows. */
function submission(id: string, name: string, raw: Uint8Array | null): Record<string, unknown> {
  const { submitter, data } = recorded(name);
  const { blockHash } = recordedInput(name);
  return {
    id,
    submitted_at_date: '2024-06-05',
    shard: 0,
    submitted_at: '2024-06-05T00:20:00Z',
    submitter,
    created_at: '2024-06-05T00:19:59Z',
    block_hash: blockHash,
    raw_block: raw === null ? '' : Buffer.from(raw).toString('base64'),
    remote_addr: '203.0.113.7:41234',
    peer_id: data.peer_id,
    snark_work: null,
    graphql_control_port: 0,
    built_with_commit_sha: '',
  };
}

const block = (name: string): Uint8Array => new Uint8Array(recordedInput(name).block);
const SUBMISSIONS = [
  submission('1', WITH_WORK, block(WITH_WORK)),
  submission('2', WITHOUT_WORK, block(WITHOUT_WORK)),
  submission('3', WITHOUT_WORK, null),
  submission('4', WITHOUT_WORK, block(WITHOUT_WORK).subarray(0, 1000)),
  submission('5', WITHOUT_WORK, new TextEncoder().encode('no block')),
];

/** What the updater takes of an answer. */
const FIELDS = ['id', 'submitter', 'block_hash', 'state_hash', 'parent', 'height', 'slot', 'validation_error', 'verified'] as const; // prettier-ignore

async function answersOf(file: string, args: readonly string[]): Promise<unknown[]> {
  const child = spawn(file, [...args, 'stdin', '--no-checks'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(SUBMISSIONS));
  const lines = (await text(child.stdout)).split('\n').filter((line) => line.includes('submitted_at_date')); // prettier-ignore
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .map((answer) => FIELDS.map((field) => answer[field] || null))
    .sort((a, b) => Number(a[0]) - Number(b[0]));
}

const real = realCommand('verifier');

describe('verifier', () => {
  const embedded = answersOf(process.execPath, [distFile('cli.js'), 'verify']);

  test('embedded: two are valid, three are no blocks', async () => {
    const answers = (await embedded) as (string | null)[][];
    assert.deepEqual(
      answers.map((answer) => [answer[3] !== null, answer[7]]),
      [
        [true, null],
        [true, null],
        ...Array.from({ length: 3 }, () => [false, 'Fail to decode block']),
      ],
    );
  });

  test('real: the same', { skip: real === null ? 'REAL_VERIFIER names no program' : false }, async () => {
    const { file, args } = commandProgram(real!);
    assert.deepEqual(await answersOf(file, args), await embedded);
  }); // prettier-ignore
});
