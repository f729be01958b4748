/** A private Mina network as the network of a run: each deed of a step. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'; // prettier-ignore
import { join } from 'node:path';
import { UserError } from '../../user-error.ts';
import { processEnv } from '../environment.ts';
import { placesOf } from '../places.ts';
import type { OpenState, Owned } from '../state.ts';
import { networkNameOf } from '../topology.ts';
import type { StepContext } from '../steps/context.ts';
import { type ComposeProject, containerStates, createContainers, refuseStrangers, removeContainers } from './compose.ts'; // prettier-ignore
import {
  createNetwork,
  deleteMinaNetwork,
  listNetworks,
  type Minimina,
  networkFolder,
  nodeLog,
  startMinaNetwork,
  stopMinaNetwork,
} from './minimina.ts';
import { serviceNames, withOwnBackend } from './minimina-files.ts';
import { prepareMinimina } from './prepare-minimina.ts';

/** Written when the network is there as a whole. */
const CREATED_FILE = 'created.json';
const BACKEND_ROLE = 'Uptime_service_backend';

/** `nodes`: without the dummy backend. */
type Created = { nodes: string[] };
type Of = { open: OpenState; env: NodeJS.ProcessEnv };

const miniminaOf = ({ open, env }: Of): Minimina => ({
  command: open.state.topology.network.minimina,
  env: processEnv(env),
  home: join(open.folder, 'minimina'),
});

const projectOf = (minimina: Minimina, name: string, env: NodeJS.ProcessEnv): ComposeProject => ({
  name,
  file: join(networkFolder(minimina, name), 'docker-compose.yaml'),
  env,
});

const createdFile = (open: OpenState): string => join(placesOf(open).network, CREATED_FILE);

/** null: it was not created, or only in half. */
function createdOf(open: OpenState): Created | null {
  const path = createdFile(open);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Created) : null;
}

/** Creates it, unless that was done, and puts this run's backend in the place of its dummy. What a killed setup made is made anew: minimina writes over it. */
export async function setupPrivateNetwork(context: StepContext): Promise<void> {
  const { open, signal, progress, env } = context;
  const { topology } = open.state;
  const network = networkNameOf(topology);
  const minimina = miniminaOf(context);
  const { network: folder, whitelist } = placesOf(open);
  if (createdOf(open) !== null) return;
  mkdirSync(minimina.home!, { recursive: true });
  const files = await prepareMinimina(topology, folder, Date.now());
  if (files.submitters !== null)
    writeFileSync(whitelist, files.submitters.map((key) => `${key}\n`).join(''));
  const project = projectOf(minimina, network, env);
  await refuseStrangers(project, signal);
  open.own({ kind: 'minimina', command: minimina.command, network, home: minimina.home });
  const created = await createNetwork(minimina, network, files, signal);
  const names = Object.keys(created.nodes);
  const dummy = names.find((name) => created.nodes[name].node_type === BACKEND_ROLE);
  if (dummy === undefined)
    throw new UserError(`the topology of the network has no node of the role ${BACKEND_ROLE}`, {
      hint: 'without one minimina gives no block producer an uptime URL, so nobody submits: add one to --topology-file; it never runs',
    });
  writeFileSync(project.file, withOwnBackend(readFileSync(project.file, 'utf8'), network, dummy));
  // Containers were made with the file as it was.
  await createContainers(project, signal);
  const nodes = names.filter((name) => name !== dummy);
  writeFileSync(createdFile(open), JSON.stringify({ nodes } satisfies Created));
  progress({ nodes: nodes.length });
}

/** @throws UserError also where docker did not start all of its nodes, which minimina does not say */
export async function startPrivateNetwork(of: Of & { signal: AbortSignal }): Promise<void> {
  const { open, env, signal } = of;
  const minimina = miniminaOf(of);
  const network = networkNameOf(open.state.topology);
  await startMinaNetwork(minimina, network, signal);
  const project = projectOf(minimina, network, env);
  const wanted = serviceNames(readFileSync(project.file, 'utf8'));
  const states = await containerStates(project, signal);
  const idle = wanted.filter((name) => states.get(name) !== 'running');
  if (idle.length === 0) return;
  const words = idle.map((name) => `${name} is ${states.get(name) ?? 'not there'}`);
  throw new UserError(`not all nodes of the network ${network} run: ${words.join(', ')}`, {
    hint: 'their logs say why, and docker compose start does; is a port of theirs taken?',
  });
}

/** Nothing where there is none. */
export async function stopPrivateNetwork(of: Of & { signal: AbortSignal }): Promise<boolean> {
  if (createdOf(of.open) === null) return false;
  await stopMinaNetwork(miniminaOf(of), networkNameOf(of.open.state.topology), of.signal);
  return true;
}

/**
 * With its containers and volumes, but not the images, which minimina's own `delete` would remove, too.
 * @returns false where there is no such network
 * @throws UserError where something stays
 */
export async function removePrivateNetwork(
  { command, network, home }: Extract<Owned, { kind: 'minimina' }>,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<boolean> {
  const minimina: Minimina = { command, env: processEnv(env), home };
  if (!existsSync(networkFolder(minimina, network))) return false;
  const project = projectOf(minimina, network, env);
  if (existsSync(project.file)) {
    await removeContainers(project, signal);
    // Nothing is left in it whose image could go.
    writeFileSync(project.file, 'services: {}\n');
  }
  if ((await listNetworks(minimina, signal)).includes(network))
    await deleteMinaNetwork(minimina, network, signal);
  return true;
}

/** Logs of all nodes, each in a file of its own. @returns how many, and which could not be had */
export async function keepNodeLogs(
  of: Of & { signal: AbortSignal },
  folder: string,
): Promise<{ kept: number; notes: string[] }> {
  const { open, signal } = of;
  const network = networkNameOf(open.state.topology);
  let kept = 0;
  const notes: string[] = [];
  for (const node of createdOf(open)?.nodes ?? []) {
    const path = join(folder, `node-${node}.log`);
    const file = openSync(path, 'w');
    let problem: string | null;
    try {
      problem = await nodeLog(miniminaOf(of), network, node, (chunk) => void writeSync(file, chunk), signal); // prettier-ignore
    } finally {
      closeSync(file);
    }
    if (problem === null) kept++;
    else {
      rmSync(path);
      notes.push(`the log of ${node} could not be had: ${problem}`);
    }
  }
  return { kept, notes };
}
