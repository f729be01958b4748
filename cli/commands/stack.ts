/** `npm run stack -- up`: the program's embedded components in the foreground, until Ctrl-C. */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import getPort from 'get-port';
import { HOURLY_LIMIT } from '../../mina/limits.ts';
import { distFile } from '../../paths.ts';
import { exitCodeOf } from '../../system/ending.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { NotStartedError, startProgram } from '../../system/run-program.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';

const COMPONENTS = ['backend'] as const;

/** Variables of the original that choose a storage, in the order in which it writes to them. */
const OTHER_STORAGES = [
  ['AWS_BUCKET_NAME_SUFFIX', 'S3'],
  ['AWS_KEYSPACE', 'Cassandra'],
  ['POSTGRES_HOST', 'PostgreSQL'],
] as const;

export const stack: Command = {
  name: 'stack',
  summary: 'run the embedded components in the foreground: stack up',
  operands: 'up…',
  options: [
    {
      name: 'component',
      type: 'choice',
      choices: COMPONENTS,
      default: 'backend',
      help: 'which component to run',
    },
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
  ],
  async run({ values, sources, operands, cwd, env, stdout, stderr }) {
    if (operands.length !== 1 || operands[0] !== 'up')
      throw new UserError(
        operands.length === 0
          ? 'stack needs to know what to do'
          : `stack does not know "${operands.join(' ')}"`,
        { hint: 'use: npm run stack -- up', exitCode: EXIT.usage },
      );
    const host = values.host as string;
    const wanted = values.port as number;
    const isChosen = sources.port !== 'default';
    if (isChosen) await checkPort(host, wanted);
    const others = OTHER_STORAGES.filter(([variable]) => env[variable]).map(([, name]) => name);
    const storage =
      (values.storage as string | undefined) ??
      (others.length === 0 ? join(resolve(cwd), 'stack-data') : undefined);
    if (storage !== undefined) makeFolder(storage);
    const places = storage === undefined ? others : [...others, storage];
    const port = isChosen ? wanted : await getPort({ port: wanted, host });
    if (port !== wanted)
      stdout.write(`port ${wanted} is in use, so the backend listens on port ${port}\n`);
    const whitelist = values.whitelist as string | undefined;
    stdout.write(`submissions go to ${places.join(', then ')}; Ctrl-C stops\n`);
    return runInForeground(
      distFile('backend.js'),
      {
        ...env,
        CONFIG_FILE: undefined,
        CONFIG_NETWORK_NAME: values.network as string,
        CONFIG_FILESYSTEM_PATH: storage,
        DELEGATION_WHITELIST_DISABLED: whitelist === undefined ? '1' : '0',
        DELEGATION_WHITELIST_FILE: whitelist,
        REQUESTS_PER_PK_HOURLY: String(values['hourly-limit']),
        VERIFY_SIGNATURE_DISABLED: values['no-verify'] === true ? '1' : '0',
        BACKEND_FAITHFUL: values.faithful === true ? '1' : '0',
        BACKEND_HOST: host,
        BACKEND_PORT: String(port),
      },
      { stdout, stderr },
    );
  },
};

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
      hint: 'end what listens there, or choose another one with --port (0: any free one)',
      cause,
    });
  } finally {
    server.close();
  }
}

/**
 * Its output goes through this process, so that it serves on when nobody reads it any more (`stack up | head`). It ends
 * when the user interrupts, and with this process.
 */
async function runInForeground(
  program: string,
  env: NodeJS.ProcessEnv,
  { stdout, stderr }: Pick<CommandCall, 'stdout' | 'stderr'>,
): Promise<number> {
  const running = await startProgram({
    file: process.execPath,
    args: ['--enable-source-maps', program],
    env,
    stdout: (text) => void stdout.write(text),
    stderr: (text) => void stderr.write(text),
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
    return exitCodeOf(exitCode);
  } finally {
    interrupts.stop();
  }
}
