/** The request parser: where it stops, what it says, and that hostile bodies cost little. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { badBase64At, decodeBase64 } from '../../mina/base64.ts';
import { parseCreatedAt } from '../../mina/created-at.ts';
import { parseSubmission, SubmissionError, tokenBytes } from '../../mina/submission.ts';
import { decodeUtf8 } from '../../mina/utf8.ts';
import { readRecorded } from '../support/recorded.ts';

const recorded = JSON.parse(readRecorded('submission-with-snark-work.json')) as {
  data: Record<string, unknown>;
  submitter: string;
  signature: string;
};
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function errorOf(body: Uint8Array): SubmissionError {
  try {
    parseSubmission(body);
  } catch (error) {
    assert.ok(error instanceof SubmissionError, String(error));
    return error;
  }
  throw new Error('the body was accepted');
}

describe('parseSubmission', () => {
  test('gives views of the body, not copies', () => {
    const body = bytesOf(recorded);
    const submission = parseSubmission(body);
    const { block, snarkWork } = submission;
    assert.equal(
      body.toString('latin1', block.start, block.end),
      JSON.stringify(recorded.data.block),
    );
    assert.equal(
      body.toString('latin1', snarkWork!.start, snarkWork!.end),
      JSON.stringify(recorded.data.snark_work),
    );
    assert.equal(submission.body, body);
    assert.ok(block.plain);
    assert.deepEqual(
      Buffer.from(tokenBytes(body, block)),
      Buffer.from(recorded.data.block as string, 'base64'),
    );
  });

  test('names field, byte and line of what is wrong', () => {
    const text = JSON.stringify(recorded, null, 2);
    const lines = text.split('\n');
    const cases: [string, string, string, RegExp][] = [
      ['"2024', '"2o24', 'created_at', /RFC 3339/],
      ['"12D3', '12D3', 'peer_id', /not a string|colon|digit|comma/],
      ['"B62q', '"B62r', 'submitter', /checksum/],
      ['"7mX', '"7m0', 'signature', /base58/],
    ];
    for (const [from, to, field, reason] of cases) {
      const error = errorOf(Buffer.from(text.replace(from, to)));
      assert.equal(error.problem, 'decode');
      assert.equal(error.line, lines.findIndex((line) => line.includes(from)) + 1, from);
      assert.match(error.message, reason);
      assert.match(error.message, new RegExp(`at byte ${error.offset}, line ${error.line}$`));
      if (field !== 'peer_id') assert.equal(error.field, field);
    }
    const data = { ...recorded.data, peer_id: undefined };
    const missing = errorOf(bytesOf({ ...recorded, data }));
    assert.deepEqual([missing.problem, missing.field], ['missing', 'peer_id']);
  });

  test('never throws anything but its own error, whatever the bytes', () => {
    const body = bytesOf({
      ...recorded,
      data: { ...recorded.data, block: 'AAAA', snark_work: '' },
    });
    const change = fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(
        change,
        fc.nat(body.length),
        fc.uint8Array({ maxLength: 40 }),
        (flips, at, more) => {
          const changed = Buffer.concat([body.subarray(0, at), more, body.subarray(at)]);
          for (const [position, byte] of flips) changed[position] = byte;
          for (const input of [changed, changed.subarray(0, at), more])
            try {
              parseSubmission(input);
            } catch (error) {
              assert.ok(error instanceof SubmissionError, String(error));
              assert.ok(error.offset >= 0 && error.offset <= input.length);
            }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('reads a body alike whether its block and its key are known or not', () => {
    const body = bytesOf({ ...recorded, data: { ...recorded.data, snark_work: '' } });
    const whole = parseSubmission(body);
    const token = body.slice(whole.block.start, whole.block.end);
    let asked = 0;
    const known = {
      block(input: Uint8Array, start: number) {
        const found = Buffer.compare(token, input.subarray(start, start + token.length)) === 0;
        if (found) asked++;
        return found ? { token, plain: true } : null;
      },
      publicKey: (text: string) => (text === whole.submitter ? whole.submitterKey : null),
    };
    const read = (input: Uint8Array, parts: typeof known | null): unknown => {
      try {
        return { ...parseSubmission(input, parts), knownBlock: null };
      } catch (error) {
        assert.ok(error instanceof SubmissionError, String(error));
        return error.message;
      }
    };
    assert.deepEqual(parseSubmission(body, known).knownBlock, { token, plain: true });
    const block = body.toString('latin1', whole.block.start, whole.block.end);
    const twice = body.toString('latin1').replace('"block":', '"block":"AAAA","block":');
    for (const [text, isKnown] of [
      [twice, true],
      [
        body.toString('latin1').replace(`"block":${block}`, `"block":${block},"block":"AAAA"`),
        false,
      ],
      [body.toString('latin1').replace(`"block":${block}`, `"block":${block},"block":null`), null],
      [body.toString('latin1').replace(`"block":${block}`, `"BLOCK" : ${block} `), true],
    ] as const) {
      const input = Buffer.from(text, 'latin1');
      assert.deepEqual(read(input, known), read(input, null));
      if (isKnown !== null)
        assert.equal(parseSubmission(input, known).knownBlock !== null, isKnown, text.slice(-40));
    }
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { maxLength: 2 }),
        fc.nat(body.length),
        (flips, cut) => {
          const changed = Buffer.from(body);
          for (const [position, byte] of flips) changed[position] = byte;
          for (const input of [changed, changed.subarray(0, cut)])
            assert.deepEqual(read(input, known), read(input, null));
        },
      ),
      { numRuns: 200 },
    );
    assert.ok(asked > 0);
  });

  test('agrees with JSON.parse on what is JSON', () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 6 }),
        fc.nat(200),
        fc.constantFrom(...'{}[],:"\\0-.e '),
        (text, at, sign) => {
          const broken = text.slice(0, at) + sign + text.slice(at);
          for (const inner of [text, broken]) {
            const isJson = parses(`{"x":${inner}}`);
            const error = errorOf(Buffer.from(`{"x":${inner}}`));
            assert.equal(error.problem, isJson ? 'missing' : 'decode', inner);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('a hostile body of 20 MB takes no recursion and no long time', () => {
    const startedAt = performance.now();
    const MB = 1_000_000;
    for (const text of [
      '['.repeat(20 * MB),
      '{"a":'.repeat(4 * MB),
      `{"data":{"block":"${'\\n'.repeat(10 * MB)}"}}`,
      `{"data":{"peer_id":"${'\xff'.repeat(20 * MB)}"}}`,
      `{"data":{"peer_id":"${'\\ud83d'.repeat(3 * MB)}"}}`,
      `{"submitter":"${'2'.repeat(20 * MB)}"}`,
      `{"data":{"graphql_control_port":${'1'.repeat(20 * MB)}}}`,
      `{${'"data":null,'.repeat(1.5 * MB)}`,
    ])
      errorOf(Buffer.from(text, 'latin1'));
    // Two seconds on the machine that this was written on; quadratic work would take hours.
    assert.ok(performance.now() - startedAt < 120_000);
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('base64', () => {
  test('decodes what Buffer encodes, with and without line breaks', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(140), (bytes, at) => {
        const text = Buffer.from(bytes).toString('base64');
        assert.equal(badBase64At(Buffer.from(text)), -1);
        assert.deepEqual(decodeBase64(Buffer.from(text), true), bytes);
        const broken = Buffer.from(`${text.slice(0, at)}\r\n${text.slice(at)}`);
        assert.equal(badBase64At(broken), -1);
        assert.deepEqual(decodeBase64(broken, false), bytes);
      }),
    );
  });

  test('says where a text stops being base64', () => {
    for (const [text, at] of [
      ['A', 1],
      ['AAA', 3],
      ['AA=A', 3],
      ['AAAA=', 4],
      ['AA-A', 2],
      ['=', 0],
      ['AA==A', 4],
    ] as const)
      assert.equal(badBase64At(Buffer.from(text)), at, text);
  });
});

describe('created_at', () => {
  test('is moved to UTC and kept in its zone', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -62_000_000_000, max: 250_000_000_000 }),
        fc.integer({ min: -1439, max: 1439 }),
        (seconds, minutes) => {
          const local = new Date((seconds + minutes * 60) * 1000).toISOString().slice(0, 19);
          const size = Math.abs(minutes);
          const digits = (value: number): string => String(value).padStart(2, '0');
          const zone = `${minutes < 0 ? '-' : '+'}${digits(Math.floor(size / 60))}:${digits(size % 60)}`;
          const time = parseCreatedAt(`${local}${zone}`);
          assert.equal(time?.seconds, seconds);
          assert.equal(time?.utc, `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`);
          assert.equal(time?.stored, `${local}${minutes === 0 ? 'Z' : zone}`);
        },
      ),
    );
  });
});

test('UTF-8: valid text as it is, each bad byte as one U+FFFD', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(decodeUtf8(Buffer.from(text)), Buffer.from(text).toString());
    }),
  );
  assert.equal(decodeUtf8(Uint8Array.of(0xe2, 0x82, 0x41, 0xff)), '\ufffd\ufffdA\ufffd');
});
