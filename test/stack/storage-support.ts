/** What every storage must do, written once: whatever goes in comes out, field by field. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { parseCreatedAt } from '../../mina/created-at.ts';
import type {
  AcceptedSubmission,
  Storage,
  StorageReader,
  StoredRange,
  StoredSubmission,
  UnreadableSubmission,
} from '../../stack/storage/storage.ts';

export const SUBMITTER = 'B62qkKcZoRsRQ6PLL5SJyxRwJyFa8otqpinRUg6jZKQHYzkCEj9Z1Rk';

export const submissionOf = (changes: Partial<AcceptedSubmission> = {}): AcceptedSubmission => ({
  submittedAt: '2026-01-02T03:04:05Z',
  createdAt: '2026-01-02T03:04:00Z',
  submitter: SUBMITTER,
  blockHash: 'HASH',
  block: Uint8Array.of(1, 2, 3),
  peerId: 'peer',
  snarkWork: null,
  remoteAddr: '127.0.0.1:1',
  graphqlControlPort: 0n,
  builtWithCommitSha: '',
  ...changes,
});

const base58 = (length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...'123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'), {
      minLength: length,
      maxLength: length,
    })
    .map((signs) => signs.join(''));

/** Around the turns of two days, so that ranges and folders are tried at their edges. */
export const FIRST_S = Date.UTC(2026, 0, 1, 23, 59, 50) / 1000;
const SPAN_S = 86_400 + 20;

const atSeconds = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

/** Submissions as the backend makes them, at most one for each submitter and second. */
export const submissionsArbitrary = fc
  .uniqueArray(
    fc.record<AcceptedSubmission>({
      submittedAt: fc
        .oneof(
          fc.nat(SPAN_S),
          fc.nat(15),
          fc.nat(15).map((x) => SPAN_S - x),
        )
        .map((offset) => atSeconds(FIRST_S + offset)),
      createdAt: fc.constantFrom(
        '2026-01-02T03:04:00Z',
        '2026-01-02T04:34:05+01:30',
        '1999-12-31T20:00:00-04:00',
      ),
      submitter: base58(51).map((text) => `B62q${text}`),
      blockHash: fc.constantFrom('3NKa', '3NKb', '3NKc'),
      block: fc.constant(Uint8Array.of(1, 2, 3)),
      peerId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
      // The token as it stood in the request: quotes and escapes are part of it.
      snarkWork: fc.constantFrom(null, '""', '"AA=="', '"\\u0041A=="', '"AA\\/="'),
      // A header's bytes, one a character.
      remoteAddr: fc.constantFrom(
        '127.0.0.1:5',
        '[::1]:5',
        '10.0.0.1, 10.0.0.2',
        'caf\u00c3\u00a9<&>',
      ),
      graphqlControlPort: fc.bigInt({ min: 0n, max: 65_535n }),
      builtWithCommitSha: fc.constantFrom('', '0123abc', 'x<y>&"\u2028'),
    }),
    {
      minLength: 1,
      maxLength: 12,
      selector: ({ submittedAt, submitter }) => `${submittedAt} ${submitter}`,
    },
  )
  .map((list) =>
    list.map((submission) => ({
      ...submission,
      block: Buffer.from(`block ${submission.blockHash}`),
    })),
  );

/** What a reader must make of it; `where` and `bytes` differ between storages. */
export const storedOf = (submission: AcceptedSubmission): Omit<StoredSubmission, 'where'> => ({
  submittedAt: submission.submittedAt,
  createdAt: parseCreatedAt(submission.createdAt)!.utc,
  submitter: submission.submitter,
  blockHash: submission.blockHash,
  peerId: submission.peerId,
  snarkWork: submission.snarkWork === null ? null : (JSON.parse(submission.snarkWork) as string),
  remoteAddr: Buffer.from(submission.remoteAddr, 'latin1').toString('utf8'),
  graphqlControlPort: Number(submission.graphqlControlPort),
  builtWithCommitSha: submission.builtWithCommitSha,
});

export const ALL: StoredRange = { from: 0, to: 4e9 };

export async function readAll(
  reader: StorageReader,
  range: StoredRange = ALL,
  signal?: AbortSignal,
): Promise<(StoredSubmission | UnreadableSubmission)[]> {
  const all: (StoredSubmission | UnreadableSubmission)[] = [];
  for await (const batch of reader.submissions(range, signal)) {
    assert.ok(batch.length > 0 && batch.length <= 5000);
    all.push(...batch);
  }
  return all;
}

/** Property: any range gives exactly the submissions in it, with all their fields, and each block. */
export async function checkRoundTrip(
  open: () => Promise<{ storage: Storage; reader: StorageReader }>,
  numRuns: number,
): Promise<void> {
  const range = fc
    .tuple(fc.nat(SPAN_S + 5), fc.nat(SPAN_S + 5))
    .map(([a, b]) => ({ from: FIRST_S + Math.min(a, b), to: FIRST_S + Math.max(a, b) }));
  await fc.assert(
    fc.asyncProperty(submissionsArbitrary, range, async (submissions, part) => {
      const { storage, reader } = await open();
      for (const submission of submissions)
        assert.deepEqual(await storage.save(submission), { stored: true });
      await storage.close();
      for (const { from, to } of [ALL, part]) {
        const got = await readAll(reader, { from, to });
        const inside = submissions.filter(({ submittedAt }) => {
          const seconds = Date.parse(submittedAt) / 1000;
          return seconds >= from && seconds < to;
        });
        const plain = got.map((each) => {
          assert.ok(!('fault' in each), JSON.stringify(each));
          const { where, bytes, ...rest } = each;
          assert.ok(where.includes(each.submitter) && bytes! > 0);
          return rest;
        });
        const order = (list: typeof plain): typeof plain =>
          list.sort((a, b) =>
            `${a.submittedAt}${a.submitter}` < `${b.submittedAt}${b.submitter}` ? -1 : 1,
          );
        assert.deepEqual(order(plain), order(inside.map(storedOf)));
      }
      for (const { blockHash, block } of submissions)
        assert.deepEqual(Buffer.from((await reader.block!(blockHash))!), Buffer.from(block));
      assert.equal(await reader.block!('3NKabsent'), null);
      await reader.close();
    }),
    { numRuns },
  );
}

/** An S3 endpoint that takes what it is sent, and fails on demand. Knows no signatures. */
export async function startFakeS3(
  behave: (req: IncomingMessage, res: ServerResponse, body: Buffer) => boolean | Promise<boolean>,
): Promise<{ url: string; objects: Map<string, Buffer>; asked: string[]; stop(): Promise<void> }> {
  const objects = new Map<string, Buffer>();
  const asked: string[] = [];
  const server = createServer((req, res) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      const path = decodeURIComponent(new URL(req.url!, 'http://x').pathname);
      asked.push(`${req.method} ${path}`);
      const body = Buffer.concat(chunks);
      // True: answered already.
      if (await behave(req, res, body)) return;
      if (req.method === 'PUT') objects.set(path, body);
      if (req.method === 'HEAD' && !objects.has(path)) res.statusCode = 404;
      res.end(
        req.method === 'GET'
          ? '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
          : undefined,
      );
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A test that failed before its stop must end all the same.
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    asked,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export const fakeS3Config = (endpoint: string) => ({
  bucket: '1-test',
  network: 'devnet',
  region: 'us-east-1',
  endpoint,
  pathStyle: true,
  credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
});
