import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { corpus } from '../../cli/commands/corpus.ts';
import type { Inspection } from '../../cli/commands/inspect.ts';
import { encode } from '../../mina/base58check.ts';
import { decodeBlock } from '../../mina/block-summary.ts';
import { createSigner } from '../../mina/signer.ts';
import { messageOf, signedText } from '../../mina/submission-text.ts';
import { parseSubmission, signedFields, type Submission } from '../../mina/submission.ts';
import { distFile, loadMinaWasm } from '../../paths.ts';
import { makeFleet } from '../../producers/fleet.ts';
import type { CliResult } from '../support/cli.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { readRecorded } from '../support/recorded.ts';

const run = (cwd: string, ...args: string[]) => runCommand(corpus, args, { cwd });

/** Exit 2 with `message`, and a hint. */
async function refused(result: Promise<CliResult>, message: RegExp): Promise<void> {
  const { exitCode, stderr } = await result;
  assert.equal(exitCode, 2, stderr);
  assert.match(stderr, message);
  assert.match(stderr, /\nwhat to do: ./);
}

const signer = createSigner(loadMinaWasm());
const isSigned = (submission: Submission, network: 'testnet' | 'mainnet') =>
  signer.verify(
    submission.submitterKey,
    submission.signature,
    messageOf(signedText(signedFields(submission))),
    network,
  );

const START = ['--start', '2026-01-02T03:04:05Z', '--rate', '2'];

test('json: a body a file, signed; ndjson: the same bodies, one a line; again: the same bytes', async (t) => {
  const cwd = scratchFolder(t);
  const args = ['--count', '5', '--producers', '3', '--network', 'mainnet', ...START];
  const { exitCode: code, stdout: out } = await run(cwd, '--out', 'a', ...args);
  assert.equal(code, 0);
  assert.match(out, /5 submissions of 3 producers .*--seed "mina" --start 2026-01-02T03:04:05Z/);
  const names = readdirSync(join(cwd, 'a')).sort();
  assert.deepEqual(names, [
    '000000.json',
    '000001.json',
    '000002.json',
    '000003.json',
    '000004.json',
  ]);
  const bodies = names.map((name) => readFileSync(join(cwd, 'a', name)));
  const submissions = bodies.map((body) => parseSubmission(body));
  for (const submission of submissions) {
    assert.equal(isSigned(submission, 'mainnet'), true);
    assert.equal(isSigned(submission, 'testnet'), false);
  }
  assert.deepEqual(
    submissions.map((submission) => submission.createdAt.utc.slice(-4)),
    ['05Z', '05Z', '06Z', '06Z', '07Z'].map((end) => `:${end}`),
  );
  await run(cwd, '--out', 'b', '--format', 'ndjson', ...args);
  assert.deepEqual(readdirSync(join(cwd, 'b')), ['submissions.ndjson']);
  assert.equal(
    readFileSync(join(cwd, 'b', 'submissions.ndjson'), 'utf8'),
    bodies.map((body) => `${body.toString()}\n`).join(''),
  );
  await run(cwd, '--out', 'c', ...args);
  assert.deepEqual(
    names.map((name) => readFileSync(join(cwd, 'c', name))),
    bodies,
  );
});

test('without --start the last created_at is not in the future', async (t) => {
  const cwd = scratchFolder(t);
  const before = Math.floor(Date.now() / 1000);
  await run(cwd, '--count', '30', '--out', 'a', '--format', 'ndjson', '--rate', '3');
  const lines = readFileSync(join(cwd, 'a', 'submissions.ndjson'), 'utf8')
    .trimEnd()
    .split('\n');
  const times = lines.map((line) => parseSubmission(Buffer.from(line)).createdAt.seconds);
  assert.equal(times.at(-1)! - times[0], 9);
  assert.ok(times.at(-1)! >= before && times.at(-1)! <= Date.now() / 1000);
});

test('payloads and producers of the user; the share of snark work', async (t) => {
  const cwd = scratchFolder(t);
  const fleet = makeFleet({ seed: 'z', count: 1 });
  writeFileSync(join(cwd, 'keys'), encode('privateKey', fleet.privateKeys));
  await run(
    cwd,
    '--count',
    '4',
    '--out',
    'own',
    '--producers-file',
    'keys',
    '--snark-work-share',
    '1',
    ...START,
  );
  for (const name of readdirSync(join(cwd, 'own'))) {
    const submission = parseSubmission(readFileSync(join(cwd, 'own', name)));
    assert.equal(submission.submitter, fleet.producers[0].publicKey);
    assert.notEqual(submission.snarkWork, null);
  }
  await run(cwd, '--count', '2', '--out', 'again', '--payloads', 'own', ...START);
  assert.equal(readdirSync(join(cwd, 'again')).length, 2);
  await refused(
    run(cwd, '--count', '2', '--out', 'x', '--payloads', 'own', '--snark-work-share', '0'),
    /every recorded body has snark work/,
  );
  mkdirSync(join(cwd, 'empty'));
  await refused(
    run(cwd, '--count', '2', '--out', 'x', '--payloads', 'empty'),
    /holds no \*\.json file/,
  );
  writeFileSync(join(cwd, 'empty', 'bad.json'), '{\n"data":');
  await refused(run(cwd, '--count', '2', '--out', 'x', '--payloads', 'empty'), /bad\.json:2: /);
  assert.ok(!readdirSync(cwd).includes('x'));
});

