/**
 * Other programs, on execa. Two faces:
 *
 * - {@link askProgram} asks a question: `k6 version`, `go build`, `ps`. Bounded in time and output; the end is always an answer.
 * - {@link startProgram} runs what lives beside us: k6, the backend, ssh, journalctl. A signal reaches it once, `stop` sends one and kills
 *   after a time, and `ended` is there to be awaited.
 *
 * Both put the program into a process group of its own (not on Windows): Ctrl-C at the terminal reaches this process alone, which decides
 * what it means, and a wrapper script ends together with what it wraps. Whatever ends this process, a default signal included, kills the
 * group; where SIGKILL leaves no time for that, a guard does it (guard.ts). What has a channel is left to end by itself.
 */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { Options } from 'execa';
import { guardGroup } from './guard.ts';
import { LineCutter } from './lines.ts';

export type Program = {
  file: string;
  args: readonly string[];
  /** The whole environment of the program; nothing is inherited beside it. */
  env: NodeJS.ProcessEnv;
  cwd?: string | undefined;
  /** The name the program sees itself called by; default: `file`. */
  argv0?: string | undefined;
};

export type ProgramQuestion = Program & {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Bytes of stdout that are kept, from its beginning. Default {@link OUTPUT_LIMIT}. */
  stdoutLimit?: number;
  /** Called with each full line the program writes on stderr. */
  onStderrLine?: (line: string) => void;
};

export type ProgramAnswer =
  | { kind: 'ended'; exitCode: number | null; signal: NodeJS.Signals | null; output: ProgramOutput }
  | { kind: 'not started'; code: string; message: string }
  | { kind: 'timed out'; output: ProgramOutput };

/** The beginning of stdout; of stderr the beginning and the end ({@link KeptText}). */
export type ProgramOutput = { stdout: string; stderr: string };

/** Bytes; of stderr half of it from its beginning, half from its end. */
export const OUTPUT_LIMIT = 64 * 1024;
/** How long a program may hold its pipes open in silence after it ended (a child it left behind does). */
const PIPE_GRACE_MS = 1_000;

/**
 * Runs a program and waits for its end. At `timeoutMs` the program and all it started are killed
 * (on Windows the program only).
 * @throws `signal.reason` when `signal` is aborted; whatever the program does is an answer
 */
export async function askProgram(question: ProgramQuestion): Promise<ProgramAnswer> {
  const { timeoutMs, signal, stdoutLimit = OUTPUT_LIMIT, onStderrLine } = question;
  signal?.throwIfAborted();
  const started = await spawnProgram(question, ['ignore', 'pipe', 'pipe']);
  if ('code' in started) return { kind: 'not started', ...started };
  const { child, kill, ended } = started;
  const stdout: Buffer[] = [];
  let stdoutBytes = 0;
  const stderr = new KeptText();
  const cutter = new LineCutter();
  child.stdout!.on('data', (chunk: Buffer) => {
    if (stdoutBytes < stdoutLimit) stdout.push(chunk.subarray(0, stdoutLimit - stdoutBytes));
    stdoutBytes += chunk.length;
  });
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr.add(chunk);
    if (onStderrLine !== undefined) cutter.push(chunk).forEach(onStderrLine);
  });

  let isTimedOut = false;
  const timer = setTimeout(() => {
    isTimedOut = true;
    kill();
  }, timeoutMs);
  signal?.addEventListener('abort', kill, { once: true });
  if (signal?.aborted) kill();
  try {
    const end = await ended;
    signal?.throwIfAborted();
    const output = { stdout: Buffer.concat(stdout).toString('utf8'), stderr: stderr.text() };
    return isTimedOut ? { kind: 'timed out', output } : { kind: 'ended', ...end, output };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}

export type LongProgram = Program & {
  /** Default `none`. */
  stdin?: 'none' | 'pipe';
  /** A function gets the bytes as they come; a `pipe` waits until {@link RunningProgram.stdout} is read. */
  stdout: ((chunk: Buffer) => void) | 'pipe' | 'inherit';
  /** `keep`: its beginning and end stand in {@link ProgramEnd}; a function gets the bytes as they come; a number: an open file of ours. */
  stderr: 'keep' | 'inherit' | number | ((chunk: Buffer) => void);
  /**
   * An IPC channel, by whose end the program hears that this process is gone, however it went. It is left to end by itself then,
   * instead of being killed.
   */
  channel?: boolean;
};

