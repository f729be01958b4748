import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addHistogram,
  decodeBuckets,
  decodeHistogram,
  encodeHistogram,
  latencyFigures,
  latencyOfSecond,
  mergeHistograms,
  newHistogram,
  percentileMs,
  recordMs,
} from '../../results/histogram.ts';

const of = (durationsMs: readonly number[]) => {
  const histogram = newHistogram();
  for (const ms of durationsMs) recordMs(histogram, ms);
  return histogram;
};
const durations = fc.array(
  fc.oneof(
    fc.double({ min: 0, max: 100, noNaN: true }),
    fc.double({ min: 0, max: 1e7, noNaN: true }),
  ),
  { minLength: 1, maxLength: 60 },
);

test('a percentile is that of the sorted values, to 0.1 %', () => {
  fc.assert(
    fc.property(durations, fc.constantFrom(1, 50, 90, 95, 99, 100), (all, percentile) => {
      const sorted = [...all].sort((a, b) => a - b);
      const exact = sorted[Math.max(Math.ceil((percentile / 100) * all.length), 1) - 1];
      const found = percentileMs(of(all), percentile)!;
      assert.ok(Math.abs(found - exact) <= exact * 0.001 + 0.001, `${found} is not ${exact}`);
    }),
  );
});

test('merge of parts = whole, from histograms and from stored texts', () => {
  fc.assert(
    fc.property(durations, durations, (a, b) => {
      const whole = decodeBuckets(encodeHistogram(of([...a, ...b])));
      const parts = [of(a), of(b)];
      assert.deepEqual(decodeBuckets(encodeHistogram(mergeHistograms(parts))), whole);
      const merged = mergeHistograms(parts.map(encodeHistogram));
      assert.deepEqual(decodeBuckets(encodeHistogram(merged)), whole);
      assert.equal(merged.totalCount, a.length + b.length);
    }),
  );
});

test('the fast decoder reads what hdr-histogram-js reads', () => {
  fc.assert(
    fc.property(durations, (all) => {
      const text = encodeHistogram(of(all));
      const buckets = decodeBuckets(text);
      assert.equal(
        buckets.reduce((sum, { count }) => sum + count, 0),
        all.length,
      );
      let within = 0;
      const library = decodeHistogram(text);
      for (const { lowUs, highUs, count } of buckets) {
        within += count;
        // The library gives the highest value of the bucket that holds this rank.
        assert.equal(library.getValueAtPercentile((100 * within) / all.length), highUs - 1);
        assert.ok(lowUs < highUs);
      }
    }),
  );
});

test('counts beyond one byte and durations beyond an hour survive', () => {
  const histogram = newHistogram();
  recordMs(histogram, 0, 3);
  recordMs(histogram, 12.5, 5_000_000);
  recordMs(histogram, 4 * 3_600_000, 1);
  const text = encodeHistogram(histogram);
  const [zero, usual, long] = decodeBuckets(text);
  assert.deepEqual(zero, { lowUs: 0, highUs: 1, count: 3 });
  assert.ok(usual.lowUs <= 12_500 && 12_500 < usual.highUs && usual.count === 5_000_000);
  assert.ok(long.lowUs <= 14.4e9 && 14.4e9 < long.highUs && long.count === 1);
  const sum = newHistogram();
  addHistogram(sum, text);
  addHistogram(sum, decodeHistogram(text));
  assert.equal(sum.totalCount, 2 * 5_000_004);
});

test('an empty histogram has no figures', () => {
  const empty = newHistogram();
  assert.equal(percentileMs(empty, 50), null);
  assert.equal(latencyOfSecond(empty, 0), null);
  assert.equal(latencyFigures(empty, { sumMs: 0, minMs: 0, maxMs: 0 }), null);
  assert.deepEqual(decodeBuckets(encodeHistogram(empty)), []);
});

test('no percentile lies above the exact maximum', () => {
  const histogram = of([265_000.4]);
  assert.ok(percentileMs(histogram, 99)! > 265_000.4);
  const second = latencyOfSecond(histogram, 265_000.4)!;
  assert.deepEqual([second.p50, second.p99, second.max], [265_000.4, 265_000.4, 265_000.4]);
});

test('what is no duration or no histogram is refused', () => {
  for (const bad of [-1, NaN, Infinity])
    assert.throws(() => recordMs(newHistogram(), bad), RangeError);
  const good = encodeHistogram(of([1, 2, 3, 500]));
  for (const bad of [
    '',
    'HISTFAAAAC',
    good.slice(0, 20),
    `${good.slice(0, -12)}AAAAAAAAAAAA`,
    'AAAAAAAAAAAAAAAA',
  ])
    assert.throws(() => decodeBuckets(bad), Error, bad);
});
