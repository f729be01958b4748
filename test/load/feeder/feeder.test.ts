/** The feeder alone: who gets what, and what happens when signing is slow, fails, or is stopped. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { answerBytes, startFeeder } from '../../../load/feeder/feeder.ts';
import type { Batch, BatchSigner } from '../../../load/feeder/batch-signer.ts';
import { startFeed } from '../../../load/feeder/feed.ts';
import { HandOutLog } from '../../../load/feeder/hand-out-log.ts';
import { BLOCK, FRESH_MS, RecordStock, StockError } from '../../../load/feeder/stock.ts';
import { Turns } from '../../../load/feeder/turns.ts';
import { NOT_YET } from '../../../scenarios/lib/plan.ts';
import { blockHashOf } from '../../../reconcile/sent.ts';
import { ENVELOPE, RECORD } from '../../../mina/envelope.ts';
import { type PlannedChunk, planSubmissions } from '../../../producers/corpus-plan.ts';
import { makeFleet } from '../../../producers/fleet.ts';
import { readTemplates } from '../../../producers/templates.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';

const T0 = 1_767_323_045_600;

/** Submission i: template i mod 7, producer i. */
function* chunks(count: number): Generator<PlannedChunk> {
  for (let first = 0; first < count; first += BLOCK) {
    const size = Math.min(BLOCK, count - first);
    const indices = Uint32Array.from({ length: size }, (_, k) => first + k);
    yield { first, templates: indices.map((i) => i % 7), producers: indices, createdAt: indices };
  }
}

/** Writes template, producer and time where a real one writes text; `gate` holds the signing up. */
function fakeSigner(gate: () => Promise<void> = () => Promise.resolve()) {
  const batches: Batch[] = [];
  let reject: (error: Error) => void = () => undefined;
  const stopped = new Promise<never>((_, no) => (reject = no));
  stopped.catch(() => undefined);
  const signer: BatchSigner = {
    async sign(batch) {
      batches.push(batch);
      await Promise.race([gate(), stopped]);
      const records = Buffer.alloc(batch.producers.length * RECORD.bytes);
      batch.producers.forEach((producer, k) => {
        records.writeUInt32LE(batch.templates[k], k * RECORD.bytes);
        records.writeUInt32LE(producer, k * RECORD.bytes + 4);
        records.writeUInt32LE(batch.createdAt[k], k * RECORD.bytes + 8);
      });
      return records;
    },
    stop() {
      reject(new Error('stopped'));
      return Promise.resolve();
    },
  };
  return { signer, batches };
}

const read = (records: Uint8Array, k: number) => {
  const view = Buffer.from(records.buffer, records.byteOffset + k * RECORD.bytes);
  return { template: view.readUInt32LE(0), producer: view.readUInt32LE(4), createdAt: view.readUInt32LE(8) }; // prettier-ignore
};

function stockOf(count: number, now: () => number, gate?: () => Promise<void>) {
  const { signer, batches } = fakeSigner(gate);
  const handedOut: [number, number[]][] = [];
  const stock = new RecordStock({
    chunks: chunks(count),
    count,
    signer,
    onHandedOut: (first, seconds) => handedOut.push([first, [...seconds]]),
    ratePerSecond: 100,
    now,
  });
  return { stock, batches, handedOut };
}

test('each record is that of its submission, signed in the second in which it is handed out', async () => {
  let now = T0;
  const { stock, handedOut } = stockOf(BLOCK * 3, () => now);
  const seen: number[] = [];
  // Across the end of a block, out of order, one by one.
  for (const [first, n] of [
    [60, 8],
    [0, 60],
    [68, 60],
    [128, 64],
  ]) {
    const records = await stock.take(first, n, (index, template) => {
      seen.push(index);
      assert.equal(template, index % 7);
    });
    assert.equal(records.length, n * RECORD.bytes);
    for (let k = 0; k < n; k++)
      assert.deepEqual(read(records, k), {
        template: (first + k) % 7,
        producer: first + k,
        createdAt: Math.floor(now / 1000),
      });
    now += FRESH_MS + 1;
  }
  assert.deepEqual(seen.sort((a, b) => a - b), [...Array(BLOCK * 3).keys()]); // prettier-ignore
  assert.equal(stock.blocks, 0);
  // The log has the time of each one's own hand-out.
  const seconds = handedOut.flatMap(([, times]) => times);
  assert.equal(seconds.length, BLOCK * 3);
  assert.equal(seconds.filter((s) => s === Math.floor(T0 / 1000)).length, 8);
  assert.ok(seconds.every((s) => s >= Math.floor(T0 / 1000)));
});

