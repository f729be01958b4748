/** A k6 that does nothing at all: gaps between its own reports. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StandstillWatch } from '../../../load/k6/standstill.ts';

const after = (times: number[], begins?: number): number => {
  const watch = new StandstillWatch();
  for (const at of times) {
    if (at === begins) watch.begins(at);
    watch.alive(at);
  }
  return watch.totalMs;
};

test('a report a second is no standstill, four seconds without one are three', () => {
  assert.equal(after([0, 1000, 2003, 2999, 4900]), 0);
  assert.equal(after([0, 1000, 5000, 6000]), 3000);
  assert.equal(after([0, 4000, 5000, 9000]), 6000);
});

test('what came before the load began does not count, nor does a clock that goes back', () => {
  assert.equal(after([0, 9000, 10_000], 9000), 0);
  assert.equal(after([5000, 1000, 2000, 5500]), 0);
});
