import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processFigures } from '../../results/figures.ts';
import type { ProcessReading, ResourceLine } from '../../results/types.ts';

const reading = (name: string, more: Partial<ProcessReading>): ProcessReading => ({
  t: 0,
  kind: 'process',
  name,
  rootPid: 1,
  processes: 1,
  ...more,
});

test('the mean is CPU time over time, not the mean of the readings', () => {
  const lines: ResourceLine[] = [
    reading('k6', { rssBytes: 900 }),
    reading('k6', { cpuCores: 1, intervalMs: 1000, rssBytes: 700 }),
    { t: 0, kind: 'host', cores: 2, cpuCores: 2 },
    reading('k6', { cpuCores: 0.5, intervalMs: 3000 }),
    { t: 0, kind: 'note', name: 'k6', text: 'ended' },
    reading('__proto__', { cpuCores: 0, intervalMs: 1000 }),
  ];
  const figures = processFigures(lines);
  assert.deepEqual(figures.k6, {
    cpuCoresMean: 0.625,
    cpuCoresMax: 1,
    rssBytesMax: 900,
    readings: 3,
  });
  assert.deepEqual(Object.keys(figures), ['k6', '__proto__']);
  assert.equal(Object.entries(figures)[1][1].cpuCoresMean, 0);
});

test('what was not read is null, not 0', () => {
  assert.deepEqual(processFigures([reading('a', {})]), {
    a: { cpuCoresMean: null, cpuCoresMax: null, rssBytesMax: null, readings: 1 },
  });
  assert.deepEqual(processFigures([]), {});
});
