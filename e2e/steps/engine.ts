/** Runs a step: what it needs, its time limit, its record in the state, its events. A step that was done is not done again. */
import type { Counts } from '../conditions.ts';
import { durationText } from '../../system/duration.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { identityOf, isRunning } from '../../system/process-identity.ts';
import type { RunState, StepName } from '../state.ts';
import type { Step, StepContext } from './context.ts';

export type StepOutcome = 'done' | 'done before';

/** @throws UserError for a step whose needs are not met, that failed, or whose time is over; the reason of the signal */
export async function runStep(
  step: Step,
  context: Omit<StepContext, 'progress'>,
): Promise<StepOutcome> {
  const { open, say, event, signal } = context;
  const { state } = open;
  const before = state.steps[step.name];
  if (before?.status === 'done' && step.repeats !== true) {
    say(`${step.name}: done already (${timeText(before.endedMs ?? before.beganMs)})`);
    return 'done before';
  }
  const missing = step.needs.filter((need) => state.steps[need]?.status !== 'done');
  if (missing.length > 0)
    throw new UserError(
      missing
        .map((need) => `${step.name} needs ${need}, which ${statusWords(state, need)}`)
        .join('\n'),
      { hint: `npm run e2e -- ${missing[0]}, or npm run e2e -- run`, exitCode: EXIT.usage },
    );
  const beganMs = Date.now();
  const by = identityOf(process.pid)!;
  open.change(({ steps }) => (steps[step.name] = { status: 'running', by, beganMs }));
  event('step', { step: step.name, status: 'begun' });
  const limitMs = step.limitMs(state.topology);
  const over = new AbortController();
  const timer = setTimeout(
    () =>
      over.abort(
        new UserError(`${step.name} did not end within ${durationText(limitMs)}`, {
          hint: 'what it counted last stands in events.ndjson, what the components said in logs/',
        }),
      ),
    limitMs,
  );
  let progress: Counts | undefined;
  try {
    await step.run({
      ...context,
      signal: AbortSignal.any([signal, over.signal]),
      progress(counts) {
        progress = counts;
        context.status(`${step.name}: ${countsText(counts, step.counts)}`);
      },
    });
    const endedMs = Date.now();
    // After teardown there is no state any more.
    if (step.name !== 'teardown') {
      open.change(
        ({ steps }) =>
          (steps[step.name] = {
            status: 'done',
            by,
            beganMs,
            endedMs,
            ...(progress && { progress }),
          }),
      );
      event('step', { step: step.name, status: 'done', ms: endedMs - beganMs });
    }
    say(
      `${step.name}: done in ${durationText(endedMs - beganMs)}${progress === undefined ? '' : ` (${countsText(progress, step.counts)})`}`,
    );
    return 'done';
  } catch (error) {
    const { message, hint, exitCode } = signal.aborted
      ? { message: 'interrupted', hint: '', exitCode: EXIT.interrupted }
      : error instanceof UserError
        ? error
        : { message: (error as Error).message, hint: '', exitCode: EXIT.broken };
    open.change(
      ({ steps }) =>
        (steps[step.name] = {
          status: 'failed',
          by,
          beganMs,
          endedMs: Date.now(),
          ...(progress && { progress }),
          error: { message, hint, exitCode },
        }),
    );
    event('step', { step: step.name, status: 'failed', message });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** `sent 120, accepted 119, stored 119`; what nobody can say, such as what a load has planned, is left out. */
export const countsText = (counts: Counts, names: readonly string[]): string =>
  names
    .filter((name) => (counts[name] ?? null) !== null)
    .map((name) => `${name} ${counts[name]}`)
    .join(', ');

export function statusWords(state: RunState, step: StepName): string {
  const record = state.steps[step];
  if (record === undefined) return 'was not done';
  if (record.status === 'failed') return `failed: ${record.error?.message ?? 'no reason was kept'}`;
  if (record.status === 'running')
    return isRunning(record.by) ? `runs (process ${record.by.pid})` : 'was killed in its middle';
  return `was done at ${timeText(record.endedMs ?? record.beganMs)}`;
}

const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
