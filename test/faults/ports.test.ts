/** The ports of programs that are down at times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietPorts } from '../../faults/ports.ts';

test('each port below those of outgoing connections once, from another one on each time', () => {
  const ports = quietPorts(9999);
  assert.deepEqual(ports.slice(0, 3), [29_999, 20_000, 20_001]);
  assert.equal(new Set(ports).size, 10_000);
  assert.deepEqual([Math.min(...ports), Math.max(...ports)], [20_000, 29_999]);
  const firsts = new Set(Array.from({ length: 40 }, () => quietPorts()[0]));
  assert.ok(firsts.size > 20, 'two commands at once would choose the same one');
});
