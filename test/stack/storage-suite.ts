/**
 * The laws of every storage. To run them on one: `storageSuite('S3', async () => ({ keeps: 'last', … }))` in its test file; `open` is called once,
 * before the first test, and may start a server; `close` is called after the last.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { parseCreatedAt, utcText } from '../../mina/created-at.ts';
import { goStringOfBytes } from '../../stack/storage/go-json.ts';
import type {
  AcceptedSubmission,
  Storage,
  StorageReader,
  StoredRange,
  StoredSubmission,
  UnreadableSubmission,
} from '../../stack/storage/storage.ts';
import { UserError } from '../../user-error.ts';

export type SuiteStorage = {
  keeps: 'first' | 'last';
  /** New writers and readers of one and the same empty place; the suite closes them. */
  openStorage(): Promise<Storage>;
  openReader(): Promise<StorageReader>;
  /** Puts something there that looks like a submission of this second since 1970 and cannot be read as one. */
  spoil(seconds: number): Promise<void>;
  /** Ways to open a writer or reader that must fail, each with a sentence and a hint. */
  failures: { title: string; open: () => unknown; message: RegExp; hint: RegExp }[];
  /** Passwords and keys, which no error and no name may repeat. */
  secrets: string[];
  close?(): Promise<void>;
};

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const base58 = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...BASE58), minLength: length, maxLength: length });

/** Two keys and two hashes never meet in one run. */
let made = 0;
const unique = (): string =>
  [...String(made++).padStart(8, '0')].map((digit) => BASE58[Number(digit)]).join('');

export const storageSubmission = (
  seconds: number,
  changes: Partial<AcceptedSubmission> = {},
): AcceptedSubmission => ({
  submittedAt: utcText(seconds),
  createdAt: utcText(seconds - 7),
  submitter: `B62q${unique()}`,
  blockHash: `3N${unique()}`,
  block: Uint8Array.of(1, 2, 3),
  peerId: '12D3KooW',
  snarkWork: null,
  remoteAddr: '127.0.0.1:1',
  graphqlControlPort: 0n,
  builtWithCommitSha: '',
  ...changes,
});

/** A zero byte, which PostgreSQL has no text for, is tested apart. */
const withoutZero = (text: string): string => text.replaceAll('\0', '\u{1f600}');
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map(withoutZero),
  fc.constantFrom(
    '',
    "'; DROP TABLE submissions; --",
    '{"a","b"}',
    'NULL',
    '\\x00',
    '\u2028<&>',
    '\ufffd',
  ),
);
/** Bytes of a header, one a character. */
const header = fc
  .uint8Array({ maxLength: 60 })
  .map((bytes) => withoutZero(Buffer.from(bytes).toString('latin1')).replace(/[^\0-\xff]/gu, 'x'));
const zone = fc.constantFrom('Z', '+00:00', '+05:45', '-11:30', '+14:00');

const anySubmission: fc.Arbitrary<AcceptedSubmission> = fc
  .record({
    // 1970 to 2099: a backend's clock. created_at is the sender's.
    seconds: fc.integer({ min: 0, max: 4_102_444_799 }),
    created: fc.integer({ min: -62_000_000_000, max: 253_000_000_000 }),
    zone,
    hash: base58(40),
    block: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    peerId: text,
    snarkWork: fc.option(fc.uint8Array({ maxLength: 300 })),
    remoteAddr: header,
    port: fc.oneof(
      fc.constantFrom(0, 2 ** 31 - 1, -(2 ** 31)),
      fc.integer({ min: 0, max: 65_535 }),
    ),
    commit: text,
  })
  .map((each) =>
    storageSubmission(each.seconds, {
      createdAt: `${utcText(each.created).slice(0, -1)}${each.zone === '+00:00' ? 'Z' : each.zone}`,
      blockHash: `${each.hash}${unique()}`,
      block: each.block,
      peerId: each.peerId,
      snarkWork:
        each.snarkWork === null
          ? null
          : JSON.stringify(Buffer.from(each.snarkWork).toString('base64')).replaceAll('/', '\\/'),
      remoteAddr: each.remoteAddr,
      graphqlControlPort: BigInt(each.port),
      builtWithCommitSha: each.commit,
    }),
  );

