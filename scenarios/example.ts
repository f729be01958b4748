/**
 * A scenario of your own. Copy this file to scenarios/mine.ts, change it, and run
 *
 *     npm run load -- --scenario mine --vus 50 --duration 2m
 *
 * This one: all VUs send for ten seconds, rest for ten, and so on. `iterate` sends what comes next in the plan and reports
 * the answer; pace, gates and figures come from the options, as in every scenario: --vus, --duration and --think; with
 * --rate an open model; with --stages a ramp. Send less than the plan allows, never more: its submissions are signed.
 */
import { sleep } from 'k6';
import exec from 'k6/execution';
import { iterate, options } from './lib/submit.ts';

export { options }; // or: export const options = { ...planned, an option of k6 };

const HALF_WAVE_MS = 10_000;

export default async function (): Promise<void> {
  const intoWaveMs = (Date.now() - exec.scenario.startTime) % (2 * HALF_WAVE_MS);
  if (intoWaveMs >= HALF_WAVE_MS) sleep((2 * HALF_WAVE_MS - intoWaveMs) / 1000);
  await iterate();
}
