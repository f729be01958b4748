/** Starts the network of a run as a process that lives on. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbedded } from '../../stack/drivers/embedded.ts';
import { markOf, runningProcess } from '../processes.ts';
import { placesOf } from '../places.ts';
import type { OpenState } from '../state.ts';
import { READY_LINE } from './ready-line.ts';
import { readStatus } from './status.ts';

const READY_MS = 60_000;
export const NETWORK = 'network';

/** One that runs, or has ended, stays. @throws UserError if it does not start */
export async function startNetwork(
  open: OpenState,
  call: {
    targets: readonly string[];
    startMs: number;
    env: NodeJS.ProcessEnv;
    signal: AbortSignal;
  },
): Promise<void> {
  const { targets, startMs, env, signal } = call;
  const { network, logs } = placesOf(open);
  if (readStatus(network)?.state === 'ended' || runningProcess(open, NETWORK) !== undefined) return;
  mkdirSync(logs, { recursive: true });
  const component = await startEmbedded(
    {
      name: NETWORK,
      program: 'e2e-network.js',
      args: [network, targets.join(','), String(startMs)],
      env,
      url: null,
      ready: { kind: 'line', pattern: READY_LINE, withinMs: READY_MS },
    },
    {
      logFile: join(logs, `${NETWORK}.log`),
      marks: { stack: markOf(open.state.owner), component: NETWORK },
      signal,
      onBegun: (handle) => {
        if (handle.kind !== 'process') throw new Error('the network is a process');
        const { pid, startedAt } = handle;
        open.own({ kind: 'process', name: NETWORK, process: { pid, startedAt } });
      },
    },
  );
  await component.release();
}
