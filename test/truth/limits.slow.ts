/** What this machine itself holds back, for real: a limit of open files, a CPU quota of a control group. The target, outside of it, logs what came. */
import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, describe, test } from 'node:test';
import { agree, arrivalsOf } from './compare.ts';
import { afterShell, truthRefused, truthRun } from './run.ts';

const NO_THINK = ['--think', '0'];
const closed = (seconds: number) => ({
  durationMs: seconds * 1000,
  thinkMs: null,
  perSecond: null,
});

test(
  'more VUs than open files: nothing is sent; as many as there is room for agree',
  { skip: process.platform === 'win32' },
  async () => {
    const through = afterShell('ulimit -n 200');
    const many = await truthRefused(['--vus', '400', '--duration', '5s', ...NO_THINK], { through });
    assert.equal(many.exitCode, 2, many.output);
    assert.match(
      many.output,
      /^error: 400 VUs need about 500 open files, but this machine allows 200/m,
    );
    assert.equal(many.log.length, 0);
    const few = await truthRun(['--vus', '90', '--duration', '3s', ...NO_THINK], {}, undefined, { through }); // prettier-ignore
    agree(few.log, few, closed(3));
    assert.equal(few.summary.figures.refusals, undefined, few.output);
  },
);

const CPU = '/sys/fs/cgroup/cpu';
const group = join(CPU, `mina-load-test-${process.pid}`);

function canMakeGroups(): boolean {
  try {
    accessSync(join(CPU, 'cpu.cfs_quota_us'), constants.W_OK);
    mkdirSync(group);
    return true;
  } catch {
    return false;
  }
}

describe(
  'a CPU quota',
  { skip: canMakeGroups() ? false : 'no control groups to write to (version 1, root)' },
  () => {
    after(async () => {
      // A group is gone a moment after its last process.
      for (let tries = 0; tries < 50; tries++)
        try {
          rmdirSync(group);
          return;
        } catch {
          await sleep(100);
        }
    });

    test('of 0.3 cores for the generator alone: limited by it, by name; the target was not slow', async () => {
      writeFileSync(join(group, 'cpu.cfs_quota_us'), '30000');
      const through = afterShell(`echo $$ > ${join(group, 'cgroup.procs')}`);
      const held = await truthRun(['--vus', '20', '--duration', '8s', ...NO_THINK], {}, undefined, {
        through,
      });
      assert.equal(held.exitCode, 4, held.output);
      agree(held.log, held, closed(8));
      const { throttling } = held.summary.figures.generator!;
      assert.equal(throttling!.quotaCores, 0.3);
      // How often depends on what else runs: on a busy machine it gets less than its quota.
      assert.ok(throttling!.throttled > 0, JSON.stringify(throttling));
      const [reason] = held.summary.verdict.reasons!;
      assert.ok(reason.kind === 'generator-limited' && reason.cause === 'cpu quota');
      assert.match(held.output, /the CPU quota of 0\.3 cores of its control group/);
      // From the whole body to the answer: what passed beyond that was not the target's.
      const took = arrivalsOf(held.log, held, closed(8))
        .map(({ wholeMs, answeredMs }) => answeredMs! - wholeMs)
        .sort((a, b) => a - b);
      const p95Ms = took[Math.ceil(took.length * 0.95) - 1];
      assert.ok(held.summary.figures.latency!.p95Ms > p95Ms, `${held.summary.figures.latency!.p95Ms} ms, the target took ${p95Ms}`); // prettier-ignore
    });

    test('without a quota nothing is said of one', async () => {
      const free = await truthRun(['--vus', '5', '--duration', '3s', ...NO_THINK]);
      agree(free.log, free, closed(3));
      assert.equal(free.summary.figures.generator!.throttling?.throttled ?? 0, 0);
    });
  },
);
