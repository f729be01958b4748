/** When the generator is to blame, from figures as runs left them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gateRules } from '../../load/gates.ts';
import { allowedMisses, cpuOverLoad, generatorLimit } from '../../load/generator.ts';
import type { ResourceLine, ScheduleFigures } from '../../results/types.ts';

const kept: ScheduleFigures = {
  planned: 30_000,
  started: 30_000,
  late: 20,
  dropped: 0,
  droppedWhileFree: 0,
  onTimeShare: 1,
  latenessP99Ms: 2,
  toleranceMs: 10,
};
const idle = { host: 0.4, k6: 0.2 };
const starved = { host: 0.99, k6: 0.6 };
const limit = (
  schedule: Partial<ScheduleFigures> | null,
  cpu: { host: number | null; k6: number | null } = idle,
) =>
  generatorLimit({
    schedule: schedule === null ? null : { ...kept, ...schedule },
    allowedMisses: 0.01,
    cpu,
  });

test("an open model: late starts are the generator's, starts dropped for want of an answer are not", () => {
  assert.equal(limit({}), null);
  assert.equal(limit({ late: 300 }), null);
  assert.equal(
    limit({ late: 301 }),
    "of 30,000 starts 301 began late; the machine's cores were 40 % busy, 20 % by k6 alone",
  );
  assert.equal(limit({ late: 301 }, { host: null, k6: 0.2 }), 'of 30,000 starts 301 began late');
  // A target that stalls holds all VUs.
  assert.equal(limit({ started: 20_000, dropped: 10_000 }), null);
  assert.match(
    limit({ started: 20_000, dropped: 10_000, droppedWhileFree: 9000 })!,
    /9,000 were dropped though VUs were free/,
  );
  // Recorded at 4,000/s with 200 VUs: the target took a third of the machine and 300 ms for each answer.
  const overrun = {
    planned: 20_001,
    started: 2923,
    late: 51,
    dropped: 17_078,
    droppedWhileFree: 187,
  };
  assert.equal(limit(overrun, { host: 0.97, k6: 0.14 }), null);
  assert.match(limit({ started: 29_000 })!, /^of 30,000 starts 20 began late, 1,000 never came;/);
});

test("a machine without a free core: the generator's only if k6 took half of them", () => {
  assert.match(limit(null, starved)!, /^the machine's cores were 99 % busy, 60 % by k6 alone$/);
  assert.equal(limit(null, { host: 0.99, k6: 0.2 }), null); // the target on the same machine took the rest
  assert.equal(limit(null, { host: 0.9, k6: 0.9 }), null);
  assert.equal(limit(null, { host: null, k6: 0.9 }), null);
  // An open model that kept its goal was not limited, whatever that took.
  assert.equal(limit({}, starved), null);
  assert.notEqual(limit({ started: 20_000, dropped: 10_000 }, starved), null);
});

test('what the gate lets be missed', () => {
  assert.equal(allowedMisses(gateRules(['on-time>=95%'], [])), 1 - 0.95);
  assert.equal(allowedMisses(gateRules(['on-time>=90%', 'on-time>99.5%'], [])), 1 - 0.995);
  assert.equal(allowedMisses(gateRules([])), 1);
});

test('CPU over the load: the readings within it, three at least', () => {
  const lines = [10, 90, 100, 98, 20].flatMap((percent, i): ResourceLine[] => [
    { t: i * 1000, kind: 'host', cores: 2, cpuPercentOfMachine: percent },
    { t: i * 1000, kind: 'process', name: 'k6', rootPid: 1, processes: 1, cpuPercentOfMachine: percent / 2 },
    { t: i * 1000, kind: 'process', name: 'backend', rootPid: 2, processes: 1, cpuPercentOfMachine: 1 },
    { t: i * 1000, kind: 'note', name: 'x', text: '' },
  ]); // prettier-ignore
  assert.deepEqual(cpuOverLoad(lines, 0, 3500), { host: 0.96, k6: 0.48 });
  assert.deepEqual(cpuOverLoad(lines, 2000, 4000), { host: null, k6: null });
  const unread = lines.map((line) => ({ ...line, cpuPercentOfMachine: undefined }));
  assert.deepEqual(cpuOverLoad(unread as ResourceLine[], 0, 3500), { host: null, k6: null });
});
