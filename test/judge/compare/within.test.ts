/** How sure a run's figures are from the run alone: by blocks of its seconds, and by all answers of a block together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratioWithin } from '../../../judge/compare/within.ts';
import { randomOf } from '../../../judge/random.ts';
import { LatencyHistogram } from '../../../results/histogram.ts';
import type { SampleLine } from '../../../results/types.ts';

/** A second with so many answers, all after the same time. */
function second(elapsedS: number, answers: number, ms: number): SampleLine {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < answers; i++) histogram.record(ms * 1000);
  const latency = histogram.ofSecond();
  return {
    t: Date.UTC(2026, 0, 1) + elapsedS * 1000,
    elapsedS,
    vus: 10,
    sent: answers,
    answers: { '200': answers },
    bytesSent: 0,
    bytesReceived: 0,
    latency,
    felt: latency,
  };
}

/** Fisher and Yates. */
function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const all = [...values];
  for (let i = all.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [all[i], all[other]] = [all[other], all[i]];
  }
  return all;
}

test('seconds that hang together make a figure less sure than as many that do not', () => {
  // Ten seconds at 10 ms, ten at 13 ms, with fewer answers, and so on: with blocks of one second order would mean nothing.
  const seconds = 300;
  const waves = Array.from({ length: seconds }, (_, i) =>
    i % 20 < 10 ? second(i, 24, 10 + (i % 10) / 10) : second(i, 16, 13 + (i % 10) / 10),
  );
  const apart = shuffled(waves, randomOf(1));
  for (const figure of ['throughput', 'p50']) {
    const [together, mixed] = [waves, apart].map((run) => {
      const { low, high } = ratioWithin(figure, run, run, randomOf(3))!;
      assert.ok(low < 1 && high > 1, figure);
      return high - low;
    });
    assert.ok(together >= 1.5 * mixed, `${figure}: ${together} in waves, ${mixed} mixed`);
  }
});

test('a percentile is one of all answers, not the mean of those of the blocks', () => {
  // Every other block has one answer a second, after a second: 1 % of all answers, and half of all blocks.
  const run = (ms: number): SampleLine[] =>
    Array.from({ length: 60 }, (_, i) =>
      Math.floor(i / 3) % 2 === 0 ? second(i, 100, ms) : second(i, 1, 1000),
    );
  const { low, high } = ratioWithin('p95', run(10), run(13), randomOf(3))!;
  assert.ok(low > 1.29 && high < 1.31, `${low} to ${high}: of the means it is 1.003`);
});
