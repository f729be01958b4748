/** State hashes of a recorded block on one core: in full, of patched blocks, and whole blocks of a synthetic chain. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { decodeBase64 } from '../mina/base64.ts';
import { type ParsedBlock, type ProtocolState, parseBlock } from '../mina/block.ts';
import { createChainBuilder } from '../mina/chain.ts';
import { ERAS } from '../mina/eras.ts';
import { Fp } from '../mina/field.ts';
import {
  BODY_PREFIX,
  STATE_PREFIX,
  type StateHash,
  feedBody,
  packToElements,
  referenceStateHash,
} from '../mina/state-hash.ts';
import { openStateHashPairs } from '../mina/state-hash-pair.ts';
import { createStateHasher } from '../mina/state-hasher.ts';
import { loadMinaPairWasm, loadMinaWasm, projectRoot } from '../paths.ts';
import { payloadBytes } from '../producers/payloads.ts';
import { recordedPayloads } from '../producers/templates.ts';
import { type BenchLine, compareRates, rateLine } from './measure.ts';

const COUNT = 500;
const PEER_COUNT = 10;

/**
 * A state hash through o1js' public API took 7.7 ms of one core (Node 20, the machine of README.md's figures). It is not
 * installed for this, being too large; where the machine is another one, this ratio is off by as much.
 */
const O1JS_PER_SECOND = 1000 / 7.7;

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const template = await recordedBlock();
  const { protocol_state: state, era: rule } = template;
  const hasher = createStateHasher(loadMinaWasm());
  const cached = hasher.cached();
  const signerHash = await loadMinaSignerHash();
  const patched = (i: number): ProtocolState => withHeight(state, i);

  const expected = referenceStateHash.stateHash(state, rule);
  assert.deepEqual(hasher.stateHash(state, rule), expected);
  if (signerHash) assert.deepEqual(signerHash(state, rule), expected);
  for (const i of [1, 2])
    assert.deepEqual(cached.stateHash(patched(i), rule), hasher.stateHash(patched(i), rule));

  const times = (count: number, step: () => void) => (): number => {
    for (let i = 0; i < count; i++) step();
    return count;
  };
  let next = 0;
  const full = times(COUNT, () => hasher.stateHash(state, rule));
  const ofPatched = times(COUNT, () => cached.stateHash(patched(++next), rule));
  const byReference = times(PEER_COUNT, () => referenceStateHash.stateHash(state, rule));
  const bySigner = signerHash && times(PEER_COUNT, () => signerHash(state, rule));
  for (const [name, ours] of [
    ['in full', full],
    ['of a patched block', ofPatched],
  ] as const) {
    const line = { bench: 'state-hash', case: name, unit: 'state hashes/s' };
    const rates = compareRates(ours, byReference);
    report(rateLine({ ...line, peer: 'our BigInt reference' }, rates));
    const peer = 'mina-signer (inner Poseidon)';
    if (bySigner) report(rateLine({ ...line, peer }, compareRates(ours, bySigner)));
    const constant = { ...rates, peerValue: O1JS_PER_SECOND };
    report(rateLine({ ...line, peer: 'o1js, constant' }, constant));
  }

  const pairs = openStateHashPairs(loadMinaPairWasm());
  if (pairs) {
    const packed = [1, 2].map((i) => pairs.pack(patched(i), rule));
    const together = (): [Uint8Array, Uint8Array] => pairs.hash(packed[0], packed[1]);
    const alone = [1, 2].map((i) => hasher.stateHash(patched(i), rule));
    assert.deepEqual(together(), alone);
    const inPairs = (): number => 2 * times(COUNT / 2, together)();
    report(
      rateLine(
        { bench: 'state-hash', case: 'two blocks at a time', unit: 'state hashes/s', peer: 'one block at a time' }, // prettier-ignore
        compareRates(inPairs, full),
      ),
    );
  }

  const grow = (hash: StateHash, count: number): (() => number) => {
    const builder = createChainBuilder(template, { hash });
    let tip = builder.root;
    return times(count, () => (tip = builder.append(tip, { slot: tip.slot + 1 })));
  };
  const blocks = { bench: 'state-hash', unit: 'blocks/s' };
  report(
    rateLine(
      { ...blocks, case: 'chain: state hash, texts and bytes', peer: 'our BigInt reference' },
      compareRates(grow(hasher.cached(), COUNT), grow(referenceStateHash, PEER_COUNT)),
    ),
  );
  report(
    rateLine(
      { ...blocks, case: 'decode header and state', peer: null },
      compareRates(
        times(COUNT * 10, () => parseBlock(template.bytes)),
        undefined,
      ),
    ),
  );
}

/** The block of a submission that is shipped with the toolkit. */
async function recordedBlock(): Promise<ParsedBlock> {
  const [payload] = await recordedPayloads();
  const { start, end } = payload.block;
  const text = (await payloadBytes(payload)).subarray(start + 1, end - 1);
  return parseBlock(decodeBase64(text, true));
}

function withHeight(state: ProtocolState, height: number): ProtocolState {
  const { body } = state;
  const timestamp = body.constants.genesis_state_timestamp + BigInt(height * ERAS.rc1.slotTimeMs);
  return {
    ...state,
    body: {
      ...body,
      blockchain_state: { ...body.blockchain_state, timestamp },
      consensus_state: { ...body.consensus_state, blockchain_length: height },
    },
  };
}

/** The package's public API has no state hash; its Poseidon over what we pack is one. */
async function loadMinaSignerHash(): Promise<StateHash['stateHash'] | undefined> {
  const folder = join(projectRoot, 'node_modules/mina-signer/dist/node/mina-signer/src');
  const path = join(folder, 'poseidon-bigint.js');
  if (!existsSync(path)) return undefined;
  const { hashWithPrefix } = (await import(pathToFileURL(path).href)) as {
    hashWithPrefix: (prefix: string, input: bigint[]) => bigint;
  };
  return ({ previous_state_hash, body }, rule) => {
    const elements = packToElements((sink) => feedBody(sink, body, rule));
    const bodyHash = hashWithPrefix(BODY_PREFIX.padEnd(20, '*'), elements);
    const input = [Fp.fromBytesLE(previous_state_hash), bodyHash];
    return Fp.toBytesLE(hashWithPrefix(STATE_PREFIX.padEnd(20, '*'), input));
  };
}
