/**
 * How a process ends, whatever happens to it. Only codes of the table (user-error.ts) leave it:
 *
 * - an output that is gone (closed terminal, full disk, `| head`) costs its text, and nothing else;
 * - a fault of ours, a promise that never settles, a signal that nobody listens for end it in order: what must
 *   be saved is saved ({@link rescueAtFault}), and `exit` listeners clean up.
 */
import { closeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { EXIT, type ExitCode, UserError } from '../user-error.ts';
import { surviveFileSizeLimit } from './file-size-limit.ts';
import { neverWaitFor } from './stopped-terminal.ts';

/** What is printed for an error, and the code that it ends with. */
export type ErrorText = { text: string; exitCode: ExitCode };

const CODES: readonly number[] = Object.values(EXIT);
const isCode = (code: unknown): code is ExitCode => CODES.includes(code as number);

/** A code of the table: anything else is an end that nobody planned. */
export const exitCodeOf = (code: number | null): ExitCode => (isCode(code) ? code : EXIT.broken);

const rescues = new Set<(reason: string) => void>();

/**
 * `rescue` runs, at once and waiting for nothing, when a fault of the toolkit ends the process: programs are ended,
 * results are saved. `reason` is one sentence.
 * @returns what takes it back
 */
export function rescueAtFault(rescue: (reason: string) => void): () => void {
  rescues.add(rescue);
  return () => void rescues.delete(rescue);
}

/** Runs them, each once. */
function rescueAll(reason: string): void {
  for (const rescue of [...rescues]) {
    rescues.delete(rescue);
    try {
      rescue(reason);
    } catch {
      // One that fails must not keep the others from theirs.
    }
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** How long a terminal that takes nothing may keep the last lines: whoever has stopped it to read may let it go on. */
const LAST_LINES_MS = 10 * 60_000;

export type Ending = {
  /** The first error of standard output; null: all was written. */
  readonly lostOutput: string | null;
  /** When all that was written so far has gone, or is lost: then {@link Ending.lostOutput} holds for it. */
  allWritten(): Promise<void>;
  /** Ends it after an error that the command did not expect: what there is to rescue is rescued. */
  fail(error: unknown): Promise<never>;
  /** Ends the process when all that can be written was written. */
  end(code: number): Promise<never>;
};

/**
 * Takes charge of the end of this process. Once, at its start.
 * @param describe what the user sees of an error that nobody caught
 * @param onLostOutput called with the code of the first error of standard output (EPIPE, EIO, ENOSPC …)
 */
export function takeChargeOfEnding(
  describe: (error: unknown) => ErrorText,
  onLostOutput: (code: string) => void = () => undefined,
): Ending {
  let lostOutput: string | null = null;
  process.stdout.on('error', ({ code = 'unknown' }: NodeJS.ErrnoException) => {
    if (lostOutput !== null) return;
    lostOutput = code;
    onLostOutput(code);
  });
  process.stderr.on('error', () => undefined);
  for (const stream of [process.stdout, process.stderr]) neverWaitFor(stream);

  let isEnding = false;
  const rescueFrom = (error: unknown): ExitCode => {
    const { text, exitCode } = describe(error);
    isEnding = true;
    rescueAll(text.split('\n')[0].replace(/^error: /, ''));
    process.stderr.write(text);
    return exitCode;
  };
  const fault = (error: unknown) => process.exit(isEnding ? EXIT.broken : rescueFrom(error));
  process.on('uncaughtException', fault); // rejections that nobody handles too
  process.on('beforeExit', () => {
    if (!isEnding)
      fault(
        new UserError('the command waits for something that can never happen', {
          hint: 'this is a fault of the toolkit: please report it with what you typed',
        }),
      );
  });
  surviveFileSizeLimit();
  for (const signal of SIGNALS)
    process.on(signal, () => {
      // Whoever else listens for it decides what it means.
      if (process.listenerCount(signal) === 1) process.exit(EXIT.interrupted);
    });

  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.on('exit', (code) => {
    if (!isCode(code)) process.exitCode = EXIT.broken;
    // Node wants to give a terminal its settings back, and aborts (134) where it is gone, but not where it is closed.
    for (const fd of terminals)
      try {
        if (!isatty(fd)) closeSync(fd);
      } catch {
        // Closed already.
      }
  });

  const written = (stream: NodeJS.WriteStream) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, LAST_LINES_MS).unref();
      stream.write('', () => resolve());
    });
  const end = async (code: number): Promise<never> => {
    isEnding = true;
    // A stopped terminal, or on Windows a pipe, is written later. A library may hold a socket or a timer for ever, so nothing else is
    // waited for.
    await Promise.all([written(process.stdout), written(process.stderr)]);
    process.exit(exitCodeOf(code));
  };
  return {
    get lostOutput() {
      return lostOutput;
    },
    // An error is reported by the stream in a turn of its own.
    allWritten: () => written(process.stdout).then(() => setImmediate()),
    fail: (error) => end(rescueFrom(error)),
    end,
  };
}
