import assert from 'node:assert/strict';
import { test } from 'node:test';
import nacl from 'tweetnacl';
import { KeyFileError, decryptLibp2pKeyPair, decryptWallet } from '../../mina/key-files.ts';
import { decodePeerId } from '../../mina/peer-id.ts';
import { readVector, recordedSubmission } from './vectors.ts';

// Each takes seconds: these files have the cost that daemons choose.
const PASSPHRASE = 'naughty blue worm'; // published beside the files: test/vectors/README.md

test('the libp2p key pair of a real daemon gives the peer id of a recorded submission', async () => {
  const { seed, publicKey, peerId } = await decryptLibp2pKeyPair(
    readVector('libp2p-node-a.json'),
    PASSPHRASE,
  );
  assert.equal(peerId, recordedSubmission('submission-with-snark-work.json').data.peer_id);
  assert.deepEqual(decodePeerId(peerId), publicKey);
  assert.deepEqual(nacl.sign.keyPair.fromSeed(seed).publicKey, publicKey);
});

test('the wallet of a real daemon refuses a wrong passphrase', async () => {
  await assert.rejects(
    decryptWallet(readVector('wallet-node-a.json'), 'naughty blue wurm'),
    (error) => error instanceof KeyFileError && error.fault === 'passphrase',
  );
});