const creatorOf = (body: string): string => {
  const { data } = JSON.parse(body) as { data: { block: string } };
  return decodeBlock(Buffer.from(data.block, 'base64')).block_creator;
};

test('--chain: inspect finds linked blocks, rising heights and slots, and every signature valid', async (t) => {
  const cwd = scratchFolder(t);
  const args = ['--count', '60', '--format', 'ndjson', '--chain', '8', ...START];
  await run(cwd, '--out', 'a', ...args);
  await run(cwd, '--out', 'b', ...args);
  const text = (name: string) => readFileSync(join(cwd, name, 'submissions.ndjson'), 'utf8');
  assert.equal(text('a'), text('b'));
  const { stdout, status } = spawnSync(process.execPath, [distFile('cli.js'), 'inspect', 'a'], {
    cwd,
    encoding: 'utf8',
  });
  assert.equal(status, 0);
  const found = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Inspection);
  assert.equal(found.length, 60);
  const heightOf = new Map<string, number>();
  let slot = 0;
  for (const [i, one] of found.entries()) {
    assert.equal(one.signature, 'valid');
    assert.equal(one.error, undefined);
    assert.ok(one.slot! >= slot);
    slot = one.slot!;
    if (!heightOf.has(one.state_hash!))
      assert.equal(creatorOf(text('a').split('\n')[i]), one.submitter);
    // Every block but the first was sent after its parent.
    if (heightOf.size > 0 && one.height! > found[0].height!)
      assert.equal(heightOf.get(one.previous_state_hash!), one.height! - 1);
    heightOf.set(one.state_hash!, one.height!);
  }
  assert.deepEqual(
    [...new Set(heightOf.values())],
    Array.from({ length: 8 }, (_, i) => found[0].height! + i),
  );
  assert.ok(found.some(({ sizes }) => sizes!.snark_work !== undefined));
  await refused(
    run(cwd, '--out', 'c', ...args, '--snark-work-share', '0.5'),
    /--chain and --snark-work-share exclude each other/,
  );
  await refused(run(cwd, '--count', '1', '--out', 'c', '--chain', '1001'), /from 0 to 1000/);
});

test('a folder with content is refused; --force replaces submissions only', async (t) => {
  const cwd = scratchFolder(t);
  await run(cwd, '--count', '3', '--out', 'a', ...START);
  await refused(
    run(cwd, '--count', '2', '--out', 'a', ...START),
    /is not empty: it holds 00000\d\.json/,
  );
  assert.equal(readdirSync(join(cwd, 'a')).length, 3);
  await run(cwd, '--count', '2', '--out', 'a', '--force', ...START);
  assert.deepEqual(readdirSync(join(cwd, 'a')).sort(), ['000000.json', '000001.json']);
  writeFileSync(join(cwd, 'a', 'thesis.txt'), 'x');
  await refused(
    run(cwd, '--count', '2', '--out', 'a', '--force', ...START),
    /it holds thesis\.txt/,
  );
  assert.equal(readdirSync(join(cwd, 'a')).length, 3);
  assert.deepEqual(readdirSync(cwd), ['a']);
});

test('wrong options: all told at once, exit 2, nothing made', async (t) => {
  const cwd = scratchFolder(t);
  await refused(run(cwd), /--count is missing.*\nerror: --out is missing/);
  await refused(
    run(
      cwd,
      '--count',
      '1',
      '--out',
      'a',
      '--start',
      'now',
      '--producers',
      '1',
      '--producers-file',
      'f',
    ),
    /exclude each other\nerror: --start must be a time such as .* but is "now"/,
  );
  await refused(
    run(cwd, '--count', '-1', '--out', 'a', '--rate', '0'),
    /--count must.*\nerror: --rate must/,
  );
  await refused(
    run(cwd, '--count', '9', '--out', 'a', '--start', '1960-01-01T00:00:00Z'),
    /from 1970 to 2106/,
  );
  await refused(run(cwd, '--count', '1', '--out', 'a', '--network', 'moon'), /testnet, mainnet/);
  assert.deepEqual(readdirSync(cwd), []);
});

test('more than the disk holds is refused before anything is signed', async (t) => {
  const cwd = scratchFolder(t);
  // 10 PB: no disk has that.
  const name = 'submission-without-snark-work.json';
  const body = readRecorded(name);
  mkdirSync(join(cwd, 'large'));
  writeFileSync(
    join(cwd, 'large', name),
    body.replace(/"block": ?"/, (start) => start + 'AAAA'.repeat(2_500_000)),
  );
  const { exitCode, stderr } = await run(
    cwd,
    ...['--count', '1000000000', '--out', 'a', '--payloads', 'large'],
    ...['--producers', '10', '--rate', '1000000'],
  );
  assert.equal(exitCode, 5, stderr);
  assert.match(stderr, /need [\d,]+ MB, but the disk has [\d,]+ MB left/);
  assert.deepEqual(readdirSync(cwd), ['large']);
});

test('Ctrl-C leaves nothing and ends with 130', async (t) => {
  const cwd = scratchFolder(t);
  const args = [
    'corpus',
    '--count',
    '100000',
    '--producers',
    '10',
    '--format',
    'ndjson',
    '--out',
    'a',
  ];
  const child = spawn(process.execPath, [distFile('cli.js'), ...args], { cwd });
  const output = text(child.stdout);
  child.stdout.once('data', () => child.kill('SIGINT')); // the first progress
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 130);
  assert.match(await output, /interrupted: nothing was written/);
  assert.deepEqual(readdirSync(cwd), []);
});
