import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { decodeBuckets, LatencyHistogram } from '../../results/histogram.ts';

const of = (durationsMs: readonly number[]) => {
  const histogram = new LatencyHistogram();
  for (const ms of durationsMs) histogram.record(ms * 1000);
  return histogram;
};
const durations = fc.array(
  fc.oneof(
    fc.double({ min: 0, max: 100, noNaN: true }),
    fc.double({ min: 0, max: 3_600_000, noNaN: true }),
  ),
  { minLength: 1, maxLength: 60 },
);

test('a percentile is that of the sorted values, to 0.1 %', () => {
  fc.assert(
    fc.property(durations, fc.constantFrom(1, 50, 90, 95, 99, 100), (all, percentile) => {
      const sorted = [...all].sort((a, b) => a - b);
      const exact = sorted[Math.max(Math.ceil((percentile / 100) * all.length), 1) - 1];
      const found = of(all).percentileMs(percentile);
      assert.ok(Math.abs(found - exact) <= exact * 0.001 + 0.001, `${found} is not ${exact}`);
    }),
  );
});

test('merge of parts = whole', () => {
  fc.assert(
    fc.property(durations, durations, (a, b) => {
      const whole = of([...a, ...b]);
      const merged = new LatencyHistogram();
      for (const part of [of(a), of(b)]) merged.addEncoded(part.encode(), part.ofSecond()!.max);
      assert.deepEqual(decodeBuckets(merged.encode()), decodeBuckets(whole.encode()));
      assert.equal(merged.count, a.length + b.length);
      const [mine, exact] = [merged.figures()!, whole.figures()!];
      assert.equal(mine.maxMs, exact.maxMs);
      assert.equal(mine.p95Ms, exact.p95Ms);
      assert.ok(Math.abs(mine.meanMs - exact.meanMs) <= 0.001 * exact.meanMs + 0.001);
      assert.ok(mine.minMs <= exact.minMs && exact.minMs - mine.minMs <= 0.001 * exact.minMs);
    }),
  );
});

test('the fast decoder reads what hdr-histogram-js reads', () => {
  fc.assert(
    fc.property(durations, (all) => {
      const text = of(all).encode();
      const buckets = decodeBuckets(text);
      assert.equal(
        buckets.reduce((sum, { count }) => sum + count, 0),
        all.length,
      );
      let within = 0;
      const library = decodeFromCompressedBase64(text, 32);
      for (const { lowUs, highUs, count } of buckets) {
        within += count;
        // The library gives the highest value of the bucket that holds this rank.
        assert.equal(library.getValueAtPercentile((100 * within) / all.length), highUs - 1);
        assert.ok(lowUs < highUs);
      }
    }),
  );
});

test('counts beyond one byte survive, again and again', () => {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < 3; i++) histogram.record(0);
  for (let i = 0; i < 70_000; i++) histogram.record(12_500);
  for (let i = 0; i < 3; i++) histogram.addEncoded(histogram.encode());
  const [zero, usual] = decodeBuckets(histogram.encode());
  assert.deepEqual(zero, { lowUs: 0, highUs: 1, count: 24 });
  assert.ok(usual.lowUs <= 12_500 && 12_500 < usual.highUs && usual.count === 560_000);
});

test('an empty histogram has no figures', () => {
  const empty = new LatencyHistogram();
  assert.equal(empty.ofSecond(), null);
  assert.equal(empty.figures(), null);
  assert.deepEqual(decodeBuckets(empty.encode()), []);
  empty.addEncoded(new LatencyHistogram().encode());
  assert.equal(empty.count, 0);
});

test('no percentile lies above the exact maximum', () => {
  const second = of([265_000.4]).ofSecond()!;
  assert.deepEqual([second.p50, second.p99, second.max], [265_000.4, 265_000.4, 265_000.4]);
  const [bucket] = decodeBuckets(second.hdr);
  assert.ok((bucket.highUs - 1) / 1000 > 265_000.4);
});

test('what is no histogram is refused', () => {
  const good = of([1, 2, 3, 500]).encode();
  for (const bad of [
    '',
    'HISTFAAAAC',
    good.slice(0, 20),
    `${good.slice(0, -12)}AAAAAAAAAAAA`,
    'AAAAAAAAAAAAAAAA',
  ]) {
    assert.throws(() => decodeBuckets(bad), Error, bad);
    assert.throws(() => new LatencyHistogram().addEncoded(bad), Error, bad);
  }
});
