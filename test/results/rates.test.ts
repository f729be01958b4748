/** The load's own time, and the rates over it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figuresOfSamples } from '../../results/figures.ts';
import { loadTimeOf, ratesOf } from '../../results/rates.ts';
import { shape } from '../support/run-scenario.ts';
import { syntheticRun } from '../../bench/synthetic-run.ts';

const T0 = 1_767_323_045_000;
const timeOf = (
  load: Parameters<typeof shape>[0],
  more: { stoppedMs?: number; lastEndMs?: number } = {},
) => {
  const { beganMs, endedMs } = loadTimeOf(
    shape({ durationMs: 20_000, iterations: null, ...load }),
    {
      beganMs: T0,
      stoppedMs: more.stoppedMs ?? null,
      lastEndMs: more.lastEndMs ?? null,
    },
  );
  assert.equal(beganMs, T0);
  return endedMs - beganMs;
};

test('one hung request, or slow first answers, do not change the time of a load', () => {
  for (const lastEndMs of [T0 + 19_000, T0 + 79_000]) {
    assert.equal(timeOf({}, { lastEndMs }), 20_000);
    const open = { executor: 'constant-arrival-rate', rate: { starts: 5, timeUnitMs: 1000 } } as const; // prettier-ignore
    assert.equal(timeOf(open, { lastEndMs }), 20_000);
  }
  // 664 starts in 20 s, one of which hung for a minute.
  assert.deepEqual(
    ratesOf({ started: 664, accepted: 663 }, timeOf({}, { lastEndMs: T0 + 72_000 })),
    {
      submissionsPerSecond: 33.2,
      acceptedPerSecond: 33.15,
    },
  );
});

test('a stop ends it, and so does the last answer of a number of submissions', () => {
  assert.equal(timeOf({}, { stoppedMs: T0 + 3000, lastEndMs: T0 + 4000 }), 3000);
  assert.equal(timeOf({ iterations: 10 }, { lastEndMs: T0 + 800 }), 800);
  assert.equal(timeOf({ iterations: 10 }, { lastEndMs: T0 + 80_000 }), 20_000);
  assert.equal(timeOf({}, { stoppedMs: T0 - 5 }), 0);
  assert.deepEqual(ratesOf({ started: 3, accepted: 0 }, 0), {
    submissionsPerSecond: null,
    acceptedPerSecond: null,
  });
});

test('of a killed run only whole seconds make a rate', () => {
  const { samples } = syntheticRun({ seconds: 10, rate: 0 });
  samples.forEach((line, i) => {
    line.sent = i === 0 ? 40 : i === 9 ? 3 : 100;
    line.answers = { '200': line.sent };
  });
  const figures = figuresOfSamples(samples, []);
  assert.deepEqual([figures.submissionsPerSecond, figures.acceptedPerSecond], [100, 100]);
  // What began counts, where the seconds say so.
  for (const line of samples) line.started = line.sent + 10;
  assert.equal(figuresOfSamples(samples, []).submissionsPerSecond, 110);
  assert.equal(figuresOfSamples(samples, []).started, 100 + figures.sent);
});
