/** What is in flight in each part of a load, from begins and ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUEUE_PARTS, QueueMeter } from '../../results/queue-meter.ts';

test('means over the parts, by the time that each was under way in them', () => {
  const meter = new QueueMeter(40_000); // parts of one second
  meter.begun(500);
  meter.ended(2250, true);
  meter.begun(2000);
  const { overMs, inFlight, errors } = meter.figures();
  assert.equal(overMs, 40_000);
  assert.equal(inFlight.length, QUEUE_PARTS);
  assert.deepEqual(inFlight.slice(0, 5), [0.5, 1, 1.25, 1, 1]);
  assert.equal(errors, undefined);
});

test('what comes before the beginning counts from it, what comes after the end not at all', () => {
  const meter = new QueueMeter(40_000);
  meter.begun(-3, 2);
  meter.ended(40_000, true);
  meter.begun(41_000);
  assert.deepEqual(new Set(meter.figures().inFlight), new Set([2]));
});

test('errors are counted where they came, and are under way no longer', () => {
  const meter = new QueueMeter(40_000);
  for (const ms of [0, 1000, 2000]) meter.begun(ms);
  meter.ended(1500, false);
  meter.ended(3500, false);
  meter.ended(3600, true);
  const { inFlight, errors } = meter.figures();
  assert.deepEqual(errors!.slice(0, 5), [0, 1, 0, 1, 0]);
  assert.equal(inFlight[10], 0);
});
