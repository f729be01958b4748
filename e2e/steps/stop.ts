/** Stops the network, then the coordinator and the backend. Storages and leaderboard stay until teardown: they are looked at. */
import { stopProcesses } from '../components/run.ts';
import { NETWORK } from '../network/run.ts';
import type { Step } from './context.ts';

/** In this order: nobody sends to what is gone. */
const STOPPED = [NETWORK, 'coordinator', 'backend'] as const;

export const stop: Step = {
  name: 'stop',
  title: 'network, coordinator and backend are stopped',
  needs: [],
  limitMs: () => 5 * 60_000,
  counts: ['stopped'],
  async run({ open, progress }) {
    let stopped = 0;
    for (const name of STOPPED)
      stopped += (await stopProcesses(open, (other) => other === name)).length;
    progress({ stopped });
  },
};
