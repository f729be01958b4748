/** Loads and lists with real key files, from the outside: passphrases, questions, and that nothing secret is left. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { decode } from '../../mina/base58check.ts';
import { encryptWallet, parsePrivateKey } from '../../mina/key-files.ts';
import { distFile, projectRoot } from '../../paths.ts';
import type { Summary } from '../../results/types.ts';
import { readRecorded } from '../support/recorded.ts';
import { runCli } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { k6Path } from '../support/k6.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';

// Published beside the file: test/vectors/README.md.
const PASSPHRASE = 'naughty blue worm';
const PRIVATE_KEY = 'EKF83r3ibZ8eCC1PwcgrTAVLVoA3dKXt2iSGxb6vDnofs9nKUY3V';
const PUBLIC_KEY = 'B62qoEykaCCyw6JtF3EM4S33FpCon5F4HiZbgby5oPSgpVQ6MYYfxPC';
const CHEAP_PASSPHRASE = 'cheap and cheerful';

const folder = scratchFolder();
let wallet: string;
let cheap: string;
before(async () => {
  wallet = join(folder, 'node-a.json');
  copyFileSync(join(projectRoot, 'test', 'vectors', 'wallet-node-a.json'), wallet);
  // The same key, opened in no time.
  cheap = join(folder, 'cheap');
  const content = await encryptWallet(parsePrivateKey(PRIVATE_KEY).privateKey, {
    passphrase: CHEAP_PASSPHRASE,
    nonce: new Uint8Array(24),
    salt: new Uint8Array(16),
    cost: { memoryBytes: 8192, passes: 3 },
  });
  writeFileSync(cheap, content);
  for (const file of [wallet, cheap]) chmodSync(file, 0o600);
});

/** Every form in which the key or its passphrase might have been written. */
function secretForms(): Buffer[] {
  const little = Buffer.from(decode('privateKey', PRIVATE_KEY));
  const big = Buffer.from(little).reverse();
  const texts = [PRIVATE_KEY, PASSPHRASE, JSON.stringify([...little]).slice(1, -1)];
  for (const bytes of [little, big])
    texts.push(
      bytes.toString('hex'),
      bytes.toString('hex').toUpperCase(),
      bytes.toString('base64').replace(/=+$/, ''),
      bytes.toString('base64url'),
    );
  texts.push(BigInt(`0x${big.toString('hex')}`).toString());
  texts.push(Buffer.from(PASSPHRASE).toString('hex'), Buffer.from(PASSPHRASE).toString('base64'));
  return [little, big, ...texts.map((text) => Buffer.from(text))];
}

const leaks = (bytes: Buffer): boolean => secretForms().some((form) => bytes.includes(form));

function filesUnder(place: string): string[] {
  return readdirSync(place, { recursive: true, encoding: 'utf8' })
    .map((name) => join(place, name))
    .filter((file) => statSync(file).isFile());
}

test(
  'a load with a real wallet is accepted, and nothing secret is left anywhere',
  slowOnly,
  async () => {
    const results = join(folder, 'results');
    const { exitCode, stdout, stderr } = await runCli(
    ['load', '--scenario', 'smoke', '--producers-file', wallet, '--keep', '--port', '0', '--results', results],
    { K6_BIN: await k6Path(), MINA_PRIVKEY_PASS: PASSPHRASE },
  ); // prettier-ignore
    assert.equal(exitCode, 0, stdout + stderr);
    const files = filesUnder(results);
    const textOf = (name: string) =>
      readFileSync(
        files.find((file) => file.endsWith(name))!,
        'utf8',
      );
    const { figures } = JSON.parse(textOf('summary.json')) as Summary;
    assert.deepEqual([figures.sent, figures.accepted], [10, 10]);
    // The submitter of a recorded submission, now with a signature of ours.
    const recorded = JSON.parse(readRecorded('submission-with-snark-work.json')) as {
      submitter: string;
    };
    assert.equal(recorded.submitter, PUBLIC_KEY);
    assert.equal(textOf('whitelist.txt'), `${PUBLIC_KEY}\n`);
    const stored = files.filter((file) => /storage.submissions/.test(file));
    assert.equal(stored.length, 10);
    assert.ok(stored.every((file) => file.includes(PUBLIC_KEY)));

    assert.ok(secretForms().every((form) => leaks(Buffer.concat([Buffer.from('x'), form]))));
    for (const file of files) assert.ok(!leaks(readFileSync(file)), file);
    assert.ok(!leaks(Buffer.from(stdout + stderr)), stdout + stderr);
  },
);

