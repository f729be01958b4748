import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { encode } from '../../mina/base58check.ts';
import { type EncryptOptions, encryptLibp2pKeyPair, encryptWallet } from '../../mina/key-files.ts';
import { decodePrivateKey } from '../../mina/schnorr.ts';
import { encodePeerId } from '../../mina/peer-id.ts';
import { ed25519PublicKey, type Fleet, fleetOfKeys, makeFleet } from '../../producers/fleet.ts';
import { keyWorkers } from '../../producers/key-pool.ts';
import { countProducers, type KeyAccess, readProducers } from '../../producers/key-source.ts';
import { UserError } from '../../user-error.ts';
import { readVector } from '../mina/vectors.ts';
import { scratchFolder } from '../support/scratch.ts';
import { projectRoot } from '../../paths.ts';
import { slowOnly } from '../support/thorough.ts';

const PASSPHRASE = 'correct horse / Pässword';
const LIBP2P_PASSPHRASE = 'battery staple';
const fleet = makeFleet({ seed: 'wallets', count: 4 });
const publicKeys = fleet.producers.map(({ publicKey }) => publicKey);
const keyBytes = [0, 1, 2, 3].map((i) => fleet.privateKeys.subarray(32 * i, 32 * i + 32));
const plainKeys = keyBytes.map((bytes) => encode('privateKey', bytes));
/** What a key without a libp2p pair gets. */
const derived = fleetOfKeys(keyBytes.map((privateKey) => ({ privateKey }))).producers;
const SEED = Buffer.alloc(32, 9);
const PEER_ID = encodePeerId(ed25519PublicKey(SEED));

// A daemon's cost is 3 s a file.
const cheap = (passphrase: string): EncryptOptions => ({
  passphrase,
  nonce: new Uint8Array(24).fill(1),
  salt: new Uint8Array(16).fill(2),
  cost: { memoryBytes: 8192, passes: 3 },
});
const wallet = (i: number, passphrase = PASSPHRASE): Promise<string> =>
  encryptWallet(decodePrivateKey(keyBytes[i]), cheap(passphrase));
const libp2pPair = (passphrase = LIBP2P_PASSPHRASE): Promise<string> =>
  encryptLibp2pKeyPair(SEED, cheap(passphrase));
const wrapped = async (i: number, change: object = {}): Promise<string> =>
  JSON.stringify({
    keypair: publicKeys[i],
    keypair_name: `node-${i}`,
    privkey_password: 'own',
    public_key: publicKeys[i],
    private_key: await wallet(i, 'own'),
    ...change,
  });

/** A folder with these files, none of them open to others. */
function folderOf(t: TestContext, files: Record<string, string>): string {
  const folder = scratchFolder(t);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  }
  return folder;
}

type Answers = { asked: string[]; notes: string[]; progress: string[] };
const access = (
  change: Partial<KeyAccess> & { answers?: string[] } = {},
): KeyAccess & { log: Answers } => {
  const log: Answers = { asked: [], notes: [], progress: [] };
  const answers = change.answers;
  return {
    log,
    passphrases: {},
    onNote: (text) => log.notes.push(text),
    onProgress: ({ key, count }) => log.progress.push(`${key}/${count}`),
    ...(answers && {
      ask: (question: string) => {
        log.asked.push(question);
        assert.ok(answers.length > 0, `asked once more: ${question}`);
        return Promise.resolve(answers.shift()!);
      },
    }),
    ...change,
  };
};
const withPassphrase = () => access({ passphrases: { wallet: PASSPHRASE } });

const keysOf = ({ producers }: Fleet): string[] => producers.map(({ publicKey }) => publicKey);

/** Nothing that must stay secret is in `text`. */
function assertNoSecret(text: string): void {
  const secrets = [PASSPHRASE, LIBP2P_PASSPHRASE, ...plainKeys];
  for (const bytes of keyBytes)
    for (const order of [Buffer.from(bytes), Buffer.from(bytes).reverse()])
      secrets.push(
        order.toString('hex'),
        order.toString('base64'),
        String(decodePrivateKey(bytes)),
      );
  for (const secret of secrets) assert.ok(!text.includes(secret), `a secret is in: ${text}`);
}

async function refusal(path: string, keys: KeyAccess): Promise<{ lines: string[]; hint: string }> {
  try {
    await readProducers(path, keys);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, 2);
    assertNoSecret(`${error.stack} ${error.hint} ${String(error.cause)}`);
    return { lines: error.message.replaceAll(`${path}/`, '').split('\n'), hint: error.hint };
  }
  return assert.fail('it was accepted');
}