const secondsOf = (submission: { submittedAt: string }): number =>
  parseCreatedAt(submission.submittedAt)!.seconds;

/** What a reader must give for it, as far as every storage tells it. An empty snark work may come back as an absent one. */
const expectedOf = (sent: AcceptedSubmission) => ({
  submittedAt: sent.submittedAt,
  createdAt: parseCreatedAt(sent.createdAt)!.utc,
  submitter: sent.submitter,
  blockHash: sent.blockHash,
  peerId: sent.peerId,
  snarkWork: sent.snarkWork === null ? null : (JSON.parse(sent.snarkWork) as string) || null,
  remoteAddr: JSON.parse(goStringOfBytes(sent.remoteAddr)) as string,
  graphqlControlPort: Number(sent.graphqlControlPort),
  builtWithCommitSha: sent.builtWithCommitSha,
});

const toldOf = (stored: StoredSubmission) => ({
  submittedAt: stored.submittedAt,
  createdAt: stored.createdAt,
  submitter: stored.submitter,
  blockHash: stored.blockHash,
  peerId: stored.peerId,
  snarkWork: stored.snarkWork || null,
  remoteAddr: stored.remoteAddr,
  graphqlControlPort: stored.graphqlControlPort,
  builtWithCommitSha: stored.builtWithCommitSha,
});

export async function readAll(
  reader: StorageReader,
  range: StoredRange,
): Promise<{ stored: StoredSubmission[]; unreadable: UnreadableSubmission[]; batches: number[] }> {
  const [stored, unreadable, batches]: [StoredSubmission[], UnreadableSubmission[], number[]] = [
    [],
    [],
    [],
  ];
  for await (const batch of reader.submissions(range)) {
    batches.push(batch.length);
    for (const each of batch)
      if ('fault' in each) unreadable.push(each);
      else stored.push(each);
  }
  return { stored, unreadable, batches };
}

const submitters = (list: readonly { submitter: string }[]): string[] =>
  list.map(({ submitter }) => submitter).sort();

const EVERYTHING = { from: 0, to: 4_102_444_800 };
/** Each test has a time of its own; all of them far from the property's usual ones would prove nothing more. */
let day = Date.UTC(2031, 0, 1) / 1000;
const newDay = (): number => (day += 30 * 86_400);

