/**
 * `npm run stack -- up`: the embedded backend in the foreground, until Ctrl-C; with `--component` any set of components (stack-set.ts). `stack
 * record` (stack-record.ts) writes down what a backend is sent.
 */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import getPort from 'get-port';
import { HOURLY_LIMIT } from '../../mina/limits.ts';
import { type BackendConfig, loadConfig } from '../../stack/backend/config.ts';
import { nodeArguments } from '../../stack/node-arguments.ts';
import { exitCodeOf } from '../../system/ending.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { listProblems } from '../../system/problems.ts';
import { NotStartedError, startProgram } from '../../system/run-program.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { didYouMean } from '../../system/suggest.ts';
import { RECORD_OPTIONS, recordStack } from './stack-record.ts';
import { isSet, SET_OPTIONS, upSet } from './stack-set.ts';

/** Options of each of its deeds. */
const ACTIONS: Record<string, readonly string[]> = {
  up: [
    ...['host', 'port', 'network', 'storage', 'whitelist'],
    ...['hourly-limit', 'faithful', 'no-verify'],
    ...SET_OPTIONS.map(({ name }) => name),
  ],
  record: ['out', 'forward', 'host', 'port', 'allow-remote'],
};

/** Variables of the original that choose a storage. */
const OTHER_STORAGES = ['AWS_BUCKET_NAME_SUFFIX', 'AWS_KEYSPACE', 'POSTGRES_HOST'] as const;

/** What the original's CONFIG_FILE decides: a flag beside it would be passed over. */
const OF_CONFIG_FILE = ['network', 'storage', 'no-verify'] as const;

type StorageKind = BackendConfig['storages'][number]['kind'];
const STORAGE_NAMES: Record<Exclude<StorageKind, 'filesystem'>, string> = {
  s3: 'S3',
  cassandra: 'Cassandra',
  postgres: 'PostgreSQL',
};

export const stack: Command = {
  name: 'stack',
  summary:
    'run the program’s components (stack up, down; coordinator and leaderboard alone), write down what a backend is sent (stack record), or make a history (stack fill); each has its own --help but up and record',
  operands: 'up|record',
  parts: {
    coordinator: async () => (await import('./stack-coordinator.ts')).stackCoordinator,
    down: async () => (await import('./stack-down.ts')).stackDown,
    leaderboard: async () => (await import('./stack-leaderboard.ts')).stackLeaderboard,
    fill: async () => (await import('./stack-fill.ts')).stackFill,
  },
  options: [
    {
      name: 'host',
      type: 'text',
      argument: 'ADDRESS',
      default: '127.0.0.1',
      env: 'BACKEND_HOST',
      help: 'address to listen on; anything but loopback is open to the network',
    },
    {
      name: 'port',
      type: 'integer',
      argument: 'N',
      default: '8080',
      env: 'BACKEND_PORT',
      min: 0,
      max: 65535,
      help: 'port of the backend, 0 for any free one; without it, a free one is taken where 8080 is in use',
    },
    {
      name: 'network',
      type: 'text',
      argument: 'NAME',
      default: 'devnet',
      env: 'CONFIG_NETWORK_NAME',
      help: 'network name; "mainnet" expects mainnet signatures, every other name testnet ones',
    },
    {
      name: 'storage',
      type: 'path',
      argument: 'DIR',
      env: 'CONFIG_FILESYSTEM_PATH',
      help: 'folder for submissions and blocks (default: stack-data where you stand, unless the environment names another storage)',
    },
    {
      name: 'whitelist',
      type: 'path',
      argument: 'FILE',
      env: 'DELEGATION_WHITELIST_FILE',
      help: 'file with the public keys that may submit (default: everyone may)',
    },
    {
      name: 'hourly-limit',
      type: 'integer',
      argument: 'N',
      default: String(HOURLY_LIMIT),
      env: 'REQUESTS_PER_PK_HOURLY',
      min: 0,
      help: 'submissions of one block producer within an hour',
    },
    {
      name: 'faithful',
      type: 'flag',
      env: 'BACKEND_FAITHFUL',
      help: 'answer as the original does: 200 even where nothing was stored',
    },
    {
      name: 'no-verify',
      type: 'flag',
      env: 'VERIFY_SIGNATURE_DISABLED',
      help: 'do not check signatures',
    },
    ...RECORD_OPTIONS,
    ...SET_OPTIONS,
  ],
  async run(call) {
    const { operands, values, sources } = call;
    const action = operands.length === 1 ? operands[0] : '';
    if (!Object.hasOwn(ACTIONS, action))
      throw new UserError(
        operands.length === 0
          ? 'stack needs to know what to do'
          : `stack does not know "${operands.join(' ')}"${didYouMean(operands[0], [...Object.keys(ACTIONS), ...Object.keys(stack.parts!)])}`, // prettier-ignore
        {
          hint: 'use: npm run stack -- up, or npm run stack -- record --out DIR (or down, coordinator, leaderboard, fill)',
          exitCode: EXIT.usage,
        },
      );
    // Only an image listens elsewhere than it is told.
    const isOfSet = action === 'up' && isSet(call);
    const taken = isOfSet ? [...ACTIONS.up, 'allow-remote'] : ACTIONS[action];
    listProblems(
      Object.keys(values)
        .filter((name) => sources[name] === 'flag' && !taken.includes(name))
        .map((name) => `--${name} has no effect with "stack ${action}"`),
      `npm run stack -- ${action} takes ${taken.map((name) => `--${name}`).join(', ')}`,
    );
    if (action === 'record') return recordStack(call, checkPort);
    return isOfSet ? upSet(call) : runUp(call);
  },
};

