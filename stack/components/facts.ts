/** What only looking can tell before a stack is planned: free ports, engines, programs. */
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { randomBytes, randomUUID } from 'node:crypto';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { cacheFolder } from '../../system/cache-folder.ts';
import { othersMayEnter } from '../../system/open-folder.ts';
import { claimPorts } from '../../system/port-claims.ts';
import { programsOnPath } from '../../system/programs-on-path.ts';
import { askProgram, firstLine } from '../../system/run-program.ts';
import { POSTGRES_VERSIONS, postgresIsMissing } from '../services/postgres-versions.ts';
import { UserError } from '../../user-error.ts';
import { commandProgram } from './backend.ts';
import { COMPONENTS } from './index.ts';
import { type ComponentName, COMPONENT_NAMES } from './component.ts';
import { type StackFacts, type StackRequest, withNeeds } from './plan.ts';

/** `letPortsGo`: once the stack has started; no other stack of this user chooses its ports until then, or until this process ends. */
export async function stackFacts(
  request: StackRequest,
  env: NodeJS.ProcessEnv,
  engineName: string | null = null,
): Promise<StackFacts & { letPortsGo: () => void }> {
  const { components, uses, folder, backendPort } = request;
  const names = withNeeds(components, uses);
  const stack = `delegation-${randomUUID().slice(0, 8)}`;
  const missing: StackFacts['missing'] = {};
  for (const name of names) {
    const why = await whyMissing(name, request, env);
    if (why !== null) missing[name] = why;
  }
  const { chosen, letGo } = await claimPorts(claimsFolder(env), (claimed) =>
    freePorts(names, backendPort !== 0, claimed),
  );
  const needsEngine = names.some((name) => uses[name]?.kind === 'image');
  return {
    stack,
    secrets: {
      postgres: randomUUID(),
      s3Access: `access${randomBytes(7).toString('hex')}`,
      s3Secret: randomBytes(20).toString('hex'),
    },
    ports: chosen,
    letPortsGo: letGo,
    taken: await takenOf(backendPort === null || backendPort === 0 ? [8080] : [backendPort, 8080]),
    ...(await engineOf(
      engineName === null ? ['docker', 'podman'] : [engineName],
      env,
      needsEngine,
    )),
    missing,
    postgresFolder: postgresFolder(folder, stack),
    env,
  };
}

/**
 * @param names what starts: the ports of others are looked for, but not claimed
 * @param takesUsual the usual one of each where it is free; else any: for stacks side by side, which would take each other's while one restarts
 */
async function freePorts(
  names: readonly ComponentName[],
  takesUsual: boolean,
  claimed: ReadonlySet<number>,
): Promise<{ chosen: StackFacts['ports']; ports: number[] }> {
  const taken = [...claimed];
  const free = async (wanted: number | null): Promise<number> => {
    const port = await getPort({
      host: '127.0.0.1',
      exclude: taken,
      ...(wanted !== null && !taken.includes(wanted) && { port: wanted }),
    });
    taken.push(port);
    return port;
  };
  const chosen = {} as StackFacts['ports'];
  for (const name of COMPONENT_NAMES)
    chosen[name] = {
      port: await free(takesUsual ? COMPONENTS[name].port : null),
      other: await free(null),
    };
  return { chosen, ports: names.flatMap((name) => [chosen[name].port, chosen[name].other]) };
}

/** None where this user has no place for it: then two stacks may choose the same port. */
function claimsFolder(env: NodeJS.ProcessEnv): string {
  try {
    return join(cacheFolder(env), 'ports');
  } catch (error) {
    if (error instanceof UserError) return devNull;
    throw error;
  }
}

async function takenOf(ports: readonly number[]): Promise<Map<number, string>> {
  const taken = new Map<number, string>();
  for (const port of ports) {
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      taken.set(
        port,
        code === 'EADDRINUSE'
          ? `port ${port} of 127.0.0.1 is in use`
          : `port ${port} of 127.0.0.1 cannot be listened on (${code})`,
      );
    } finally {
      server.close();
    }
  }
  return taken;
}

/** @returns a sentence that stands after the component's name; null: nothing is missing */
/** @returns why the program of a command cannot be run; null: it can */
export function commandIsMissing(command: string, env: NodeJS.ProcessEnv): string | null {
  const { file } = commandProgram(command);
  if (file === undefined) return 'the command is empty';
  if (!file.includes('/'))
    return programsOnPath(file, env).length > 0 ? null : `there is no ${file} on the PATH`;
  try {
    accessSync(file, constants.X_OK);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? `${file} is not there`
      : `${file} may not be run`;
  }
}

async function whyMissing(
  name: ComponentName,
  { uses }: StackRequest,
  env: NodeJS.ProcessEnv,
): Promise<string | null> {
  const use = uses[name] ?? { kind: 'embedded' };
  if (use.kind === 'command') return commandIsMissing(use.command, env);
  if (use.kind !== 'embedded') return null;
  if (name === 'postgres') {
    const version = POSTGRES_VERSIONS.find((one) => one === use.version);
    return version === undefined ? null : postgresIsMissing(version, env);
  }
  if (name === 's3') {
    const { versitygwIsMissing } = await import('../services/versitygw.ts');
    return versitygwIsMissing(env);
  }
  if (name === 'cassandra') {
    const { cassandraIsMissing } = await import('../services/cassandra.ts');
    return cassandraIsMissing(env);
  }
  return null;
}

/** As root, PostgreSQL runs as another user: where that one cannot enter the folder, its data lie in the folder for temporary files. */
function postgresFolder(folder: string, stack: string): string {
  const own = join(folder, 'data', 'postgres');
  if (process.getuid?.() !== 0 || othersMayEnter(folder)) return own;
  return postgresFolderElsewhere(stack);
}

/** Where PostgreSQL's data lie if they cannot lie in the stack's folder. */
export const postgresFolderElsewhere = (stack: string): string =>
  join(tmpdir(), `${stack}-postgres`);

const ANSWER_MS = 20_000;

/** The first that is there, and whether it answers. */
async function engineOf(
  names: readonly string[],
  env: NodeJS.ProcessEnv,
  isNeeded: boolean,
): Promise<Pick<StackFacts, 'engine' | 'engineProblem'>> {
  const engine = names.find((name) => programsOnPath(name, env).length > 0) ?? null;
  if (engine === null)
    return { engine, engineProblem: `there is no ${names.join(' and no ')} on the PATH` };
  if (!isNeeded) return { engine, engineProblem: null };
  const answer = await askProgram({ file: engine, args: ['ps', '--quiet'], env, timeoutMs: ANSWER_MS }); // prettier-ignore
  if (answer.kind === 'ended' && answer.exitCode === 0) return { engine, engineProblem: null };
  const why = answer.kind === 'ended' ? firstLine(answer.output.stderr) : answer.kind;
  return { engine, engineProblem: `${engine} does not work: ${why}` };
}
