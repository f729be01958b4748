/** One line of k6's samples: what is read, and that nothing breaks the reader. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptySample, hasStatus, METRIC, readSample, tagOf } from '../../../load/k6/sample-line.ts';
import { LineSplitter } from '../../../load/k6/line-splitter.ts';

function read(line: string) {
  const bytes = Buffer.from(line);
  const sample = emptySample();
  const isSample = readSample(bytes, 0, bytes.length, sample);
  return { isSample, sample, bytes };
}

test('a sample as k6 2.2 writes it', () => {
  const { isSample, sample, bytes } = read(
    'http_req_duration,1767323045123456,12.345678,200,group=3&name=a,',
  );
  assert.ok(isSample);
  const { rest, ...figures } = sample;
  assert.deepEqual(figures, {
    metric: METRIC.duration,
    timeMs: 1767323045123.456,
    value: 12.345678,
  });
  assert.ok(hasStatus('200', bytes, rest, bytes.length));
  assert.ok(!hasStatus('20', bytes, rest, bytes.length));
  assert.equal(tagOf('group', bytes, rest, bytes.length), '3');
  assert.equal(tagOf('name', bytes, rest, bytes.length), 'a');
  assert.equal(tagOf('roup', bytes, rest, bytes.length), '');
});

test('a report keeps all digits of its value', () => {
  const { sample } = read('submission,1767323045123456,9007199254740991.000000,,,');
  assert.equal(sample.value, Number.MAX_SAFE_INTEGER);
});

test('metrics that nobody asked for are passed over, lines that are cut off are no samples', () => {
  assert.equal(read('iterations,1767323045123456,1.000000,,,').sample.metric, METRIC.other);
  for (const line of ['', 'vus', 'vus,1', 'vus,17,x,,,', 'vus,,1.0,,,', 'vus,1.2.3,1,,,'])
    assert.equal(read(line).isSample, false, line);
});

test('any bytes: never an error, and a sample only with figures', () => {
  const line = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.constantFrom('vus', 'submission', 'http_reqs', 'x'), fc.string(), fc.string())
      .map((parts) => parts.join(',')),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  fc.assert(
    fc.property(line, (text) => {
      const { isSample, sample } = read(text);
      if (isSample && sample.metric !== METRIC.other)
        assert.ok(Number.isFinite(sample.timeMs) && Number.isFinite(sample.value));
    }),
  );
});

test('lines, wherever the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 20 })),
      fc.integer({ min: 1, max: 9 }),
      (texts, size) => {
        const lines = texts.map((text) => text.replaceAll('\n', ' '));
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join('') + 'rest');
        const found: string[] = [];
        const splitter = new LineSplitter((chunk, from, to) =>
          found.push(chunk.toString('utf8', from, to)),
        );
        for (let at = 0; at < bytes.length; at += size)
          splitter.push(Buffer.from(bytes.subarray(at, at + size)));
        assert.deepEqual(found, lines);
        assert.equal(splitter.end(), 4);
        assert.equal(splitter.end(), 0);
      },
    ),
  );
});
