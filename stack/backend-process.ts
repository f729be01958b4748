/** How a load run starts the embedded backend: a process of its own, which also ends when this one does. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import getPort from 'get-port';
import { NotStartedError, type ProgramEnd, startProgram } from '../system/run-program.ts';
import { UserError } from '../user-error.ts';
import { loadConfig } from './backend/config.ts';
import { nodeArguments } from './node-arguments.ts';

export type BackendRequest = {
  /** Where to listen, on loopback; absent or 0: any free port. A taken one is replaced, see {@link BackendProcess.notes}. */
  port?: number;
  /** In place of a taken port, and of any free one, one of these; absent: any. */
  otherPorts?: Iterable<number>;
  /** `port` is the only one: it is taken as it is, and a backend that cannot listen there does not start. */
  isPortFixed?: boolean;
  /** A file of public keys; null: everyone may submit. */
  whitelist: string | null;
  storageFolder: string;
  /** What the backend's environment adds to a bare one: CONFIG_NETWORK_NAME, REQUESTS_PER_PK_HOURLY, VERIFY_SIGNATURE_DISABLED, BACKEND_FAITHFUL … */
  env: Record<string, string | undefined>;
  /** Its log lines are added here. */
  logFile: string;
  /** How long it may take to listen. Default 15 s. */
  startMs?: number;
};

export type BackendExit = { code: number | null; signal: NodeJS.Signals | null };

export type BackendProcess = {
  url: string;
  port: number;
  pid: number;
  /** What the user should know, e.g. that another port was taken. */
  notes: string[];
  /** Asks it to end and waits; after `stopMs` (default 15 s) it is killed. */
  stop(stopMs?: number): Promise<void>;
  /** Resolves when it has ended, for whatever reason. */
  exited: Promise<BackendExit>;
};

const START_MS = 15_000;
const STOP_MS = 15_000;
const LOG_LINES = 8;

/**
 * @throws UserError: exit 2 that names a wrong variable of `env`; exit 5 with the last lines of its log if it does not come up in time
 */
export async function startBackend(request: BackendRequest): Promise<BackendProcess> {
  const { whitelist, storageFolder, env, logFile } = request;
  const wanted = request.port ?? 0;
  const port = await portFor(request);
  const notes =
    port === wanted || wanted === 0
      ? []
      : [`port ${wanted} is in use, so the embedded backend listens on port ${port}`];

  const backendEnv = {
    CONFIG_NETWORK_NAME: 'devnet',
    ...env,
    // Decided here, whatever the user's shell says.
    CONFIG_FILE: undefined,
    CONFIG_FILESYSTEM_PATH: storageFolder,
    DELEGATION_WHITELIST_DISABLED: whitelist === null ? '1' : '0',
    DELEGATION_WHITELIST_FILE: whitelist ?? undefined,
    DELEGATION_WHITELIST_URL: undefined,
    BACKEND_HOST: '127.0.0.1',
    BACKEND_PORT: String(port),
    AWS_BUCKET_NAME_SUFFIX: undefined,
    AWS_KEYSPACE: undefined,
    POSTGRES_HOST: undefined,
  };
  // What it would refuse is the user's to mend, and needs no process to be found.
  loadConfig(backendEnv);
  const log = openLog(logFile);
  const { ready: firstLine, onStdout } = readyLine();
  const started = await startProgram({
    file: process.execPath,
    args: nodeArguments('backend.js'),
    env: backendEnv,
    stdout: onStdout,
    stderr: log,
    // It tells it when this process is gone: what was accepted is still written then.
    channel: true,
  }).catch((error: unknown) => error as Error);
  closeSync(log);

  const failure = (what: string, cause?: unknown): UserError => {
    const lines = lastLines(logFile);
    return new UserError(`the embedded backend ${what}${lines === '' ? '' : `: ${lines}`}`, {
      // A run that could not begin takes its folder with it: the log is named by its words, not by its path.
      hint:
        lines === ''
          ? 'it left no word: is there memory left, and may this user start programs?'
          : 'these are the last lines of its log',
      cause,
    });
  };
  if (started instanceof NotStartedError) throw failure(`did not start (${started.code})`, started);
  if (started instanceof Error) throw started;
  const exited = started.ended.then(({ exitCode, signal }) => ({ code: exitCode, signal }));
  const startMs = request.startMs ?? START_MS;
  const ready = await within<Ready | ProgramEnd>(startMs, [firstLine, started.ended]);
  if (ready === null) {
    await started.stop({ signal: 'SIGKILL', killAfterMs: STOP_MS });
    throw failure(`was not ready within ${startMs} ms`);
  }
  if (!('url' in ready))
    throw failure(`ended with ${ready.signal ?? `exit code ${ready.exitCode}`}`);
  return {
    url: ready.url,
    port: ready.port,
    pid: started.pid,
    notes,
    exited,
    async stop(stopMs = STOP_MS) {
      await started.stop({ signal: 'SIGTERM', killAfterMs: stopMs });
    },
  };
}

async function portFor({ port = 0, otherPorts, isPortFixed }: BackendRequest): Promise<number> {
  if (isPortFixed || (port === 0 && otherPorts === undefined)) return port;
  return getPort({
    port: [...(port === 0 ? [] : [port]), ...(otherPorts ?? [])],
    host: '127.0.0.1',
  });
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (cause) {
    throw new UserError(`the backend's log cannot be written: ${(cause as Error).message}`, {
      hint: 'choose a folder that can be written',
      cause,
    });
  }
}

type Ready = { event: string; url: string; port: number };

/** What resolves first, within `ms`; else null. */
async function within<T>(ms: number, promises: Promise<T>[]): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), ms)));
  return Promise.race([...promises, over]).finally(() => clearTimeout(timer));
}

/** Takes the first line of a stream that comes in pieces; what follows is passed over. */
function readyLine(): { ready: Promise<Ready>; onStdout: (chunk: Buffer) => void } {
  let text = '';
  let onLine: (line: string) => void = () => undefined;
  const line = new Promise<string>((resolve) => (onLine = resolve));
  return {
    ready: line.then((whole) => JSON.parse(whole) as Ready),
    onStdout(chunk) {
      if (text.includes('\n')) return;
      text += chunk.toString('utf8');
      if (text.includes('\n')) onLine(text.slice(0, text.indexOf('\n')));
    },
  };
}

/** The messages of the log's last lines. */
function lastLines(path: string): string {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-LOG_LINES);
  return lines.map(messageOf).filter(Boolean).join(' | ');
}

function messageOf(line: string): string {
  try {
    const { msg = '', hint } = JSON.parse(line) as { msg?: string; hint?: string };
    return hint ? `${msg} (${hint})` : msg;
  } catch {
    return line;
  }
}