test('a folder of wallets gives its keys in the order of the names', async (t) => {
  const folder = folderOf(t, {
    'b-wallet': await wallet(1),
    'b-wallet.pub': `${publicKeys[1]}\n`,
    'a-wallet.json': await wallet(0),
    'a-wallet.json.pub': publicKeys[0],
    'c-plain': `${plainKeys[2]}\n`,
    'd-wrapped.json': await wrapped(3),
    'README.md': 'which key is whose',
    '.hidden': await wallet(0, 'another'),
    'orphan.pub': publicKeys[2],
  });
  const keys = withPassphrase();
  const read = await readProducers(folder, keys);
  assert.deepEqual(keysOf(read), publicKeys);
  assert.deepEqual(read.privateKeys, fleet.privateKeys);
  assert.deepEqual(read.producers, derived);
  assert.deepEqual(keys.log.notes, [`${folder}: no key files, skipped: README.md`]);
  assert.equal(keys.log.progress[0], '1/3');
  assert.equal(keys.log.progress.at(-1), '3/3');
  assertNoSecret(JSON.stringify(read));
  assert.equal(await countProducers(folder), 4);
});

test('one file: a wallet, a wrapped wallet, a plain key, a list', async (t) => {
  const folder = folderOf(t, {
    wallet: await wallet(0),
    wrapped: await wrapped(1),
    plain: plainKeys[2],
    'plain.pub': publicKeys[2],
    list: plainKeys.join('\n'),
  });
  const read = async (name: string, keys = access()) =>
    keysOf(await readProducers(join(folder, name), keys));
  assert.deepEqual(await read('wallet', withPassphrase()), [publicKeys[0]]);
  assert.deepEqual(await read('wrapped'), [publicKeys[1]]);
  assert.deepEqual(await read('plain'), [publicKeys[2]]);
  assert.deepEqual(await read('list'), publicKeys);
  assert.equal(await countProducers(join(folder, 'list')), 4);
  assert.equal(await countProducers(join(folder, 'wallet')), 1);
  writeFileSync(join(folder, 'plain.pub'), publicKeys[3]);
  assert.match((await refusal(join(folder, 'plain'), access())).lines[0], /plain\.pub says B62/);
});

test(
  'the libp2p pair of the same name gives the peer id; .peerid saves opening it',
  slowOnly,
  async (t) => {
    const pair = await libp2pPair();
    const places: Record<string, [string, ...[string, string][]]> = {
      'beside it': ['node', ['node-libp2p', pair]],
      'beside it, as JSON': ['node.json', ['node-libp2p.json', pair]],
      'in libp2p_keys': ['node', ['libp2p_keys/node.json', pair]],
      'in libp2p-keypairs beside the folder': ['node', ['../libp2p-keypairs/node', pair]],
      'a key of a genesis': ['node-key', ['../libp2p_keys/node.json', pair]],
      'known by its peer id': ['node', ['../libp2p_keys/node.json.peerid', `${PEER_ID}\n`]],
    };
    for (const [what, [name, ...others]] of Object.entries(places)) {
      const files = [[name, await wallet(0)], ...others].map(([file, text]) => [
        join('keys', file),
        text,
      ]);
      const folder = join(folderOf(t, Object.fromEntries(files) as Record<string, string>), 'keys');
      const isPublic = others[0][0].endsWith('.peerid');
      for (const path of what === 'beside it' ? [folder, join(folder, name)] : [folder]) {
        const keys = access({
          passphrases: { wallet: PASSPHRASE, ...(!isPublic && { libp2p: LIBP2P_PASSPHRASE }) },
        });
        const { producers } = await readProducers(path, keys);
        assert.deepEqual(producers, [{ publicKey: publicKeys[0], peerId: PEER_ID }], what);
      }
      if (what === 'beside it')
        assert.match((await refusal(folder, withPassphrase())).lines[0], /MINA_LIBP2P_PASS/, what);
    }
  },
);

