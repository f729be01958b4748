/** The `k6 run` step: one planned run in; k6's samples as they come, and at the end what became of k6. */
import { createReadStream } from 'node:fs';
import { mkdir, writeFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { NotStartedError, startProgram } from '../../system/run-program.ts';
import { makeSecretFolder } from '../../system/secret-folder.ts';
import { UserError } from '../../user-error.ts';
import { hermeticK6Env } from './probe.ts';
import { PLAIN_TRANSPORT, type Transport, transportEnv } from '../target/transport.ts';

export type K6Call = {
  k6Path: string;
  /** One of dist/scenarios. */
  bundlePath: string;
  /** A file that holds a K6Plan (scenarios/lib/plan.ts). */
  planPath: string;
  /** Gets `k6.log` (JSON lines, errors only) and `k6-config.json`. */
  runFolder: string;
  /** The sample stream, in pieces cut anywhere: for SampleAggregator.push. */
  onSampleBytes: (chunk: Buffer) => void;
  /** Go's GOGC and GOMEMLIMIT: k6Memory (load/k6/plan.ts). */
  memory: { goGc: number; limitBytes: number };
  /** Default: this process's. k6 gets it without its `K6_*` and its proxies, and the script sees none of it. */
  env?: NodeJS.ProcessEnv;
  /** `HOST:PORT` of a target -> `ADDRESS:PORT` where k6 connects instead; the target's name stays in requests and certificates. */
  hosts?: Record<string, string>;
  /** Default: nothing special. */
  transport?: Pick<Transport, 'ca' | 'proxy' | 'http' | 'prefersIpv6' | 'secretHeaders'>;
};

/** How k6 ended. It says nothing about the target: k6 ends with 0 even if every iteration threw. */
export type K6End = {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /**
   * `finished`: the load ran to its end. `interrupted`: `stop` or `kill` ended it. `broken`: it failed in the middle, or something else
   * ended it: what it had sent by then is no load that anybody asked for.
   */
  outcome: 'finished' | 'interrupted' | 'broken';
  /** One sentence for the user, with the first lines of k6's log if it broke. */
  sentence: string;
};

export type RunningK6 = {
  /** Root of the process group. */
  pid: number;
  /** SIGINT, once: k6 ends its VUs at once, writes all samples it has, and ends. Later calls do nothing. */
  stop(): void;
  /** SIGKILL: samples of the last second may be lost. */
  kill(): void;
  /**
   * Resolves when k6 has ended and its last sample was handed over.
   * Rejects with a UserError if k6 did not start, or refused its options (104) or the script (107), and with what
   * `onSampleBytes` threw (k6 is killed then).
   */
  done: Promise<K6End>;
};

// grafana/k6, errext/exitcodes/codes.go
const CODE_OPTIONS = 104;
const CODE_INTERRUPTED = 105;
const CODE_SCRIPT = 107;
const FINISHED = new Set([
  0,
  99, // thresholds: the scenarios have none
  110, // exec.test.fail(): an iteration threw; counted by itself
]);
const MEANING: Record<number, string> = {
  100: 'set-up took too long',
  101: 'teardown took too long',
  [CODE_OPTIONS]: 'it refused its options',
  103: 'it was stopped through its REST API',
  [CODE_INTERRUPTED]: 'something other than this toolkit sent it SIGINT or SIGTERM',
  [CODE_SCRIPT]: 'the script did not load',
  108: 'the script aborted the test',
  109: 'it panicked',
};

/** k6's log, inside the run folder. */
export const K6_LOG = 'k6.log';
const LOG_LINES = 3;

/**
 * Starts k6 in a process group of its own, so that a Ctrl-C at the terminal reaches it through `stop` only. It
 * does not outlive this process, even when that is killed: its samples go to a pipe, and Go ends a program that writes to a broken
 * standard output.
 * @throws UserError if the run folder cannot be written or k6 cannot be started
 */
export async function startK6(call: K6Call): Promise<RunningK6> {
  const runFolder = resolve(call.runFolder);
  const configPath = join(runFolder, 'k6-config.json');
  const transport = call.transport ?? PLAIN_TRANSPORT;
  const rootsPath = transport.ca === null ? null : join(runFolder, 'k6-roots.pem');
  try {
    await mkdir(runFolder, { recursive: true });
    // A file of our own, or ~/.config/k6/config.json would apply.
    await writeFile(
      configPath,
      `${JSON.stringify(call.hosts === undefined ? {} : { hosts: call.hosts })}\n`,
    );
    // The user's file may be in a form that Go does not read.
    if (rootsPath !== null) await writeFile(rootsPath, transport.ca!.pem);
  } catch (cause) {
    throw new UserError(`cannot write into ${runFolder} (${codeOf(cause)})`, {
      hint: 'is there space, and may this user write there?',
      cause,
    });
  }
  const secrets = await writeSecrets(transport.secretHeaders);
  let streamFault: Error | null = null;
  const onStdout = (chunk: Buffer): void => {
    // It writes samples: it has read its files, and keeps them in memory for VUs to come.
    secrets.remove();
    if (streamFault !== null) return;
    try {
      call.onSampleBytes(chunk);
    } catch (error) {
      streamFault = error as Error;
      k6.signal('SIGKILL');
    }
  };
  const k6 = await startProgram({
    file: call.k6Path,
    args: argumentsOf(call, configPath, secrets.path),
    // The log's path cannot be given whole: k6 splits the option at commas.
    cwd: runFolder,
    stdout: onStdout,
    stderr: 'keep',
    env: {
      ...transportEnv(hermeticK6Env(call.env ?? process.env), transport, rootsPath),
      K6_CSV_TIME_FORMAT: 'unix_micro',
      GOGC: String(call.memory.goGc),
      GOMEMLIMIT: String(call.memory.limitBytes),
    },
  }).catch((cause: unknown) => {
    secrets.remove();
    if (!(cause instanceof NotStartedError)) throw cause;
    throw new UserError(`k6 did not start: ${call.k6Path} (${cause.code})`, {
      hint: 'npm run doctor says which k6 is used and whether it works',
      cause,
    });
  });

  let stopped = false;
  let killed = false;
  const done = k6.ended.then(async ({ exitCode, signal, stderr }): Promise<K6End> => {
    secrets.remove();
    await rm(configPath, { force: true });
    if (streamFault !== null) throw streamFault;
    const end = { exitCode, signal };
    if (exitCode !== null && FINISHED.has(exitCode))
      return { ...end, outcome: 'finished', sentence: 'k6 ran to its end' };
    // A k6 that has not yet set up its handler ends by SIGINT itself.
    const byStop = stopped && (exitCode === CODE_INTERRUPTED || signalOf(end) === 'SIGINT');
    if (byStop || (killed && signalOf(end) === 'SIGKILL'))
      return { ...end, outcome: 'interrupted', sentence: 'k6 was interrupted' };
    const words = await firstErrors(join(runFolder, K6_LOG), stderr);
    const sentence = `k6 ended with ${howItEnded(end)}${words === '' ? '' : `: ${words}`}`;
    if (exitCode === CODE_OPTIONS || exitCode === CODE_SCRIPT)
      throw new UserError(sentence, { hint: `the whole log is ${join(runFolder, K6_LOG)}` });
    return { ...end, outcome: 'broken', sentence };
  });
  done.catch(() => {});

  return {
    pid: k6.pid,
    stop() {
      // A second SIGINT makes k6 leave its samples behind.
      if (stopped) return;
      stopped = true;
      k6.signal('SIGINT');
    },
    kill() {
      killed = true;
      k6.signal('SIGKILL');
    },
    done,
  };
}

type Ending = Pick<K6End, 'exitCode' | 'signal'>;

/** The signal that ended it; a shell around k6 ends with 128 and the signal's number (POSIX, 2.8.2). */
function signalOf({ exitCode, signal }: Ending): NodeJS.Signals | null {
  if (signal !== null || exitCode === null || exitCode <= 128) return signal;
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  return names.find(([, number]) => number === exitCode - 128)?.[0] ?? null;
}

/** To stand after "k6 ended with". */
function howItEnded(end: Ending): string {
  const signal = signalOf(end);
  if (signal === 'SIGKILL') return 'SIGKILL (was the memory at its end? else somebody killed it)';
  if (signal === 'SIGINT' || signal === 'SIGTERM')
    return `${signal} (${MEANING[CODE_INTERRUPTED]})`;
  if (signal !== null) return `${signal} (it crashed, or somebody sent it that signal)`;
  const meaning = MEANING[end.exitCode!];
  return `exit code ${end.exitCode}${meaning === undefined ? '' : ` (${meaning})`}`;
}

/**
 * Writes secret headers where only this user can read them, for as long as k6 needs to read them: the command line is
 * public, the run folder is kept.
 * @returns the file's path, null if there is nothing secret; `remove` may be called again
 */
async function writeSecrets(
  headers: Record<string, string>,
): Promise<{ path: string | null; remove(): void }> {
  if (Object.keys(headers).length === 0) return { path: null, remove: () => undefined };
  let folder: ReturnType<typeof makeSecretFolder>;
  try {
    folder = makeSecretFolder();
  } catch (cause) {
    throw new UserError(`cannot write into ${tmpdir()} (${codeOf(cause)})`, {
      hint: 'k6 reads secret headers from a file there: mend the folder, or set TMPDIR to another',
      cause,
    });
  }
  const remove = () => folder.remove();
  const path = join(folder.path, 'headers.json');
  try {
    await writeFile(path, JSON.stringify(headers), { mode: 0o600 });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, remove };
}

function argumentsOf(
  { bundlePath, planPath }: K6Call,
  configPath: string,
  secretsPath: string | null,
): string[] {
  return [
    'run',
    ...['--config', configPath],
    ...['--out', 'csv=-'],
    '--quiet',
    '--no-color',
    '--no-usage-report',
    // k6 would keep every value of every trend for its summary (grafana/k6#4670).
    '--summary-mode=disabled',
    '--no-thresholds',
    '--include-system-env-vars=false',
    // Errors only: each failed request is a warning, and a long run must not fill the disk.
    ...['--log-format', 'json', '--log-output', `file=${K6_LOG},level=error`],
    ...['-e', `PLAN=${resolve(planPath)}`],
    ...(secretsPath === null ? [] : ['-e', `SECRETS=${secretsPath}`]),
    resolve(bundlePath),
  ];
}

/** The first errors of k6's log (JSON lines), else of its standard error; in one line. */
async function firstErrors(logPath: string, stderr: string): Promise<string> {
  const messages: string[] = [];
  try {
    const lines = createInterface({ input: createReadStream(logPath), crlfDelay: Infinity });
    for await (const line of lines) {
      messages.push(messageOf(line));
      if (messages.length === LOG_LINES) break;
    }
  } catch {
    // No log: k6 failed before it opened one.
  }
  const found =
    messages.length > 0 ? messages : stderr.split('\n').slice(0, LOG_LINES).map(messageOf);
  return found
    .map((message) => message.replaceAll(/\s+/g, ' ').trim())
    .filter((message) => message !== '')
    .join('; ')
    .slice(0, 1000);
}

function messageOf(line: string): string {
  try {
    const { msg, error } = JSON.parse(line) as { msg?: unknown; error?: unknown };
    return [msg, error].filter((part) => typeof part === 'string').join(': ');
  } catch {
    return line;
  }
}

const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error as Error).message;
