/**
 * A verifier that is a program: the rows as a JSON array to its standard input, its answers from its standard output, a line each.
 * Source: o1-labs/submission-updater at 00cc565, src/command.go (runCommand); MinaProtocol/mina, src/app/delegation_verify.
 */
import { once } from 'node:events';
import { accessSync, constants, existsSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { LineCutter } from '../../../system/lines.ts';
import { NotStartedError, startProgram } from '../../../system/run-program.ts';
import { UserError } from '../../../user-error.ts';
import { type AnswerLine, readAnswerLine } from './answer-line.ts';
import type { Pass, VerifierDriver } from './driver.ts';
import { rowJson } from './row.ts';

export type ProgramDriverOptions = {
  /** DELEGATION_VERIFY_BIN_PATH: a file, or, as the original splits it, a file and arguments with spaces between. */
  program: string;
  /** GENESIS_LEDGER_FILE; null: none. */
  configFile: string | null;
  noChecks: boolean;
  env: NodeJS.ProcessEnv;
  cwd: string;
};

const LONGEST_ANSWER = 1_000_000;
const KILL_AFTER_MS = 10_000;

/** The file and its first arguments. */
export function wordsOf(program: string): string[] {
  return existsSync(program) ? [program] : program.split(' ').filter((word) => word !== '');
}

/** @returns what is wrong with it, to stand after its name; null: it can be run */
export function programProblem(program: string): string | null {
  const [file] = wordsOf(program);
  // A name alone is looked up on the PATH.
  if (!file.includes('/')) return null;
  try {
    accessSync(file, constants.X_OK);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? `names ${file}, which is not there`
      : `names ${file}, which may not be run`;
  }
}

export function programDriver(options: ProgramDriverOptions): VerifierDriver {
  const { program, configFile, noChecks } = options;
  const [file, ...first] = wordsOf(program);
  const args = [
    ...first,
    'stdin',
    ...(noChecks ? ['--no-checks'] : []),
    ...(configFile === null ? [] : ['--config-file', configFile]),
  ];
  return { name: program, rule: null, run: (pass) => run(file, args, options, pass) };
}

async function* run(
  file: string,
  args: readonly string[],
  { env, cwd, program }: ProgramDriverOptions,
  pass: Pass,
): AsyncGenerator<AnswerLine> {
  const { signal, log } = pass;
  signal?.throwIfAborted();
  const running = await startProgram({
    file,
    args,
    env,
    cwd,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'keep',
  }).catch((cause: unknown) => {
    if (!(cause instanceof NotStartedError)) throw cause;
    throw new UserError(`the verifier ${program} did not start: ${cause.message}`, {
      hint: 'DELEGATION_VERIFY_BIN_PATH names it',
      cause,
    });
  });
  const onAbort = (): void => running.signal('SIGKILL');
  signal?.addEventListener('abort', onAbort, { once: true });
  // The original reads all before it answers; another may answer at once. So both ends are served.
  const written = writeRows(running.stdin!, pass).catch((error: unknown) => error as Error);
  const cutter = new LineCutter(LONGEST_ANSWER);
  let isRead = false;
  try {
    for await (const chunk of running.stdout!)
      for (const line of cutter.push(chunk as Buffer)) yield readAnswerLine(line);
    const last = cutter.end();
    if (last !== null) yield readAnswerLine(last);
    isRead = true;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!isRead) await running.stop({ signal: 'SIGTERM', killAfterMs: KILL_AFTER_MS });
  }
  const { exitCode, signal: killedBy, stderr } = await running.ended;
  signal?.throwIfAborted();
  const said = lastOf(stderr.trim());
  if (exitCode !== 0)
    throw new UserError(
      `the verifier ${program} ended with ${killedBy ?? `exit status ${exitCode}`}${said === '' ? '' : `: ${said}`}`,
      { hint: 'exit status 4: its configuration file is wrong (GENESIS_LEDGER_FILE)' },
    );
  if (said !== '') log('warning', `${program} wrote to stderr: ${said}`);
  const fault = await written;
  if (fault instanceof Error && !isPipe(fault)) throw fault;
}

/** What a program says when it fails comes last. */
const KEPT_STDERR = 4096;
const lastOf = (text: string): string =>
  text.length <= KEPT_STDERR ? text : `(truncated) ...${text.slice(-KEPT_STDERR)}`;

/** A program that has ended takes nothing more; its exit status says whether that is a fault. */
const isPipe = (error: Error): boolean =>
  ['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );

async function writeRows(
  stdin: Writable,
  { rows, blockOf, withoutSnarkWork }: Pass,
): Promise<void> {
  const gone = new Promise<void>((resolve) => stdin.once('close', () => resolve()));
  const write = async (text: string): Promise<void> => {
    if (stdin.destroyed || stdin.write(text)) return;
    await Promise.race([once(stdin, 'drain').catch(() => undefined), gone]);
  };
  let separator = '[';
  for (const row of rows) {
    if (stdin.destroyed) return;
    const block = await blockOf(row);
    if (block === 'unreachable') continue;
    const json = rowJson(row, block);
    if (withoutSnarkWork) json.snark_work = null;
    await write(`${separator}${JSON.stringify(json)}`);
    separator = ',';
  }
  await write(separator === '[' ? '[]' : ']');
  stdin.end();
}
