/**
 * A machine that other processes keep busy, for real: burners of this test's own beside a load that is less urgent than they are. They begin with
 * the load's first arrivals and end by themselves soon after it, if nobody ends them before.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { describe, test } from 'node:test';
import { until } from '../support/until.ts';
import { agree } from './compare.ts';
import { type TruthRun, truthRun } from './run.ts';

const SECONDS = 5;
const BURN_MS = 8000;
const PER_CORE = 2;
const BURNER = `const endMs = performance.now() + ${BURN_MS}; while (performance.now() < endMs);`;

/**
 * What a verdict may say of it, when all was sent and taken: that others took the machine, or nothing; a start that was late by chance
 * fails no gate. Where they have a quota in common that is the cause, and without readings there is none.
 */
function blamesNobodyElse(run: TruthRun): void {
  const { verdict, figures } = run.summary;
  assert.ok([0, 4].includes(verdict.exitCode), run.output);
  assert.equal(run.exitCode, verdict.exitCode);
  const { cpu, throttling } = figures.generator ?? {};
  const cause =
    (throttling?.throttled ?? 0) > 0 && verdict.sentence.includes('CPU quota')
      ? 'cpu quota'
      : cpu?.others === undefined
        ? 'unknown'
        : 'other processes';
  for (const reason of verdict.reasons ?? [])
    if (reason.kind === 'generator-limited') assert.equal(reason.cause, cause, run.output);
    // It says that starts were late; who made them late comes before it.
    else assert.ok(reason.kind === 'gate' && reason.name.startsWith('on-time'), run.output);
  if (verdict.exitCode === 4 && cause === 'other processes')
    assert.match(
      verdict.sentence,
      /^GENERATOR-LIMITED: .*other processes took \d+(\.\d+)? % of the machine, k6 \d+(\.\d+)? %/,
    );
  // All that was begun was sent: nothing says that it could not be, nor that the target fell behind.
  assert.doesNotMatch(run.output, /cannot (even )?send|the target (did|could|fell|broke)/i);
  const { sent, accepted, answers } = figures;
  const seen = run.log.length;
  assert.deepEqual([sent, accepted, answers], [seen, seen, { 200: seen }]);
}

describe('other processes take the machine', { skip: process.platform !== 'linux' }, () => {
  for (const [what, rate] of [
    ['few starts', 5],
    ['many', 100],
  ] as const)
    test(`an open load of ${what}: it is they, by name, or nobody`, async (t) => {
      const run = await truthRun(
        [
          ...['--scenario', 'arrival', '--rate', `${rate}/s`, '--duration', `${SECONDS}s`],
          ...['--vus', '200', '--timeout', '60s'],
        ],
        {},
        async (cli, log) => {
          await until(() => log.length > 0 || cli.child.exitCode !== null, 'arrivals');
          for (let i = 0; i < PER_CORE * availableParallelism(); i++) {
            const burner = spawn(process.execPath, ['-e', BURNER], { stdio: 'ignore' });
            t.after(() => burner.kill('SIGKILL'));
          }
        },
        { through: ['nice', '-n', '10'] },
      );
      agree(run.log, run, { durationMs: SECONDS * 1000, thinkMs: null, perSecond: null });
      blamesNobodyElse(run);
      t.diagnostic(run.summary.verdict.sentence);
    });
});