test('every problem of every file is told at once', async (t) => {
  const other = await wallet(1, 'another');
  const folder = folderOf(t, {
    'a-good': await wallet(0),
    'b-other-passphrase': other,
    'c-no-json': '{"box_primitive":',
    'c-no-json.pub': publicKeys[1],
    'd-fields': JSON.stringify({ ...(JSON.parse(other) as object), nonce: 1, pwsalt: undefined }),
    'e-pub-differs': await wallet(2),
    'e-pub-differs.pub': publicKeys[1],
    'f-pub-is-private': await wallet(3),
    'f-pub-is-private.pub': plainKeys[3],
    'g-same-as-a': plainKeys[0],
    'h-libp2p': await libp2pPair(),
    'h-libp2p.pub': publicKeys[1],
    'i-wrapped': await wrapped(1, { privkey_password: 'wrong' }),
    'j-wrapped': await wrapped(1, { public_key: publicKeys[2] }),
    'k-wrapped': JSON.stringify({ privkey_password: 5 }),
    'l-damaged': `${plainKeys[1].slice(0, -1)}${plainKeys[1].endsWith('z') ? 'y' : 'z'}`,
    'm-peer': await wrapped(3),
    'm-peer-libp2p.peerid': plainKeys[2],
    'n-large': 'x'.repeat(70_000),
    'n-large.pub': publicKeys[1],
    'o-wallet-as-libp2p': await wrapped(3),
    'libp2p_keys/o-wallet-as-libp2p': other,
  });
  const { lines } = await refusal(folder, withPassphrase());
  const expected = [
    /^c-no-json: the key file is not JSON$/,
    /^d-fields: nonce is not a string$/,
    /^d-fields: pwsalt is missing$/,
    /^f-pub-is-private\.pub: the public key in it/,
    /^h-libp2p: it holds a libp2p key pair/,
    /^k-wrapped: private_key is not the text/,
    /^k-wrapped: privkey_password is not a text$/,
    /^l-damaged: .*checksum does not match$/,
    /^m-peer-libp2p\.peerid: it holds no peer id/,
    /^the key file n-large is larger than 65,536 bytes$/,
    /^libp2p_keys.o-wallet-as-libp2p: it holds the private key of a block producer/,
    /^b-other-passphrase: the passphrase in MINA_PRIVKEY_PASS does not open it/,
    new RegExp(
      `^e-pub-differs\\.pub says ${publicKeys[1]}, but the key in e-pub-differs is ${publicKeys[2]}`,
    ),
    /^g-same-as-a has the same key as a-good: B62/,
    /^i-wrapped: the passphrase that the file carries does not open/,
    new RegExp(`^j-wrapped says ${publicKeys[2]}, but the key in j-wrapped is ${publicKeys[1]}`),
  ];
  for (const pattern of expected)
    assert.ok(
      lines.some((line) => pattern.test(line)),
      `${pattern} in\n${lines.join('\n')}`,
    );
  assert.equal(lines.length, expected.length, lines.join('\n'));
});

test('without a variable and without a terminal it says what to set', async (t) => {
  const folder = folderOf(t, {
    a: await wallet(0),
    b: '{"ciphertext":1}',
    'a-libp2p': await libp2pPair(),
  });
  const { lines, hint } = await refusal(folder, access());
  assert.ok(lines.some((line) => /^b: /.test(line)));
  assert.ok(
    lines.some((line) => /a: a wallet needs a passphrase, but MINA_PRIVKEY_PASS/.test(line)),
  );
  assert.ok(lines.some((line) => /a-libp2p: .*MINA_LIBP2P_PASS is not set/.test(line)));
  assert.match(hint, /MINA_PRIVKEY_PASS.*UPTIME_PRIVKEY_PASS.*at a terminal/);
});

test(
  'one answer opens all that share it; the others are asked for by name',
  slowOnly,
  async (t) => {
    const folder = folderOf(t, {
      a: await wallet(0),
      b: await wallet(1, ''),
      c: await wallet(2),
      'c-libp2p': await libp2pPair(),
      d: await wrapped(3),
    });
    const keys = access({ answers: ['wrong', PASSPHRASE, 'also wrong', '', LIBP2P_PASSPHRASE] });
    const read = await readProducers(folder, keys);
    assert.deepEqual(keysOf(read), publicKeys);
    assert.equal(read.producers[2].peerId, PEER_ID);
    assert.deepEqual(
      keys.log.asked.map((question) => question.replaceAll(`${folder}/`, '')),
      [
        'Passphrase of the wallet a (also tried on the 2 others): ',
        'Passphrase of the wallet a (also tried on the 2 others): ',
        'Passphrase of the wallet b: ',
        'Passphrase of the wallet b: ',
        'Passphrase of the libp2p key pair c-libp2p: ',
      ],
    );
    assert.deepEqual(
      keys.log.notes.map((note) => note.replaceAll(`${folder}/`, '')),
      ['this passphrase does not open a', 'this passphrase does not open b'],
    );
    assert.equal(keys.log.progress.at(-1), '5/5');
  },
);

