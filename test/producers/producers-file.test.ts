import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { encode } from '../../mina/base58check.ts';
import { encodePeerId } from '../../mina/peer-id.ts';
import { ed25519PublicKey, makeFleet } from '../../producers/fleet.ts';
import { readProducersFile } from '../../producers/producers-file.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { projectRoot } from '../../paths.ts';
import { slowOnly } from '../support/thorough.ts';

const fleet = makeFleet({ seed: 'list', count: 3 });
const keys = [0, 1, 2].map((i) =>
  encode('privateKey', fleet.privateKeys.subarray(32 * i, 32 * i + 32)),
);
const publicKeys = fleet.producers.map(({ publicKey }) => publicKey);
const seed = Buffer.alloc(32, 7);
const peerIdOfSeed = encodePeerId(ed25519PublicKey(seed));

function fileOf(t: TestContext, content: string | Uint8Array): string {
  const file = join(scratchFolder(t), 'producers');
  writeFileSync(file, content);
  return file;
}

/** The lines of the error that the file gets, without its name. */
async function problemsOf(t: TestContext, content: string | Uint8Array): Promise<string[]> {
  const file = fileOf(t, content);
  try {
    await readProducersFile(file);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, 2);
    assert.ok(!/EK[1-9A-Za-z]{20}/.test(`${error.message}${error.hint}`), error.message);
    return error.message.split('\n').map((line) => line.replace(file, '').replace(/^:/, ''));
  }
  return assert.fail('the file was accepted');
}

test('text, CSV and JSON give the producers in the order of the file', async (t) => {
  const forms = {
    text: `# test keys\n\n${keys[0]}\r\n  ${keys[1]} # second\n${keys[2]}`,
    bom: `\ufeff${keys.join('\n')}`,
    csv: `${keys[0]},${seed.toString('hex')}\n${keys[1]}\n"${keys[2]}",""\n`,
    header: `libp2p_seed,name,private_key\n${seed.toString('base64')},a,${keys[0]}\n,b,${keys[1]}\n,c,${keys[2]}\n`,
    json: JSON.stringify(
      [
        { private_key: keys[0], libp2p_seed: seed.toString('hex') },
        keys[1],
        { private_key: keys[2] },
      ],
      null,
      2,
    ),
  };
  const peerIds: Record<string, string[]> = {};
  for (const [name, content] of Object.entries(forms)) {
    const read = await readProducersFile(fileOf(t, content));
    assert.deepEqual(
      read.producers.map((p) => p.publicKey),
      publicKeys,
      name,
    );
    assert.deepEqual(read.privateKeys, fleet.privateKeys, name);
    peerIds[name] = read.producers.map((p) => p.peerId);
  }
  for (const name of ['csv', 'header', 'json']) assert.equal(peerIds[name][0], peerIdOfSeed, name);
  assert.notEqual(peerIds.text[0], peerIdOfSeed);
  assert.equal(new Set(peerIds.text).size, 3);
  for (const name in forms) assert.equal(peerIds[name][1], peerIds.text[1], name);
});

test('every fault is told with its line, and no key with it', async (t) => {
  const damaged = `${keys[0].slice(0, -1)}${keys[0].endsWith('z') ? 'y' : 'z'}`;
  const zero = encode('privateKey', new Uint8Array(32));
  const tooLarge = encode('privateKey', new Uint8Array(32).fill(0xff));
  const lines = [
    damaged,
    publicKeys[0],
    keys[1],
    zero,
    tooLarge,
    keys[1],
    `${keys[2]},abc`,
    `x,${keys[0]},${keys[0]}`,
  ];
  const problems = await problemsOf(t, lines.join('\n'));
  const expected: [number, RegExp][] = [
    [1, /checksum does not match/],
    [2, /it is a public key/],
    [4, /private key is 0/],
    [5, /not below the modulus/],
    [6, /same private key as line 3/],
    [7, /libp2p seed/],
    [8, /2 private keys/],
  ];
  assert.equal(problems.length, expected.length, problems.join('\n'));
  expected.forEach(([line, text], i) => {
    assert.ok(problems[i].startsWith(`${line}: `), problems[i]);
    assert.match(problems[i], text);
  });
});

