/**
 * The harness as others call it (the command line, a console): a run under its lock, one step or all of them, all combinations of a matrix, and what killed
 * runs have left.
 */
import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ExitCode } from '../user-error.ts';
import { isRunning } from '../system/process-identity.ts';
import { leftoverOf } from './cleanup.ts';
import { eventsOf } from './events.ts';
import { holderOf, takeLock } from './lock.ts';
import { foundRuns, register, unregister } from './registry.ts';
import { runOf } from './report/from-state.ts';
import { mergedCode, mergedOutcome, mergedPage, type NamedRun } from './report/merged.ts';
import { type E2eRun, outcomeOf } from './report/outcome.ts';
import { pageOf } from './report/page.ts';
import { writeRunFile } from './report/run-file.ts';
import { reportToGithub, writeReport } from './report/write.ts';
import { runSteps } from './run.ts';
import {
  type Chosen,
  createState,
  hasState,
  isEmptyState,
  newState,
  type OpenState,
  openState,
  removeEmptyState,
  resultsFolderOf,
  stateFolderOf,
  type StepName,
} from './state.ts';
import { runStep } from './steps/engine.ts';
import { stepOf } from './steps/index.ts';
import { ownedWords } from './steps/teardown.ts';
import type { Topology } from './topology.ts';

export type HarnessCall = {
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Ends what is under way; what must follow still does. */
  signal: AbortSignal;
  /** Gives up at once, teardown too. */
  giveUp: AbortSignal;
  say: (line: string) => void;
  status: (text: string) => void;
};

/**
 * Under its lock. The state is made where there is none.
 * @param runs the folder of all runs @param topology of a run that may begin @param chosen options that made it
 * @throws UserError where another harness works on it, or there is no run
 */
export async function withRun<T>(
  {
    runs,
    name,
    topology,
    chosen,
    env,
  }: { runs: string; name: string; topology: Topology | null; chosen?: Chosen; env: NodeJS.ProcessEnv }, // prettier-ignore
  action: (open: OpenState) => Promise<T>,
): Promise<T> {
  const folder = stateFolderOf(runs, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = takeLock(folder);
  try {
    if (topology === null || hasState(folder)) return await action(openState(folder));
    const nowMs = Date.now();
    const state = newState(topology, resultsFolderOf(runs, name, nowMs), nowMs, chosen);
    const open = createState(folder, state);
    register(env, state.owner, folder);
    return await action(open);
  } finally {
    lock.release();
  }
}

/** @throws UserError; the reason of the signal */
export async function doStep(open: OpenState, name: StepName, call: HarnessCall): Promise<void> {
  const { signal, giveUp } = call;
  const context = { ...call, open, signal: AbortSignal.any([signal, giveUp]) };
  await runStep(stepOf(name), { ...context, event: eventsOf(open.folder) });
  if (name === 'teardown') unregister(call.env, open.state.owner);
}

/** All steps from one on, and the report. */
export async function doRun(
  open: OpenState,
  { from, keep }: { from: StepName; keep: boolean },
  call: HarnessCall,
): Promise<E2eRun> {
  const { state } = open;
  const { results, exitCode } = await runSteps({ ...call, open }, { from, keep });
  if (results.some(({ step, outcome }) => step === 'teardown' && outcome === 'done'))
    unregister(call.env, state.owner);
  const run = runOf(state, results, exitCode, call.env);
  const outcome = outcomeOf(run);
  mkdirSync(state.results, { recursive: true });
  await writeReport(state.results, pageOf(run), outcome);
  await writeRunFile(state.results, run, state.chosen);
  call.say(outcome.sentence);
  call.say(`results: ${state.results}`);
  return run;
}

/** One run of its own, with what GitHub is to see of it. */
export async function runAlone(
  open: OpenState,
  how: { from: StepName; keep: boolean },
  call: HarnessCall,
): Promise<ExitCode> {
  const run = await doRun(open, how, call);
  await reportToGithub(pageOf(run), outcomeOf(run), call.env, call.say);
  return run.exitCode as ExitCode;
}

/** One after another, each a run of its own; one report of all. An interrupt leaves out those that have not begun. */
export async function runMatrix(
  { runs, name }: { runs: string; name: string },
  combinations: readonly { name: string; topology: Topology; chosen?: Chosen }[],
  call: HarnessCall,
): Promise<ExitCode> {
  const done: NamedRun[] = [];
  const nowMs = Date.now();
  for (const [i, combination] of combinations.entries()) {
    if (call.signal.aborted) break;
    call.say(`combination ${i + 1} of ${combinations.length}: ${combination.name}`);
    const place = {
      runs,
      name: combination.topology.name,
      topology: combination.topology,
      chosen: combination.chosen,
      env: call.env,
    };
    await withRun(place, async (open) => {
      const run = await doRun(open, { from: 'setup', keep: false }, call);
      done.push({ name: combination.name, run, folder: relative(runs, open.state.results) });
    });
  }
  const folder = resultsFolderOf(runs, name, nowMs);
  mkdirSync(folder, { recursive: true });
  const planned = combinations.length;
  const [page, outcome] = [mergedPage(name, done, planned), mergedOutcome(name, done, planned)];
  await writeReport(folder, page, outcome);
  await reportToGithub(page, outcome, call.env, call.say);
  call.say(outcome.sentence);
  call.say(`results: ${folder}`);
  return mergedCode(done) as ExitCode;
}

/** Removes what killed and failed runs have left; or only says what there is. @returns how many */
export async function cleanUp(
  { runs, olderThanMs, dryRun }: { runs: string; olderThanMs: number; dryRun: boolean },
  call: HarnessCall,
): Promise<number> {
  let count = 0;
  for (const found of foundRuns(call.env, runs)) {
    const { folder, state } = found;
    if (state === null) {
      // Killed before it wrote a state, it had made nothing else.
      const isEmpty = holderOf(folder) === null && isEmptyState(folder);
      call.say(
        `${folder}: ${isEmpty ? (dryRun ? 'would be removed' : 'removed') : 'stays'}, ${found.why}`,
      );
      if (isEmpty) count++;
      if (isEmpty && !dryRun) removeEmptyState(folder);
      continue;
    }
    const { is, why } = leftoverOf(
      state,
      {
        isHeld: holderOf(folder) !== null,
        isRunning: (step) => isRunning(state.steps[step]!.by),
        nowMs: Date.now(),
      },
      olderThanMs,
    );
    call.say(`${folder}: ${is ? (dryRun ? 'would be removed' : 'removed') : 'stays'}, ${why}`);
    if (!is) continue;
    count++;
    if (dryRun) {
      for (const one of state.owned) call.say(`  would remove ${ownedWords(one)}`);
      continue;
    }
    const place = {
      runs: join(folder, '..', '..'),
      name: nameOf(folder),
      topology: null,
      env: call.env,
    };
    await withRun(place, (open) => doStep(open, 'teardown', call));
  }
  return count;
}

/** RUNS/NAME/state. */
const nameOf = (folder: string): string => folder.split(/[\\/]/).at(-2)!;
