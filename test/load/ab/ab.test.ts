import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { checkedJob, load } from '../../../cli/commands/load.ts';
import { parseCommandLine } from '../../../cli/parse.ts';
import { goesOn, spareOf, turnName, turnsOf, type AbPlan } from '../../../load/ab/plan.ts';
import { turnJob } from '../../../load/ab/turn-job.ts';
import { EXIT } from '../../../user-error.ts';
import { jobOf } from '../../support/job.ts';
import { runHere } from '../../support/run-command.ts';

const A = 'http://127.0.0.1:1';
const B = 'http://127.0.0.1:2';
const plan: AbPlan = {
  base: { url: A, weight: 1 },
  now: { url: B, weight: 1 },
  rounds: 3,
  spare: 0,
  settleMs: 0,
};

test('ABBA: both sides are first equally often; a round sends one seed, on one address two', () => {
  const turns = [0, 1, 2].flatMap(turnsOf);
  assert.equal(turns.map(({ side }) => (side === 'base' ? 'A' : 'B')).join(''), 'ABBAAB');
  assert.equal(turnName(plan, turns[2]), 'round 2 of 3, B');
  assert.equal(turnName(plan, turnsOf(3)[0]), 'further round 1, B');
  const jobs = turns.map((turn) => turnJob(jobOf(['--vus', '7'], { ab: plan }), plan, turn, 'x'));
  assert.deepEqual(
    jobs.map(({ targets }) => targets[0].url),
    [A, B, B, A, A, B],
  );
  const seedsOf = (of: AbPlan): number =>
    new Set(turns.map((turn) => turnJob(jobOf(), of, turn, 'x').request.seed)).size;
  assert.equal(seedsOf(plan), 3);
  assert.equal(seedsOf({ ...plan, now: plan.base }), 6);
  for (const job of jobs) assert.deepEqual([job.ab, job.request.vus], [null, 7]);
});

test('a round that does not count is played again, as long as that can prove something', () => {
  /** Rounds that are played where each has this outcome in turn: `x` does not count. */
  const played = (rounds: number, outcomes: string, spare = spareOf(rounds)): number => {
    const faults: (string | null)[] = [];
    while (goesOn({ rounds, spare }, faults))
      faults.push(outcomes[faults.length % outcomes.length] === 'x' ? 'why' : null);
    return faults.length;
  };
  assert.equal(played(6, '.'), 6);
  assert.equal(played(6, '.x....'), 7);
  assert.equal(played(6, 'xx........'), 8);
  // Half as many more at the most; and none where even they could not make six sound ones.
  assert.equal(played(8, '.x'), 12);
  assert.equal(played(6, 'xxxx..'), 6);
  assert.equal(played(3, 'x'), 3);
  assert.equal(played(6, '.x....', 0), 6);
});

test('--effect says from which change on a figure counts', () => {
  const abOf = (...words: string[]) => {
    const parsed = parseCommandLine(load, ['--ab', A, B, ...words], {}, tmpdir());
    return checkedJob({ ...parsed, env: {}, cwd: tmpdir() }).job.ab;
  };
  assert.deepEqual(abOf('--effect', 'p95=10%', '--effect', 'throughput=2.5%')!.effects, { p95: 0.1, throughput: 0.025 }); // prettier-ignore
  assert.ok(!('effects' in abOf()!));
});

test('what does not go with two targets is refused, all of it at once', async () => {
  const refused = async (args: string[], ...causes: RegExp[]) => {
    const { exitCode, stderr } = await runHere(['load', ...args]);
    assert.equal(exitCode, EXIT.usage, stderr);
    for (const cause of causes) assert.match(stderr, cause);
  };
  await refused(['--ab', A], /--ab needs two targets, but has one: --ab URL_A URL_B/);
  await refused(['--ab', A, 'not a url'], /--ab: the second target must be a URL/);
  await refused(['--ab', 'x', B], /--ab must be a URL/);
  await refused(
    ['--ab', A, B, '--target', A, '--storage', 'file:/tmp'],
    /--target belongs to one target, and --ab has two/,
    /--storage belongs to one target/,
  );
  await refused(['--ab', A, B, '--scenario', 'breakpoint'], /a search has a load of its own/);
  await refused(['--rounds', '8', '--effect', 'p95=10%'], /--rounds has no effect without --ab/, /--effect has no effect without --ab/); // prettier-ignore
  await refused(['--ab', A, B, '--effect', 'p955=10%'], /--effect names the figure "p955", which there is not \(did you mean p95\?\): use one of p50, p95, /); // prettier-ignore
  await refused(['--ab', A, B, '--effect', 'p95=0.1'], /--effect p95 must be a percentage from 0% up to below 100%, but is "0\.1"/); // prettier-ignore
  await refused(['--ab', A, B, '--effect', 'p95=1%', '--effect', 'p95=2%'], /--effect names p95 more than once/); // prettier-ignore
  await refused(['http://127.0.0.1:2'], /belongs to no option/);
  await refused(['--ab', A, B, 'more'], /belongs to no option/);
});
