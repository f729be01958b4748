import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResourceMeter } from '../../load/resource-meter.ts';
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

test('CPU outside the load does not count; of a reading that it cuts, the part inside does', () => {
  const lines = [
    reading('backend', { t: 1000, cpuCores: 0, intervalMs: 1000, rssBytes: 10 }),
    reading('backend', { t: 2000, cpuCores: 0.1, intervalMs: 1000 }),
    reading('backend', { t: 3000, cpuCores: 0.1, intervalMs: 1000 }),
    reading('backend', { t: 4000, cpuCores: 0.9, intervalMs: 1000 }),
    reading('backend', { t: 60_000, cpuCores: 0, intervalMs: 56_000, rssBytes: 90 }),
  ];
  const { backend } = processFigures(lines, { beganMs: 1500, endedMs: 3250 });
  // 0.1 cores over 1.5 s, 0.9 over a quarter of a second.
  assert.ok(Math.abs(backend.cpuCoresMean! - (0.15 + 0.225) / 1.75) < 1e-9);
  assert.equal(backend.cpuCoresMax, 0.1);
  assert.deepEqual([backend.rssBytesMax, backend.readings], [90, 5]);
  assert.equal(
    processFigures(lines, { beganMs: 70_000, endedMs: 80_000 }).backend.cpuCoresMean,
    null,
  );
});

test('the meter of a run bounds the CPU by the first and the last answer', () => {
  const meter = new ResourceMeter();
  const at = (t: number, cpuCores: number) => reading('backend', { t, cpuCores, intervalMs: 1000 });
  meter.add(at(1000, 4), { firstEndMs: null, lastEndMs: null });
  meter.add(at(2000, 0.1), { firstEndMs: 1000, lastEndMs: 2000 });
  meter.add(at(3000, 0.1), { firstEndMs: 1000, lastEndMs: 2500 });
  meter.add(at(9000, 4), { firstEndMs: 1000, lastEndMs: 2500 });
  const { backend } = meter.figures({ firstEndMs: 1000, lastEndMs: 2500 }).processes;
  assert.ok(Math.abs(backend.cpuCoresMean! - 0.1) < 1e-9, String(backend.cpuCoresMean));
});
