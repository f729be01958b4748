/** `npm run inspect`: what it prints for right, wrong and unreadable submissions, and its exit codes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { inspect as inspectCommand, type Inspection } from '../../cli/commands/inspect.ts';
import { encode } from '../../mina/base58check.ts';
import { createSigner } from '../../mina/signer.ts';
import { distFile, loadMinaWasm, projectRoot } from '../../paths.ts';
import { EXIT } from '../../user-error.ts';
import { recordedBlock } from '../mina/block-fixtures.ts';
import { signingVectors } from '../mina/vectors.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { readRecorded, RECORDED_NAMES, recordedFile } from '../support/recorded.ts';

const base = scratchFolder();

type Inspected = { lines: Inspection[]; status: number | null; stderr: string };
const linesOf = (stdout: string): Inspection[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Inspection);

async function inspect(args: string[]): Promise<Inspected> {
  const { exitCode, stdout, stderr } = await runCommand(inspectCommand, args, { cwd: base });
  return { lines: linesOf(stdout), status: exitCode, stderr };
}

/** Standard input is a process's own. */
function inspectInput(input: string | Buffer): Inspected {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [distFile('cli.js'), 'inspect', '-'],
    { input, encoding: 'utf8', cwd: base, env: { ...process.env, npm_command: undefined } },
  );
  return { lines: linesOf(stdout), status, stderr };
}

const file = (name: string, text: string): string => {
  writeFileSync(join(base, name), text);
  return name;
};
const recorded = readRecorded('submission-without-snark-work.json');

