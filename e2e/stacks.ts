/**
 * The components of a run, as three stacks (stack/up.ts) that run by themselves: `services` (PostgreSQL, S3, Cassandra of the run's own), `program` (backend,
 * verifier, leaderboard) and `scoring` (the coordinator), each started by the step that needs it, stopped by any process.
 */
import { componentOf, restart } from '../faults/stack-component.ts';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Addresses, ComponentName, Use } from '../stack/components/component.ts';
import { stackFacts } from '../stack/components/facts.ts';
import { planStack, type StackRequest } from '../stack/components/plan.ts';
import type { StackFacts } from '../stack/components/plan.ts';
import type { GivenVariables, Uses } from '../stack/components/use.ts';
import { openStack, type RunningStack, startStack } from '../stack/up.ts';
import type { PostgresConfig } from '../system/postgres.ts';
import { UserError } from '../user-error.ts';
import { stagingOf } from './staging/index.ts';
import { mergeVariables } from './staging/staging.ts';
import type { OpenState } from './state.ts';
import { graceMsOf, hasOriginalBackend, usesOf } from './originals.ts';
import { placesOf } from './places.ts';
import { cassandraUrl, postgresUrl, s3Url } from './storage-urls.ts';
import { networkNameOf, type Topology } from './topology.ts';

export const STACKS = ['services', 'program', 'scoring', 'double'] as const;
export type StackPart = (typeof STACKS)[number];

export const stackFolder = (folder: string, part: StackPart): string => join(folder, part);

/** Which of a run's components is in which stack. */
export const PART_OF: Record<ComponentName, StackPart> = {
  postgres: 'services',
  s3: 'services',
  cassandra: 'services',
  backend: 'program',
  verifier: 'program',
  leaderboard: 'program',
  coordinator: 'scoring',
};

type Call = {
  open: OpenState;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  say: (line: string) => void;
};

/** `http://NAME-ID:8080/v1/submit` is what minimina gives the nodes. */
const NODES_PORT = 8080;

/**
 * Those that run already stay; of a start that was killed in its middle what is left goes first.
 * @param env what the components' addresses are read with: passwords
 * @throws UserError
 */
async function startPart(
  { open, env, signal, say }: Call,
  part: StackPart,
  call: {
    components: ComponentName[];
    uses: Uses;
    startSeconds: number;
    whitelist: string | null;
    variables?: GivenVariables;
    /** Batches are counted so much later. */
    laterMs?: number;
  },
): Promise<Addresses> {
  const folder = stackFolder(open.folder, part);
  const { topology } = open.state;
  const before = await openStack(folder, { env });
  if (before !== null) {
    const isWhole = before.plan.components.every(
      ({ kind, name }) => kind === 'nothing' || before.isUp(name),
    );
    if (isWhole) {
      await before.release();
      return before.addresses;
    }
    say(`${part}: a start was not finished, so it begins anew`);
    await before.stop();
  }
  const request: StackRequest = {
    components: call.components,
    uses: call.uses,
    variables: mergeVariables(
      call.variables ?? {},
      // Only of those that this part has: a plan refuses others.
      pick(
        stagingOf(topology).variables?.(open.folder, topology, open.state.startSeconds ?? 0) ?? {},
        call.components,
      ),
    ),
    settings: {
      network: networkNameOf(topology),
      whitelist: call.whitelist,
      hourlyLimit: topology.hourlyLimit,
      checksSignatures: true,
      faithful: topology.faithful,
      checksProofs: !topology.noChecks,
      intervalSeconds: topology.intervalSeconds,
      graceMs: graceMsOf(topology) + (call.laterMs ?? 0),
      miniBatches: topology.miniBatches,
      startSeconds: call.startSeconds,
    },
    // The port stands in the nodes' settings.
    backendPort: topology.network.kind === 'minimina' && part === 'program' ? NODES_PORT : null,
    allowsRemote: topology.network.kind === 'minimina',
    folder,
  };
  const facts = await stackFacts(request, env);
  try {
    // Runs side by side must not find the same usual port free.
    const plan = planStack(request, { ...facts, ports: unusualPorts(facts.ports) });
    open.own({ kind: 'stack', part });
    const stack = await startStack(plan, { env, isBoundToUs: false, signal, onNote: say });
    await stack.release();
    return stack.addresses;
  } finally {
    facts.letPortsGo();
  }
}

