/** What reads long runs quickly reads what zlib and JSON.parse read, to the last bit, and leaves everything else to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { inflateInto } from '../../results/inflate.ts';
import { LineTemplates } from '../../results/line-template.ts';

const ROOM = 4096;
const output = new Uint8Array(ROOM);

/** What inflateInto makes of a stream that lies within other bytes. */
function inflated(stream: Uint8Array): Uint8Array | null {
  const input = Buffer.concat([Buffer.from([7, 7]), stream, Buffer.alloc(8, 0x55)]);
  const length = inflateInto(input, 2, 2 + stream.length, output);
  return length === -1 ? null : output.slice(0, length);
}

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 200), { maxLength: 3000 }).map((all) => Uint8Array.from(all)), // prettier-ignore
  fc.array(fc.nat(300), { maxLength: 900 }).map((all) => Uint8Array.from(all, (one) => one ** 3 / 1e5)), // prettier-ignore
);
const options = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  strategy: fc.constantFrom(constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE), // prettier-ignore
});

test('streams of every kind are inflated as zlib inflates them', () => {
  fc.assert(
    fc.property(bytes, options, (plain, how) => {
      assert.deepEqual(inflated(deflateSync(plain, how)), Uint8Array.from(plain));
    }),
    { numRuns: 300 },
  );
});

test('codes longer than the table, several blocks, and no room', () => {
  // Counts of Fibonacci's make the longest codes there are.
  const counts = [1, 1];
  while (counts.length < 15) counts.push(counts.at(-1)! + counts.at(-2)!);
  const skewed = Buffer.concat(counts.map((count, i) => Buffer.alloc(count, i * 3)));
  const stream = deflateSync(skewed, { strategy: constants.Z_HUFFMAN_ONLY });
  assert.deepEqual(inflated(stream), Uint8Array.from(skewed));
  const blocks = deflateSync(Buffer.from('ab'.repeat(900)), { level: 0, memLevel: 1 });
  assert.deepEqual(Buffer.from(inflated(blocks)!).toString(), 'ab'.repeat(900));
  assert.equal(inflated(deflateSync(Buffer.alloc(ROOM + 1))), null);
  assert.notEqual(inflated(deflateSync(Buffer.alloc(ROOM))), null);
});

test('a stream that is damaged or cut is left to zlib, or is what zlib makes of it', () => {
  let refused = 0;
  fc.assert(
    fc.property(bytes, options, fc.nat(), fc.nat(7), (plain, how, place, bit) => {
      const stream = deflateSync(plain, how);
      const damaged = Uint8Array.from(stream);
      damaged[place % stream.length] ^= 1 << bit;
      for (const wrong of [damaged, stream.subarray(0, place % stream.length)]) {
        const ours = inflated(wrong);
        if (ours === null) refused++;
        else assert.deepEqual(ours, Uint8Array.from(inflateSync(wrong)));
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(refused > 400, `${refused} of 600`);
});

/** Each line as the templates read it; those that they leave are learned. */
function readAll(text: string): { values: unknown[]; hits: number } {
  const templates = new LineTemplates(['hdr']);
  const all = Buffer.from(text);
  const values: unknown[] = [];
  let hits = 0;
  for (let at = 0; at < all.length;) {
    const end = all.indexOf('\n', at);
    const line = templates.read(all, at);
    if (line === null) {
      const one = all.toString('utf8', at, end);
      values.push(JSON.parse(one));
      templates.learn(one);
      at = end + 1;
    } else {
      hits++;
      values.push(structuredClone(line));
      at = templates.end;
      assert.equal(at, end + 1);
    }
  }
  return { values, hits };
}

test('lines have the values that JSON.parse gives them, -0 and 17 digits too', () => {
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.double({ min: -1e5, max: 1e5, noNaN: true }),
    fc.integer(),
    fc.constantFrom('-0', '0.1', '0.30000000000000004', '1e21', '1E-7', '9007199254740993', '123456789012345678901', '0.000001', '12345.6789012345'), // prettier-ignore
  );
  const reading = fc.tuple(fc.constantFrom('backend', 'k6', 'ü"\\'), number, number).map(([name, a, b]) => `{"t":${a},"name":${JSON.stringify(name)},"in":{"b":${b},"n":null,"is":true}}`); // prettier-ignore
  const second = fc.tuple(number, fc.base64String(), fc.constantFrom('200', '503')).map(([a, hdr, code]) => `{"answers":{"${code}":${a}},"latency":{"hdr":"${hdr}","max":${a}}, "vus" : 1}`); // prettier-ignore
  const odd = fc.constantFrom('[1,2]', '5', '{}', '{"__proto__":1}', '{"a":[1]}', '{"hdr":"\\u0041"}', '{"hdr":""}'); // prettier-ignore
  let hits = 0;
  fc.assert(
    fc.property(
      fc.array(fc.oneof(reading, second, odd), { minLength: 20, maxLength: 40 }),
      (lines) => {
        // prettier-ignore
        const read = readAll(lines.map((line) => `${line}\n`).join(''));
        hits += read.hits;
        assert.deepEqual(read.values, lines.map((line) => JSON.parse(line) as unknown)); // prettier-ignore
      },
    ),
    { numRuns: 100 },
  );
  assert.ok(hits > 500, `${hits} lines were read by a template`);
});

test('what JSON.parse refuses, no template takes', () => {
  const right = '{"t":1,"hdr":"QQ==","n":{"max":2.5}}';
  const wrongs = ['01', '1.', '.5', '-', '+1', '1e', '', ' ', 'NaN', '1.5.2', '0x1'];
  for (const wrong of [
    ...wrongs.map((number) => right.replace('2.5', number)),
    right.replace('QQ', 'Q\\'),
    right.replace('QQ', 'Q\nQ'),
    right.slice(0, -1),
    `${right}}`,
    `${right} x`,
  ]) {
    const templates = new LineTemplates(['hdr']);
    templates.learn(right);
    assert.notEqual(templates.read(Buffer.from(`${right}\n`), 0), null);
    const line = templates.read(Buffer.from(`${wrong}\n`), 0);
    assert.equal(line, null, wrong);
  }
  const templates = new LineTemplates();
  templates.learn(right);
  assert.equal(templates.read(Buffer.from(right), 0), null, 'a line that was cut');
});