describe('inspect', () => {
  test('recorded submissions: valid, testnet, the hash under which backends keep the block, its fields', async () => {
    const paths = RECORDED_NAMES.map(recordedFile);
    const { lines, status } = await inspect(paths);
    assert.equal(status, 0);
    assert.deepEqual(lines[1], {
      file: paths[1],
      submitter: 'B62qiZv3JwF9wRGtqhNbLsfWMm6zYd71RD6Akfq9AUK8MY4EC5Ye9i6',
      created_at: '2024-02-21T08:55:13Z',
      signature: 'valid',
      network: 'testnet',
      block_hash: 'ZB76TnYx5zWndg5bxkR6rkbBdycG9xBYYMTBs2ygUddTEF72FB',
      state_hash: '3NL15H2w8fCVcH76FxBgJJfKVSBSr4BGYNPvavhP5oAwC8hyBW1K',
      previous_state_hash: '3NKwED6Qv8x7PbJhHU1oexvTpU2YTcAYUc5WMy3fRweK1U51Smrf',
      height: 4,
      slot: 5,
      slot_since_hard_fork: 5,
      epoch: 0,
      slot_in_epoch: 5,
      slot_time: '2024-02-21T08:54:54.322Z',
      era: 'rc1',
      generation: 'rc1',
      proof: 'not checked',
      sizes: {
        submission: 17_263,
        block: 12_702,
        header: 12_695,
        protocol_state: 1520,
        protocol_state_proof: 11_138,
        body: 7,
      },
    } satisfies Inspection);
    const { block_hash, state_hash, previous_state_hash, height, slot, sizes } = lines[0];
    const { data } = JSON.parse(readRecorded(RECORDED_NAMES[0])) as {
      data: { snark_work: string };
    };
    assert.equal(sizes?.submission, readRecorded(RECORDED_NAMES[0]).length);
    assert.equal(sizes?.snark_work, Buffer.from(data.snark_work, 'base64').length);
    assert.deepEqual(
      { block_hash, state_hash, previous_state_hash, height, slot },
      {
        block_hash: 'YhRTc38aeU8wtz85SUYSrCc7X65XoyCuxy2MWDLkCTY65t2LRw',
        state_hash: '3NKcY7wC57SCRwxu1Qwfziaccj1kUxHKRxsk685e7do39Ftd5nSb',
        previous_state_hash: '3NL4tiZz8u2j1V2jXxp8ddqn16M4tNDBzRuwokBHjtWAJQumyP4t',
        height: 7,
        slot: 8,
      },
    );
  });

  test('the network is the one whose signature fits', async () => {
    const { submissions, keys } = signingVectors();
    for (const { key, network, fields, signature } of submissions) {
      const data = {
        block: JSON.parse(fields.block as string) as string,
        created_at: fields.createdAt,
        peer_id: fields.peerId,
        ...(fields.snarkWork === undefined
          ? {}
          : { snark_work: JSON.parse(fields.snarkWork as string) as string }),
        graphql_control_port: Number(fields.graphqlControlPort ?? 0),
        built_with_commit_sha: fields.builtWithCommitSha ?? '',
      };
      const text = JSON.stringify({ data, submitter: keys[key].publicKey, signature });
      const { lines, status } = await inspect([file('vector.json', text)]);
      assert.equal(status, 0);
      assert.deepEqual([lines[0].signature, lines[0].network], ['valid', network]);
      // Their blocks are a few bytes: the signature is valid all the same.
      assert.match(lines[0].error!, /^block: protocol_state\.\S+: .* at byte \d+$/);
      assert.equal(lines[0].state_hash, null);
      assert.deepEqual(
        [lines[0].sizes?.submission, lines[0].sizes?.block],
        [Buffer.byteLength(text), Buffer.from(data.block, 'base64').length],
      );
    }
  });

  test('a wrong signature, a malformed one and an unreadable file end with 99', async () => {
    const wrong = file('wrong.json', recorded.replace('2024-02-21T', '2024-02-22T'));
    const zero = encode(
      'signature',
      Uint8Array.from({ length: 64 }, () => 255),
    );
    const malformed = file('malformed.json', recorded.replace(/7mX[^"]*/, zero));
    const broken = file('broken.json', recorded.replace('"B62q', '\n"B62r'));
    const { lines, status } = await inspect([wrong, malformed, broken]);
    assert.equal(status, EXIT.gateFailed);
    assert.deepEqual(
      [lines[0].signature, lines[0].network, lines[0].error],
      ['invalid', null, undefined],
    );
    assert.equal(lines[1].signature, 'invalid');
    assert.match(lines[1].error!, /rx/);
    assert.equal(lines[2].signature, null);
    assert.match(lines[2].error!, /^submitter: .*line 2$/);
    // One bad file among good ones is enough, and the good ones are still shown.
    assert.equal((await inspect([file('good.json', recorded), wrong])).status, EXIT.gateFailed);
  });

  test('folders, standard input and one submission a line', async () => {
    mkdirSync(join(base, 'folder', 'inner'), { recursive: true });
    file(join('folder', 'b.json'), recorded);
    file(join('folder', 'inner', 'a.json'), recorded);
    file(join('folder', 'notes.txt'), 'not looked at');
    const folder = await inspect(['folder']);
    assert.equal(folder.status, 0);
    assert.deepEqual(
      folder.lines.map((line) => line.file),
      [join('folder', 'b.json'), join('folder', 'inner', 'a.json')],
    );
    assert.equal(
      inspectInput(JSON.stringify(JSON.parse(recorded), null, 2)).lines[0].signature,
      'valid',
    );
    const lines = inspectInput(`${recorded.trim()}\n\n${recorded.trim()}\n`);
    assert.deepEqual(
      lines.lines.map((line) => [line.file, line.signature]),
      [
        ['-:1', 'valid'],
        ['-:3', 'valid'],
      ],
    );
    assert.equal(
      (await inspect([file('many.ndjson', `${recorded.trim()}\nx\n`)])).status,
      EXIT.gateFailed,
    );
  });

  test('what a backend stored: the block must be there and have its hash', async () => {
    const block = recordedBlock();
    const hash = encode('blockHash', createSigner(loadMinaWasm()).blake2b256(block));
    const { submitter } = JSON.parse(recorded) as { submitter: string };
    const stored = {
      created_at: '2026-01-02T03:04:05Z',
      peer_id: 'p',
      remote_addr: '1',
      submitter,
      block_hash: hash,
    };
    mkdirSync(join(base, 'store', 'submissions', '2026-01-02'), { recursive: true });
    mkdirSync(join(base, 'store', 'blocks'));
    const path = join(
      'store',
      'submissions',
      '2026-01-02',
      `2026-01-02T03:04:05Z-${submitter}.json`,
    );
    file(path, JSON.stringify(stored));
    const missing = await inspect(['store']);
    assert.equal(missing.status, EXIT.gateFailed);
    assert.match(missing.lines[0].error!, /block is missing/);
    writeFileSync(join(base, 'store', 'blocks', `${hash}.dat`), block);
    const whole = await inspect(['store']);
    assert.equal(whole.status, 0);
    assert.deepEqual([whole.lines[0].block_hash, whole.lines[0].signature], [hash, null]);
    assert.deepEqual([whole.lines[0].height, whole.lines[0].slot], [4, 5]);
    writeFileSync(join(base, 'store', 'blocks', `${hash}.dat`), 'other');
    assert.match((await inspect(['store'])).lines[0].error!, /has the hash/);

    const broken = block.subarray(0, 1100);
    const brokenHash = encode('blockHash', createSigner(loadMinaWasm()).blake2b256(broken));
    writeFileSync(join(base, 'store', 'blocks', `${brokenHash}.dat`), broken);
    file(path, JSON.stringify({ ...stored, block_hash: brokenHash }));
    const undecodable = await inspect(['store']);
    assert.equal(undecodable.status, EXIT.gateFailed);
    assert.match(
      undecodable.lines[0].error!,
      /^block: protocol_state\.body\.consensus_state\.last_vrf_output: .* at byte \d+$/,
    );
  });

  test('raw blocks and bare protocol states: era, slot, epoch and the time of the slot', async () => {
    const vectors = join(projectRoot, 'test', 'vectors', 'mesa');
    const paths = [
      join(vectors, 'mesa-mut-297736.header-and-empty-body.bin'),
      join(vectors, 'mesa-devnet-546365.protocol_state.bin'),
      join(vectors, 'mesa-mut-297736.protocol_state.bin'),
    ];
    const { lines, status, stderr } = await inspect(paths);
    assert.deepEqual([status, stderr], [0, '']);
    const mut = {
      signature: null,
      state_hash: '3NK6RWU4RvrLkCnsM8hcWykcr2FiAa6XJrBTGBuuzNUU5mBadseV',
      height: 297_736,
      slot: 449_669,
      slot_since_hard_fork: 9,
      epoch: 0,
      slot_in_epoch: 9,
      slot_time: '2026-06-05T18:13:30.000Z',
      era: 'mesa',
    };
    const wanted = [
      { ...mut, proof: 'not checkable yet' },
      {
        ...mut,
        state_hash: '3NLP4wdhHVC6iPJPui2yZhL2BWbLMMqJNyBBVzYTpYvp7HP878Bd',
        height: 546_365,
        slot: 861_214,
        slot_since_hard_fork: 1654,
        slot_in_epoch: 1654,
        slot_time: '2026-08-21T11:21:00.000Z',
        proof: null,
      },
      { ...mut, proof: null },
    ];
    lines.forEach((line, i) => {
      assert.equal(line.error, undefined);
      assert.deepEqual({ ...line, ...wanted[i] }, line);
    });
    assert.equal(lines[0].sizes?.block, 12_710);
    assert.deepEqual(lines[1].sizes, { protocol_state: 1532 });
    const input = inspectInput(readFileSync(paths[0]));
    assert.deepEqual({ ...input.lines[0], file: lines[0].file }, lines[0]);

    // Blocks alone in a folder, under the names that a backend gives them; a wrong name is seen.
    mkdirSync(join(base, 'blocks'));
    writeFileSync(join(base, 'blocks', `${lines[0].block_hash}.dat`), readFileSync(paths[0]));
    assert.equal((await inspect(['blocks'])).status, 0);
    const other = 'ZB76TnYx5zWndg5bxkR6rkbBdycG9xBYYMTBs2ygUddTEF72FB';
    writeFileSync(join(base, 'blocks', `${other}.dat`), readFileSync(paths[0]));
    const renamed = await inspect([join('blocks', `${other}.dat`)]);
    assert.equal(renamed.status, EXIT.gateFailed);
    assert.match(renamed.lines[0].error!, /^its name says ZB76TnYx.*, but its hash is /);
  });

  test('an era that a block is not of, a version of no era, and what is no block', async () => {
    const path = join(projectRoot, 'test/vectors/mesa/mesa-mut-297736.header-and-empty-body.bin');
    const wrong = await inspect(['--era', 'berkeley', path, recordedFile(RECORDED_NAMES[1])]);
    assert.match(wrong.lines[0].error!, /it is of Mesa, not of Berkeley/);
    assert.match(wrong.lines[1].error!, /it is of release candidate 1, not of Berkeley/);
    assert.equal(wrong.status, EXIT.gateFailed);
    assert.equal((await inspect(['--era', 'mesa', path])).status, 0);

    const bytes = readFileSync(path);
    bytes[12_699] = 5;
    writeFileSync(join(base, 'preflight.bin'), bytes);
    writeFileSync(join(base, 'proof.bin'), bytes.subarray(1528));
    const { lines, status } = await inspect(['preflight.bin', 'proof.bin']);
    assert.equal(status, EXIT.gateFailed);
    assert.match(lines[0].error!, /5 is the version of the archived preflight network alone .* byte 12699/); // prettier-ignore
    assert.match(lines[1].error!, /^block: protocol_state\./);
  });

  test('nothing to inspect is the user’s to mend', async () => {
    mkdirSync(join(base, 'empty'));
    for (const [args, exitCode, message] of [
      [[], EXIT.usage, /no file was given/],
      [['absent.json'], EXIT.usage, /no file or folder absent\.json/],
      [['/dev/zero'], EXIT.usage, /\/dev\/zero is a device, not a file/],
      [['empty'], EXIT.noData, /empty holds no/],
    ] as const) {
      const { status, stderr, lines } = await inspect([...args]);
      assert.equal(status, exitCode);
      assert.match(stderr, message);
      assert.deepEqual(lines, []);
    }
  });
});
