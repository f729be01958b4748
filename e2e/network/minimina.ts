/**
 * A private Mina network through minimina's command line: create, start, stop, delete, logs. Its answers are JSON; what goes wrong is `error_message` and exit
 * code 1, but for a wrong topology, which is only a line of its log.
 * Source: minimina 0.2.0 (fa1befb), src/cli.rs, src/output.rs.
 */
import { join } from 'node:path';
import { homeFolder } from '../../system/home.ts';
import { askProgram, firstLine } from '../../system/run-program.ts';
import { UserError } from '../../user-error.ts';
import { KEY_PASSWORD } from './minimina-files.ts';

export type Minimina = {
  /** The program, or its path. */
  command: string;
  env: NodeJS.ProcessEnv;
  /** MINIMINA_HOME; null: the user's home folder. */
  home: string | null;
};

/** Images may have to be fetched. */
const CREATE_MS = 15 * 60_000;
const START_MS = 10 * 60_000;
const ASK_MS = 2 * 60_000;

export type CreatedNetwork = {
  network_id: string;
  nodes: Record<string, { graphql_uri?: string | null; node_type?: string }>;
};

/** The folder that it keeps a network in. */
export function networkFolder({ env, home }: Minimina, network: string): string {
  const base = home ?? env.MINIMINA_HOME ?? homeFolder(env);
  if (!base)
    throw new UserError('this user has no home folder, so minimina has no place', {
      hint: 'set MINIMINA_HOME to a folder',
    });
  return join(base, '.minimina', network);
}

/** @throws UserError with its own words */
async function ask(
  { command, env, home }: Minimina,
  args: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const answer = await askProgram({
    file: command,
    args: [...args],
    env: {
      ...env,
      ...(home !== null && { MINIMINA_HOME: home }),
      MINA_PRIVKEY_PASS: KEY_PASSWORD,
      MINA_LIBP2P_PASS: KEY_PASSWORD,
      UPTIME_PRIVKEY_PASS: KEY_PASSWORD,
    },
    timeoutMs,
    signal,
  });
  signal.throwIfAborted();
  const what = `minimina ${args.slice(0, 2).join(' ')}`;
  if (answer.kind === 'not started')
    throw new UserError(`${command} is not there (${answer.code})`, {
      hint: 'install minimina 0.2.0 or later (github.com/o1-labs/minimina), or name it with --minimina',
    });
  if (answer.kind === 'timed out')
    throw new UserError(`${what} did not end within ${timeoutMs / 1000} s`, {
      hint: 'are its images there, and does docker run?',
    });
  const { stdout, stderr } = answer.output;
  const said = lastJson(stdout);
  if (answer.exitCode !== 0 || typeof said?.error_message === 'string')
    throw new UserError(
      `${what} failed: ${typeof said?.error_message === 'string' ? said.error_message : firstLine(stderr) || `exit code ${answer.exitCode}`}`,
      {
        hint: 'does docker run, and is the network of an earlier run gone (minimina network list)?',
      },
    );
  // A topology that it cannot read ends with status 0 and no answer.
  if (said === null)
    throw new UserError(`${what} gave no answer: ${firstLine(stderr) || firstLine(stdout)}`, {
      hint: 'is the topology right? Its log line says what is not',
    });
  return said;
}

/** The last whole JSON object of its output: lines of its log may stand before. */
function lastJson(text: string): Record<string, unknown> | null {
  for (let at = text.lastIndexOf('\n{'); ; at = text.lastIndexOf('\n{', at - 1)) {
    const part = at === -1 ? text.slice(Math.max(0, text.indexOf('{'))) : text.slice(at + 1);
    try {
      const value: unknown = JSON.parse(part);
      return typeof value === 'object' && value !== null
        ? (value as Record<string, unknown>)
        : null;
    } catch {
      if (at <= 0) return null;
    }
  }
}

export async function createNetwork(
  minimina: Minimina,
  network: string,
  files: { topology: string; genesis: string },
  signal: AbortSignal,
): Promise<CreatedNetwork> {
  const args = ['network', 'create', '-n', network, '-t', files.topology, '-g', files.genesis];
  return (await ask(minimina, args, CREATE_MS, signal)) as CreatedNetwork;
}

export const startMinaNetwork = (
  minimina: Minimina,
  network: string,
  signal: AbortSignal,
): Promise<unknown> => ask(minimina, ['network', 'start', '-n', network], START_MS, signal);

export const stopMinaNetwork = (
  minimina: Minimina,
  network: string,
  signal: AbortSignal,
): Promise<unknown> => ask(minimina, ['network', 'stop', '-n', network], START_MS, signal);

/** Its networks by their ids. */
export async function listNetworks(minimina: Minimina, signal: AbortSignal): Promise<string[]> {
  const said = await ask(minimina, ['network', 'list'], ASK_MS, signal);
  const networks = said.networks ?? said;
  if (Array.isArray(networks))
    return networks.map((one: unknown) =>
      typeof one === 'string' ? one : String((one as { network_id?: unknown }).network_id),
    );
  return Object.keys(networks);
}

/** The log of a node, as it is. */
export async function nodeLog(
  { command, env, home }: Minimina,
  network: string,
  node: string,
  onChunk: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const answer = await askProgram({
    file: command,
    args: ['node', 'logs', '-n', network, '-i', node, '-r'],
    env: { ...env, ...(home !== null && { MINIMINA_HOME: home }) },
    timeoutMs: ASK_MS,
    signal,
  });
  if (answer.kind === 'ended') onChunk(answer.output.stdout);
}

/** @returns false where there is no such network */
export async function deleteNetwork(
  { command, network, home }: { command: string; network: string; home: string | null },
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<boolean> {
  const minimina = { command, env, home };
  if (!(await listNetworks(minimina, signal)).includes(network)) return false;
  await ask(minimina, ['network', 'delete', '-n', network], START_MS, signal);
  return true;
}