test('what lay ready too long is signed anew, what is fresh is not', async () => {
  let now = T0;
  const { stock, batches } = stockOf(BLOCK * 100, () => now);
  await stock.take(0, 1);
  const before = batches.length;
  now += FRESH_MS;
  await stock.take(1, 1);
  assert.equal(batches.length, before, 'it was fresh');
  now += 1;
  const records = await stock.take(2, 1);
  assert.equal(read(records, 0).createdAt, Math.floor(now / 1000));
  assert.ok(batches.length > before);
});

test('a clock that steps back gives no time in the future', async () => {
  let now = T0;
  const { stock } = stockOf(BLOCK, () => now);
  await stock.take(0, 1);
  now -= 3_600_000;
  const records = await stock.take(1, 1);
  assert.ok(read(records, 0).createdAt <= now / 1000);
});

test('memory is bounded: what is signed ahead, and the blocks of those behind', async () => {
  const { stock, batches } = stockOf(BLOCK * 1000, () => T0);
  // One straggler for each of ten blocks.
  for (let i = 0; i < BLOCK * 10; i++) if (i % BLOCK !== 5) await stock.take(i, 1);
  assert.ok(stock.blocks >= 10 && stock.blocks <= 13, `${stock.blocks} blocks`);
  assert.ok(batches.length <= 13, `${batches.length} signed`);
  for (let i = 5; i < BLOCK * 10; i += BLOCK) await stock.take(i, 1);
  assert.ok(stock.blocks <= 3);
});

test('twice, beyond the end, and far ahead are refused; the rest of the block is not touched', async () => {
  const { stock } = stockOf(10, () => T0);
  await stock.take(3, 2);
  const refused = (reason: string) => (error: unknown) =>
    error instanceof StockError && error.reason === reason;
  await assert.rejects(stock.take(4, 1), refused('taken'));
  await assert.rejects(stock.take(2, 3), refused('taken'));
  await assert.rejects(stock.take(9, 2), refused('outside'));
  await stock.take(2, 1);
  await stock.take(5, 5);
  const { stock: long } = stockOf(1e12, () => T0);
  await assert.rejects(long.take(5e6, 1), refused('outside'));
});

async function feederOf(
  t: TestContext,
  count: number,
  gate?: () => Promise<void>,
  clock?: () => number,
) {
  const { signer, batches } = fakeSigner(gate);
  const log: number[] = [];
  const failures: Error[] = [];
  const feeder = await startFeeder({
    chunks: chunks(count),
    count,
    signer,
    onHandedOut: (first, seconds) => seconds.forEach((s, k) => (log[first + k] = s)),
    ratePerSecond: 100,
    onFailure: (error) => failures.push(error),
    ...(clock && { clock }),
  });
  t.after(() => feeder.stop());
  return { feeder, batches, log, failures };
}
const statusOf = async (url: string, method = 'GET'): Promise<number> =>
  (await fetch(url, { method })).status;

test('the server: token, method, range', async (t) => {
  const { feeder, log } = await feederOf(t, 100);
  try {
    const answer = await fetch(`${feeder.url}/0/2`);
    assert.equal(answer.status, 299);
    const records = new Uint8Array(await answer.arrayBuffer());
    assert.equal(records.length, 2 * RECORD.bytes);
    assert.equal(read(records, 1).producer, 1);
    const base = new URL(feeder.url).origin;
    assert.equal(new URL(feeder.url).hostname, '127.0.0.1');
    for (const [path, status] of [
      [`${base}/2/1`, 404],
      [`${base}/${'0'.repeat(32)}/2/1`, 404],
      [base, 404],
      [`${feeder.url}/2/1/`, 404],
      [feeder.url, 400],
      [`${feeder.url}/2/0`, 400],
      [`${feeder.url}/2/1025`, 400],
      [`${feeder.url}/-2/1`, 400],
      [`${feeder.url}/2/1e1`, 400],
      [`${feeder.url}/1/1`, 410],
      [`${feeder.url}/99/2`, 416],
    ] as const)
      assert.equal(await statusOf(path), status, path);
    assert.equal(await statusOf(`${feeder.url}/2/1`, 'POST'), 405);
    assert.equal(feeder.takeTemplate(1), 1);
    assert.equal(feeder.takeTemplate(1), undefined);
    assert.equal(feeder.takeTemplate(50), undefined);
    const { records: given, requests, waitedLong } = feeder.figures();
    assert.deepEqual([given, requests], [2, 1]);
    assert.ok(waitedLong <= 1);
  } finally {
    await feeder.stop();
  }
  // A block that was not handed out whole is in the log all the same, and only what was handed out.
  assert.ok(log[0] > 1e9 && log[1] > 1e9);
  assert.equal(log[2], 0);
  await assert.rejects(fetch(`${feeder.url}/2/1`));
  await feeder.stop();
});