async function runUp({ values, sources, cwd, env, stdout, stderr }: CommandCall): Promise<number> {
  const configFile = env.CONFIG_FILE ? resolve(cwd, env.CONFIG_FILE) : undefined;
  listProblems(
    OF_CONFIG_FILE.filter((name) => configFile !== undefined && sources[name] === 'flag').map(
      (name) => `--${name} and CONFIG_FILE exclude each other`,
    ),
    `CONFIG_FILE ${configFile} decides network, storage and switches, as it does for the original backend`,
  );
  const storage =
    (values.storage as string | undefined) ??
    (OTHER_STORAGES.some((variable) => env[variable])
      ? undefined
      : join(resolve(cwd), 'stack-data'));
  const host = values.host as string;
  const wanted = values.port as number;
  const isChosen = sources.port !== 'default';
  if (isChosen) await checkPort(host, wanted);
  const port = isChosen ? wanted : await getPort({ port: wanted, host });
  if (port !== wanted)
    stdout.write(`port ${wanted} is in use, so the backend listens on port ${port}\n`);
  const whitelist = values.whitelist as string | undefined;
  const whitelistUrl = whitelist === undefined ? env.DELEGATION_WHITELIST_URL : undefined;
  const backendEnv = {
    ...env,
    CONFIG_FILE: configFile,
    CONFIG_NETWORK_NAME: values.network as string,
    CONFIG_FILESYSTEM_PATH: storage,
    DELEGATION_WHITELIST_DISABLED: whitelist === undefined && !whitelistUrl ? '1' : '0',
    DELEGATION_WHITELIST_FILE: whitelist,
    DELEGATION_WHITELIST_URL: whitelistUrl,
    REQUESTS_PER_PK_HOURLY: String(values['hourly-limit']),
    VERIFY_SIGNATURE_DISABLED: values['no-verify'] === true ? '1' : '0',
    BACKEND_FAITHFUL: values.faithful === true ? '1' : '0',
    BACKEND_HOST: host,
    BACKEND_PORT: String(port),
  };
  // The backend would say the same, but as a line of its log.
  const config = loadConfig(backendEnv);
  if (config.whitelist === null && sources.whitelist === 'flag')
    throw new UserError(
      `--whitelist has no effect: CONFIG_FILE ${configFile} says delegation_whitelist_disabled`,
      { hint: 'leave one of them out', exitCode: EXIT.usage },
    );
  const { storages } = config;
  for (const each of storages) if (each.kind === 'filesystem') makeFolder(resolve(cwd, each.path));
  const places = storages.map((each) =>
    each.kind === 'filesystem' ? resolve(cwd, each.path) : STORAGE_NAMES[each.kind],
  );
  stdout.write(`submissions go to ${places.join(', then ')}; Ctrl-C stops\n`);
  return runInForeground('backend.js', backendEnv, cwd, { stdout, stderr });
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new UserError(`the folder ${path} cannot be made: ${(cause as Error).message}`, {
      hint: 'choose another one with --storage',
      cause,
    });
  }
}

