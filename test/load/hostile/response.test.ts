/** The strict reader of answers: right ones however they are cut, wrong ones by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Response, ResponseReader } from '../../../load/hostile/response.ts';

const RIGHT: Record<string, { text: string; end?: true; answers: [number, string][] }> = {
  'with a length': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    answers: [[200, 'hello']],
  },
  'without a reason, without a body': {
    text: 'HTTP/1.1 411 \r\ncontent-length:0\r\n\r\n',
    answers: [[411, '']],
  },
  'several on one connection': {
    text: 'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}HTTP/1.0 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
    answers: [
      [400, '{}'],
      [204, ''],
      [200, 'x'],
    ],
  },
  'after an interim one': {
    text: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    answers: [[200, '']],
  },
  'in chunks, with an extension and a trailer': {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n',
    answers: [[200, 'abc0123456789']],
  },
  'until the end of the connection': {
    text: 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\nslow',
    end: true,
    answers: [[408, 'slow']],
  },
};

function readAll(reader: ResponseReader): Response[] {
  const all: Response[] = [];
  for (let next = reader.next(); next !== null; next = reader.next()) all.push(next);
  return all;
}

for (const [name, { text, end, answers }] of Object.entries(RIGHT))
  test(`reads an answer ${name}, in one piece or byte by byte`, () => {
    for (const size of [text.length, 1, 7]) {
      const reader = new ResponseReader();
      const got: Response[] = [];
      for (let at = 0; at < text.length; at += size) {
        reader.push(Buffer.from(text.slice(at, at + size), 'latin1'));
        got.push(...readAll(reader));
      }
      if (end) {
        assert.equal(got.length, 0, 'not whole before the end');
        reader.end();
        got.push(...readAll(reader));
      }
      assert.deepEqual(
        got.map(({ status, body }) => [status, body]),
        answers,
      );
      assert.equal(reader.rest, '');
      assert.equal(reader.fault, null);
    }
  });

test('names the interim answers', () => {
  const reader = new ResponseReader();
  reader.push(Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n'));
  assert.equal(reader.next(), null);
  reader.push(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  assert.deepEqual(reader.next()!.interim, [100, 103]);
});

const WRONG: Record<string, { text: string; end?: true; fault: RegExp }> = {
  'another protocol': { text: 'SSH-2.0-OpenSSH_9\r\n', fault: /no HTTP answer/ },
  'TLS on a plain port': { text: '\x15\x03\x01\x00\x02\x02\x46', fault: /no HTTP answer/ },
  'a page without a head': { text: '<html></html>', fault: /no HTTP answer/ },
  'bare line feeds': { text: 'HTTP/1.1 200 OK\n\nx\r\n\r\n', fault: /no HTTP answer/ },
  'a status of letters': { text: 'HTTP/1.1 2xx OK\r\n\r\n', fault: /no HTTP answer/ },
  'a status below 100': { text: 'HTTP/1.1 042 OK\r\n\r\n', fault: /no HTTP answer/ },
  'HTTP/2': { text: 'HTTP/2 200\r\n\r\n', fault: /no HTTP answer/ },
  'a header without a name': { text: 'HTTP/1.1 200 OK\r\nx y\r\n\r\n', fault: /without a name/ },
  'a folded header': { text: 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', fault: /without a name/ },
  'two lengths': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
    fault: /two different/,
  },
  'a length of letters': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n',
    fault: /no number/,
  },
  'an unknown coding': {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: br\r\n\r\n',
    fault: /unknown/,
  },
  'a chunk without size': {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n',
    fault: /without a size/,
  },
  'a chunk too long': {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n',
    fault: /longer than its size/,
  },
  'a cut head': { text: 'HTTP/1.1 200 OK\r\nConte', end: true, fault: /ends in its headers/ },
  'a cut body': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
    end: true,
    fault: /ends in its body/,
  },
  'endless headers': {
    text: `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(20_000)}`,
    fault: /without an end/,
  },
  'more than a megabyte': {
    text: `HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n${'x'.repeat(2 ** 20)}`,
    fault: /longer than/,
  },
};

for (const [name, { text, end, fault }] of Object.entries(WRONG))
  test(`refuses ${name}`, () => {
    const reader = new ResponseReader();
    reader.push(Buffer.from(text, 'latin1'));
    if (end) {
      assert.equal(reader.next(), null);
      assert.equal(reader.fault, null, 'more could come');
      reader.end();
    }
    assert.equal(reader.next(), null);
    assert.match(reader.fault!, fault);
    // What comes afterwards changes nothing.
    reader.push(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    assert.equal(reader.next(), null);
  });