test('a feeder with turns: a record at its turn, or an answer of the same size that says not yet', async (t) => {
  const { signer } = fakeSigner();
  const turns = new Turns({ perSecond: 1000, isOpen: true });
  const feeder = await startFeeder({ chunks: chunks(100), count: 100, signer, onHandedOut: () => undefined, ratePerSecond: 10, turns }); // prettier-ignore
  t.after(() => feeder.stop());
  const ask = async (path: string) => {
    const answer = await fetch(`${feeder.url}/${path}`);
    return { status: answer.status, records: Buffer.from(await answer.arrayBuffer()) };
  };
  const { status, records } = await ask('3/1/5000');
  assert.deepEqual([status, read(records, 0).producer], [299, 3]);
  assert.equal(feeder.takeDue(3), 0);
  assert.equal(feeder.takeDue(3), undefined);
  turns.change(0);
  const later = await ask('4/1/20');
  assert.deepEqual([later.status, later.records.length, later.records.readUInt32LE(0)], [299, RECORD.bytes, NOT_YET]); // prettier-ignore
  assert.equal(feeder.takeDue(4), undefined);
  for (const path of ['4/1', '4/1/-5', '4/1/100000', '4/1/5/6']) assert.ok([400, 404].includes((await ask(path)).status), path); // prettier-ignore
  const waiting = ask('4/1/60000').then(({ status: given }) => given, () => 'cut'); // prettier-ignore
  turns.change(1000);
  assert.equal(await waiting, 299);
  const { requests, waitedLong } = feeder.figures();
  assert.deepEqual([requests, waitedLong], [2, 0]);
});

test('an answer has exactly the bytes that are left out of what k6 counts', async (t) => {
  const { feeder } = await feederOf(t, 100);
  const { port, pathname } = new URL(feeder.url);
  const socket = connect(Number(port), '127.0.0.1');
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await once(socket, 'connect');
  for (const [first, n] of [
    [0, 1],
    [1, 32],
  ]) {
    bytes = 0;
    socket.write(`GET ${pathname}/${first}/${n} HTTP/1.1\r\nHost: x\r\n\r\n`);
    while (bytes < answerBytes(n)) await once(socket, 'data');
    assert.equal(bytes, answerBytes(n));
  }
  socket.destroy();
  await feeder.stop();
});

test('stopped while requests wait: they end, and what they waited for counts as not handed out', async (t) => {
  let held = false;
  const { feeder, log, failures } = await feederOf(t, 200, () =>
    held ? new Promise(() => undefined) : Promise.resolve(),
  );
  await fetch(`${feeder.url}/0/1`);
  held = true;
  const waiting = fetch(`${feeder.url}/150/1`).then(
    ({ status }) => status,
    () => 'cut',
  );
  const figures = () => feeder.figures().requests;
  assert.equal(figures(), 1);
  // The request is there once its block is planned; a second one of it is then refused.
  while ((await statusOf(`${feeder.url}/150/1`)) !== 410);
  await feeder.stop();
  assert.ok(['cut', 503].includes(await waiting));
  assert.ok(log[0] > 1e9);
  assert.equal(log[150] ?? 0, 0);
  assert.deepEqual(failures, []);
});

test('a signer that is slow is seen in the figures, and not too many of its jobs wait inside it', async (t) => {
  let inside = 0;
  let most = 0;
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  let slow = false;
  const clock = { nowMs: 5, asked: 0 };
  const { feeder } = await feederOf(
    t,
    BLOCK * 100,
    async () => {
      most = Math.max(most, ++inside);
      if (slow) await opened;
      inside--;
    },
    () => {
      clock.asked++;
      return clock.nowMs;
    },
  );
  slow = true;
  const answers = Promise.all(
    Array.from({ length: 30 }, (_, i) => statusOf(`${feeder.url}/${(i + 5) * BLOCK}/1`)),
  );
  // Each asks for the time when it comes.
  await until(() => clock.asked === 30, 'all 30 requests');
  clock.nowMs += 120;
  open();
  assert.deepEqual(new Set(await answers), new Set([299]));
  const { waitedLong, longestWaitMs } = feeder.figures();
  assert.deepEqual([waitedLong, longestWaitMs], [30, 120]);
  assert.ok(most <= 8, `${most} at once`);
});

