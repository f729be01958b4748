/** What this machine itself holds back, for real: a limit of open files, a CPU quota of a control group. The target, outside of it, logs what came. */
import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { EXIT } from '../../user-error.ts';
import { agree, arrivalsOf } from './compare.ts';
import { makeOwnNetwork, type OwnNetwork } from './own-network.ts';
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

describe('local ports', () => {
  let network: OwnNetwork | null;
  const PORTS = 150;
  before(async () => {
    network = await makeOwnNetwork(PORTS);
  });
  after(() => network?.stop());

  test('more VUs than there are: nothing is sent', async (t) => {
    if (network === null) return t.skip('no network namespace here (Linux, root)');
    const { through } = network;
    const words = ['--vus', '200', '--duration', '5s', ...NO_THINK];
    for (const more of [[], ['--dry-run']]) {
      const many = await truthRefused(
        [...words, ...more],
        { through },
        { listening: await network.listen() },
      );
      assert.equal(many.exitCode, 2, many.output);
      assert.match(
        many.output,
        /^error: 200 VUs need as many local ports, but this machine has 150/m,
      );
      assert.equal(many.log.length, 0);
    }
  });

  test('each used once, since every answer ends its connection: limited by it, by name; none of it is the target’s', async (t) => {
    if (network === null) return t.skip('no network namespace here (Linux, root)');
    const { through } = network;
    const run = await truthRun(
      ['--vus', '5', '--duration', '4s', '--think', '50ms-50ms'],
      { listening: await network.listen(), deedOf: () => ({ closes: true }) },
      undefined,
      { through },
    );
    assert.equal(run.exitCode, EXIT.generatorLimited, run.output);
    const [reason] = run.summary.verdict.reasons!;
    assert.ok(reason.kind === 'generator-limited' && reason.cause === 'local ports', run.output);
    assert.match(run.summary.verdict.sentence, /^GENERATOR-LIMITED: this machine had no local port left, and [\d,]+ of [\d,]+ requests failed for it/); // prettier-ignore
    const { figures } = run.summary;
    // What reached it was accepted, and nothing else was.
    assert.deepEqual([figures.accepted, figures.answers['200']], [run.log.length, run.log.length]);
    assert.ok(run.log.length > 50 && run.log.length <= PORTS, `${run.log.length}`);
    const unsent = figures.sent - run.log.length;
    assert.deepEqual(
      figures.refusals!.map(({ answer, text, count }) => [answer.slice(0, 6), /cannot assign requested address/.test(text), count]), // prettier-ignore
      [['error:', true, unsent]],
    );
    assert.doesNotMatch(run.output, /the target (broke|refused|failed)/);
  });
});

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