test('faults of a JSON list', async (t) => {
  const [broken] = await problemsOf(t, `[\n"${keys[0]}",\n"${keys[1]}"\n"${keys[2]}"]`);
  assert.match(broken, /^4: is not valid JSON/);
  assert.match((await problemsOf(t, '\n{"private_key":"x"}'))[0], /^2: not a Mina private key/);
  const problems = await problemsOf(
    t,
    `[\n5,\n{"key":"x","${keys[1]}":1},\n{"private_key":"${keys[0]}","libp2p_seed":1},\n{"sk":[]},\n{}]`,
  );
  assert.deepEqual(problems, [
    '2: is a number, not a private key or an object with one',
    '3: has no private key; its fields are "key", one that is not shown',
    '4: has a libp2p_seed that is a number, not a text',
    '5: has a private key that is an array, not a text',
    '6: has no private key; it is empty',
  ]);
  assert.deepEqual(
    await problemsOf(t, JSON.stringify({ a: { pk: publicKeys[0], role: 'Seed_node' } })),
    ['1: none of the nodes has the role Block_producer'],
  );
  assert.deepEqual(await problemsOf(t, '{"accounts":[{"sk":"x"}]}'), [
    '1: has no private key; its field is "accounts"',
  ]);
});

test('key lists as other programs write them', async (t) => {
  const expected = { 'signer-array': 3, 'signer-one': 1, lightnet: 3, topology: 2 };
  const known = [
    'B62qkoA83ZvKZC8LVZgwFF5ELN1BJYu5qZRDeti2ySZgq8U49abJ91x',
    'B62qnfk6Y6aj8pafgHZ4aDy1eZFmTonhqjHNRwhPdfVVoX9uUStuSGD',
    'B62qn7JpP4f111ju4thb8y9E2HH8Rbbicp6QZzU3UUwSj3Ntr4vv8Sb',
  ];
  for (const [name, count] of Object.entries(expected)) {
    const file = join(projectRoot, 'test', 'producers', 'key-lists', `${name}.json`);
    const { producers } = await readProducersFile(file);
    assert.deepEqual(
      producers.map(({ publicKey }) => publicKey),
      known.slice(0, count),
      name,
    );
  }
  const [a, b] = keys;
  for (const content of [
    { [publicKeys[0]]: a, [publicKeys[1]]: b },
    { one: a, two: b },
    [{ 'Private Key': a }, { secretKey: b, publicKey: null }],
    {
      seed: { pk: publicKeys[2], sk: keys[2], role: 'Seed_node' },
      bp: { sk: a, role: 'Block_producer' },
      other: { sk: b },
    },
  ]) {
    const { producers } = await readProducersFile(fileOf(t, JSON.stringify(content)));
    assert.deepEqual(producers.map(({ publicKey }) => publicKey), publicKeys.slice(0, 2)); // prettier-ignore
  }
  // YAML's leniency: a comma too many, a comment.
  const lenient = `[ # test keys\n"${a}",\n"${b}",\n]`;
  assert.equal((await readProducersFile(fileOf(t, lenient))).producers.length, 2);
  assert.deepEqual(
    await problemsOf(t, `[{"pk":"${publicKeys[0]}",\n"sk":"${b}"}, {"sk":"${a}","pk":"${a}"}]`),
    [
      `1: names another public key than its private key has, ${publicKeys[1]}`,
      `2: names another public key than its private key has, ${publicKeys[0]}`,
    ],
  );
});

