import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { producers } from '../../cli/commands/producers.ts';
import { parseCommandLine } from '../../cli/parse.ts';
import { encode } from '../../mina/base58check.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { UserError } from '../../user-error.ts';
import { tempFolder } from '../producers/temp-folder.ts';

async function run(
  cwd: string,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const outputs = Promise.all([text(stdout), text(stderr)]);
  const parsed = parseCommandLine(producers, args, {}, cwd);
  const code = await producers.run({ ...parsed, cwd, stdout, stderr, env: {} });
  stdout.end();
  stderr.end();
  const [out, err] = await outputs;
  return { code, out, err };
}

const refused = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, 2);
    assert.match(error.message, message);
    assert.notEqual(error.hint, '');
    return true;
  });

test('lists public keys on standard output', async (t) => {
  const cwd = tempFolder(t);
  const { code, out, err } = await run(cwd, '--count', '2');
  assert.deepEqual([code, err], [0, '']);
  assert.equal(
    out,
    'B62qr11DBPZwTvKacB1TmHVb7ahXys5Cdvnpwwbm42U4DdSTHfW53qa\nB62qmzL51AsgFJkcrKdc9AsPe7CXam7wCP5fTxnWAjwPVwsjTL9Dy9k\n',
  );
  assert.equal((await run(cwd)).out.split('\n').length, 1001);
});

test('writes a file whole, with the seed and format asked for', async (t) => {
  const cwd = tempFolder(t);
  const { out, err } = await run(
    cwd,
    '--count',
    '3',
    '--seed',
    'x',
    '--format',
    'json',
    '--out',
    'f.json',
  );
  assert.equal(out, '');
  assert.match(err, /^3 producers written to .*f\.json\n$/);
  assert.deepEqual(readdirSync(cwd), ['f.json']);
  const rows = JSON.parse(readFileSync(join(cwd, 'f.json'), 'utf8')) as { public_key: string }[];
  assert.deepEqual(
    rows.map((row) => row.public_key),
    makeFleet({ seed: 'x', count: 3 }).producers.map(({ publicKey }) => publicKey),
  );
});

test('turns a list of private keys into a whitelist', async (t) => {
  const cwd = tempFolder(t);
  const fleet = makeFleet({ seed: 'y', count: 1 });
  writeFileSync(join(cwd, 'keys'), encode('privateKey', fleet.privateKeys));
  const { out } = await run(cwd, '--producers-file', 'keys');
  assert.equal(out, `${fleet.producers[0].publicKey}\n`);
  await refused(
    run(cwd, '--producers-file', 'keys', '--count', '3'),
    /--count and --producers-file/,
  );
  await refused(run(cwd, '--producers-file', 'missing'), /missing cannot be read \(ENOENT\)/);
});

test('wrong options are refused with exit 2, and no file is made', async (t) => {
  const cwd = tempFolder(t);
  await refused(run(cwd, '--count', '0'), /--count must be a whole number from 1/);
  await refused(run(cwd, '--count', 'x', '--format', 'xml'), /--count.*\n--format must be one of/);
  await refused(run(cwd, '--cuont', '3'), /--cuont.*--count/);
  await refused(run(cwd, '--count', '1', '--out', 'no/folder/f'), /cannot write .*ENOENT/);
  assert.deepEqual(readdirSync(cwd), []);
});