test('npm run producers prints the whitelist of a folder; a dry run needs no passphrase', async () => {
  const keys = join(folder, 'keys');
  mkdirSync(keys);
  copyFileSync(cheap, join(keys, 'node-a'));
  writeFileSync(join(keys, 'node-a.pub'), `${PUBLIC_KEY}\n`);
  const list = await runHere(['producers', '--producers-file', keys], {
    MINA_PRIVKEY_PASS: CHEAP_PASSPHRASE,
  });
  assert.deepEqual([list.exitCode, list.stdout], [0, `${PUBLIC_KEY}\n`], list.stderr);
  const dry = await runHere(['load', '--dry-run', '--producers-file', keys]);
  assert.equal(dry.exitCode, 0, dry.stderr);
  assert.match(dry.stdout, /signed beforehand by 1 producer$/m);
  const out = join(folder, 'corpus');
  const written = await runHere(
    ['corpus', '--count', '2', '--out', out, '--producers-file', keys],
    {
      MINA_PRIVKEY_PASS: CHEAP_PASSPHRASE,
    },
  );
  assert.equal(written.exitCode, 0, written.stderr);
  assert.match(readFileSync(join(out, '000001.json'), 'utf8'), new RegExp(PUBLIC_KEY));
});

test('a wrong passphrase, and none without a terminal: exit 2, and what to do', async () => {
  const results = join(folder, 'refused');
  const wrong = 'this is not it';
  for (const [run, command, env, message] of [
    [
      runHere,
      ['producers'],
      { MINA_PRIVKEY_PASS: wrong },
      /cheap: the passphrase in MINA_PRIVKEY_PASS/,
    ],
    [
      runHere,
      ['load', '--results', results],
      { MINA_PRIVKEY_PASS: wrong },
      /cheap: the passphrase in/,
    ],
    // This process may have a terminal, that one has none.
    [runCli, ['load', '--results', results], {}, /cheap: a wallet needs a passphrase.*no terminal/],
  ] as const) {
    const result = await run([...command, '--producers-file', cheap], {
      MINA_PRIVKEY_PASS: undefined,
      ...env,
    });
    assert.equal(result.exitCode, 2, result.stderr);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /what to do: MINA_PRIVKEY_PASS/);
    assert.ok(!`${result.stdout}${result.stderr}`.includes(wrong));
  }
  assert.deepEqual(readdirSync(results), []);
});

// util-linux; the `script` of BSD and macOS takes other arguments.
const hasScript = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout); // prettier-ignore

/** Runs the command at a terminal of its own and types each answer when its question has come. */
async function atTerminal(
  args: string[],
  answers: [question: RegExp, typed: string][],
): Promise<{ exitCode: number; shown: string }> {
  const quoted = [process.execPath, distFile('cli.js'), ...args]
    .map((word) => `'${word}'`)
    .join(' ');
  const env = { ...process.env, SHELL: '/bin/sh', npm_command: undefined, MINA_PRIVKEY_PASS: undefined }; // prettier-ignore
  const child = spawn('script', ['-qec', quoted, '/dev/null'], { env, timeout: 60_000 });
  let shown = '';
  let from = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const [question, typed] = answers[0] ?? [];
    const match = question?.exec(shown.slice(from));
    if (!match) return;
    from += match.index + match[0].length;
    answers.shift();
    child.stdin.write(typed);
  });
  const [exitCode] = (await once(child, 'close')) as [number];
  assert.deepEqual(answers, [], `not asked:\n${shown}`);
  return { exitCode, shown };
}

describe('at a terminal', { skip: !hasScript && 'no script of util-linux', concurrency: 2 }, () => {
  const question = /Passphrase of the wallet .*cheap: /;

  test('it asks without an echo, and again after a wrong answer', async () => {
    const { exitCode, shown } = await atTerminal(
      ['producers', '--producers-file', cheap],
      [
        [question, 'a wrong one\r'],
        [question, `${CHEAP_PASSPHRASE}\r`],
      ],
    );
    assert.equal(exitCode, 0, shown);
    assert.match(shown, /this passphrase does not open/);
    assert.ok(shown.includes(PUBLIC_KEY), shown);
    assert.ok(!shown.includes(CHEAP_PASSPHRASE) && !shown.includes('a wrong one'), shown);
  });

  test('three wrong answers: exit 2', slowOnly, async () => {
    const { exitCode, shown } = await atTerminal(
      ['producers', '--producers-file', cheap],
      [1, 2, 3].map((n) => [question, `wrong ${n}\r`]),
    );
    assert.equal(exitCode, 2, shown);
    assert.match(shown, /cheap: none of 3 passphrases opens it/);
  });

  test('Ctrl-C at the question: 130, and nothing is left', slowOnly, async () => {
    const results = join(folder, 'interrupted');
    const commands = [
      ['load', '--results', results],
      ['producers', '--out', join(folder, 'interrupted-list')],
      ['corpus', '--count', '3', '--out', join(folder, 'interrupted-corpus')],
    ];
    for (const command of commands) {
      const { exitCode, shown } = await atTerminal(
        [...command, '--producers-file', cheap],
        [[question, 'cheap and\u0003']],
      );
      assert.equal(exitCode, 130, shown);
      assert.match(shown, /interrupted/);
      assert.ok(!shown.includes('cheap and'), shown);
    }
    assert.deepEqual(readdirSync(results), []);
    assert.ok(!readdirSync(folder).some((name) => /^\.?interrupted-/.test(name)));
  });
});