test('an empty variable is an empty passphrase', async (t) => {
  const path = join(folderOf(t, { a: await wallet(0, '') }), 'a');
  const keys = access({ passphrases: { wallet: '' }, answers: [] });
  assert.deepEqual(keysOf(await readProducers(path, keys)), [publicKeys[0]]);
});

test('three wrong answers end it; known faults end it before anything is asked', async (t) => {
  const folder = folderOf(t, { a: await wallet(0) });
  const keys = access({ answers: ['1', '2', '3'] });
  assert.match((await refusal(folder, keys)).lines[0], /^a: none of 3 passphrases opens it$/);
  writeFileSync(join(folder, 'b'), '{"ciphertext":1}', { mode: 0o600 });
  const never = access({ answers: [] });
  assert.match((await refusal(folder, never)).lines[0], /^b: box_primitive is missing$/);
  assert.deepEqual(never.log.asked, []);
});

test(
  'files that others may read are told, and read',
  { skip: process.platform === 'win32' },
  async (t) => {
    const folder = folderOf(t, {
      a: await wallet(0),
      b: await wallet(1),
      list: plainKeys[2] + '\n#',
    });
    chmodSync(join(folder, 'b'), 0o640);
    const keys = withPassphrase();
    await readProducers(join(folder, 'a'), keys);
    assert.equal(keys.log.notes.length, 0);
    chmodSync(join(folder, 'list'), 0o604);
    await readProducers(join(folder, 'b'), keys);
    await readProducers(join(folder, 'list'), keys);
    writeFileSync(join(folder, 'list'), plainKeys[2]);
    chmodSync(join(folder, 'list'), 0o600);
    await readProducers(folder, keys);
    assert.deepEqual(
      keys.log.notes.map((note) => note.replaceAll(`${folder}/`, '')),
      [
        'other users of this machine may read b; a Mina daemon refuses such key files (chmod 600 changes that)',
        'other users of this machine may read list (chmod 600 changes that)',
        `other users of this machine may read b in ${folder}; a Mina daemon refuses such key files (chmod 600 changes that)`,
      ],
    );
  },
);

test('wallets with their plain keys beside them are read without deriving anything', async (t) => {
  const folder = join(projectRoot, 'test', 'producers', 'wallets-with-plain-keys');
  const expected = [
    'B62qkoA83ZvKZC8LVZgwFF5ELN1BJYu5qZRDeti2ySZgq8U49abJ91x',
    'B62qnfk6Y6aj8pafgHZ4aDy1eZFmTonhqjHNRwhPdfVVoX9uUStuSGD',
    'B62qn7JpP4f111ju4thb8y9E2HH8Rbbicp6QZzU3UUwSj3Ntr4vv8Sb',
  ];
  // No passphrase and nobody to ask: a wallet that is opened would be an error.
  const keys = access();
  assert.deepEqual(keysOf(await readProducers(folder, keys)), expected);
  assert.deepEqual(keys.log.progress, []);
  assert.match(keys.log.notes.at(-1)!, /^3 wallets have their plain keys beside them \(\.sk\)/);
  assert.equal(await countProducers(folder), 3);
  for (const name of ['keypair-2.json', 'keypair-2.json.sk'])
    assert.deepEqual(keysOf(await readProducers(join(folder, name), access())), [expected[1]]);

  const mixed = folderOf(t, {
    'a.json': await wallet(0, 'never asked'),
    'a.sk': plainKeys[0],
    'a.json.pub': publicKeys[0],
    'libp2p_keys/a.peerid': PEER_ID,
    b: await wallet(1),
    'b.sk': 'no key at all',
    'c.sk': plainKeys[2],
    d: plainKeys[3],
    'd.sk': plainKeys[3],
  });
  assert.deepEqual((await refusal(mixed, withPassphrase())).lines, [
    `d.sk has the same key as d: ${publicKeys[3]}`,
  ]);
  rmSync(join(mixed, 'd.sk'));
  rmSync(join(mixed, 'd'));
  const read = await readProducers(mixed, withPassphrase());
  assert.deepEqual(keysOf(read), publicKeys.slice(0, 3));
  assert.equal(read.producers[0].peerId, PEER_ID);
  writeFileSync(join(mixed, 'a.json.pub'), publicKeys[3]);
  assert.match(
    (await refusal(mixed, withPassphrase())).lines[0],
    new RegExp(`^a\\.json\\.pub says ${publicKeys[3]}, but the key in a\\.sk is ${publicKeys[0]}`),
  );
  writeFileSync(join(mixed, 'a.sk'), plainKeys[1].slice(0, -1));
  assert.match((await refusal(mixed, withPassphrase())).lines[0], /^a\.sk: not a Mina private key/);
});

