/**
 * The stateless verifier without checks, on one core: from a line of JSON with its block in base64 to the line of its answer. Each block another one (what the
 * aim of 1,000 a second is for), and each carried by a hundred submissions, as on mainnet.
 */
import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { encodeBlock, type ParsedBlock, parseBlock } from '../mina/block.ts';
import { createChainBuilder } from '../mina/chain.ts';
import { createStateHasher } from '../mina/state-hasher.ts';
import { encode } from '../mina/base58check.ts';
import { createSigner } from '../mina/signer.ts';
import { decodeBase64 } from '../mina/base64.ts';
import { loadMinaWasm } from '../paths.ts';
import { payloadBytes } from '../producers/payloads.ts';
import { recordedPayloads } from '../producers/templates.ts';
import { answerStream } from '../stack/verifier/stream.ts';
import { createVerifier, type Verifier } from '../stack/verifier/verifier.ts';
import { type BenchLine, cpuSeconds, rateLine } from './measure.ts';

/** Before each round, of its own. */
const WARM_UP = 200;
const BLOCKS = 600;
const SHARED = 6000;
const ROUNDS = 15;

async function recordedBlock(): Promise<Uint8Array> {
  const [payload] = await recordedPayloads();
  const { start, end } = payload.block;
  return decodeBase64((await payloadBytes(payload)).subarray(start + 1, end - 1), true);
}

/** A chain on the recorded block: other heights, slots, times and hashes. */
function chainOn(template: ParsedBlock, count: number): Uint8Array[] {
  const builder = createChainBuilder(template, {
    hash: createStateHasher(loadMinaWasm()).cached(),
    epochFields: true,
  });
  let tip = builder.root;
  return Array.from({ length: count }, () => {
    const block = builder.append(tip, { slot: tip.slot + 1 });
    tip = block;
    return block.bytes;
  });
}

/** The same as real blocks are: the second field that is hashed is another one, so no state of the sponge can be used again. */
function asReal(block: Uint8Array, i: number): Uint8Array {
  const parsed = parseBlock(block);
  const { protocol_state: state } = parsed;
  const { blockchain_state: blockchain } = state.body;
  const hash = new Uint8Array(32);
  new DataView(hash.buffer).setUint32(0, i + 1, true);
  const staged = { ...blockchain.staged_ledger_hash, pending_coinbase_hash: hash };
  const body = { ...state.body, blockchain_state: { ...blockchain, staged_ledger_hash: staged } };
  return encodeBlock({ ...parsed, protocol_state: { ...state, body } });
}

const lineOf = (block: Uint8Array, i: number, blockHash: string): string =>
  JSON.stringify({
    id: String(i),
    submitted_at_date: '2026-01-02',
    submitted_at: '2026-01-02T03:04:05Z',
    submitter: 'B62q',
    block_hash: blockHash,
    raw_block: Buffer.from(block).toString('base64'),
  });

function* repeated(lines: readonly string[], count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield lines[i % lines.length];
}

/** Takes the lines of the answers. */
class Answers extends Writable {
  refused = 0;
  override _write(line: Buffer, _encoding: string, done: () => void): void {
    if (!line.includes('"validation_error":null')) this.refused++;
    done();
  }
}

async function verifyAll(
  verifier: Verifier,
  lines: readonly string[],
  count: number,
): Promise<void> {
  const answers = new Answers();
  const texts = Readable.from(repeated(lines, count));
  const { answered } = await answerStream(texts, verifier, answers);
  assert.equal(answered, count);
  assert.equal(answers.refused, 0);
}

type Work = { lines: readonly string[]; count: number };

/**
 * Through the stream that the service reads. In turns with `peer`, and the best round of each: a core whose other thread works for somebody else needs up to
 * twice the time, for seconds on end, and only ever more.
 * @param warmUp other blocks, before the time is taken: a new verifier's code is compiled anew
 * @returns submissions per CPU second and the peer's items
 */
async function ratesOf(
  { lines, count }: Work,
  warmUp: readonly string[],
  peer: () => number,
): Promise<{ value: number; peerValue: number }> {
  const best = { value: 0, peerValue: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    // A new one each time: it keeps the blocks that it has seen.
    const verifier = createVerifier({
      rule: 'auto',
      strict: true,
      keys: { block: null, transaction: null },
      fork: null,
      proofs: null,
    });
    await verifyAll(verifier, warmUp, warmUp.length);
    const before = cpuSeconds();
    await verifyAll(verifier, lines, count);
    const between = cpuSeconds();
    const items = peer();
    const after = cpuSeconds();
    best.value = Math.max(best.value, count / (between - before));
    best.peerValue = Math.max(best.peerValue, items / (after - between));
  }
  return best;
}

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const signer = createSigner(loadMinaWasm());
  const template = parseBlock(await recordedBlock());
  const linesOf = (blocks: readonly Uint8Array[]): string[] =>
    blocks.map((block, i) => lineOf(block, i, encode('blockHash', signer.blake2b256(block))));
  const chain = chainOn(template, WARM_UP + BLOCKS);
  const all = linesOf(chain.map(asReal));
  const real = all.slice(WARM_UP);

  const hasher = createStateHasher(loadMinaWasm());
  const hashAlone = (): number => {
    for (let i = 0; i < BLOCKS; i++) hasher.stateHash(template.protocol_state, template.era);
    return BLOCKS;
  };
  for (const [name, lines, count] of [
    ['every block another one', real, BLOCKS],
    ['blocks of a synthetic chain', linesOf(chain.slice(WARM_UP)), BLOCKS],
    ['100 submissions a block', real.slice(0, SHARED / 100), SHARED],
  ] as const)
    report(
      rateLine(
        {
          bench: 'verifier',
          case: `one core, without checks, ${name}`,
          unit: 'submissions/s',
          peer: 'state hashes alone, one at a time',
        },
        await ratesOf({ lines, count }, all.slice(0, WARM_UP), hashAlone),
      ),
    );
}
