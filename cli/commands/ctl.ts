/** `npm run ctl -- rate 300/s`: changes the pace of a load that runs, or ends it. */
import { join } from 'node:path';
import { controlRun, runningLoads } from '../../load/control/client.ts';
import type { ControlRequest, ControlState } from '../../load/control/protocol.ts';
import { parseRate } from '../../load/pace.ts';
import { usualResultsFolder } from '../../paths.ts';
import { formatDuration, formatNumber } from '../../results/units.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';
import { didYouMean } from '../../system/suggest.ts';

const ACTIONS = ['status', 'pause', 'resume', 'free', 'stop'] as const;
const HINT = 'give status, rate 300/s, pause, resume, free or stop';

export const ctl: Command = {
  name: 'ctl',
  summary:
    'Change the pace of a running load (rate 300/s, pause, resume, free: the VUs at their own pace), show it (status), or end it (stop).',
  operands: 'ACTION',
  options: [
    {
      name: 'run',
      type: 'text',
      argument: 'ID',
      help: 'which load, by the name of its folder; else the newest one that runs',
    },
    {
      name: 'results',
      type: 'path',
      argument: 'DIR',
      default: 'results',
      env: 'MINA_LOAD_RESULTS',
      help: 'where the folders of the runs are',
    },
  ],
  prints: ({ operands }) => operands[0] === 'status',
  async run({ values, sources, operands, stdout, cwd }) {
    const request = requestOf(operands);
    const results = sources.results === 'default' ? usualResultsFolder(cwd) : (values.results as string); // prettier-ignore
    const state = await ask(results, values.run as string | undefined, request);
    stdout.write(`${describeState(state)}\n`);
    return EXIT.passed;
  },
};

function requestOf([action, amount, ...more]: readonly string[]): ControlRequest {
  const usage = (problem: string) => new UserError(problem, { hint: HINT, exitCode: EXIT.usage });
  if (action === undefined) throw usage('no action was given');
  if (action === 'rate') {
    if (amount === undefined || more.length > 0) throw usage('rate takes one value, such as 300/s');
    const rate = parseRate(amount);
    if ('problem' in rate) throw usage(`rate ${rate.problem}`);
    const perSecond = (rate.starts * 1000) / rate.timeUnitMs;
    if (perSecond === 0) throw usage('rate must be above 0: pause stops the sending');
    return { action, perSecond, by: 'terminal' };
  }
  const known = ACTIONS.find((one) => one === action);
  if (known === undefined)
    throw usage(`there is no action "${action}"${didYouMean(action, [...ACTIONS, 'rate'])}`);
  if (amount !== undefined) throw usage(`${action} takes no value, but got "${amount}"`);
  return { action: known, by: 'terminal' };
}

/** A load that was killed left its file, so the newest one that answers is meant. */
async function ask(
  results: string,
  run: string | undefined,
  request: ControlRequest,
): Promise<ControlState> {
  if (run !== undefined) return controlRun(join(results, run), request);
  for (const name of await runningLoads(results))
    try {
      return await controlRun(join(results, name), request);
    } catch (error) {
      if (!(error instanceof UserError) || error.exitCode !== EXIT.noData) throw error;
    }
  throw new UserError(`no load runs in ${results}`, {
    hint: 'start one with npm run load -- --steerable; --results names another folder of results',
    exitCode: EXIT.noData,
  });
}

/** `2026-01-02T03-04-05Z-soak: 300/s asked, 298/s begun, 12,345 sent, 0:59 of 10 min`. */
export function describeState(state: ControlState): string {
  const { id, steerable, askedPerSecond, paused, startedPerSecond, sent, stopping } = state;
  const pace = !steerable
    ? 'the pace of its plan'
    : paused
      ? 'paused'
      : askedPerSecond === null
        ? "the VUs' own pace"
        : `${formatNumber(askedPerSecond)}/s asked for`;
  return [
    `${id}: ${stopping ? 'stopping' : pace}`,
    `${startedPerSecond === null ? '-' : formatNumber(startedPerSecond)}/s begun`,
    `${formatNumber(sent)} sent`,
    `${formatDuration(state.elapsedMs)} of ${formatDuration(state.durationMs)}`,
  ].join(', ');
}
