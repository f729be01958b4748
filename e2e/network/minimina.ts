/**
 * A private Mina network through minimina's command line: create, start, stop, delete, logs. Its answers are JSON; what goes wrong is `error_message` and exit
 * code 1, but for a wrong topology, which is only lines of its log. It does not look at what docker answers to start, stop and delete: see private.ts.
 * Source: minimina 0.2.0 (fa1befb), src/cli.rs, src/main.rs, src/output.rs, src/directory_manager.rs.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { homeFolder } from '../../system/home.ts';
import { askProgram, NotStartedError, startProgram } from '../../system/run-program.ts';
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
/** Of a node that has run for hours. */
const LOG_MS = 10 * 60_000;
/** A thousand nodes with their keys are 300 KB. */
const ANSWER_BYTES = 16 * 1024 * 1024;

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
    stdoutLimit: ANSWER_BYTES,
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
      `${what} failed: ${typeof said?.error_message === 'string' ? said.error_message : lastWords(stderr) || `exit code ${answer.exitCode}`}`,
      {
        hint: 'does docker run, and is the network of an earlier run gone (minimina network list)?',
      },
    );
  if (said === null)
    throw new UserError(`${what} gave no answer: ${lastWords(stderr) || lastWords(stdout)}`, {
      hint: 'is it minimina 0.2.0 or later (minimina --version)?',
    });
  return said;
}

/** A topology that it cannot read, and a panic, are some lines of its log: what the last error says stands in one line. */
function lastWords(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const from = lines.findLastIndex((line) => /\bERROR\b|panicked at/.test(line));
  return lines
    .slice(from === -1 ? -1 : from)
    .filter((line) => line !== '' && !line.startsWith('note: '))
    .join(' ');
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

/** Its networks by their ids. Without its folder there are none, and it would panic (main.rs, NetworkCommand::List). */
export async function listNetworks(minimina: Minimina, signal: AbortSignal): Promise<string[]> {
  if (!existsSync(dirname(networkFolder(minimina, 'any')))) return [];
  const said = await ask(minimina, ['network', 'list'], ASK_MS, signal);
  const networks = said.networks ?? said;
  if (Array.isArray(networks))
    return networks.map((one: unknown) =>
      typeof one === 'string' ? one : String((one as { network_id?: unknown }).network_id),
    );
  return Object.keys(networks);
}

/**
 * The log of a node, as it is, of whatever length: nodes log at level Trace.
 * @returns why it could not be had; null: it was
 */
export async function nodeLog(
  { command, env, home }: Minimina,
  network: string,
  node: string,
  onChunk: (chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<string | null> {
  signal.throwIfAborted();
  try {
    const program = await startProgram({
      file: command,
      args: ['node', 'logs', '-n', network, '-i', node, '-r'],
      env: { ...env, ...(home !== null && { MINIMINA_HOME: home }) },
      stdout: onChunk,
      stderr: 'keep',
    });
    const over = AbortSignal.any([signal, AbortSignal.timeout(LOG_MS)]);
    const kill = (): void => program.signal('SIGKILL');
    over.addEventListener('abort', kill, { once: true });
    const { exitCode, stderr } = await program.ended;
    over.removeEventListener('abort', kill);
    signal.throwIfAborted();
    return exitCode === 0 ? null : lastWords(stderr) || `exit code ${exitCode ?? 'none'}`;
  } catch (error) {
    if (error instanceof NotStartedError) return `${command} is not there (${error.code})`;
    throw error;
  }
}

export const deleteMinaNetwork = (
  minimina: Minimina,
  network: string,
  signal: AbortSignal,
): Promise<unknown> => ask(minimina, ['network', 'delete', '-n', network], START_MS, signal);
