/** A private Mina network as the network of a run: each deed of a step. */
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { askProgram, firstLine } from '../../system/run-program.ts';
import { UserError } from '../../user-error.ts';
import { processEnv } from '../environment.ts';
import { placesOf } from '../places.ts';
import type { OpenState } from '../state.ts';
import { networkNameOf } from '../topology.ts';
import type { StepContext } from '../steps/context.ts';
import {
  createNetwork,
  listNetworks,
  type Minimina,
  networkFolder,
  nodeLog,
  startMinaNetwork,
  stopMinaNetwork,
} from './minimina.ts';
import { withOwnBackend } from './minimina-files.ts';
import { prepareMinimina } from './prepare-minimina.ts';

const COMPOSE_MS = 10 * 60_000;
const CREATED_FILE = 'created.json';

type Of = { open: OpenState; env: NodeJS.ProcessEnv };

const miniminaOf = ({ open, env }: Of): Minimina => ({
  command: open.state.topology.network.minimina,
  env: processEnv(env),
  home: join(open.folder, 'minimina'),
});

/** Creates it, unless it is there already, and puts this run's backend in the place of its dummy. */
export async function setupPrivateNetwork(context: StepContext): Promise<void> {
  const { open, signal, progress, env } = context;
  const { topology } = open.state;
  const network = networkNameOf(topology);
  const minimina = miniminaOf(context);
  const { network: folder, whitelist } = placesOf(open);
  mkdirSync(minimina.home!, { recursive: true });
  const files = await prepareMinimina(topology, folder, Date.now());
  if (files.submitters !== null)
    writeFileSync(whitelist, files.submitters.map((key) => `${key}\n`).join(''));
  open.own({ kind: 'minimina', command: minimina.command, network, home: minimina.home });
  if (!(await listNetworks(minimina, signal)).includes(network)) {
    const created = await createNetwork(minimina, network, files, signal);
    writeFileSync(join(folder, CREATED_FILE), JSON.stringify(Object.keys(created.nodes)));
    progress({ nodes: Object.keys(created.nodes).length });
  }
  const compose = join(networkFolder(minimina, network), 'docker-compose.yaml');
  const before = readFileSync(compose, 'utf8');
  writeFileSync(compose, withOwnBackend(before, network));
  // Containers were made with the file as it was.
  await composeCreate({ compose, network, env, signal });
}

async function composeCreate(call: {
  compose: string;
  network: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}): Promise<void> {
  const { compose, network, env, signal } = call;
  const answer = await askProgram({
    file: 'docker',
    args: [
      'compose',
      '-p',
      network,
      '-f',
      compose,
      'create',
      '--force-recreate',
      '--remove-orphans',
    ],
    env: processEnv(env),
    timeoutMs: COMPOSE_MS,
    signal,
  });
  if (answer.kind === 'ended' && answer.exitCode === 0) return;
  const why =
    answer.kind === 'not started'
      ? answer.code
      : answer.kind === 'timed out'
        ? `not within ${COMPOSE_MS / 60_000} minutes`
        : firstLine(answer.output.stderr);
  throw new UserError(`docker compose did not take the network ${network}: ${why}`, {
    hint: 'does docker run, with its compose plugin?',
  });
}

export const startPrivateNetwork = async (of: Of & { signal: AbortSignal }): Promise<void> =>
  void (await startMinaNetwork(miniminaOf(of), networkNameOf(of.open.state.topology), of.signal));

/** Nothing where there is none. */
export async function stopPrivateNetwork(of: Of & { signal: AbortSignal }): Promise<boolean> {
  const network = networkNameOf(of.open.state.topology);
  if (!of.open.state.owned.some(({ kind }) => kind === 'minimina')) return false;
  if (!(await listNetworks(miniminaOf(of), of.signal)).includes(network)) return false;
  await stopMinaNetwork(miniminaOf(of), network, of.signal);
  return true;
}

/** Logs of all nodes, each in a file of its own. @returns how many */
export async function keepNodeLogs(
  of: Of & { signal: AbortSignal },
  folder: string,
): Promise<number> {
  const { open, signal } = of;
  let nodes: string[];
  try {
    nodes = JSON.parse(
      readFileSync(join(placesOf(open).network, CREATED_FILE), 'utf8'),
    ) as string[];
  } catch {
    return 0;
  }
  for (const node of nodes) {
    const file = openSync(join(folder, `node-${node}.log`), 'w');
    try {
      const take = (text: string): void => void writeSync(file, text);
      await nodeLog(miniminaOf(of), networkNameOf(open.state.topology), node, take, signal);
    } finally {
      closeSync(file);
    }
  }
  return nodes.length;
}
