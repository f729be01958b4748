/** Stops the network, then coordinator, verifier and backend. Storages and leaderboard stay until teardown: they are looked at. */
import { stopPrivateNetwork } from '../network/private.ts';
import { NETWORK } from '../network/run.ts';
import { stopProcess } from '../processes.ts';
import { stopComponent, stopDouble } from '../stacks.ts';
import type { Step } from './context.ts';

/** In this order: nobody asks what is gone. */
const STOPPED = ['coordinator', 'verifier', 'backend'] as const;
/** Answers under way are waited for. */
const NETWORK_MS = 20_000;

export const stop: Step = {
  name: 'stop',
  title: 'network, coordinator, verifier and backend are stopped',
  needs: [],
  limitMs: () => 5 * 60_000,
  counts: ['stopped'],
  async run(context) {
    const { open, env, progress } = context;
    let stopped = 0;
    if (await stopProcess(open, NETWORK, NETWORK_MS)) progress({ stopped: ++stopped });
    if (open.state.topology.network.kind === 'minimina' && (await stopPrivateNetwork(context)))
      progress({ stopped: ++stopped });
    for (const name of STOPPED)
      if (await stopComponent(open, name, env)) progress({ stopped: ++stopped });
    if (await stopDouble(open, env)) stopped++;
    progress({ stopped });
  },
};
