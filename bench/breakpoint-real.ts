/**
 * The search for the knee with the real k6, on small targets of known capacity on loopback: how far the knee is off, whether the interval
 * holds the truth, how many trials it takes. Half an hour, and nothing else should run on the machine.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { distFile } from '../paths.ts';
import { readRun } from '../results/reader.ts';
import type { BreakpointFigures } from '../results/types.ts';
import { askProgram } from '../system/run-program.ts';
import { type CapacityOptions, startCapacityTarget } from './capacity-target.ts';
import type { BenchLine } from './measure.ts';

type RealCase = CapacityOptions & { perSecond: number };

const CASES: Readonly<Record<string, RealCase>> = {
  '100/s': { perSecond: 100 },
  '173/s': { perSecond: 173 },
  '300/s': { perSecond: 300 },
  '200/s, throttled to 100/s after 12 s': {
    perSecond: 200,
    throttle: { afterMs: 12_000, perSecond: 100 },
  },
  '100/s after a burst of 600': { perSecond: 100, burst: 600 },
};

const LIMIT_MS = 20 * 60_000;

/** One short search. */
async function searchTarget({ perSecond, ...options }: RealCase): Promise<BreakpointFigures> {
  const target = await startCapacityTarget(perSecond, options);
  const results = mkdtempSync(join(tmpdir(), 'bench-breakpoint-'));
  try {
    const answer = await askProgram({
      file: process.execPath,
      args: [
        ...[distFile('cli.js'), 'load', '--scenario', 'breakpoint', '--target', target.url],
        ...['--results', results, '--hold', '5s', '--duration', '30s', '--settle', '500ms'],
        '--skip-pictures',
      ],
      env: process.env,
      timeoutMs: LIMIT_MS,
    });
    const [folder] = readdirSync(results);
    const found = folder && (await readRun(join(results, folder))).summary?.breakpoint;
    const output = answer.kind === 'not started' ? answer.message : `${answer.output.stdout}${answer.output.stderr}`; // prettier-ignore
    if (!found) throw new Error(`the search left no figures: ${output.slice(-1000)}`);
    return found;
  } finally {
    await target.stop();
    rmSync(results, { recursive: true, force: true });
  }
}

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  for (const [name, of] of Object.entries(CASES)) {
    const { rate, low, high, trials, notConfirmed } = await searchTarget(of);
    const line = (what: string, value: number, unit: string) =>
      report({
        bench: 'breakpoint-real',
        case: `${what}: ${name}`,
        value: Number(value.toFixed(2)),
        unit,
        peer: null,
        peer_value: null,
        ratio: null,
      });
    line('trials', trials.length, 'of 5 s, the last of 30 s');
    if (rate === null || low === null || high === null) {
      const after = notConfirmed?.throttlesAfterMs ?? null;
      line('no knee is given', after === null ? 0 : after / 1000, 's until it throttles');
      continue;
    }
    line('middle less capacity', 100 * (rate / of.perSecond - 1), '% of the capacity');
    const holds = low <= of.perSecond && of.perSecond <= high;
    line('95 % interval holds the capacity', Number(holds), `from ${low} to ${high}`);
  }
}
