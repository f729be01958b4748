/** Makes what a run needs before anything runs: storages with the mark of the run, tables, the network's keys, blocks and times. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import getPort from 'get-port';
import { createCoordinatorSchema } from '../../stack/coordinator/schema.ts';
import { countOf } from '../../results/units.ts';
import { startComponent } from '../components/run.ts';
import { runDatabase, serverConfig, withDatabase } from '../database.ts';
import { prepareFleet } from '../network/prepare-fleet.ts';
import { prepareRecorded } from '../network/prepare-recorded.ts';
import { createOwnDatabase, markFolder } from '../own.ts';
import { makePlaces, placesOf } from '../places.ts';
import { secretOf } from '../secrets.ts';
import { databaseNameOf } from '../topology.ts';
import { processEnv } from '../environment.ts';
import type { Step, StepContext } from './context.ts';

export const setup: Step = {
  name: 'setup',
  title: 'storages, tables and the network’s keys and blocks are made',
  needs: [],
  limitMs: () => 15 * 60_000,
  counts: ['producers', 'nodes', 'submissions'],
  async run(context) {
    const { open } = context;
    const { folder, state } = open;
    const places = placesOf(open);
    open.own({ kind: 'folder', path: folder });
    makePlaces(places);
    mkdirSync(state.results, { recursive: true });
    markFolder(folder, state.owner);
    await Promise.all([makeDatabase(context), makeNetwork(context)]);
  },
};

async function makeDatabase(context: StepContext): Promise<void> {
  const { open, env, signal } = context;
  const { state } = open;
  if (state.topology.database === null) await startOwnPostgres(context);
  const name = databaseNameOf(state.topology, state.owner);
  if (state.topology.database !== null)
    open.own({ kind: 'database', url: state.topology.database, name });
  await withDatabase(serverConfig(open, env), signal, (client) =>
    createOwnDatabase(client, name, state.owner),
  );
  await withDatabase(runDatabase(open, env), signal, (client) => createCoordinatorSchema(client));
}

async function startOwnPostgres({ open, env, signal }: StepContext): Promise<void> {
  const { databaseDir } = placesOf(open);
  const POSTGRES_PASSWORD = secretOf(open.folder, 'POSTGRES_PASSWORD');
  open.own({ kind: 'folder', path: databaseDir });
  await startComponent(open, {
    name: 'postgres',
    job: { kind: 'postgres', databaseDir, port: await getPort({ host: '127.0.0.1' }) },
    env: { ...processEnv(env), PGPASSWORD: POSTGRES_PASSWORD },
    signal,
  });
}

async function makeNetwork({ open, say, progress }: StepContext): Promise<void> {
  const { topology } = open.state;
  const { network: folder, whitelist } = placesOf(open);
  if (topology.network.kind === 'minimina') return;
  const { network, submitters } =
    topology.network.kind === 'recorded'
      ? await prepareRecorded(topology, folder)
      : await prepareFleet(topology, folder, Date.now());
  writeFileSync(whitelist, submitters.map((key) => `${key}\n`).join(''));
  if (!existsSync(whitelist)) throw new Error('the whitelist was not written');
  progress({
    producers: submitters.length,
    nodes: network.nodes.length,
    submissions: network.sends.length,
  });
  say(
    `setup: ${countOf(submitters.length, 'producer')} with ${countOf(network.nodes.length, 'node')} will send ${countOf(network.sends.length, 'submission')}`,
  );
}
