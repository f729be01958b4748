/** Which k6 this toolkit works with, and whether a program is one. */
import { stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import semver from 'semver';
import type { ProgramAnswer } from '../../system/run-program.ts';
import { firstLine, askProgram } from '../../system/run-program.ts';

/** The release that is fetched or built when no k6 is there. */
export const K6_RELEASE = '2.2.0';

/**
 * What is accepted. 2.2.0 is the first whose `k6/experimental/fs` reads files whole when many VUs
 * open them at once (grafana/k6#6125); a major may take away what the scenarios use.
 */
export const K6_VERSIONS = '>=2.2.0 <3';

// `-0`: a 3.0.0-rc.1 is below 3.0.0 for semver, but no version 2.
const K6_RANGE = '>=2.2.0 <3.0.0-0';

/** How long `k6 version` may take; macOS scans a new program before its first start. */
export const PROBE_TIMEOUT_MS = 20_000;

/** Why a program is not a k6 to work with; `message` continues the sentence "PATH …". */
export class NotUsableError extends Error {
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.name = 'NotUsableError';
    this.hint = hint;
  }
}

/**
 * An environment in which k6 does what it is told and nothing else: every inherited `K6_*` is gone
 * (K6_VUS, K6_OUT, K6_CONFIG … override a script), no usage report is sent, no binary is fetched for
 * an extension, and the summary keeps its form (k6 docs, "Options reference").
 */
export function hermeticK6Env(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const rest = Object.entries(env).filter(([name]) => !/^K6_/i.test(name));
  return {
    ...Object.fromEntries(rest),
    K6_NO_USAGE_REPORT: 'true',
    K6_AUTO_EXTENSION_RESOLUTION: 'false',
    K6_NEW_MACHINE_READABLE_SUMMARY: 'false',
  };
}

/**
 * Runs `k6 version`, which prints `k6 v2.2.0 (go1.26.8, linux/amd64)` (grafana/k6,
 * internal/cmd/version.go), in a hermetic environment and with a time limit. The first word is the
 * name k6 was called by: it is called `k6` whatever its file is named.
 * @returns the version without its `v`
 * @throws NotUsableError when there is no such program, it is not k6, hangs, crashes or is of a
 * version that is not accepted; `signal.reason` when aborted
 */
export async function probeK6(
  path: string,
  options: { env: NodeJS.ProcessEnv; timeoutMs?: number; signal?: AbortSignal },
): Promise<string> {
  const { env, timeoutMs = PROBE_TIMEOUT_MS, signal } = options;
  const file = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (file instanceof Error) {
    if (file.code === 'ENOENT' || file.code === 'ENOTDIR')
      throw new NotUsableError('does not exist', 'is the path right?');
    throw new NotUsableError(`cannot be read (${file.code})`, 'may this user read it?');
  }
  if (file.isDirectory())
    throw new NotUsableError('is a folder', 'give the path of the k6 program itself');

  let outcome = await runVersion(path, env, timeoutMs, signal);
  for (let again = 0; again < BUSY_RETRIES && isBusy(outcome); again++) {
    await setTimeout(BUSY_PAUSE_MS, undefined, { signal });
    outcome = await runVersion(path, env, timeoutMs, signal);
  }
  if (outcome.kind === 'not started') {
    if (outcome.code === 'EACCES')
      throw new NotUsableError('is not executable', `run: chmod +x ${path}`);
    throw new NotUsableError(
      `cannot be run on this machine (${outcome.code})`,
      `is it a k6 for ${process.platform}/${process.arch}, and whole?`,
    );
  }
  if (outcome.kind === 'timed out')
    throw new NotUsableError(
      `did not answer "k6 version" within ${timeoutMs} ms`,
      'run it by hand: k6 answers at once',
    );
  const { exitCode, signal: killedBy, output } = outcome;
  if (exitCode !== 0) {
    const words = firstLine(output.stderr) || firstLine(output.stdout);
    const end = killedBy === null ? `exit code ${exitCode}` : `signal ${killedBy}`;
    throw new NotUsableError(
      `failed at "k6 version" with ${end}${words === '' ? '' : ` ("${words}")`}`,
      'run it by hand to see why',
    );
  }
  const version = semver.valid(/^\S*k6\S* v(\S+) \(/m.exec(output.stdout)?.[1]);
  if (version === null)
    throw new NotUsableError(
      `is not k6: it answered "k6 version" with "${firstLine(output.stdout)}"`,
      'give the path of a k6 program',
    );
  if (!semver.satisfies(version, K6_RANGE, { includePrerelease: true }))
    throw new NotUsableError(
      `is k6 ${version}, but ${K6_VERSIONS} is needed`,
      `install k6 ${K6_RELEASE}, or let the toolkit fetch it`,
    );
  return version;
}

// A program just written is "busy" for as long as a child that another part of this process is
// starting holds the descriptor it was written through (golang/go#22315 tells it for Go).
const BUSY_RETRIES = 20;
const BUSY_PAUSE_MS = 50;

const isBusy = (outcome: ProgramAnswer): boolean =>
  outcome.kind === 'not started' && outcome.code === 'ETXTBSY';

const runVersion = (
  path: string,
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<ProgramAnswer> =>
  askProgram({
    file: path,
    argv0: 'k6',
    args: ['version'],
    env: hermeticK6Env(env),
    timeoutMs,
    signal,
  });