test('a signer that fails: 500, and whoever runs the load is told once', async (t) => {
  let broken = false;
  const { feeder, failures } = await feederOf(t, 1000, () =>
    broken ? Promise.reject(new Error('no more')) : Promise.resolve(),
  );
  broken = true;
  assert.equal(await statusOf(`${feeder.url}/500/1`), 500);
  assert.equal(await statusOf(`${feeder.url}/600/1`), 500);
  assert.deepEqual(failures.map(({ message }) => message), ['no more']); // prettier-ignore
  await feeder.stop();
});

test('the log of hand-outs: gaps are told apart, pages are read in order and at random', () => {
  const log = new HandOutLog(join(scratchFolder(), 'log.bin'));
  assert.equal(log.length, 0);
  assert.equal(log.createdAt(0), null);
  log.write(0, Uint32Array.from([5, 0, 7]));
  log.write(70_000, Uint32Array.from([9]));
  assert.equal(log.length, 70_001);
  const at = [0, 1, 2, 3, 69_999, 70_000, 70_001, 200_000, 2].map((i) => log.createdAt(i));
  assert.deepEqual(at, [5, null, 7, null, null, 9, null, null, 7]);
  log.close();
  assert.throws(() => new HandOutLog(log.path), /EEXIST/);
});

test('a feed signs really, for the plan of its seed, and tells afterwards what it handed out', async () => {
  const fleet = makeFleet({ seed: 'feed', count: 20 });
  const templates = await readTemplates();
  const job = { fleet, templates, count: 500, network: 'testnet', seed: 'feed' } as const;
  const take = async (indices: number[]): Promise<string[]> => {
    const folder = scratchFolder();
    const feed = await startFeed({ ...job, folder, ratePerSecond: 50 });
    try {
      const records: string[] = [];
      for (const index of indices) {
        const answer = await fetch(`${feed.source.url}/${index}/1`);
        assert.equal(answer.status, 299);
        records.push(Buffer.from(await answer.arrayBuffer()).toString('latin1'));
        const which = records.at(-1)!.charCodeAt(0);
        assert.equal(feed.takeBodyBytes(index), feed.source.templates[which].bytes);
        assert.equal(feed.takeBodyBytes(index), 0);
      }
      await feed.stop();
      const sent = feed.sent();
      const bodies = [...(sent.chunks() as Iterable<readonly object[]>)].flat();
      assert.equal(bodies.length, sent.count);
      assert.equal(sent.bodyOf(3), 3);
      assert.equal(sent.bodyOf(sent.count), -1);
      indices.forEach((index, k) => {
        const envelope = records[k].slice(RECORD.envelopeOffset);
        const text = ({ offset, bytes }: { offset: number; bytes: number }) =>
          envelope.slice(offset, offset + bytes);
        const createdAt = Date.parse(text(ENVELOPE.createdAt));
        assert.ok(createdAt <= Date.now() && createdAt > Date.now() - 60_000);
        assert.deepEqual(bodies[index], {
          submitter: text(ENVELOPE.submitter),
          peerId: text(ENVELOPE.peerId),
          createdAt: createdAt / 1000,
          template: records[k].charCodeAt(0),
        });
      });
      const missing = (bodies as { createdAt: number }[]).filter(({ createdAt }) => createdAt > 0);
      assert.equal(missing.length, indices.length);
      assert.equal(sent.templates[0].blockHash, blockHashOf(sent.templates[0].block()));
      assert.ok(sent.templates[0].block().length > 1000);
      sent.close();
      feed.close();
      assert.ok(readFileSync(join(folder, 'bodies.bin')).length > 10_000);
      return records;
    } finally {
      await feed.stop();
    }
  };
  const [first, second] = await Promise.all([take([0, 1, 2, 130]), take([130, 2, 1, 0])]);
  // The same plan, whatever the order; the time and what follows from it are the clock's.
  const unclocked = (record: string) => {
    const start = RECORD.envelopeOffset;
    const { createdAt, signature } = ENVELOPE;
    return (
      record.slice(0, start + createdAt.offset) +
      record.slice(start + createdAt.offset + createdAt.bytes, start + signature.offset) +
      record.slice(start + signature.offset + signature.bytes)
    );
  };
  assert.deepEqual(first.map(unclocked), second.reverse().map(unclocked));
  const [chunk] = planSubmissions({ ...job, producers: 20, createdAt: { startSeconds: 0, perSecond: Infinity } }, 500); // prettier-ignore
  assert.deepEqual(
    first.map((record) => record.slice(RECORD.envelopeOffset + ENVELOPE.submitter.offset).slice(0, 55)), // prettier-ignore
    [0, 1, 2, 130].map((i) => fleet.producers[chunk.producers[i]].publicKey),
  );
});
