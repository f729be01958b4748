/**
 * Asks a foreign program a question: runs it to its end, bounded in time and in output. For
 * `k6 version`, `go build` and the like; the load itself is run elsewhere.
 */
import { spawn } from 'node:child_process';

export type ProgramCall = {
  file: string;
  args: readonly string[];
  /** The whole environment of the program; nothing is inherited beside it. */
  env: NodeJS.ProcessEnv;
  cwd?: string;
  /** The name the program sees itself called by; default: `file`. */
  argv0?: string;
  timeoutMs: number;
  signal?: AbortSignal;
  /** Called with each full line the program writes on stderr. */
  onStderrLine?: (line: string) => void;
};

export type ProgramOutcome =
  | { kind: 'ended'; exitCode: number | null; signal: NodeJS.Signals | null; output: ProgramOutput }
  | { kind: 'not started'; code: string; message: string }
  | { kind: 'timed out'; output: ProgramOutput };

/** The first 64 KiB of stdout, the last 64 KiB of stderr. */
export type ProgramOutput = { stdout: string; stderr: string };

const OUTPUT_LIMIT = 64 * 1024;
/** How long a program may hold its pipes open after it ended (a child it left behind does). */
const PIPE_GRACE_MS = 1_000;

/**
 * Runs a program and waits for its end. At `timeoutMs` the program and all it started are killed
 * (on Windows the program only).
 * @throws `signal.reason` when `signal` is aborted; whatever the program does is an outcome
 */
export async function runProgram(call: ProgramCall): Promise<ProgramOutcome> {
  const { file, args, env, cwd, argv0, timeoutMs, signal, onStderrLine } = call;
  signal?.throwIfAborted();
  // A group of its own, so that a wrapper script dies together with what it wraps.
  const ownGroup = process.platform !== 'win32';
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  let child;
  try {
    child = spawn(file, args, { env, cwd, argv0, stdio, detached: ownGroup, windowsHide: true });
  } catch (error) {
    // Some errors (EACCES of cwd, an argument with a NUL) are thrown instead of being emitted.
    return notStarted(error);
  }
  const { stdout, stderr } = child;
  const kill = () => {
    try {
      if (ownGroup && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    } catch {
      // already gone
    }
  };
  const output: ProgramOutput = { stdout: '', stderr: '' };
  let unfinishedLine = '';
  stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output.stdout.length < OUTPUT_LIMIT)
      output.stdout = (output.stdout + text).slice(0, OUTPUT_LIMIT);
  });
  stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr = (output.stderr + text).slice(-OUTPUT_LIMIT);
    if (onStderrLine === undefined) return;
    const lines = (unfinishedLine + text).split('\n');
    unfinishedLine = (lines.pop() ?? '').slice(-OUTPUT_LIMIT);
    for (const line of lines) onStderrLine(line);
  });

  let stopReason: 'timed out' | 'aborted' | undefined;
  const stop = (reason: 'timed out' | 'aborted') => {
    stopReason ??= reason;
    kill();
  };
  const onAbort = () => stop('aborted');
  const timer = setTimeout(() => stop('timed out'), timeoutMs);
  signal?.addEventListener('abort', onAbort, { once: true });
  // A process in its own group would outlive us otherwise.
  process.once('exit', kill);
  try {
    return await new Promise<ProgramOutcome>((resolve, reject) => {
      child.once('error', (error) => resolve(notStarted(error)));
      child.once('exit', () => {
        setTimeout(() => {
          stdout.destroy();
          stderr.destroy();
        }, PIPE_GRACE_MS).unref();
      });
      child.once('close', (exitCode, exitSignal) => {
        if (stopReason === 'aborted') reject(signal!.reason as Error);
        else if (stopReason === 'timed out') resolve({ kind: 'timed out', output });
        else resolve({ kind: 'ended', exitCode, signal: exitSignal, output });
      });
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    process.removeListener('exit', kill);
  }
}

function notStarted(error: unknown): ProgramOutcome {
  const { code = 'unknown', message } = error as NodeJS.ErrnoException;
  return { kind: 'not started', code, message };
}

/** @returns the first line of `text` that holds something, shortened for a message; or '' */
export function firstLine(text: string): string {
  const line = text
    .split('\n')
    .map((part) => part.trim())
    .find((part) => part !== '');
  if (line === undefined) return '';
  // Control characters of a foreign program do not belong into our messages.
  // eslint-disable-next-line no-control-regex
  const clean = line.replace(/[\u0000-\u001f\u007f]+/g, ' ');
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
}
