/** The system that a load goes through: a run of the harness that was started, and what the load must know of it. */
import { openStack } from '../../stack/up.ts';
import { readState as readStack } from '../../stack/components/state.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { openCassandra } from '../collect.ts';
import { runDatabase } from '../database.ts';
import { PART_OF, serviceAddresses, stackFolder } from '../stacks.ts';
import { hasState, type OpenState, type RunState, stateFolderOf } from '../state.ts';
import { statusWords } from '../steps/engine.ts';
import { cassandraUrl, postgresUrl } from '../storage-urls.ts';
import { LOAD_NETWORK } from '../network/kinds.ts';
import { TOPOLOGY_ERAS } from '../topology.ts';

/** All that a load needs to be let in, and to be looked for afterwards. */
export type LoadSystem = {
  name: string;
  backendUrl: string;
  /** null: it is no process of this machine. */
  backendPid: number | null;
  /** Producer i of this seed may submit, for i below `producers`. */
  seed: string;
  producers: number;
  era: (typeof TOPOLOGY_ERAS)[number];
  isFaithful: boolean;
  /** Where submissions are stored and verified, with the passwords that are not in the URL. */
  storage: string;
  secrets: NodeJS.ProcessEnv;
};

/** Networks whose block producers' keys follow from the seed. */
const WITH_KEYS: readonly string[] = ['fleet', LOAD_NETWORK];

/** @returns why no load can go through a run in this state; null: one can */
export function systemProblem(
  state: Pick<RunState, 'topology' | 'steps'>,
): { message: string; hint: string } | null {
  const { topology, steps } = state;
  const { name, network } = topology;
  const option = name === 'e2e' ? '' : ` --name ${name}`;
  if (!WITH_KEYS.includes(network.kind))
    return {
      message: `the run ${name} has --network ${network.kind}, whose private keys nobody here has, so a load cannot submit for its producers`,
      hint: `set one up for loads: npm run e2e -- setup --network ${LOAD_NETWORK} --name another`,
    };
  if (steps.start?.status !== 'done')
    return {
      message: `the run ${name} is set up, but its start ${statusWords(state as RunState, 'start')}`,
      hint: `npm run e2e -- start${option} starts it, npm run e2e -- teardown${option} removes it: then npm run load -- --e2e makes a system of its own`,
    };
  if (steps.stop !== undefined)
    return {
      message: `the run ${name} was stopped`,
      hint: `npm run e2e -- teardown${option} removes it: then npm run load -- --e2e makes a system of its own`,
    };
  return null;
}

/**
 * Whether there is a run that a load goes through, or one has to be made.
 * @param isNamed somebody asked for this one: then it has to be there
 * @throws UserError (exit 2)
 */
export function hasSystem(runs: string, name: string, isNamed: boolean): boolean {
  const folder = stateFolderOf(runs, name);
  if (hasState(folder)) return true;
  if (!isNamed) return false;
  throw new UserError(`there is no run "${name}" in ${runs}`, {
    hint: `npm run e2e -- setup --network ${LOAD_NETWORK} --name ${name} && npm run e2e -- start --name ${name}; or leave out --e2e-name: then a system is made for this load alone`,
    exitCode: EXIT.usage,
  });
}

/** @throws UserError where it does not run (any more), or is none for loads (exit 2) */
export async function loadSystem(open: OpenState, env: NodeJS.ProcessEnv): Promise<LoadSystem> {
  const { topology } = open.state;
  const problem = systemProblem(open.state);
  if (problem !== null)
    throw new UserError(problem.message, { hint: problem.hint, exitCode: EXIT.usage });
  const folder = stackFolder(open.folder, PART_OF.backend);
  const stack = await openStack(folder, { env });
  const isUp = stack?.isUp('backend') === true;
  await stack?.release();
  const backend = stack?.addresses.backend;
  if (!isUp || backend?.kind !== 'http')
    throw new UserError(`the backend of the run ${topology.name} does not run any more`, {
      hint: 'was this machine started again? npm run e2e -- teardown removes what is left of the run',
    });
  const handle = readStack(folder)?.running.backend;
  const { network } = topology;
  return {
    name: topology.name,
    backendUrl: backend.url,
    backendPid: handle?.kind === 'process' ? handle.pid : null,
    seed: topology.seed,
    producers: network.producers,
    era: TOPOLOGY_ERAS.find((era) => era === network.era) ?? TOPOLOGY_ERAS[0],
    isFaithful: topology.faithful,
    ...(await storageOf(open, env)),
  };
}

async function storageOf(
  open: OpenState,
  env: NodeJS.ProcessEnv,
): Promise<Pick<LoadSystem, 'storage' | 'secrets'>> {
  if (open.state.topology.storage === 'cassandra') {
    // Asked once, so that one that does not run is said here.
    await (await openCassandra(open, env)).close();
    const { cassandra } = await serviceAddresses(open, env);
    return {
      storage: cassandraUrl(cassandra!),
      secrets: { CASSANDRA_PASSWORD: cassandra!.credentials?.password },
    };
  }
  const config = await runDatabase(open, env);
  return { storage: postgresUrl(config), secrets: { PGPASSWORD: config.password } };
}