const unusualPorts = (ports: StackFacts['ports']): StackFacts['ports'] =>
  Object.fromEntries(
    Object.entries(ports).map(([name, { port, other }]) => [name, { port: other, other: port }]),
  ) as StackFacts['ports'];

const pick = (variables: GivenVariables, names: readonly ComponentName[]): GivenVariables =>
  Object.fromEntries(
    Object.entries(variables).filter(([name]) => names.includes(name as ComponentName)),
  );

/** What of the storages is the run's own. */
export const ownServices = ({ database, blocks, storage }: Topology): ComponentName[] => [
  ...(database === null ? ['postgres' as const] : []),
  ...(blocks === 'versitygw' ? ['s3' as const] : []),
  ...(storage === 'cassandra' ? ['cassandra' as const] : []),
];

/** PostgreSQL, S3 and Cassandra of the run's own. */
export async function startServices(call: Call): Promise<void> {
  const components = ownServices(call.open.state.topology);
  if (components.length === 0) return;
  const startSeconds = Math.floor(Date.now() / 1000);
  await startPart(call, 'services', { components, uses: {}, startSeconds, whitelist: null });
}

/** Addresses of services that run; with passwords. */
export async function serviceAddresses(
  open: OpenState,
  env: NodeJS.ProcessEnv,
): Promise<Addresses> {
  return (await opened(open, 'services', env))?.addresses ?? {};
}

/** Where backend and leaderboard are; null: they do not run. */
export async function programAddresses(
  open: OpenState,
  env: NodeJS.ProcessEnv,
): Promise<Addresses> {
  return (await opened(open, 'program', env))?.addresses ?? {};
}

async function opened(
  open: OpenState,
  part: StackPart,
  env: NodeJS.ProcessEnv,
): Promise<RunningStack | null> {
  const folder = stackFolder(open.folder, part);
  if (!existsSync(folder)) return null;
  const stack = await openStack(folder, { env });
  await stack?.release();
  return stack;
}

/** What is given to backend, verifier, coordinator and leaderboard of the storages: URLs, and the passwords that do not stand in them. */
export async function storageUses(
  open: OpenState,
  env: NodeJS.ProcessEnv,
  database: PostgresConfig,
): Promise<{ uses: Uses; env: NodeJS.ProcessEnv }> {
  const { s3, cassandra } = await serviceAddresses(open, env);
  const { blocks } = open.state.topology;
  const s3Text = s3 === undefined ? (blocks.startsWith('s3:') ? blocks : null) : s3Url(s3);
  return {
    uses: {
      postgres: given(postgresUrl(database)),
      ...(s3Text !== null && { s3: given(s3Text) }),
      ...(cassandra !== undefined && { cassandra: given(cassandraUrl(cassandra)) }),
    },
    env: {
      ...env,
      PGPASSWORD: database.password,
      ...(s3?.credentials && {
        AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      }),
      ...(cassandra?.credentials && { CASSANDRA_PASSWORD: cassandra.credentials.password }),
    },
  };
}

const given = (url: string): Use => ({ kind: 'url', url });

/** Backend, verifier and leaderboard, over storages that are there. */
export async function startProgram(
  call: Call,
  database: PostgresConfig,
  whitelist: string | null,
): Promise<Addresses> {
  const { open } = call;
  const { images, network } = open.state.topology;
  const { uses, env } = await storageUses(open, call.env, database);
  const { backend, leaderboard } = usesOf(images);
  const isEmbedded = !hasOriginalBackend(images);
  const components: ComponentName[] = ['backend', 'leaderboard'];
  if (images.verifier === undefined) components.push('verifier');
  return startPart({ ...call, env }, 'program', {
    components,
    uses: {
      ...uses,
      ...(backend && { backend }),
      ...(leaderboard && { leaderboard }),
    },
    startSeconds: 0,
    // Containers reach this machine by another address than loopback.
    ...(network.kind === 'minimina' &&
      isEmbedded && { variables: { backend: { BACKEND_HOST: '0.0.0.0' } } }),
    whitelist: isEmbedded ? whitelist : null,
  });
}

