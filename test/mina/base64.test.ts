import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badBase64At, decodeBase64, encodeBase64 } from '../../mina/base64.ts';

test('base64 of every length comes back, and is what Node writes', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => Math.imul(i + length, 0x9e3779b1) >>> 24);
    const text = encodeBase64(bytes);
    assert.equal(Buffer.from(text).toString('latin1'), Buffer.from(bytes).toString('base64'));
    assert.equal(badBase64At(text), -1);
    assert.deepEqual(decodeBase64(text, true), bytes);
  }
});