export type ProgramEnd = {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** '' unless it was kept. */
  stderr: string;
};

export type RunningProgram = {
  /** Also of its process group. */
  pid: number;
  /** null unless it is a pipe. */
  stdin: Writable | null;
  /** null unless it is a pipe; it is to be read, or the program waits. */
  stdout: Readable | null;
  /** Sends a signal to the program and all it started; nothing after its end. */
  signal(name: NodeJS.Signals): void;
  /** Sends one signal, kills after `killAfterMs`, and waits for the end. */
  stop(how: { signal: NodeJS.Signals; killAfterMs: number }): Promise<ProgramEnd>;
  /** Resolves when it has ended and its last output was handed over; never rejects. */
  ended: Promise<ProgramEnd>;
};

/** Why a program did not start: `code` is the system's (ENOENT …). */
export class NotStartedError extends Error {
  override readonly name = 'NotStartedError';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** @throws NotStartedError */
export async function startProgram(program: LongProgram): Promise<RunningProgram> {
  const { stdin = 'none', stdout, stderr, channel = false } = program;
  const started = await spawnProgram(
    program,
    [
      stdin === 'none' ? 'ignore' : 'pipe',
      typeof stdout === 'function' ? 'pipe' : stdout,
      stderr === 'keep' || typeof stderr === 'function' ? 'pipe' : stderr,
    ],
    channel,
  );
  if ('code' in started) throw new NotStartedError(started.code, started.message);
  const { child, send, kill } = started;
  // Node lets a child's own stream flow when the child has ended, heard or not.
  const pipe = stdout === 'pipe' ? child.stdout!.pipe(new PassThrough()) : null;
  const kept = new KeptText();
  if (typeof stderr === 'function') child.stderr!.on('data', stderr);
  else child.stderr?.on('data', (chunk: Buffer) => kept.add(chunk));
  if (typeof stdout === 'function') child.stdout!.on('data', stdout);
  // A program that has ended reads nothing more: what it is told then is lost, which is no fault of ours.
  child.stdin?.on('error', () => undefined);
  const ended = started.ended.then((end) => ({ ...end, stderr: kept.text() }));
  return {
    pid: child.pid!,
    stdin: child.stdin,
    stdout: pipe,
    signal: send,
    async stop({ signal, killAfterMs }) {
      send(signal);
      const timer = setTimeout(kill, killAfterMs);
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },
    ended,
  };
}

type Stdio = 'ignore' | 'pipe' | 'inherit' | number;
/** What is used of execa's subprocess. */
type Child = {
  pid?: number;
  stdin: Writable | null;
  stdout: Readable | null;
  stderr: Readable | null;
  kill(signal: NodeJS.Signals): boolean;
  once(event: 'exit', listener: () => void): unknown;
};
/** What is used of execa's result; of a program that did not start there is no exit code and no signal. */
type ExecaEnd = {
  exitCode?: number | undefined;
  signal?: string | undefined;
  code?: string | undefined;
  cause?: unknown;
  message?: string;
};
type Started = {
  child: Child;
  send: (signal: NodeJS.Signals) => void;
  kill: () => void;
  /** Never rejects. */
  ended: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>;
};

async function spawnProgram(
  { file, args, env, cwd, argv0 }: Program,
  [stdin, stdout, stderr]: [Stdio, Stdio, Stdio],
  channel = false,
): Promise<Started | { code: string; message: string }> {
  // Loaded where it is used: it takes a tenth of a second.
  const { execa } = await import('execa');
  const hasGroup = process.platform !== 'win32';
  const options: Options = {
    env,
    extendEnv: false,
    ...(cwd !== undefined && { cwd }),
    ...(argv0 !== undefined && { argv0 }),
    // Numbers are taken as spawn takes them, though the types know of 0, 1 and 2 only.
    stdio: [stdin, stdout, stderr] as ['pipe', 'pipe', 'pipe'],
    ipc: channel,
    detached: hasGroup,
    windowsHide: true,
    // Its output is read as it comes; how it ends is an answer, and what is killed when this process ends is decided below.
    buffer: false,
    reject: false,
    cleanup: false,
  };
  let running;
  try {
    running = execa(file, args, options);
  } catch (error) {
    // An argument that no program can be given, e.g. one with a NUL.
    return { code: 'ERR_INVALID_ARG_VALUE', message: (error as Error).message };
  }
  const child = running as unknown as Child;
  let isOver = false;
  const send = (signal: NodeJS.Signals): void => {
    if (isOver || child.pid === undefined) return;
    try {
      if (hasGroup) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // already gone
    }
  };
  const kill = (): void => send('SIGKILL');
  const letGo = channel || child.pid === undefined ? () => undefined : endWithUs(child.pid, kill);
  closeSilentPipes(child);
  const result = running.then((end): ExecaEnd => {
    isOver = true;
    letGo();
    return end;
  });
  if (child.pid === undefined) {
    const { code = 'unknown', cause, message = '' } = await result;
    return { code, message: cause instanceof Error ? cause.message : message };
  }
  const ended = result.then(({ exitCode, signal }) => ({
    exitCode: exitCode ?? null,
    signal: (signal as NodeJS.Signals | undefined) ?? null,
  }));
  return { child, send, kill, ended };
}

/** A child that the program left behind may hold its pipes for ever: after the program's end they are closed once nothing comes. */
function closeSilentPipes(child: Child): void {
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null);
  child.once('exit', () => {
    let isHeard = false;
    for (const pipe of pipes) pipe.on('data', () => (isHeard = true));
    const wait = () =>
      setTimeout(() => {
        isHeard = false;
        // A busy reader was late itself: what waits in the pipe comes before the next turn.
        setTimeout(() => (isHeard ? wait() : pipes.forEach((pipe) => pipe.destroy())), 50).unref();
      }, PIPE_GRACE_MS).unref();
    wait();
  });
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const killers = new Set<() => void>();
const killAll = (): void => killers.forEach((kill) => kill());
/** Where nobody else listens, a signal ends this process without its `exit` event: the programs go first, then the signal does its work. */
const onSignal = (signal: NodeJS.Signals): void => {
  if (process.listenerCount(signal) > 1) return;
  killAll();
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
};

/** @returns what to call when the program has ended by itself */
function endWithUs(group: number, kill: () => void): () => void {
  const [forget, letGo] = [killAtOurEnd(kill), guardGroup(group)];
  return () => {
    forget();
    letGo();
  };
}

function killAtOurEnd(kill: () => void): () => void {
  if (killers.size === 0) {
    process.on('exit', killAll);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  killers.add(kill);
  return () => {
    if (!killers.delete(kill) || killers.size > 0) return;
    process.off('exit', killAll);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}

/** The beginning and the end of what a program writes: a panic has its reason first, a complaint its reason last. */
class KeptText {
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail = Buffer.alloc(0);
  #left = 0;

  add(chunk: Buffer): void {
    const room = OUTPUT_LIMIT / 2 - this.#headBytes;
    const head = chunk.subarray(0, Math.max(0, room));
    if (head.length > 0) this.#head.push(head);
    this.#headBytes += head.length;
    const rest = chunk.subarray(head.length);
    if (rest.length === 0) return;
    const all = Buffer.concat([this.#tail, rest]);
    this.#left += Math.max(0, all.length - OUTPUT_LIMIT / 2);
    this.#tail = all.subarray(Math.max(0, all.length - OUTPUT_LIMIT / 2));
  }

  text(): string {
    if (this.#left === 0) return Buffer.concat([...this.#head, this.#tail]).toString('utf8');
    const head = Buffer.concat(this.#head).toString('utf8');
    return `${head}\n… ${this.#left} bytes …\n${this.#tail.toString('utf8')}`;
  }
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