export function storageSuite(name: string, open: () => Promise<SuiteStorage>): void {
  describe(name, () => {
    let suite: SuiteStorage;
    let storage: Storage;
    let reader: StorageReader;
    before(async () => {
      suite = await open();
      storage = await suite.openStorage();
      reader = await suite.openReader();
    });
    after(async () => {
      // Whatever failed to open.
      await storage?.close();
      await reader?.close();
      await suite?.close?.();
    });

    test('says what it keeps, and no secret in its name', () => {
      assert.equal(reader.keeps, suite.keeps);
      for (const { name } of [storage, reader]) {
        assert.notEqual(name, '');
        for (const secret of suite.secrets) assert.ok(!name.includes(secret), name);
      }
    });

    test('an empty storage has no submissions', async () => {
      assert.deepEqual((await readAll(reader, EVERYTHING)).stored, []);
    });

    test('all fields survive, odd texts and both ends of numbers too', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anySubmission, { minLength: 1, maxLength: 40 }), async (sent) => {
          const outcomes = await Promise.all(sent.map((each) => storage.save(each)));
          assert.ok(outcomes.every(({ stored }) => stored));
          const { stored, unreadable } = await readAll(reader, EVERYTHING);
          assert.deepEqual(unreadable, []);
          const found = new Map(stored.map((each) => [each.submitter, each]));
          for (const each of sent) {
            const kept = found.get(each.submitter);
            assert.ok(kept, `${each.submitter} is not there`);
            assert.deepEqual(toldOf(kept), expectedOf(each));
            assert.notEqual(kept.where, '');
            if (kept.rawBlock !== undefined)
              assert.deepEqual([...(kept.rawBlock ?? [])], [...each.block]);
            if (reader.block)
              assert.deepEqual([...((await reader.block(each.blockHash)) ?? [])], [...each.block]);
          }
          assert.equal(reader.blockHashes === undefined, reader.block === undefined);
          const hashes = new Set<string>();
          for await (const some of reader.blockHashes?.() ?? [])
            for (const hash of some) hashes.add(hash);
          if (reader.block)
            for (const { blockHash } of sent) assert.ok(hashes.has(blockHash), blockHash);
        }),
        { numRuns: 6 },
      );
    });

    test('a block that is not there is null', async () => {
      if (reader.block) assert.equal(await reader.block(`3N${unique()}`), null);
    });

    test('of one submitter and second it keeps what it says', async () => {
      const at = newDay();
      const first = storageSubmission(at, { peerId: 'first' });
      const second = { ...storageSubmission(at, { peerId: 'second' }), submitter: first.submitter };
      assert.deepEqual(await storage.save(first), { stored: true });
      assert.deepEqual(await storage.save(second), { stored: suite.keeps === 'last' });
      const { stored } = await readAll(reader, { from: at, to: at + 1 });
      assert.deepEqual(stored.map(toldOf), [expectedOf(suite.keeps === 'first' ? first : second)]);
    });

    test('what is replaced leaves nothing behind, and what stays is not touched', async () => {
      const at = newDay();
      const full = storageSubmission(at, {
        snarkWork: '"AAEC"',
        graphqlControlPort: 3085n,
        builtWithCommitSha: 'abc',
      });
      const bare = { ...storageSubmission(at), submitter: full.submitter };
      await storage.save(full);
      await storage.save(bare);
      const { stored } = await readAll(reader, { from: at, to: at + 1 });
      assert.deepEqual(stored.map(toldOf), [expectedOf(suite.keeps === 'first' ? full : bare)]);
    });

    test('many at once with one key: one is kept, and as many count as stored as it says', async () => {
      const at = newDay();
      const submitter = `B62q${unique()}`;
      const sent = Array.from({ length: 20 }, (_, i) =>
        storageSubmission(at, { submitter, peerId: `peer ${i}` }),
      );
      const outcomes = await Promise.all(sent.map((each) => storage.save(each)));
      const count = outcomes.filter(({ stored }) => stored).length;
      assert.equal(count, suite.keeps === 'first' ? 1 : 20);
      const { stored } = await readAll(reader, { from: at, to: at + 1 });
      assert.equal(stored.length, 1);
      if (suite.keeps === 'first')
        assert.equal(stored[0].peerId, sent[outcomes.findIndex(({ stored }) => stored)].peerId);
    });

    test('one submitter in two seconds, and two in one, are all kept', async () => {
      const at = newDay();
      const first = storageSubmission(at);
      const later = { ...storageSubmission(at + 1), submitter: first.submitter };
      const other = storageSubmission(at);
      for (const each of [first, later, other])
        assert.deepEqual(await storage.save(each), { stored: true });
      assert.equal((await readAll(reader, { from: at, to: at + 2 })).stored.length, 3);
    });

    test('a range holds its first second and not its last', async () => {
      const at = newDay();
      const sent = [-1, 0, 9, 10].map((offset) => storageSubmission(at + offset));
      await Promise.all(sent.map((each) => storage.save(each)));
      const { stored } = await readAll(reader, { from: at, to: at + 10 });
      assert.deepEqual(submitters(stored), submitters(sent.slice(1, 3)));
      for (const range of [
        { from: at + 1, to: at + 9 },
        { from: at, to: at },
        { from: at + 10, to: at },
      ])
        assert.deepEqual((await readAll(reader, range)).stored, []);
    });

    test('days, and shards of 144 s, end where they should', async () => {
      const midnight = newDay();
      const offsets = [-86_400, -145, -144, -1, 0, 143, 144, 287, 288, 86_399, 86_400];
      const sent = offsets.map((offset) => storageSubmission(midnight + offset));
      await Promise.all(sent.map((each) => storage.save(each)));
      for (const each of sent) {
        const at = secondsOf(each);
        const { stored } = await readAll(reader, { from: at, to: at + 1 });
        assert.deepEqual(stored.map(toldOf), [expectedOf(each)]);
      }
      const whole = { from: midnight - 86_400, to: midnight + 86_401 };
      assert.deepEqual(submitters((await readAll(reader, whole)).stored), submitters(sent));
      const today = { from: midnight, to: midnight + 86_400 };
      const ofToday = sent.slice(4, -1);
      assert.deepEqual(submitters((await readAll(reader, today)).stored), submitters(ofToday));
    });

    test('the last days of February and of a year', async () => {
      const days = ['2028-02-28', '2028-02-29', '2028-03-01', '2030-12-31', '2031-01-01'];
      for (const date of days) {
        const at = Date.parse(`${date}T23:59:59Z`) / 1000;
        const sent = storageSubmission(at);
        await storage.save(sent);
        const { stored } = await readAll(reader, { from: at, to: at + 1 });
        assert.deepEqual(submitters(stored), [sent.submitter]);
      }
    });

    test('many of one second come whole, in batches', async () => {
      const at = newDay();
      const sent = Array.from({ length: 2500 }, () => storageSubmission(at));
      await Promise.all(sent.map((each) => storage.save(each)));
      const { stored, batches } = await readAll(reader, { from: at, to: at + 1 });
      assert.deepEqual(submitters(stored), submitters(sent));
      assert.ok(Math.max(...batches) <= 5000);
    });

    test('what cannot be read is told with its place, and the others are read', async () => {
      const at = newDay();
      const good = storageSubmission(at);
      await suite.spoil(at);
      await storage.save(good);
      const { stored, unreadable } = await readAll(reader, { from: at, to: at + 1 });
      assert.deepEqual(submitters(stored), [good.submitter]);
      assert.equal(unreadable.length, 1);
      assert.notEqual(unreadable[0].where, '');
      assert.notEqual(unreadable[0].fault, '');
    });

    test('close waits for what is under way', async () => {
      const at = newDay();
      const other = await suite.openStorage();
      const sent = Array.from({ length: 300 }, () => storageSubmission(at));
      const saves = sent.map((each) => other.save(each));
      await other.close();
      assert.deepEqual(
        await Promise.all(saves),
        sent.map(() => ({ stored: true })),
      );
      const { stored } = await readAll(reader, { from: at, to: at + 1 });
      assert.deepEqual(submitters(stored), submitters(sent));
    });

    test('a reader can be stopped, before and within, and used again', async () => {
      const at = newDay();
      await storage.save(storageSubmission(at));
      const range = { from: at, to: at + 1 };
      const reason = new Error('enough');
      const controller = new AbortController();
      await assert.rejects(async () => {
        for await (const batch of reader.submissions(range, controller.signal)) {
          assert.equal(batch.length, 1);
          controller.abort(reason);
        }
      }, reason);
      await assert.rejects(async () => {
        for await (const batch of reader.submissions(range, controller.signal))
          assert.fail(`${batch.length} came after the end`);
      }, reason);
      // The caller may also just leave.
      for await (const batch of reader.submissions(range)) {
        assert.equal(batch.length, 1);
        break;
      }
      assert.equal((await readAll(reader, range)).stored.length, 1);
    });

    test('several ranges can be read at once', async () => {
      const at = newDay();
      const sent = [0, 1, 2, 3, 4, 5].map((offset) => storageSubmission(at + offset));
      await Promise.all(sent.map((each) => storage.save(each)));
      const reads = await Promise.all(
        sent.map((each) => readAll(reader, { from: secondsOf(each), to: secondsOf(each) + 1 })),
      );
      assert.deepEqual(
        reads.map(({ stored }) => submitters(stored)),
        sent.map(({ submitter }) => [submitter]),
      );
    });

    test('what cannot be opened is told in a sentence, with a hint and without a secret', async () => {
      assert.ok(suite.failures.length > 0);
      for (const { title, open, message, hint } of suite.failures)
        await assert.rejects(
          async () => {
            await open();
          },
          (error: unknown) => {
            assert.ok(error instanceof UserError, `${title}: ${(error as Error).stack}`);
            assert.match(error.message, message, title);
            assert.match(error.hint, hint, title);
            const told = `${error.message} ${error.hint} ${(error.cause as Error | undefined)?.message}`;
            for (const secret of suite.secrets)
              assert.ok(!told.includes(secret), `${title}: ${told}`);
            assert.doesNotMatch(error.message, /\.$|\n/, title);
            return true;
          },
        );
    });
  });
}
