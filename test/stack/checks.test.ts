/** Each row of the table of checks, both sides of its edge, and what is refused after a change of one byte. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decode, encode } from '../../mina/base58check.ts';
import { parseSubmission } from '../../mina/submission.ts';
import { ANSWERS, type Checks, judge, notRegistered } from '../../stack/backend/checks.ts';
import { createBlockCache, type KnownBlock } from '../../stack/backend/block-cache.ts';
import { createKnownKeys } from '../../stack/backend/known-keys.ts';
import { createHourlyLimiter } from '../../stack/backend/rate-limit.ts';
import {
  backendAnswers,
  checksWith,
  essence,
  exchange,
  expand,
  NOW_MS,
  post,
  RECORDED,
  replyOf,
  startTestBackend,
} from './support.ts';

const HOUR_MS = 3_600_000;

describe('the recorded submissions', () => {
  for (const { name, bytes } of RECORDED) {
    test(`${name} is accepted for testnet, refused for mainnet`, () => {
      const { accepted } = judge(bytes, '192.0.2.1:1', checksWith());
      const { data, submitter } = JSON.parse(bytes.toString()) as {
        data: { block: string; snark_work?: string };
        submitter: string;
      };
      assert.ok(accepted);
      assert.equal(accepted.submitter, submitter);
      assert.deepEqual(Buffer.from(accepted.block), Buffer.from(data.block, 'base64'));
      assert.equal(
        accepted.snarkWork,
        data.snark_work === undefined ? null : JSON.stringify(data.snark_work),
      );
      assert.equal(accepted.submittedAt, '2026-06-01T00:00:00Z');
      const mainnet = judge(bytes, '', checksWith({ network: 'mainnet' }));
      assert.deepEqual(mainnet.refused, ANSWERS.badSignature);
    });

    test(`${name} is refused after any change of one byte that means something`, () => {
      const checks = checksWith();
      // From here on its block and its key are known.
      assert.ok(judge(bytes, '', checks).accepted);
      const original = essence(bytes);
      const { block, snarkWork } = parseSubmission(bytes);
      const isLong = (at: number): boolean =>
        (at > block.start + 8 && at < block.end - 8) ||
        (snarkWork !== null && at > snarkWork.start + 8 && at < snarkWork.end - 8);
      let flips = 0;
      const neutral: number[] = [];
      // Every byte outside the long tokens with each of its bits, and every 13th inside with one.
      for (let at = 0; at < bytes.length; at++) {
        if (isLong(at) && at % 13 !== 0) continue;
        for (let bit = 0; bit < 8; bit++) {
          if (isLong(at) && bit !== (at >> 3) % 8) continue;
          flips++;
          const changed = Buffer.from(bytes);
          changed[at] ^= 1 << bit;
          if (!judge(changed, '', checks).accepted) continue;
          assert.equal(essence(changed), original, `byte ${at}, bit ${bit}`);
          neutral.push(at);
        }
      }
      assert.ok(flips > 4000, `${flips} flips`);
      // Only keys in another case, the ignored version and other ignored fields can change without effect.
      assert.ok(neutral.length > 0 && neutral.length < 200, `${neutral.length} neutral`);
      for (const at of neutral) assert.ok(!isLong(at));
    });
  }

  test('over HTTP a changed byte of signature, time or key gets the original’s refusal', async () => {
    const { bytes } = RECORDED[1];
    const backend = await startTestBackend();
    const text = bytes.toString();
    for (const [from, to, answer] of [
      ['2024-02-21T', '2024-02-22T', ANSWERS.badSignature],
      ['12D3KooWG', '12D3KooWH', ANSWERS.badSignature],
      ['"7mX', '"7nX', ANSWERS.undecodable],
      ['"B62q', '"C62q', ANSWERS.undecodable],
      ['"peer_id"', '"peer_ie"', ANSWERS.incomplete],
    ] as const) {
      assert.ok(text.includes(from));
      assert.deepEqual(await post(backend.port, Buffer.from(text.replace(from, to))), answer, from);
    }
    assert.deepEqual(await post(backend.port, bytes), ANSWERS.ok);
    await backend.stop();
  });
});

describe('the edges of the checks', () => {
  const plain = expand(backendAnswers.bodies[0].body); // created_at 2026-01-02T03:04:05Z
  const createdMs = Date.UTC(2026, 0, 2, 3, 4, 5);

  test('created_at may be five minutes ahead, to the nanosecond, and any time behind', () => {
    const at = (nowMs: number, body = plain): unknown =>
      judge(body, '', checksWith({ nowMs: () => nowMs, signatures: 'unchecked' })).refused ?? 'ok';
    assert.equal(at(createdMs - 300_000), 'ok');
    assert.equal(at(createdMs - 300_001), ANSWERS.future);
    assert.equal(at(createdMs - 301_000), ANSWERS.future);
    assert.equal(at(createdMs - 299_000), 'ok');
    assert.equal(at(createdMs + 1e12), 'ok');
    const fraction = Buffer.from(plain.toString().replace('04:05Z', '04:05.001000001Z'));
    assert.equal(at(createdMs - 300_000 + 1, fraction), ANSWERS.future);
    assert.equal(at(createdMs - 300_000 + 2, fraction), 'ok');
    const zoned = Buffer.from(plain.toString().replace('03:04:05Z', '04:34:05+01:30'));
    assert.equal(at(createdMs - 300_000, zoned), 'ok');
    assert.equal(at(createdMs - 300_001, zoned), ANSWERS.future);
  });

  test('the 120th submission of an hour passes, the 121st does not, and an hour later one does', () => {
    let nowMs = 0;
    const checks = checksWith({ limiter: createHourlyLimiter(120, () => nowMs) });
    for (let i = 1; i <= 120; i++) {
      nowMs = i;
      assert.ok(judge(plain, '', checks).accepted, `number ${i}`);
    }
    assert.equal(judge(plain, '', checks).refused, ANSWERS.tooMany);
    nowMs = HOUR_MS; // the first was at 1
    assert.equal(judge(plain, '', checks).refused, ANSWERS.tooMany);
    nowMs = HOUR_MS + 1;
    assert.ok(judge(plain, '', checks).accepted);
    assert.equal(judge(plain, '', checks).refused, ANSWERS.tooMany);
    // Another submitter has an hour of its own.
    assert.ok(judge(RECORDED[0].bytes, '', checks).accepted);
  });

  test('the whitelist is asked before the time, the time before the signature, that before the limit', () => {
    const { submitter } = parseSubmission(plain);
    const broken = Buffer.from(plain.toString().replace('12D3KooWG', '12D3KooWH'));
    const everything = {
      whitelist: () => new Set<string>(),
      nowMs: () => 0,
      limiter: createHourlyLimiter(0, () => 0),
    };
    const refusal = (changes: Partial<Checks>): unknown =>
      judge(broken, '', checksWith({ ...everything, ...changes })).refused;
    assert.deepEqual(refusal({}), notRegistered(submitter));
    const whitelist = (): Set<string> => new Set([submitter]);
    assert.equal(refusal({ whitelist }), ANSWERS.future);
    assert.equal(refusal({ whitelist, nowMs: () => NOW_MS }), ANSWERS.badSignature);
    assert.equal(
      refusal({ whitelist, nowMs: () => NOW_MS, signatures: 'unchecked' }),
      ANSWERS.tooMany,
    );
  });

  test('a malformed signature is refused strictly and read modulo p, as the C code does, on demand', () => {
    const submission = parseSubmission(plain);
    const P = 0x40000000000000000000000000000000224698fc094cf91b992d30ed00000001n;
    const rx = BigInt(
      `0x${Buffer.from(submission.signature.slice(0, 32)).reverse().toString('hex')}`,
    );
    const larger = Buffer.from((rx + P).toString(16).padStart(64, '0'), 'hex').reverse();
    const text = encode('signature', Uint8Array.of(...larger, ...submission.signature.slice(32)));
    const old = encode('signature', submission.signature);
    const body = Buffer.from(plain.toString().replace(old, text));
    assert.notDeepEqual(decode('signature', text), submission.signature);
    assert.equal(judge(body, '', checksWith()).refused, ANSWERS.badSignature);
    assert.ok(judge(body, '', checksWith({ signatures: 'lax' })).accepted);
  });

  test('a body of 50,000,000 bytes is read, one byte more is refused unread', async () => {
    const backend = await startTestBackend();
    const most = Buffer.alloc(50_000_000, 0x20);
    most.set(plain, 0);
    assert.deepEqual(await post(backend.port, most), ANSWERS.ok);
    const head = 'POST /v1/submit HTTP/1.1\r\nHost: x\r\nContent-Length: 50000001\r\n\r\n';
    const { text, closed } = await exchange(backend.port, [Buffer.from(head)]);
    assert.deepEqual(replyOf(text), ANSWERS.tooLong);
    assert.ok(closed);
    await backend.stop();
  });
});

describe('the hourly limiter', () => {
  test('counts as a plain list of times does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: HOUR_MS }), fc.constantFrom('a', 'b')), {
          maxLength: 60,
        }),
        (limit, steps) => {
          let nowMs = 0;
          const limiter = createHourlyLimiter(limit, () => nowMs);
          const counted: { at: number; who: string }[] = [];
          for (const [waitMs, who] of steps) {
            nowMs += waitMs;
            const inHour = counted.filter((each) => each.who === who && each.at > nowMs - HOUR_MS);
            const expected = inHour.length < limit;
            assert.equal(limiter.record(who), expected ? nowMs : null);
            if (expected) counted.push({ at: nowMs, who });
          }
        },
      ),
    );
  });

  test('forgets submitters that were silent for an hour', () => {
    let nowMs = 0;
    const limiter = createHourlyLimiter(2, () => nowMs);
    for (let i = 0; i < 10_000; i++) {
      nowMs = i * 1000;
      limiter.record(`submitter ${i}`);
      assert.ok(limiter.size <= 3601);
    }
    assert.equal(limiter.size, 3600);
  });
});

describe('what is known already', () => {
  test('is judged as what is not: recorded submissions, once more, and beside those of others', () => {
    const checks = checksWith();
    for (let round = 0; round < 3; round++)
      for (const { bytes } of RECORDED) {
        const known = judge(bytes, '192.0.2.1:1', checks).accepted;
        assert.ok(known);
        assert.deepEqual(known, judge(bytes, '192.0.2.1:1', checksWith()).accepted);
      }
    const [first] = RECORDED;
    assert.notEqual(
      checks.blocks.find(first.bytes, parseSubmission(first.bytes).block.start),
      null,
    );
    // A block of one body and the signature of another.
    const { submitter } = parseSubmission(RECORDED[1].bytes);
    const text = first.bytes.toString();
    const stolen = text.replace(parseSubmission(first.bytes).submitter, submitter);
    assert.equal(judge(Buffer.from(stolen), '', checks).refused, ANSWERS.badSignature);
  });

  test('a block that nobody has signed is not kept', () => {
    const checks = checksWith();
    const { bytes } = RECORDED[0];
    const broken = Buffer.from(bytes.toString().replace('12D3KooW', '12D3Koow'));
    assert.equal(judge(broken, '', checks).refused, ANSWERS.badSignature);
    assert.equal(checks.blocks.bytes, 0);
  });

  test('public keys: as many as agreed, the one added first goes first', () => {
    const keys = createKnownKeys(2);
    for (const text of ['a', 'b', 'a', 'c']) keys.add(text, Uint8Array.of(text.charCodeAt(0)));
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((text) => keys.find(text)?.[0] ?? null),
      [null, 98, 99, null],
    );
  });
});

describe('the block cache', () => {
  const start = 'A'.repeat(80);
  const blockOf = (text: string): KnownBlock => ({
    token: Buffer.from(text),
    plain: true,
    bytes: Buffer.from(text),
    hash: `hash of ${text}`,
    start: { state: new Uint8Array(64), bytes: 0, rest: new Uint8Array(0) },
  });

  test('finds what was added, wherever it stands, and only the very same text', () => {
    const cache = createBlockCache();
    const texts = [`"${start}1"`, `"${start}2"`, `"${start}1${start}"`, `"B${start}"`];
    for (const text of texts) cache.add(blockOf(text));
    for (const text of texts) {
      const body = Buffer.from(`{"x":${text},"y":0}`);
      assert.equal(cache.find(body, 5)?.hash, `hash of ${text}`);
      assert.equal(cache.find(body, 4), null);
      // Cut within the text, and changed at its very end.
      assert.equal(cache.find(body.subarray(0, 5 + text.length - 1), 5), null);
      body[5 + text.length - 2]++;
      assert.notEqual(cache.find(body, 5)?.hash, `hash of ${text}`);
    }
    assert.equal(cache.find(Buffer.from(texts[0]), 500), null);
  });

  test('is not changed by a change of the body that it was read from', () => {
    const cache = createBlockCache();
    const block = blockOf(`"${start}"`);
    cache.add(block);
    block.token.fill(0);
    assert.ok(cache.find(Buffer.from(`"${start}"`), 0));
  });

  test('never keeps more than its limit, and forgets the longest unused', () => {
    const cache = createBlockCache(1000);
    const texts = Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(100, 'x'));
    const finds = (text: string): boolean => cache.find(Buffer.from(text), 0) !== null;
    cache.add(blockOf(texts[0]));
    for (const text of texts.slice(1)) {
      assert.ok(finds(texts[0]));
      cache.add(blockOf(text));
      assert.ok(cache.bytes <= 1000);
    }
    assert.ok(finds(texts[0]));
    assert.ok(finds(texts[49]));
    assert.ok(!finds(texts[1]));
    cache.add(blockOf('y'.repeat(600)));
    assert.ok(cache.bytes <= 1000);
  });

  test('of one beginning it keeps a few: nobody makes a body that is compared with thousands', () => {
    const cache = createBlockCache();
    const texts = Array.from({ length: 100 }, (_, i) => `"${start}${i}"`);
    for (const text of texts) cache.add(blockOf(text));
    const found = texts.filter((text) => cache.find(Buffer.from(text), 0) !== null);
    assert.deepEqual(found, texts.slice(-16));
  });
});
