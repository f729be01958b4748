/** Worker thread: opens encrypted key files. Deriving a key from a passphrase keeps a core busy for seconds. */
import { parentPort } from 'node:worker_threads';
import { decryptLibp2pKeyPair, decryptWallet, KeyFileError } from '../mina/key-files.ts';
import { encodePrivateKey } from '../mina/schnorr.ts';
import type { KeyJob, KeyOutcome } from './key-pool.ts';

async function open({ holds, text, passphrase }: KeyJob): Promise<KeyOutcome> {
  try {
    if (holds === 'libp2p')
      return { kind: 'libp2p', peerId: (await decryptLibp2pKeyPair(text, passphrase)).peerId };
    const { privateKey, publicKey } = await decryptWallet(text, passphrase);
    return { kind: 'wallet', privateKey: encodePrivateKey(privateKey), publicKey };
  } catch (error) {
    if (error instanceof KeyFileError)
      return { kind: 'fault', fault: error.fault, problems: [...error.problems] };
    // The words of an unknown error are not repeated: nobody knows what they quote.
    const problem =
      error instanceof RangeError
        ? 'there is not enough memory to derive its key'
        : `it cannot be opened (${error instanceof Error ? error.name : typeof error})`;
    return { kind: 'fault', fault: 'content', problems: [problem] };
  }
}

parentPort!.on('message', (job: KeyJob) => {
  void open(job).then((outcome) => parentPort!.postMessage(outcome));
});