/** The coordinator, whose first batch begins at `startSeconds`: the row that says so is there. */
export async function startScoring(
  call: Call,
  database: PostgresConfig,
  startSeconds: number,
): Promise<void> {
  const { open } = call;
  const { images } = open.state.topology;
  const { coordinator } = usesOf(images);
  const { verifier } = await programAddresses(open, call.env);
  const { uses, env } = await storageUses(open, call.env, database);
  const ofVerifier: Use =
    images.verifier !== undefined
      ? { kind: 'image', image: images.verifier }
      : given(urlOf(verifier));
  await startPart({ ...call, env }, 'scoring', {
    components: ['coordinator'],
    uses: {
      ...uses,
      verifier: ofVerifier,
      ...(coordinator && { coordinator }),
    },
    startSeconds,
    whitelist: null,
  });
}

/** A second backend or coordinator beside that of the run, where one is staged. @returns its addresses; none: there is no second one */
export async function startDouble(
  call: Call,
  database: PostgresConfig,
  startSeconds: number,
): Promise<Addresses> {
  const { open } = call;
  const { double } = stagingOf(open.state.topology);
  if (double === undefined) return {};
  const { uses, env } = await storageUses(open, call.env, database);
  const { verifier } = await programAddresses(open, call.env);
  const isBackend = double.component === 'backend';
  return startPart({ ...call, env }, 'double', {
    components: [double.component],
    uses: { ...uses, ...(!isBackend && { verifier: given(urlOf(verifier)) }) },
    startSeconds,
    whitelist: isBackend ? placesOf(open).whitelist : null,
    ...(isBackend
      ? { variables: { backend: { CONFIG_FILESYSTEM_PATH: blocksFolder(open.folder) } } }
      : { laterMs: double.laterMs }),
  });
}

/** @returns whether there was one */
export async function stopDouble(open: OpenState, env: NodeJS.ProcessEnv): Promise<boolean> {
  const stack = await openStack(stackFolder(open.folder, 'double'), { env });
  if (stack === null) return false;
  await stack.stop({ keepsData: true });
  return true;
}

function urlOf(address: Addresses['verifier']): string {
  if (address?.kind !== 'http')
    throw new UserError('the verifier of this run does not run', {
      hint: 'npm run e2e -- start',
    });
  return address.url;
}

/** Of all parts; nothing where it does not run. @returns whether it ran */
export async function stopComponent(
  open: OpenState,
  name: ComponentName,
  env: NodeJS.ProcessEnv,
): Promise<boolean> {
  const stack = await openStack(stackFolder(open.folder, PART_OF[name]), { env });
  if (
    stack === null ||
    !stack.plan.components.some((one) => one.name === name && one.kind !== 'nothing')
  )
    return false;
  const ran = stack.isUp(name);
  await stack.stopOne(name);
  await stack.release();
  return ran;
}

/** As a crash ends it, and again: what a disturbance of a run does. @throws UserError */
export async function restartComponent(
  open: OpenState,
  name: ComponentName,
  env: NodeJS.ProcessEnv,
  how: { byCrash: boolean; signal: AbortSignal },
): Promise<void> {
  const stack = await openStack(stackFolder(open.folder, PART_OF[name]), { env });
  if (stack === null)
    throw new UserError(`${name} of this run does not run`, { hint: 'npm run e2e -- start' });
  await restart(componentOf(stack, name, how.signal), how);
  await stack.release();
}

/** Stops all of a part, and removes its data. @returns whether there was one */
export async function removePart(
  open: Pick<OpenState, 'folder'>,
  part: StackPart,
  env: NodeJS.ProcessEnv,
): Promise<boolean> {
  const stack = await openStack(stackFolder(open.folder, part), { env });
  if (stack === null) return false;
  await stack.stop();
  return true;
}

/** Where the backend keeps submissions and blocks if there is no S3. */
export const blocksFolder = (folder: string): string =>
  join(stackFolder(folder, 'program'), 'data', 'backend');

/** Logs of the components that have one; that of a second one is `NAME-2`. */
export const componentLogs = (folder: string): { component: string; path: string }[] =>
  STACKS.flatMap((part) => {
    const logs = join(stackFolder(folder, part), 'logs');
    const names = existsSync(logs) ? readdirSync(logs) : [];
    return names
      .filter((name) => name.endsWith('.log'))
      .map((name) => ({
        component: `${name.slice(0, -'.log'.length)}${part === 'double' ? '-2' : ''}`,
        path: join(logs, name),
      }));
  });
