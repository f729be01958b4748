/** Runs the built command line as a user does, in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { distFile } from '../../paths.ts';

export type CliResult = { exitCode: number | null; stdout: string; stderr: string };
export type RunningCli = { child: ChildProcess; result: Promise<CliResult>; output(): string };

/** What a command finds in its environment, beside what this process has. */
export const USUAL_ENV = {
  npm_command: undefined,
  INIT_CWD: undefined,
  // Where the tests run in GitHub Actions, their loads are not the job's.
  GITHUB_ACTIONS: undefined,
  GITHUB_STEP_SUMMARY: undefined,
  // Some seconds of CPU a run: those that look at them ask for them with {@link WITH_PICTURES}.
  MINA_LOAD_SKIP_PICTURES: '1',
};

/** For `env`. */
export const WITH_PICTURES = { MINA_LOAD_SKIP_PICTURES: '' };

/** Longer than any test needs; a hang becomes a failure and not a stuck suite. */
const LIMIT_MS = 120_000;

/** @param through words that stand before it: a program that sets something and then runs what follows */
export function startCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  limitMs = LIMIT_MS,
  through: readonly string[] = [],
): RunningCli {
  const [file, ...words] = [...through, process.execPath, distFile('cli.js'), ...args];
  const child = spawn(file, words, {
    env: {
      ...process.env,
      ...USUAL_ENV,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const result = once(child, 'close').then(([exitCode]) => ({
    exitCode: exitCode as number | null,
    stdout,
    stderr,
  }));
  return { child, result, output: () => stdout + stderr };
}

export const runCli = (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<CliResult> =>
  startCli(args, env).result;
