/**
 * A backend that does to its storage what no backend should, as told for each submission: it lies, drops, doubles, alters, delays,
 * and stores what it refuses. It checks nothing, so any well-formed submission will do.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeFleet } from '../../producers/fleet.ts';
import { parseSubmission, tokenBytes } from '../../mina/submission.ts';
import { blockHashOf } from '../../reconcile/sent.ts';
import type { AcceptedSubmission, Storage } from '../../stack/storage/storage.ts';

export type Deed =
  /** Stored, answered 200. */
  | 'store'
  /** Answered 200 and not stored. */
  | 'lie'
  /** Not stored, not answered. */
  | 'drop'
  /** Stored, not answered. */
  | 'store and drop'
  /** Refused, not stored. */
  | 'refuse'
  /** Refused and stored. */
  | 'refuse and store'
  /** Stored, and once more with the next second. */
  | 'double'
  /** Answered 200; stored by {@link CrookedBackend.storeLate}. */
  | 'delay'
  /** Stored with something else in place of what was sent. */
  | `alter ${'submitter' | 'created_at' | 'peer_id' | 'block_hash' | 'snark_work' | 'port' | 'commit'}`
  /** Stored with one byte of the block changed, under the hash that was sent. */
  | 'alter block'
  /** Stored, and beside it one of {@link STRANGERS} that nobody sent. */
  | 'store a stranger';

/** Producers of no run: each is used for one entry, so that no two are of one second. */
export const STRANGERS = makeFleet({ seed: 'strangers', count: 100 }).producers.map(
  ({ publicKey }) => publicKey,
);
/** base58check of the BLAKE2b-256 of nothing. */
export const OTHER_BLOCK_HASH = blockHashOf(new Uint8Array());

export type CrookedBackend = {
  /** http://127.0.0.1:PORT */
  url: string;
  /** How often each deed was done. */
  readonly counts: Partial<Record<Deed, number>>;
  /** Stores what was delayed. */
  storeLate(): Promise<void>;
  stop(): Promise<void>;
};

/** @param call.deedOf by order of arrival, from 0 on. `nowMs`: the clock of submitted_at */
export async function startCrookedBackend(call: {
  storage: Storage;
  deedOf: (n: number) => Deed;
  nowMs?: () => number;
}): Promise<CrookedBackend> {
  const { storage, deedOf, nowMs = Date.now } = call;
  const counts: Partial<Record<Deed, number>> = {};
  const late: AcceptedSubmission[] = [];
  let arrived = 0;

  const server = createServer((request, response) => {
    void (async () => {
      const body = await bodyOf(request);
      if (request.url !== '/v1/submit') {
        response.end(
          request.url === '/health' ? '{"status":"ok"}\n' : 'delegation backend service',
        );
        return;
      }
      if (body.length <= 2) {
        // The toolkit's question whether this is a backend.
        response.statusCode = 400;
        response.end('{"error":"Error decoding payload"}');
        return;
      }
      const deed = deedOf(arrived++);
      counts[deed] = (counts[deed] ?? 0) + 1;
      const submission = acceptedOf(body, nowMs());
      const isKept = !['lie', 'drop', 'refuse'].includes(deed);
      if (deed === 'delay') late.push(submission);
      else if (isKept) await storage.save(altered(submission, deed));
      if (deed === 'double')
        await storage.save({ ...submission, submittedAt: secondText(nowMs() + 1000) });
      if (deed === 'store a stranger')
        await storage.save({ ...submission, submitter: stranger(), peerId: 'a stranger' });
      if (deed === 'drop' || deed === 'store and drop') request.socket.destroy();
      else if (deed.startsWith('refuse')) {
        response.statusCode = 401;
        response.end('{"error":"Invalid signature"}');
      } else response.end('{"status":"ok"}');
    })().catch((error: Error) => {
      response.statusCode = 500;
      response.end(error.message);
    });
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async storeLate() {
      for (const submission of late.splice(0)) await storage.save(submission);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function altered(submission: AcceptedSubmission, deed: Deed): AcceptedSubmission {
  const change = ALTERATIONS[deed];
  return change === undefined ? submission : { ...submission, ...change(submission) };
}

let strangers = 0;
const stranger = (): string => STRANGERS[strangers++ % STRANGERS.length];

const ALTERATIONS: Partial<Record<Deed, (s: AcceptedSubmission) => Partial<AcceptedSubmission>>> = {
  'alter submitter': () => ({ submitter: stranger() }),
  'alter created_at': ({ createdAt }) => ({ createdAt: secondText(Date.parse(createdAt) + 3000) }),
  'alter peer_id': ({ peerId }) => ({ peerId: [...peerId].reverse().join('') }),
  'alter block_hash': () => ({ blockHash: OTHER_BLOCK_HASH, block: new Uint8Array() }),
  'alter snark_work': () => ({ snarkWork: '"AAAA"' }),
  'alter port': ({ graphqlControlPort }) => ({ graphqlControlPort: graphqlControlPort + 1n }),
  'alter commit': () => ({ builtWithCommitSha: 'another' }),
  'alter block': ({ block }) => {
    const bytes = block.slice();
    bytes[bytes.length >> 1] ^= 1;
    return { block: bytes };
  },
};

export function acceptedOf(body: Buffer, nowMs: number): AcceptedSubmission {
  const submission = parseSubmission(body);
  const block = tokenBytes(body, submission.block);
  const { snarkWork } = submission;
  return {
    submittedAt: secondText(nowMs),
    createdAt: submission.createdAt.stored,
    submitter: submission.submitter,
    blockHash: blockHashOf(block),
    block,
    peerId: submission.peerId,
    snarkWork: snarkWork && body.toString('utf8', snarkWork.start, snarkWork.end),
    remoteAddr: '127.0.0.1:1',
    graphqlControlPort: submission.graphqlControlPort,
    builtWithCommitSha: submission.builtWithCommitSha,
  };
}

const secondText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