test('sheets: any separator, quotes, any column, any encoding', async (t) => {
  const sheets: Record<string, string | Uint8Array> = {};
  const rows = keys.map((key, i) => [`1/2/2026 10:00:0${i}`, `producer "${i}", #${i}; x`, key]);
  for (const [name, separator] of [
    ['comma', ','],
    ['semicolon', ';'],
    ['tab', '\t'],
    ['bar', '|'],
  ])
    for (const header of ['', 'Timestamp,Name,Private key', 'when,who,what'])
      sheets[`${name} ${header}`] = [
        ...(header === '' ? [] : [header.split(',').join(separator)]),
        ...rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(separator)),
      ].join('\r\n');
  const sheet = sheets['semicolon when,who,what'] as string;
  sheets['UTF-16 LE'] = Buffer.from(`\ufeff${sheet}`, 'utf16le');
  sheets['UTF-16 BE'] = Buffer.from(`\ufeff${sheet}`, 'utf16le').swap16();
  sheets['UTF-16 without a mark'] = Buffer.from(sheet, 'utf16le');
  sheets['UTF-8 with a mark'] = `\ufeff${sheet}`;
  sheets['JSON in UTF-16'] = Buffer.from(`\ufeff${JSON.stringify(keys)}`, 'utf16le');
  sheets['a cell of two lines'] = keys.map((key) => `"x\ny",${key}`).join('\n');
  sheets['lines of an old Mac'] = keys.map((key, i) => `${i},${key}`).join('\r');
  sheets['its public key beside it'] = keys.map((key, i) => `${publicKeys[i]};${key};x`).join('\n');
  for (const [name, content] of Object.entries(sheets)) {
    const { producers } = await readProducersFile(fileOf(t, content));
    assert.deepEqual(
      producers.map(({ publicKey }) => publicKey),
      publicKeys,
      name,
    );
  }
  const seeded = keys.map((key, i) => `n${i};${key};${seed.toString('hex')}`).join('\n');
  const { producers } = await readProducersFile(fileOf(t, seeded));
  assert.equal(producers[2].peerId, peerIdOfSeed);

  assert.match(
    (await problemsOf(t, `a,${keys[0]}\n"b,${keys[1]}`))[0],
    /^2: a quote .* not closed/,
  );
  assert.match((await problemsOf(t, `a,${keys[0]}\n"b" c,${keys[1]}`))[0], /^2: a cell begins/);
  assert.match(
    (await problemsOf(t, `${publicKeys[0]},${keys[1]}`))[0],
    /^1: names another public key than its private key has/,
  );
});

test('130,000 lines and as many faults overflow nothing', slowOnly, async (t) => {
  for (const [content, problem] of [
    ['EK1,EK2\n'.repeat(130_000), '100: has 2 private keys, not one'],
    [`[${'{},\n'.repeat(129_999)}{}]`, '100: has no private key; it is empty'],
  ]) {
    const problems = await problemsOf(t, content);
    assert.equal(problems.length, 101);
    assert.equal(problems[99], problem);
    assert.equal(problems.at(-1), 'and 129900 more like these');
  }
});

test('whatever stands in a list, it is read or refused in one error', async (t) => {
  const pieces = fc.constantFrom(
    ...['"', ',', ';', '\t', '\n', '\r\n', '#', '{', '}', '[', ']', ':', '|', '\\', '\u0000', '\ufeff', '&a', '*a', ' '],
    ...[keys[0], publicKeys[0], '"sk"', 'private_key', 'libp2p_seed', '"role"', 'null', '1', seed.toString('hex')],
  ); // prettier-ignore
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 30 }).map((parts) => Buffer.from(parts.join(''))),
    fc.json().map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 200 }),
  );
  const file = fileOf(t, '');
  await fc.assert(
    fc.asyncProperty(texts, async (content) => {
      writeFileSync(file, content);
      try {
        assert.ok((await readProducersFile(file)).producers.length > 0);
      } catch (error) {
        assert.ok(error instanceof UserError, String((error as Error).stack));
        assert.ok(!error.message.includes(keys[0]));
      }
    }),
    { numRuns: 500 },
  );
});

test(
  'pipes and devices are refused before they are opened',
  { skip: process.platform === 'win32' },
  async (t) => {
    const pipe = fileOf(t, '') + '-pipe';
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    await assert.rejects(readProducersFile(pipe), {
      message: `the producers file ${pipe} is a pipe, not a file`,
    });
    await assert.rejects(readProducersFile('/dev/zero'), /is a device, not a file/);
  },
);

test('an empty file, a missing file, a very wrong file', async (t) => {
  assert.match((await problemsOf(t, '# nothing\n\n'))[0], /no private key/);
  assert.match((await problemsOf(t, '[]'))[0], /no private key/);
  await assert.rejects(
    readProducersFile('/nowhere/keys'),
    /the producers file \/nowhere\/keys cannot be read \(ENOENT\)/,
  );
  const many = await problemsOf(t, `${publicKeys[0]}\n`.repeat(5000));
  assert.equal(many.length, 101);
  assert.equal(many.at(-1), 'and 4900 more like these');
});
