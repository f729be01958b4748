/** A short load in rounds against the embedded backend: what it stored says who sent when. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { planRounds } from '../../load/rounds.ts';
import { makeFleet } from '../../producers/fleet.ts';
import type { Plan } from '../../results/types.ts';
import { readSubmissionName } from '../../stack/storage/layout.ts';
import { runCli, WITH_PICTURES } from '../support/cli.ts';
import { k6Path } from '../support/k6.ts';
import { json, theRun } from '../support/load-results.ts';
import { scratchFolder } from '../support/scratch.ts';

test('the stopped producers send nothing in their round, and are back in the next one', async (t) => {
  const results = scratchFolder(t);
  const words = ['load', '--scenario', 'rounds', '--port', '0', '--keep', '--seed', 'truth', '--results', results]; // prettier-ignore
  const pace = ['--repeats', '3', '--rate', '5/s', '--stress-rate', '20/s', '--base-time', '3s', '--stress-time', '2s', '--pause', '4s', '--stopped-share', '0.3', '--producers', '40', '--gate', 'on-time>=0%']; // prettier-ignore
  const result = await runCli([...words, ...pace], { K6_BIN: await k6Path(), ...WITH_PICTURES });
  // 4: a busy machine held k6 back; what it sent is looked at all the same.
  assert.ok([0, 4].includes(result.exitCode!), result.stdout + result.stderr);
  const run = theRun(results);
  const { load } = json<Plan>(run, 'plan.json');
  assert.equal(load.timed!.rounds!.times.length, 3);
  const plan = planRounds({ rounds: 3, basePerSecond: 5, stressPerSecond: 20, baseMs: 3000, stressMs: 2000, pauseMs: 4000, stoppedShare: 0.3 }, 40, 'truth'); // prettier-ignore
  const { producers } = makeFleet({ seed: 'truth', count: 40 });
  const days = join(run, 'storage', 'submissions');
  const stored = readdirSync(days)
    .flatMap((day) => readdirSync(join(days, day)))
    .map((name) => readSubmissionName(name)!);
  assert.equal(stored.length, plan.offsetsMs.length);
  const firstMs = Math.min(...stored.map(({ submittedAt }) => Date.parse(submittedAt)));
  const seen = plan.rounds.map(() => new Set<string>());
  for (const { submittedAt, submitter } of stored) {
    // Whole seconds, and the load began within the first of them: the pause leaves room for both.
    const ms = Date.parse(submittedAt) - firstMs;
    const round = plan.rounds.findIndex(({ untilMs }, i) => i === 2 || ms < untilMs - 1500);
    seen[round].add(submitter);
  }
  for (const [i, stopped] of plan.stopped.entries()) {
    assert.equal(stopped.length, 12);
    const keys = stopped.map((place) => producers[place].publicKey);
    assert.deepEqual(
      keys.filter((key) => seen[i].has(key)),
      [],
      `round ${i + 1}`,
    );
    if (i < 2)
      assert.ok(
        keys.every((key) => seen[i + 1].has(key)),
        'not all were started again',
      );
  }
  const pictures = readdirSync(join(run)).filter((name) => name.endsWith('.png'));
  assert.ok(pictures.length >= 4, pictures.join());
});
