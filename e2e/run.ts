/** Steps one after another. After a failure what must be kept is kept and what was made goes, whatever happens. */
import { EXIT, UserError, type ExitCode } from '../user-error.ts';
import { eventsOf } from './events.ts';
import type { OpenState, StepName } from './state.ts';
import { STEP_NAMES } from './state.ts';
import type { Step, StepContext } from './steps/context.ts';
import { runStep } from './steps/engine.ts';
import type { StepResult } from './report/outcome.ts';
import { stepOf } from './steps/index.ts';

export type RunCall = {
  open: OpenState;
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Ends what is under way; what follows is still done. */
  signal: AbortSignal;
  /** Gives up at once, teardown too. */
  giveUp: AbortSignal;
  say: StepContext['say'];
  status: StepContext['status'];
  /** Absent: those of a run. */
  steps?: (name: StepName) => Step;
};

/** Done after a failure, too: they keep what there is, and leave nothing. */
const ALWAYS: readonly StepName[] = ['stop', 'dump-logs', 'teardown'];
/** Judged also where the waiting was in vain: what is missing is what one wants to know. */
const AFTER_WAIT: readonly StepName[] = ['assert'];

/** @returns what became of each step, and the code of the first failure */
export async function runSteps(
  { open, env, cwd, signal, giveUp, say, status, steps = stepOf }: RunCall,
  { from, keep }: { from: StepName; keep: boolean },
): Promise<{ results: StepResult[]; exitCode: ExitCode }> {
  const results: StepResult[] = [];
  let exitCode: ExitCode = EXIT.passed;
  const names = STEP_NAMES.slice(STEP_NAMES.indexOf(from)).filter(
    (name) => !(keep && name === 'teardown'),
  );
  const failed = new Set<StepName>();
  for (const name of names) {
    const wants =
      failed.size === 0 ||
      ALWAYS.includes(name) ||
      (AFTER_WAIT.includes(name) &&
        !failed.has('setup') &&
        !failed.has('start') &&
        !failed.has('dump-logs'));
    const { title } = steps(name);
    if (!wants || giveUp.aborted || (signal.aborted && !ALWAYS.includes(name))) {
      results.push({ step: name, title, outcome: 'left out', ms: 0 });
      continue;
    }
    const beganMs = performance.now();
    const ofStep = ALWAYS.includes(name) ? giveUp : AbortSignal.any([signal, giveUp]);
    let result: StepResult;
    try {
      const event = eventsOf(open.folder);
      const running = runStep(steps(name), { open, env, cwd, signal: ofStep, event, say, status });
      // Whoever interrupts twice does not wait for what cannot be stopped.
      const outcome = await unlessGivenUp(running, giveUp);
      result = { step: name, title, outcome, ms: performance.now() - beganMs };
    } catch (error) {
      failed.add(name);
      // Whatever it says: what is stopped in its middle fails in many words, such as "PostgreSQL cannot be reached".
      const isInterrupt = ofStep.aborted;
      const code = isInterrupt
        ? EXIT.interrupted
        : error instanceof UserError
          ? error.exitCode
          : EXIT.broken;
      if (exitCode === EXIT.passed) exitCode = code;
      const message = isInterrupt ? 'interrupted' : (error as Error).message;
      const hint = !isInterrupt && error instanceof UserError ? error.hint : '';
      result = {
        step: name,
        title,
        outcome: 'failed',
        ms: performance.now() - beganMs,
        message,
        hint,
      };
      say(`${name}: failed: ${message}${hint === '' ? '' : `\n  what to do: ${hint}`}`);
    }
    results.push(result);
  }
  if (
    giveUp.aborted &&
    !results.some(({ step, outcome }) => step === 'teardown' && outcome === 'done')
  )
    say(
      `nothing more is removed: npm run e2e -- teardown --name ${open.state.topology.name} does it`,
    );
  if (signal.aborted && exitCode === EXIT.passed) exitCode = EXIT.interrupted;
  return { results, exitCode };
}

/** @throws the signal's reason as soon as it is given, whatever goes on meanwhile */
async function unlessGivenUp<T>(running: Promise<T>, giveUp: AbortSignal): Promise<T> {
  const over = new AbortController();
  const givenUp = new Promise<never>((_, reject) => {
    const stop = (): void => reject(giveUp.reason as Error);
    if (giveUp.aborted) stop();
    // Steps of many runs listen to one signal.
    else giveUp.addEventListener('abort', stop, { signal: over.signal });
  });
  try {
    return await Promise.race([running, givenUp]);
  } finally {
    over.abort();
  }
}
