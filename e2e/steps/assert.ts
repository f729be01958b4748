/** Judges what the run left. */
import type { Step } from './context.ts';

export const assertStep: Step = {
  name: 'assert',
  title: 'every assertion holds',
  needs: ['dump-logs'],
  limitMs: () => 10 * 60_000,
  counts: [],
  repeats: true,
  async run() {
    await Promise.resolve();
  },
};
