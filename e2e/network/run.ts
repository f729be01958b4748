/** Starts the network of a run as a process that lives on. */
import { join } from 'node:path';
import { runningProcess } from '../components/run.ts';
import { startDetached, untilDetachedReady } from '../detached.ts';
import { placesOf } from '../places.ts';
import type { OpenState } from '../state.ts';
import { readStatus } from './status.ts';

const READY_MS = 60_000;
export const NETWORK = 'network';

/** One that runs, or has ended, stays. @throws UserError if it does not start */
export async function startNetwork(
  open: OpenState,
  call: { target: string; startMs: number; env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<void> {
  const { target, startMs, env, signal } = call;
  const { network, logs } = placesOf(open);
  const logFile = join(logs, `${NETWORK}.log`);
  if (readStatus(network)?.state === 'ended') return;
  const identity =
    runningProcess(open, NETWORK)?.process ??
    (await startDetached(
      {
        name: NETWORK,
        program: 'e2e-network.js',
        args: [network, target, String(startMs)],
        env,
        logFile,
      },
      (process) => open.own({ kind: 'process', name: NETWORK, process }),
    ));
  const isReady = () => readStatus(network) !== null;
  await untilDetachedReady({ name: NETWORK, logFile }, identity, isReady, READY_MS, signal);
}
