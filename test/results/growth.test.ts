import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResourceMeter } from '../../load/resource-meter.ts';
import { GrowthMeter, SETTLING_MS, SHORTEST_SLOPE_MS } from '../../results/growth.ts';
import type { ResourceLine } from '../../results/types.ts';

const T0 = 1_767_323_045_000;
const MB = 2 ** 20;

/** @param bytes by the minute since the first reading that counts */
function growthOf(seconds: number, bytes: (minutes: number) => number) {
  const meter = new GrowthMeter(T0);
  for (let s = 0; s <= seconds; s++) meter.add(T0 + s * 1000, bytes(s / 60));
  return meter.figure();
}

test('a slope is found whatever the length, and its unit is bytes a minute', () => {
  for (const seconds of [120, 600, 7200, 86_400])
    for (const slope of [0, 3 * MB, -0.2 * MB]) {
      const growth = growthOf(seconds, (minutes) => 200 * MB + slope * minutes)!;
      assert.ok(Math.abs(growth.bytesPerMinute - slope) < 1, `${seconds} ${growth.bytesPerMinute}`);
      assert.equal(growth.overMs, seconds * 1000);
    }
});

test('neither a saw-tooth nor a single jump is growth', () => {
  const saw = growthOf(600, (minutes) => 200 * MB + 40 * MB * ((minutes * 6) % 1))!;
  assert.ok(Math.abs(saw.bytesPerMinute) < 0.3 * MB, `${saw.bytesPerMinute / MB}`);
  const spike = growthOf(600, (minutes) => (minutes > 9.7 ? 900 * MB : 200 * MB))!;
  assert.ok(Math.abs(spike.bytesPerMinute) < 1);
});

test('a clock that is set back makes no slope', () => {
  const meter = new GrowthMeter(T0);
  const seconds = (from: number, to: number) => {
    for (let s = from; s <= to; s++) meter.add(T0 + s * 1000, MB);
  };
  seconds(0, 200);
  seconds(100, 400);
  meter.add(T0 + 400_000, 50 * MB);
  assert.deepEqual(meter.figure(), { bytesPerMinute: 0, overMs: 400_000 });
});

test('too short a time has none', () => {
  assert.equal(new GrowthMeter(T0).figure(), null);
  assert.equal(growthOf(SHORTEST_SLOPE_MS / 1000 - 1, () => MB), null); // prettier-ignore
  assert.notEqual(
    growthOf(SHORTEST_SLOPE_MS / 1000, () => MB),
    null,
  );
});

test('readings count from two minutes after the first answer to the last', () => {
  const meter = new ResourceMeter();
  const reading = (s: number, name: string, rssBytes: number): ResourceLine => ({
    t: T0 + s * 1000, kind: 'process', name, rootPid: 1, processes: 1, rssBytes, cpuPercentOfMachine: 50,
  }); // prettier-ignore
  const last = 600;
  for (let s = 0; s <= last + 60; s++) {
    // It grows fast before, not at all while it counts, and fast again when the load is over.
    const settled = 10 + SETTLING_MS / 1000;
    const bytes = s < settled ? s * MB : s <= last ? settled * MB : s * 100 * MB;
    const seen = Math.min(s - 2, last);
    meter.add(reading(s, 'backend', bytes), {
      firstEndMs: s < 12 ? null : T0 + 10_000,
      lastEndMs: s < 12 ? null : T0 + seen * 1000,
    });
    meter.add({ t: T0 + s * 1000, kind: 'host', cores: 2, cpuPercentOfMachine: s <= 10 ? 0 : 100 }, { firstEndMs: null, lastEndMs: null }); // prettier-ignore
    if (s === 200) assert.equal(meter.growthOf('backend'), undefined);
    if (s === 300) assert.equal(meter.growthOf('backend')!.bytesPerMinute, 0);
  }
  const times = { firstEndMs: T0 + 10_000, lastEndMs: T0 + last * 1000 };
  const { processes, generator } = meter.figures(times);
  assert.deepEqual(processes.backend.rssGrowth, { bytesPerMinute: 0, overMs: (last - 130) * 1000 });
  assert.equal(processes.backend.rssBytesMax, (last + 60) * 100 * MB);
  assert.equal(processes.backend.readings, last + 61);
  assert.deepEqual(generator, { cpu: { host: 1, target: 0.5 } });
  assert.equal(meter.growthOf('k6'), undefined);
});
