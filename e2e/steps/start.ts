/** Starts backend, leaderboard, coordinator and network, in this order; what runs already stays. The first batch begins when the network does. */
import { join } from 'node:path';
import { initCoordinator } from '../../stack/coordinator/schema.ts';
import { startComponent } from '../components/run.ts';
import { runDatabase, withDatabase } from '../database.ts';
import { processEnv } from '../environment.ts';
import { startNetwork } from '../network/run.ts';
import { placesOf } from '../places.ts';
import { networkNameOf } from '../topology.ts';
import type { Step } from './context.ts';

/** From the moment at which the beginning is decided until it comes: coordinator and network start meanwhile. */
const LEAD_MS = 1500;

export const start: Step = {
  name: 'start',
  title: 'backend, coordinator, leaderboard and network run',
  needs: ['setup'],
  limitMs: () => 10 * 60_000,
  counts: ['components'],
  async run(context) {
    const { open, env, signal, say, progress } = context;
    const { topology } = open.state;
    const places = placesOf(open);
    const { password, ...database } = runDatabase(open, env);
    const bare = processEnv(env);
    let count = 0;
    const counted = <T>(one: T): T => {
      progress({ components: ++count });
      return one;
    };
    const backend = counted(
      await startComponent(open, {
        name: 'backend',
        job: {
          kind: 'backend',
          env: {
            CONFIG_NETWORK_NAME: networkNameOf(topology),
            CONFIG_FILESYSTEM_PATH: places.storage,
            DELEGATION_WHITELIST_FILE: places.whitelist,
            REQUESTS_PER_PK_HOURLY: String(topology.hourlyLimit),
            BACKEND_HOST: '127.0.0.1',
            BACKEND_PORT: '0',
            BACKEND_FAITHFUL: topology.faithful ? '1' : '0',
            POSTGRES_HOST: database.host,
            POSTGRES_PORT: String(database.port),
            POSTGRES_USER: database.user,
            POSTGRES_DB: database.database,
            POSTGRES_SSLMODE: database.sslmode === 'prefer' ? 'disable' : database.sslmode,
          },
        },
        env: { ...bare, POSTGRES_PASSWORD: password },
        signal,
      }),
    );
    const leaderboard = counted(
      await startComponent(open, {
        name: 'leaderboard',
        job: { kind: 'leaderboard', database, port: 0, faithful: topology.faithful },
        env: { ...bare, PGPASSWORD: password },
        signal,
      }),
    );
    if (open.state.startSeconds === null) {
      const startSeconds = Math.ceil((Date.now() + LEAD_MS) / 1000);
      open.change((state) => (state.startSeconds = startSeconds));
    }
    const startSeconds = open.state.startSeconds!;
    await withDatabase({ ...database, password }, signal, (client) =>
      initCoordinator(client, startSeconds),
    );
    counted(
      await startComponent(open, {
        name: 'coordinator',
        job: {
          kind: 'coordinator',
          database,
          blocks: places.storage,
          env: {},
          intervalSeconds: topology.intervalSeconds,
          miniBatches: topology.miniBatches,
          uptimeDays: topology.uptimeDays,
          retries: topology.retries,
          noChecks: topology.noChecks,
          faithful: topology.faithful,
        },
        env: { ...bare, PGPASSWORD: password },
        signal,
      }),
    );
    await startNetwork(open, {
      target: backend.url!,
      startMs: startSeconds * 1000,
      env: bare,
      signal,
    });
    counted(null);
    say(
      `start: backend ${backend.url}, leaderboard ${leaderboard.url}, logs in ${join(open.folder, 'logs')}`,
    );
  },
};
