/** `verify` as the original is called: stdin, fs, serve; its exit codes, and what it refuses. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { verify } from '../../cli/commands/verify.ts';
import { readKey } from '../../stack/verifier/keys.ts';
import { whyNoProofs } from '../../stack/verifier/proof-pool.ts';
import { readVector } from '../mina/vectors.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import {
  blockHashOf,
  mesaBlock,
  recorded,
  recordedInput,
  recordedRow,
  shippedKeys,
  WITH_WORK,
  WITHOUT_WORK,
} from '../support/verifier.ts';

const rows = () => [
  recordedRow(WITH_WORK, 'a'),
  { ...recordedRow(WITHOUT_WORK, 'b'), raw_block: '' },
];
const answersOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('stdin --no-checks: one line a submission, and 0 also where some are refused', async () => {
  const { exitCode, stdout, stderr } = await runCommand(verify, ['stdin', '--no-checks'], {
    stdin: JSON.stringify(rows()),
  });
  assert.equal(exitCode, 0);
  assert.equal(stderr, '');
  assert.deepEqual(
    answersOf(stdout).map(({ id, state_hash, validation_error }) => [
      id,
      state_hash,
      validation_error,
    ]),
    [
      ['a', '3NKcY7wC57SCRwxu1Qwfziaccj1kUxHKRxsk685e7do39Ftd5nSb', null],
      ['b', null, 'Fail to decode block'],
    ],
  );
});

test('serve: the same, one submission a line', async () => {
  const stdin = rows()
    .map((row) => JSON.stringify(row))
    .join('\n');
  const { exitCode, stdout } = await runCommand(verify, ['serve'], {
    stdin,
    env: { NO_CHECKS: '1' },
  });
  assert.equal(exitCode, 0);
  assert.deepEqual(
    answersOf(stdout).map(({ id }) => id),
    ['a', 'b'],
  );
});

test('input that is no array is an error with a place, behind the answers before it', async () => {
  const { exitCode, stdout, stderr } = await runCommand(verify, ['stdin', '--no-checks'], {
    stdin: `[${JSON.stringify(rows()[0])}, {`,
  });
  assert.equal(exitCode, 2);
  assert.equal(answersOf(stdout)[0].id, 'a');
  assert.match(
    stderr,
    /standard input cannot be read: the text ends before its JSON array does at byte/,
  );
});

/** As a backend leaves them: a submission's file, and blocks beside. */
function storedIn(folder: string): { blockDir: string; files: string[] } {
  const blockDir = join(folder, 'blocks');
  mkdirSync(blockDir);
  const files = [WITH_WORK, WITHOUT_WORK].map((name, i) => {
    const { submitter, data } = recorded(name);
    const block = recordedInput(name).block;
    if (i === 0) writeFileSync(join(blockDir, `${blockHashOf(block)}.dat`), block);
    const file = join(folder, `2024-02-21T09:06:18Z-${submitter}.json`);
    writeFileSync(
      file,
      JSON.stringify({
        created_at: data.created_at,
        peer_id: data.peer_id,
        snark_work: data.snark_work,
        remote_addr: '127.0.0.1:5',
        submitter,
        block_hash: blockHashOf(block),
      }),
    );
    return file;
  });
  return { blockDir, files };
}

test('fs: a line a file; a block that is not there refuses its submission alone', async (t) => {
  const { blockDir, files } = storedIn(scratchFolder(t));
  const args = ['fs', '--block-dir', blockDir, '--no-checks'];
  const named = await runCommand(verify, [...args, ...files]);
  assert.equal(named.exitCode, 0);
  const [valid, refused] = answersOf(named.stdout);
  assert.deepEqual(
    [valid.submitted_at, valid.submitter, valid.height, valid.slot],
    ['2024-02-21T09:06:18Z', recorded(WITH_WORK).submitter, 7, 8],
  );
  assert.equal(refused.error, 'Fail to load block');
  // Names from standard input, with - and without.
  for (const more of [['-'], []]) {
    const piped = await runCommand(verify, [...args, ...more], { stdin: files.join('\n') });
    assert.equal(piped.stdout, named.stdout);
  }
});

test('fs: a file that is no submission costs its line, and the exit code', async (t) => {
  const folder = scratchFolder(t);
  const { blockDir, files } = storedIn(folder);
  writeFileSync(join(folder, 'no.json'), '[]');
  writeFileSync(join(folder, 'other.json'), '{"name": "no submission"}');
  const { exitCode, stdout, stderr } = await runCommand(
    verify,
    ['fs', '--block-dir', blockDir, '--no-checks', 'no.json', files[0], 'gone.json', 'other.json', '/dev/zero'], // prettier-ignore
    { cwd: folder },
  );
  assert.equal(exitCode, 2);
  assert.deepEqual(
    answersOf(stdout).map(({ error }) => error),
    ['Fail to load metadata', undefined, ...Array<string>(3).fill('Fail to load metadata')],
  );
  assert.match(stderr, /4 files of 5 could not be read/);
  const noBlocks = await runCommand(verify, [
    'fs',
    '--block-dir',
    files[0],
    '--no-checks',
    files[0],
  ]);
  assert.equal(noBlocks.exitCode, 2);
  assert.match(noBlocks.stderr, /--block-dir .* is no folder/);
});

