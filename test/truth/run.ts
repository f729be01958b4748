/** Runs `npm run load` as a user does, against a target that logs, and gives both sides. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reconcile, SampleLine, Summary } from '../../results/types.ts';
import { type RunningCli, startCli } from '../support/cli.ts';
import { k6Path } from '../support/k6.ts';
import { json, theRun } from '../support/load-results.ts';
import { scratchFolder } from '../support/scratch.ts';
import type { Run } from './compare.ts';
import { type Arrival, type Programme, startTruthTarget } from './target.ts';

export type TruthRun = Run & {
  exitCode: number | null;
  output: string;
  /** Of the results. */
  folder: string;
  log: readonly Arrival[];
};

/** What a busy machine does to a short load is not what is compared: on time or not, the counts must agree. */
export const LENIENT = ['--gate', 'on-time>=0%'];

export type Surroundings = {
  /** What the command is run by: `sh -c 'ulimit …; exec "$0" "$@"'`. */
  through?: readonly string[];
  env?: NodeJS.ProcessEnv;
};

/** The words of a shell that does `first` and is then what follows. */
export const afterShell = (first: string): string[] => ['sh', '-c', `${first}; exec "$0" "$@"`];

/**
 * @param args of `load`, without target and results
 * @param programme of the target
 * @param during called once the command has started
 */
export async function truthRun(
  args: readonly string[],
  programme: Programme = {},
  during?: (cli: RunningCli, log: readonly Arrival[]) => Promise<void>,
  { through, env }: Surroundings = {},
): Promise<TruthRun> {
  const target = await startTruthTarget(programme);
  const results = join(scratchFolder(), 'results');
  try {
    const cli = startCli(
      ['load', '--target', target.url, '--results', results, ...args],
      { K6_BIN: await k6Path(), ...env },
      undefined,
      through,
    );
    const acted = during?.(cli, target.log);
    const { exitCode, stdout, stderr } = await cli.result;
    await acted;
    const output = stdout + stderr;
    if (!existsSync(results)) throw new Error(`no results:\n${output}`);
    const folder = theRun(results);
    return {
      exitCode,
      output,
      folder,
      log: target.log,
      summary: json<Summary>(folder, 'summary.json'),
      reconcile: json<Reconcile>(folder, 'reconcile.json'),
      samples: readFileSync(join(folder, 'samples.ndjson'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as SampleLine),
    };
  } finally {
    await target.stop();
  }
}

/** A load that is refused: what the command says, and what the target saw of it. @throws Error if it leaves results */
export async function truthRefused(
  args: readonly string[],
  { through, env }: Surroundings = {},
  programme: Programme = {},
): Promise<{
  exitCode: number | null;
  output: string;
  log: readonly Arrival[];
  questions: number;
}> {
  const target = await startTruthTarget(programme);
  const results = join(scratchFolder(), 'results');
  try {
    const words = ['load', '--target', target.url, '--results', results, ...args];
    const cli = startCli(words, { K6_BIN: await k6Path(), ...env }, undefined, through);
    const { exitCode, stdout, stderr } = await cli.result;
    const output = stdout + stderr;
    if (existsSync(results) && readdirSync(results).length > 0) throw new Error(`results:\n${output}`); // prettier-ignore
    return { exitCode, output, log: target.log, questions: target.questions };
  } finally {
    await target.stop();
  }
}
