import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { NETWORKS, networkId, networkOf } from '../../mina/network.ts';
import { type SignedFields, messageOf, signedText } from '../../mina/submission-text.ts';
import { recordedSubmission, signingVectors } from './vectors.ts';

const vectors = signingVectors();
const base: SignedFields = { block: '"AAEC"', createdAt: '2026-01-02T03:04:05Z', peerId: 'P' };
const textOf = (fields: Partial<SignedFields>): string =>
  new TextDecoder('utf-8', { fatal: true }).decode(signedText({ ...base, ...fields }));
const START = '{"block":"AAEC","created_at":"2026-01-02T03:04:05Z","peer_id":"P"';

test('texts and messages of the vectors', () => {
  for (const { fields, text, textBytes, message } of vectors.submissions) {
    const bytes = signedText(fields);
    assert.equal(bytes.length, textBytes);
    if (text !== undefined) assert.deepEqual(bytes, utf8ToBytes(text));
    assert.equal(bytesToHex(messageOf(bytes)), message);
  }
});

test('texts and messages of the recorded submissions', () => {
  for (const { file, textBytes, message } of vectors.recorded) {
    const { text } = recordedSubmission(file);
    assert.equal(text.length, textBytes);
    assert.equal(bytesToHex(messageOf(text)), message);
  }
});

test('what is left out, and what is present', () => {
  assert.equal(textOf({}), `${START}}`);
  assert.equal(
    textOf({ snarkWork: undefined, graphqlControlPort: 0, builtWithCommitSha: '' }),
    `${START}}`,
  );
  assert.equal(textOf({ snarkWork: '""' }), `${START},"snark_work":""}`);
  assert.equal(textOf({ graphqlControlPort: -1 }), `${START},"graphql_control_port":-1}`);
  assert.equal(textOf({ graphqlControlPort: 0n }), `${START}}`);
  assert.equal(
    textOf({ graphqlControlPort: 2n ** 63n - 1n }),
    `${START},"graphql_control_port":9223372036854775807}`,
  );
  assert.equal(textOf({ builtWithCommitSha: '0' }), `${START},"built_with_commit_sha":"0"}`);
  assert.equal(
    textOf({ snarkWork: '"AA=="', graphqlControlPort: 3085, builtWithCommitSha: 'c' }),
    `${START},"snark_work":"AA==","graphql_control_port":3085,"built_with_commit_sha":"c"}`,
  );
});

test('block and snark work keep their escapes, peer id and commit get none', () => {
  assert.equal(textOf({ block: '"AA\\/C"' }).slice(0, 17), '{"block":"AA\\/C",');
  assert.equal(textOf({ peerId: 'a<b>&"\\é' }), START.replace('"P"', '"a<b>&"\\é"') + '}');
  assert.equal(textOf({ builtWithCommitSha: '"' }), `${START},"built_with_commit_sha":"""}`);
});

test('tokens may be given as bytes, and are taken as they are', () => {
  assert.deepEqual(
    signedText({ ...base, block: utf8ToBytes('"AAEC"'), snarkWork: utf8ToBytes('"AA=="') }),
    signedText({ ...base, snarkWork: '"AA=="' }),
  );
  assert.deepEqual([...signedText({ ...base, block: Uint8Array.of(0xff) })].slice(0, 11), [
    ...utf8ToBytes('{"block":'),
    0xff,
    0x2c,
  ]);
});

test('a lone surrogate becomes U+FFFD', () => {
  assert.equal(textOf({ peerId: 'a\ud800b' }), START.replace('"P"', '"a\ufffdb"') + '}');
});

test('a port that is no integer is refused', () => {
  for (const graphqlControlPort of [1.5, Number.NaN, Infinity, 2 ** 53])
    assert.throws(() => signedText({ ...base, graphqlControlPort }), {
      name: 'RangeError',
      message: `graphqlControlPort is an integer, not ${graphqlControlPort}`,
    });
});

test('only the name "mainnet" is mainnet', () => {
  assert.equal(networkOf('mainnet'), 'mainnet');
  for (const name of ['testnet', 'devnet', 'Mainnet', 'mainnet ', ''])
    assert.equal(networkOf(name), 'testnet');
  assert.deepEqual(NETWORKS.map(networkId), [0, 1]);
});
