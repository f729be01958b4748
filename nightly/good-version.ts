/** The last good version while its rounds run: started if the configuration says how, else it serves already. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { sizeOf, untilReady } from '../stack/drivers/driver.ts';
import type { ReadyQuestion } from '../stack/drivers/ready.ts';
import { NotStartedError, startProgram } from '../system/run-program.ts';
import { UserError } from '../user-error.ts';
import type { GoodVersion } from './plan.ts';

const READY_MS = 120_000;
const STOP_MS = 15_000;
const NAME = 'the good version';

/** Any answer where the configuration names no page: not every backend has one that says how it is. */
const readinessOf = ({ url, ready }: GoodVersion): ReadyQuestion =>
  ready === null
    ? { kind: 'http', url: new URL(url).origin, statuses: 'any', withinMs: READY_MS }
    : { kind: 'http', url: ready, statuses: [200], withinMs: READY_MS };

/**
 * Lets `use` run while the good version serves; whatever happens, what was started is ended, also when this process is killed.
 * @param cwd where its command runs; `logFolder`: gets what it writes, `good-version.log`
 * @throws UserError if it does not start; what `use` throws
 */
export async function withGoodVersion<T>(
  good: GoodVersion,
  {
    env,
    cwd,
    logFolder,
    signal,
  }: { env: NodeJS.ProcessEnv; cwd: string; logFolder: string; signal: AbortSignal },
  use: () => Promise<T>,
): Promise<T> {
  if (good.command === null) return use();
  const [file, ...args] = good.command;
  mkdirSync(logFolder, { recursive: true });
  const logFile = join(logFolder, 'good-version.log');
  const from = sizeOf(logFile);
  const log = openSync(logFile, 'a');
  const program = await startProgram({ file, args, env, cwd, stdout: 'pipe', stderr: log })
    .catch((cause: unknown) => {
      if (!(cause instanceof NotStartedError)) throw cause;
      throw new UserError(`${NAME} did not start: ${file} (${cause.code})`, {
        hint: 'is the path right, and may this user run it?',
        cause,
      });
    })
    .finally(() => closeSync(log));
  // Its log is what it writes on stderr; a pipe that nobody reads would stop it.
  program.stdout!.resume();
  const ended = program.ended.then(({ exitCode, signal: how }) => ({ exitCode, signal: how }));
  try {
    await untilReady(NAME, readinessOf(good), ended, { logFile, from }, signal);
    return await use();
  } finally {
    await program.stop({ signal: 'SIGTERM', killAfterMs: STOP_MS });
  }
}
