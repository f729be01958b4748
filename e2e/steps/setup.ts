/** Makes what a run needs before anything runs: storages with the mark of the run, tables, the network's keys, blocks and times. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countOf } from '../../results/units.ts';
import { commandIsMissing } from '../../stack/components/facts.ts';
import { createCoordinatorSchema } from '../../stack/coordinator/schema.ts';
import { listProblems } from '../../system/problems.ts';
import { runDatabase, serverConfig, withDatabase } from '../database.ts';
import { setupPrivateNetwork } from '../network/private.ts';
import { prepareFleet } from '../network/prepare-fleet.ts';
import { prepareForLoad } from '../network/prepare-load.ts';
import type { PreparedNetwork } from '../network/prepared.ts';
import { prepareRecorded } from '../network/prepare-recorded.ts';
import { objectsUrl, ownObjects, refuseTheirObjects } from '../own-objects.ts';
import { usesOf } from '../originals.ts';
import { createOwnDatabase } from '../own.ts';
import { makePlaces, placesOf } from '../places.ts';
import { stagingOf } from '../staging/index.ts';
import { startServices } from '../stacks.ts';
import { LOAD_NETWORK } from '../network/kinds.ts';
import { databaseNameOf, networkNameOf, type Topology } from '../topology.ts';
import type { Step, StepContext } from './context.ts';

export const setup: Step = {
  name: 'setup',
  title: 'storages, tables and the network’s keys and blocks are made',
  needs: [],
  limitMs: () => 15 * 60_000,
  counts: ['producers', 'nodes', 'submissions'],
  async run(context) {
    const { open, env } = context;
    refuseMissingPrograms(open.state.topology, env);
    open.own({ kind: 'folder', path: open.folder });
    makePlaces(placesOf(open));
    for (const folder of [
      open.state.results,
      ...(stagingOf(open.state.topology).folders ?? []).map((name) => join(open.folder, name)),
    ])
      mkdirSync(folder, { recursive: true });
    await startServices(context);
    if (open.state.topology.blocks.startsWith('s3:')) await ownGivenObjects(context);
    await makeDatabase(context);
    await makeNetwork(context);
  },
};

/** Programs of the real backend, coordinator and leaderboard: said before anything is made. @throws UserError (exit 2) */
function refuseMissingPrograms({ images, network }: Topology, env: NodeJS.ProcessEnv): void {
  const commands = Object.entries(usesOf(images)).flatMap(([name, use]) =>
    use?.kind === 'command' ? [[`--${name}`, use.command]] : [],
  );
  if (network.kind === 'minimina') commands.push(['--minimina', network.minimina]);
  listProblems(
    commands.flatMap(([option, command]) => {
      const why = commandIsMissing(command, env);
      return why === null ? [] : [`${option}: ${why}`];
    }),
    'give the path of a program, built for this machine',
  );
}

/** What cannot be reached is not written down as made: a teardown would look for it in vain, for ever. */
async function ownGivenObjects({ open, env }: StepContext): Promise<void> {
  const { topology, owner } = open.state;
  const url = objectsUrl(topology.blocks, networkNameOf(topology));
  await refuseTheirObjects(url, owner, env);
  open.own({ kind: 'objects', url });
  await ownObjects(url, owner, env);
}

async function makeDatabase({ open, env, signal }: StepContext): Promise<void> {
  const { topology, owner } = open.state;
  const name = databaseNameOf(topology, owner);
  await withDatabase(await serverConfig(open, env), signal, async (client) => {
    // One of our own server goes with it; one that cannot be reached has none to be dropped.
    if (topology.database !== null) open.own({ kind: 'database', url: topology.database, name });
    await createOwnDatabase(client, name, owner);
  });
  await withDatabase(await runDatabase(open, env), signal, (client) =>
    createCoordinatorSchema(client),
  );
}

async function makeNetwork(context: StepContext): Promise<void> {
  const { open, say, progress } = context;
  const { topology } = open.state;
  if (topology.network.kind === 'minimina') return setupPrivateNetwork(context);
  const { network: folder, whitelist } = placesOf(open);
  const { network, submitters } = await preparedOf(topology, folder);
  writeFileSync(whitelist, submitters.map((key) => `${key}\n`).join(''));
  progress({
    producers: submitters.length,
    nodes: network.nodes.length,
    submissions: network.sends.length,
  });
  say(
    `setup: ${countOf(submitters.length, 'producer')} with ${countOf(network.nodes.length, 'node')} ${network.sends.length === 0 ? 'are known, and send nothing by themselves' : `will send ${countOf(network.sends.length, 'submission')}`}`,
  );
}

function preparedOf(
  topology: Topology,
  folder: string,
): Promise<{ network: PreparedNetwork; submitters: string[] }> {
  const { kind } = topology.network;
  if (kind === 'recorded') return prepareRecorded(topology, folder);
  return kind === LOAD_NETWORK
    ? prepareForLoad(topology, folder)
    : prepareFleet(topology, folder, Date.now());
}
