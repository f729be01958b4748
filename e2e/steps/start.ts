/** Starts backend, verifier, leaderboard, coordinator and network, in this order; what runs already stays. The first batch begins when the network does. */
import { initCoordinator } from '../../stack/coordinator/schema.ts';
import { UserError } from '../../user-error.ts';
import { runDatabase, withDatabase } from '../database.ts';
import { processEnv } from '../environment.ts';
import { startPrivateNetwork } from '../network/private.ts';
import { startNetwork } from '../network/run.ts';
import { placesOf } from '../places.ts';
import { startDouble, startProgram, startScoring } from '../stacks.ts';
import { stagingOf } from '../staging/index.ts';
import { LOAD_NETWORK } from '../network/kinds.ts';
import type { Step } from './context.ts';

/** From the moment at which the beginning is decided until it comes: coordinator and network start meanwhile. */
const LEAD_MS = 1500;
/** With what all components take to start. */
const FORK_LEAD_MS = 15_000;

/** A load, as soon as this step is over; nodes of a private network, when they have caught up. */
const WAITS_FOR_NOBODY: readonly string[] = [LOAD_NETWORK, 'minimina'];

export const start: Step = {
  name: 'start',
  title: 'backend, verifier, coordinator, leaderboard and network run',
  needs: ['setup'],
  limitMs: () => 15 * 60_000,
  counts: ['parts'],
  async run(context) {
    const { open, env, signal, say, progress } = context;
    const { topology } = open.state;
    const database = await runDatabase(open, env);
    // The verifier must know when the new era begins before there is one.
    if (topology.fork !== undefined && open.state.startSeconds === null)
      open.change((state) => (state.startSeconds = Math.ceil((Date.now() + FORK_LEAD_MS) / 1000)));
    const { backend, leaderboard } = await startProgram(
      context,
      database,
      placesOf(open).whitelist,
    );
    if (backend === undefined)
      throw new UserError('the backend has no address', { hint: 'see its log' });
    progress({ parts: 1 });
    if (open.state.startSeconds === null) {
      // Who does not wait for the beginning may send at once: nothing of it lies before the first batch.
      const startSeconds = WAITS_FOR_NOBODY.includes(topology.network.kind)
        ? Math.floor(Date.now() / 1000)
        : Math.ceil((Date.now() + LEAD_MS) / 1000);
      open.change((state) => (state.startSeconds = startSeconds));
    }
    const startSeconds = open.state.startSeconds!;
    await withDatabase(database, signal, async (client) => {
      await initCoordinator(client, startSeconds);
      for (const text of stagingOf(topology).sql?.(topology) ?? [])
        await client.query(text.replaceAll('$start', String(startSeconds)));
    });
    const second = await startDouble(context, database, startSeconds);
    await Promise.all([
      startScoring(context, database, startSeconds),
      topology.network.kind === 'minimina'
        ? startPrivateNetwork(context)
        : topology.network.kind !== LOAD_NETWORK &&
          startNetwork(open, {
            targets: [backend.url, ...(second.backend === undefined ? [] : [second.backend.url])],
            startMs: startSeconds * 1000,
            env: processEnv(env),
            signal,
          }),
    ]);
    progress({ parts: 3 });
    say(`start: backend ${backend.url}, leaderboard ${leaderboard?.url ?? 'nowhere'}`);
  },
};
