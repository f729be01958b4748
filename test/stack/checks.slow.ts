/** Every bit of a recorded submission flipped, one at a time: refused, or without any meaning. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../stack/backend/checks.ts';
import { checksWith, essence, RECORDED } from './support.ts';

test('no flipped bit of a recorded submission passes unless it means nothing', () => {
  const { bytes } = RECORDED[1];
  const checks = checksWith();
  // From here on its block and its key are known.
  assert.ok(judge(bytes, '', checks).accepted);
  const original = essence(bytes);
  const changed = Buffer.from(bytes);
  let neutral = 0;
  for (let at = 0; at < bytes.length; at++)
    for (let bit = 0; bit < 8; bit++) {
      changed[at] ^= 1 << bit;
      if (judge(changed, '', checks).accepted) {
        assert.equal(essence(changed), original, `byte ${at}, bit ${bit}`);
        neutral++;
      }
      changed[at] = bytes[at];
    }
  assert.ok(neutral > 0 && neutral < 200, `${neutral} neutral`);
});