test(
  'a thousand wallets beside their keys are read, in the order of their names',
  slowOnly,
  async (t) => {
    const count = 1000;
    const many = makeFleet({ seed: 'pairs', count });
    const folder = scratchFolder(t);
    const text = readVector('wallet-node-a.json');
    for (let i = 0; i < count; i++) {
      const name = join(folder, `keypair-${String(i).padStart(5, '0')}.json`);
      writeFileSync(name, text, { mode: 0o600 });
      const key = encode('privateKey', many.privateKeys.subarray(32 * i, 32 * i + 32));
      writeFileSync(`${name}.sk`, key, { mode: 0o600 });
    }
    const keys = access();
    const read = await readProducers(folder, keys);
    assert.deepEqual(read.privateKeys, many.privateKeys);
    assert.deepEqual(keysOf(read), keysOf(many));
    assert.match(keys.log.notes[0], /^1,000 wallets have their plain keys/);
  },
);

test(
  'a pipe among keys is passed over; one that should be a key is named',
  { skip: process.platform === 'win32' },
  async (t) => {
    const folder = folderOf(t, { a: await wallet(0) });
    assert.equal(spawnSync('mkfifo', [join(folder, 'pipe')]).status, 0);
    const keys = withPassphrase();
    assert.deepEqual(keysOf(await readProducers(folder, keys)), [publicKeys[0]]);
    assert.deepEqual(keys.log.notes, [`${folder}: no key files, skipped: pipe`]);
    writeFileSync(join(folder, 'pipe.pub'), publicKeys[1]);
    const { lines } = await refusal(folder, withPassphrase());
    assert.deepEqual(lines, ['the key file pipe is a pipe, not a file']);
    await assert.rejects(
      readProducers(join(folder, 'pipe'), withPassphrase()),
      /the producers file .*pipe is a pipe, not a file/,
    );
  },
);

test('it can be cancelled while a key is opened and while it asks', async (t) => {
  // The daemon's cost, so that there is something to cancel: the first progress comes before the worker begins.
  const path = join(folderOf(t, { a: readVector('wallet-node-a.json') }), 'a');
  const opening = new AbortController();
  await assert.rejects(
    readProducers(path, {
      passphrases: { wallet: 'x' },
      signal: opening.signal,
      onProgress: () => setImmediate(() => opening.abort(new Error('enough'))),
    }),
    /^Error: enough$/,
  );
  const asking = new AbortController();
  await assert.rejects(
    readProducers(path, {
      passphrases: {},
      signal: asking.signal,
      ask: (_question, signal) => {
        asking.abort(new Error('enough'));
        return Promise.reject(signal!.reason as Error);
      },
    }),
    /^Error: enough$/,
  );
});

test('nothing there, nothing in it', async (t) => {
  const folder = folderOf(t, { 'readme.txt': 'x', 'sub/wallet': await wallet(0) });
  const keys = withPassphrase();
  assert.match((await refusal(folder, keys)).lines[0], /there is no key file in the folder$/);
  await assert.rejects(countProducers(folder), UserError);
  const missing = join(folder, 'none');
  assert.match((await refusal(missing, keys)).lines[0], /none cannot be read \(ENOENT\)/);
  const object = join(folder, 'object.json');
  writeFileSync(object, '{"private_key":"x"}');
  assert.match((await refusal(object, keys)).lines[0], /:1: not a Mina private key/);
});

test('as many at once as cores, files and a quarter of the memory allow', () => {
  const jobs = (count: number, memoryBytes = 2 ** 27) => Array<object>(count).fill({ memoryBytes }) as { memoryBytes: number }[]; // prettier-ignore
  assert.equal(keyWorkers(jobs(15), 8, 2 ** 40), 8);
  assert.equal(keyWorkers(jobs(3), 8, 2 ** 40), 3);
  // Deriving from so little takes less than a worker needs to start.
  assert.equal(keyWorkers(jobs(15, 2 ** 13), 8, 2 ** 40), 1);
  assert.equal(keyWorkers(jobs(15), 8, 2 ** 31), 4);
  assert.equal(keyWorkers([...jobs(15), ...jobs(1, 2 ** 30)], 8, 2 ** 31), 1);
  assert.equal(keyWorkers([...jobs(130_000), ...jobs(1, 2 ** 30)], 8, 2 ** 32), 1);
});
