import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { producers } from '../../cli/commands/producers.ts';
import { encode } from '../../mina/base58check.ts';
import { HOSTILE_PRODUCERS, hostileFleet } from '../../load/hostile/material.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { parseWhitelist } from '../../stack/backend/whitelist.ts';
import type { CliResult } from '../support/cli.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const run = (cwd: string, ...args: string[]) => runCommand(producers, args, { cwd });

/** Exit 2 with `message`, and a hint. */
async function refused(result: Promise<CliResult>, message: RegExp): Promise<void> {
  const { exitCode, stderr } = await result;
  assert.equal(exitCode, 2, stderr);
  assert.match(stderr, message);
  assert.match(stderr, /\nwhat to do: ./);
}

test('lists public keys on standard output', async (t) => {
  const cwd = scratchFolder(t);
  const { exitCode: code, stdout: out, stderr: err } = await run(cwd, '--count', '2');
  assert.deepEqual([code, err], [0, '']);
  assert.equal(
    out,
    'B62qr11DBPZwTvKacB1TmHVb7ahXys5Cdvnpwwbm42U4DdSTHfW53qa\nB62qmzL51AsgFJkcrKdc9AsPe7CXam7wCP5fTxnWAjwPVwsjTL9Dy9k\n',
  );
  assert.equal((await run(cwd)).stdout.split('\n').length, 1001);
});

test('writes a file whole, with the seed and format asked for', async (t) => {
  const cwd = scratchFolder(t);
  const { stdout: out, stderr: err } = await run(
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
  const cwd = scratchFolder(t);
  const fleet = makeFleet({ seed: 'y', count: 1 });
  writeFileSync(join(cwd, 'keys'), encode('privateKey', fleet.privateKeys));
  const { stdout: out } = await run(cwd, '--producers-file', 'keys');
  assert.equal(out, `${fleet.producers[0].publicKey}\n`);
  await refused(
    run(cwd, '--producers-file', 'keys', '--count', '3'),
    /--count and --producers-file/,
  );
  await refused(run(cwd, '--producers-file', 'missing'), /missing cannot be read \(ENOENT\)/);
});

test("lists the producers of hostile requests for a target's whitelist, whatever the fleet", async (t) => {
  const cwd = scratchFolder(t);
  const { exitCode, stdout } = await run(cwd, '--for-hostile', '--seed', 'x');
  assert.equal(exitCode, 0);
  const keys = hostileFleet('x').producers.map(({ publicKey }) => publicKey);
  assert.deepEqual(stdout.split('\n'), [...keys, '']);
  const { stdout: csv } = await run(cwd, '--for-hostile', '--seed', 'x', '--format', 'csv');
  assert.equal(parseWhitelist(csv).keys.size, HOSTILE_PRODUCERS);
  await refused(
    run(cwd, '--for-hostile', '--count', '3'),
    /--count and --for-hostile exclude each other/,
  );
  await refused(
    run(cwd, '--for-hostile', '--producers-file', 'keys'),
    /--producers-file and --for-hostile exclude each other/,
  );
});

test('wrong options are refused with exit 2, and no file is made', async (t) => {
  const cwd = scratchFolder(t);
  await refused(run(cwd, '--count', '0'), /--count must be a whole number from 1/);
  await refused(
    run(cwd, '--count', 'x', '--format', 'xml'),
    /--count.*\nerror: --format must be one of/,
  );
  await refused(run(cwd, '--cuont', '3'), /--cuont.*--count/);
  await refused(run(cwd, '--count', '1', '--out', 'no/folder/f'), /cannot write .*ENOENT/);
  assert.deepEqual(readdirSync(cwd), []);
});
