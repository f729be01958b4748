/** How a load run starts the embedded backend: a process of its own, which also ends when this one does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import getPort from 'get-port';
import { distFile } from '../paths.ts';
import { UserError } from '../user-error.ts';

export type BackendRequest = {
  /** Where to listen, on loopback; absent or 0: any free port. A taken one is replaced, see {@link BackendProcess.notes}. */
  port?: number;
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

/** @throws UserError (exit 5) with the last lines of its log if it does not come up in time */
export async function startBackend(request: BackendRequest): Promise<BackendProcess> {
  const { whitelist, storageFolder, env, logFile } = request;
  const wanted = request.port ?? 0;
  const port = wanted === 0 ? 0 : await getPort({ port: wanted, host: '127.0.0.1' });
  const notes =
    port === wanted
      ? []
      : [`port ${wanted} is in use, so the embedded backend listens on port ${port}`];

  const log = openLog(logFile);
  const child = spawn(process.execPath, ['--enable-source-maps', distFile('backend.js')], {
    env: {
      CONFIG_NETWORK_NAME: 'devnet',
      ...env,
      // Decided here, whatever the user's shell says.
      CONFIG_FILE: undefined,
      CONFIG_FILESYSTEM_PATH: storageFolder,
      DELEGATION_WHITELIST_DISABLED: whitelist === null ? '1' : '0',
      DELEGATION_WHITELIST_FILE: whitelist ?? undefined,
      BACKEND_HOST: '127.0.0.1',
      BACKEND_PORT: String(port),
      AWS_BUCKET_NAME_SUFFIX: undefined,
      AWS_KEYSPACE: undefined,
      POSTGRES_HOST: undefined,
    },
    // The channel tells it when this process is gone. Its own process group: Ctrl-C reaches us, and we decide what it means.
    stdio: ['ignore', 'pipe', log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  const exited = new Promise<BackendExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });

  const startMs = request.startMs ?? START_MS;
  const failed = async (what: string, cause?: unknown): Promise<UserError> => {
    child.kill('SIGKILL');
    if (child.pid !== undefined) await exited;
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
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), startMs);
  try {
    const ready = await Promise.race([
      readyLine(child.stdout!, giveUp.signal),
      once(child, 'error', { signal: giveUp.signal }).then(([cause]) =>
        failed('did not start', cause),
      ),
      exited.then(({ code, signal }) => failed(`ended with ${signal ?? `exit code ${code}`}`)),
    ]);
    if (ready instanceof Error) throw ready;
    return {
      url: ready.url,
      port: ready.port,
      pid: child.pid!,
      notes,
      exited,
      async stop(stopMs = STOP_MS) {
        child.kill('SIGTERM');
        const kill = setTimeout(() => child.kill('SIGKILL'), stopMs);
        await exited;
        clearTimeout(kill);
      },
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw await failed(`was not ready within ${startMs} ms`, error);
  } finally {
    clearTimeout(timer);
    giveUp.abort();
  }
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

async function readyLine(stdout: NodeJS.ReadableStream, signal: AbortSignal): Promise<Ready> {
  let text = '';
  stdout.setEncoding('utf8');
  while (!text.includes('\n')) {
    const [chunk] = (await once(stdout, 'data', { signal })) as [string];
    text += chunk;
  }
  stdout.resume(); // nothing more is expected, but a full pipe would block it
  return JSON.parse(text.slice(0, text.indexOf('\n'))) as Ready;
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