test('a configuration that cannot be read: exit 4 and the words that the original’s callers know', async (t) => {
  const folder = scratchFolder(t);
  const file = join(folder, 'config.json');
  const run = (text: string | null) => {
    if (text !== null) writeFileSync(file, text);
    return runCommand(verify, ['stdin', '--no-checks', '--config-file', file], {
      stdin: JSON.stringify([
        {
          ...recordedRow(WITHOUT_WORK, 'm'),
          raw_block: Buffer.from(mesaBlock()).toString('base64'),
        },
      ]),
    });
  };
  for (const text of [
    null,
    '{',
    '{"proof": {"fork": {"state_hash": "3N", "blockchain_length": -1}}}',
  ]) {
    const { exitCode, stderr } = await run(text);
    assert.equal(exitCode, 4, text ?? 'none');
    assert.match(stderr, /fail to read config file/);
  }
  assert.equal((await run('{"ledger": {"name": "x"}}')).exitCode, 0);
  const fork = { state_hash: '3N', blockchain_length: 297_734, global_slot_since_genesis: 1 };
  const { stdout } = await run(JSON.stringify({ proof: { fork } }));
  const [{ checks }] = answersOf(stdout);
  assert.match((checks as { notes: string[] }).notes[1], /the configuration's fork is at 1/);
});

test('what has no effect, and what is missing, is refused at once', async () => {
  const problemsOf = async (...args: string[]) => {
    const { exitCode, stderr } = await runCommand(verify, args, { stdin: '[]' });
    assert.equal(exitCode, 2, args.join(' '));
    return stderr;
  };
  assert.match(await problemsOf(), /verify needs to know what to read/);
  assert.match(await problemsOf('file'), /verify does not know "file"/);
  const many = await problemsOf('stdin', 'x', '--no-checks', '--block-dir', '/', '--workers', '2');
  assert.match(many, /--block-dir has an effect only in fs/);
  assert.match(many, /--workers has no effect with --no-checks/);
  assert.match(many, /stdin takes no operands, but was given x/);
  assert.match(await problemsOf('fs', 'x.json'), /fs needs --block-dir/);
  assert.match(await problemsOf('stdn'), /did you mean stdin\?/);
  assert.match(await problemsOf('stdin', '--block-key', '/dev/zero'), /is a device, not a file/);
  const secret = await problemsOf('stdin', '--block-key', 'http://u:geheim@127.0.0.1/graphql');
  assert.match(secret, /without user and password/);
  assert.doesNotMatch(secret, /geheim/);
  assert.match(
    await problemsOf('update', '2026-02-30 00:00:00Z', '2026-03-01 00:00:00Z'),
    /START must be a time such as/,
  );
  assert.match(await problemsOf('update', '2026-01-01'), /update takes two times, but was given 1/);
  assert.match(
    await problemsOf('update', 'now', '2026-01-01 00:00:00.0+0000'),
    /START must be a time such as .* but is "now"/,
  );
  assert.match(
    await problemsOf('update', '2026-01-01 00:00:00.0+0000', '2026-01-01 01:00:00.0+0100'),
    /is not before END/,
  );
  assert.match(
    await problemsOf('update', '2026-01-01 00:00:00.0+0000', '2026-01-01T00:00:01Z'),
    /POSTGRES_HOST is not set\n[^]*AWS_S3_BUCKET is not set/,
  );
  assert.match(await problemsOf('stdin', '--block-key', '/etc/hostname'), /is no verification key/);
});

test(
  'proofs without o1js: said before anything is read',
  { skip: whyNoProofs() === null },
  async () => {
    const { exitCode, stderr } = await runCommand(verify, ['stdin'], { stdin: '[]' });
    assert.equal(exitCode, 5);
    assert.match(
      stderr,
      /o1js.* is not installed\nwhat to do: install it with "npm ci --prefix proofs"/,
    );
  },
);

test('a key from a node’s GraphQL', async (t) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      asked.push(body);
      if (request.url === '/away') {
        response.writeHead(502).end();
        return;
      }
      const key = JSON.parse(readVector('mesa-mut-blockchain-vk.json')) as unknown;
      response.end(JSON.stringify({ data: { blockchainVerificationKey: key } }));
    });
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.equal((await readKey(`${url}/graphql`, '--block-key')).length, 2396);
  assert.deepEqual(JSON.parse(asked[0]), { query: '{ blockchainVerificationKey }' });
  await assert.rejects(
    readKey(`${url}/away`, '--block-key'),
    /did not give a key: it answered 502/,
  );
});

test('keys that ship are those of three networks', () => {
  assert.deepEqual(Object.keys(shippedKeys()), ['mainnet', 'devnet', 'rc1']);
});
