import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { encode } from '../../mina/base58check.ts';
import { encodePeerId } from '../../mina/peer-id.ts';
import { ed25519PublicKey, makeFleet } from '../../producers/fleet.ts';
import { readProducersFile } from '../../producers/producers-file.ts';
import { UserError } from '../../user-error.ts';
import { tempFolder } from './temp-folder.ts';

const fleet = makeFleet({ seed: 'list', count: 3 });
const keys = [0, 1, 2].map((i) =>
  encode('privateKey', fleet.privateKeys.subarray(32 * i, 32 * i + 32)),
);
const publicKeys = fleet.producers.map(({ publicKey }) => publicKey);
const seed = Buffer.alloc(32, 7);
const peerIdOfSeed = encodePeerId(ed25519PublicKey(seed));

function fileOf(t: TestContext, content: string): string {
  const file = join(tempFolder(t), 'producers');
  writeFileSync(file, content);
  return file;
}

/** The lines of the error that the file gets, without its name. */
async function problemsOf(t: TestContext, content: string): Promise<string[]> {
  const file = fileOf(t, content);
  try {
    await readProducersFile(file);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, 2);
    assert.ok(!/EK[1-9A-Za-z]{20}/.test(`${error.message}${error.hint}`), error.message);
    return error.message.split('\n').map((line) => line.replace(`${file}:`, ''));
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
    `${keys[0]},,x`,
  ];
  const problems = await problemsOf(t, lines.join('\n'));
  const expected: [number, RegExp][] = [
    [1, /checksum does not match/],
    [2, /it is a public key/],
    [4, /private key is 0/],
    [5, /not below the modulus/],
    [6, /same private key as line 3/],
    [7, /libp2p seed/],
    [8, /3 columns/],
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
  assert.deepEqual(await problemsOf(t, '\n{"private_key":"x"}'), ['2: is an object, not an array']);
  const problems = await problemsOf(
    t,
    `[\n5,\n{"key":"x"},\n{"private_key":"${keys[0]}","libp2p_seed":1}]`,
  );
  assert.deepEqual(
    problems.map((problem) => problem.slice(0, 2)),
    ['2:', '3:', '4:'],
  );
});

test('an empty file, a missing file, a very wrong file', async (t) => {
  assert.match((await problemsOf(t, '# nothing\n\n'))[0], /no private key/);
  assert.match((await problemsOf(t, '[]'))[0], /no private key/);
  await assert.rejects(
    readProducersFile('/nowhere/keys'),
    /cannot read .*\/nowhere\/keys \(ENOENT\)/,
  );
  const many = await problemsOf(t, `${publicKeys[0]}\n`.repeat(5000));
  assert.equal(many.length, 101);
  assert.equal(many.at(-1), 'and 4900 more like these');
});