/** Where another program could come in between, the backend itself says so. @throws UserError */
async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === 'EADDRINUSE'
        ? `port ${port} of ${host} is in use`
        : `port ${port} of ${host} cannot be listened on (${code})`;
    throw new UserError(why, {
      hint:
        code === 'EADDRINUSE' || code === 'EACCES'
          ? 'end what listens there, or choose another one with --port (0: any free one)'
          : 'give --host an address of this machine, such as 127.0.0.1',
      cause,
    });
  } finally {
    server.close();
  }
}

/** Enough for its last lines. */
const LAST_CHARACTERS = 20_000;

/** What a backend that ended wrote as its last error: one line of JSON among others. */
function lastError(log: string): { msg: string; hint?: string } | null {
  for (const line of log.split('\n').reverse())
    try {
      const { level, msg, hint } = JSON.parse(line) as Record<string, unknown>;
      if (level === 'error' && typeof msg === 'string')
        return { msg, ...(typeof hint === 'string' && { hint }) };
    } catch {
      // Cut off, or no line of its log.
    }
  return null;
}

/**
 * Its output goes through this process, so that it serves on when nobody reads it any more (`stack up | head`). It ends
 * when the user interrupts, and with this process.
 */
async function runInForeground(
  program: string,
  env: NodeJS.ProcessEnv,
  cwd: string,
  { stdout, stderr }: Pick<CommandCall, 'stdout' | 'stderr'>,
): Promise<number> {
  let lastLines = '';
  const running = await startProgram({
    file: process.execPath,
    args: nodeArguments(program),
    env,
    // Paths in CONFIG_FILE and in variables mean the folder where the user stands.
    cwd,
    stdout: (text) => {
      lastLines = `${lastLines}${text}`.slice(-LAST_CHARACTERS);
      stdout.write(text);
    },
    stderr: (text) => {
      lastLines = `${lastLines}${text}`.slice(-LAST_CHARACTERS);
      stderr.write(text);
    },
    channel: true,
  }).catch((cause: unknown) => {
    if (!(cause instanceof NotStartedError)) throw cause;
    throw new UserError(`the backend did not start: ${cause.message}`, {
      hint: 'is there memory left, and may this user start programs?',
      cause,
    });
  });
  // It has a group of its own, so that one Ctrl-C reaches it once, through us.
  const interrupts = listenForInterrupts();
  interrupts.first.addEventListener('abort', () => running.signal('SIGTERM'));
  interrupts.second.addEventListener('abort', () => running.signal('SIGKILL'));
  try {
    const { exitCode, signal } = await running.ended;
    if (interrupts.second.aborted) return EXIT.interrupted;
    if (signal !== null) stderr.write(`error: the backend ended with signal ${signal}\n`);
    const why = exitCode === 0 || interrupts.first.aborted ? null : lastError(lastLines);
    if (why === null) return exitCodeOf(exitCode);
    throw new UserError(why.msg, { hint: why.hint ?? '', exitCode: exitCodeOf(exitCode) });
  } finally {
    interrupts.stop();
  }
}
