/** The control of one run: its pace, its state, and the record of what was asked. */
import { join } from 'node:path';
import { formatNumber } from '../../results/units.ts';
import type { ControlLine } from '../../results/types.ts';
import type { Interrupts } from '../../system/interrupts.ts';
import type { Screen } from '../../system/screen.ts';
import type { Measures } from '../measures.ts';
import type { PreparedRun } from '../prepare.ts';
import type { RunRecord } from '../record.ts';
import { CONTROL_FILE, type ControlRequest, type ControlState } from './protocol.ts';
import { startControl } from './server.ts';
import { Steering } from './steering.ts';

export type RunControl = {
  /** Submissions per second that are asked for, as {@link Steering.askedPerSecond}; undefined: the load is not steerable. */
  asked(): number | null | undefined;
  /** Later calls do nothing. */
  stop(): Promise<void>;
};

/** From the start of the load to its end. A run that cannot be controlled goes on, and says so. */
export async function controlOfRun(call: {
  prepared: Pick<PreparedRun, 'writer' | 'plan' | 'feed'>;
  measures: Measures;
  record: RunRecord;
  screen: Screen;
  interrupts: Interrupts;
  /** Submissions that began in the last whole second; null: there is none yet. */
  startedPerSecond: () => number | null;
}): Promise<RunControl> {
  const { prepared, measures, record, screen, interrupts } = call;
  const { writer, plan, feed } = prepared;
  const steering = new Steering({
    turns: feed?.turns ?? null,
    mostPerSecond: plan.load.steered?.mostPerSecond,
  });
  const write = (line: ControlLine) => record.write((to) => to.control(line));
  const begin = steering.begins(Date.now());
  if (begin !== null) write(begin);

  const state = (): ControlState => ({
    id: writer.id,
    steerable: steering.isSteerable,
    askedPerSecond: steering.askedPerSecond,
    paused: steering.isPaused,
    mostPerSecond: steering.mostPerSecond,
    startedPerSecond: call.startedPerSecond(),
    sent: measures.aggregator.totals.sent,
    elapsedMs: Math.round(performance.now() - measures.startedMs),
    durationMs: plan.estimate.durationMs,
    stopping: interrupts.first.aborted,
  });
  const act = (request: ControlRequest): ControlState => {
    if (request.action === 'status') return state();
    const line = steering.act(request, Date.now());
    write(line);
    screen.line(`${line.by}: ${controlWords(line)}`);
    if (line.action === 'stop') interrupts.interrupt();
    return state();
  };
  const asked = () => (steering.isSteerable ? steering.askedPerSecond : undefined);
  try {
    const server = await startControl({ folder: writer.folder, id: writer.id, act });
    return { asked, stop: () => server.stop() };
  } catch (error) {
    measures.notes.push(`npm run ctl could not reach this load (${(error as Error).message})`);
    return { asked, stop: () => Promise.resolve() };
  }
}

/** What must not stay of a run that ends at once. */
export const controlFileIn = (folder: string): string => join(folder, CONTROL_FILE);

/** `300/s (before: 100/s)`. */
function controlWords({ action, fromPerSecond, toPerSecond }: ControlLine): string {
  if (action === 'stop') return 'stop';
  const words = (rate: number | null | undefined) =>
    rate === null || rate === undefined ? "the VUs' own pace" : `${formatNumber(rate)}/s`;
  return `${action === 'rate' || action === 'free' ? '' : `${action}: `}${words(toPerSecond)} (before: ${words(fromPerSecond)})`;
}
