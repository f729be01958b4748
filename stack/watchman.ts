/**
 * Stops a stack whose process was killed: SIGKILL leaves no time for it. A shell waits at the other end of a pipe; when the pipe ends and nobody said that all is
 * well, it runs `stack down`, which stops in order what the state file names. Where there is no /bin/sh (Windows) there is no watchman, and
 * `npm run stack -- down` does it.
 */
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { distFile } from '../paths.ts';
import type { StackPlan } from './components/plan.ts';

/** It has a session of its own, so a terminal's signals pass it by. */
const SCRIPT = `
trap '' HUP INT TERM
while read -r word; do
  [ "$word" = done ] && exit 0
done
exec "$@"
`;

/** @returns what to call when the stack is stopped, or is to run on */
export function watchOver(
  { folder, stack, engine }: StackPlan,
  env: NodeJS.ProcessEnv,
): () => void {
  if (process.platform === 'win32') return () => undefined;
  const down = [process.execPath, distFile('cli.js'), 'stack', 'down', '--folder', folder];
  // Whoever ends may take the folder along.
  down.push('--stack', stack, ...(engine === null ? [] : ['--engine', engine]));
  const watchman = spawn('/bin/sh', ['-c', SCRIPT, 'sh', ...down], {
    env,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchman.on('error', () => undefined);
  watchman.stdin.on('error', () => undefined);
  watchman.unref();
  (watchman.stdin as Writable & { unref?: () => void }).unref?.();
  return () => void watchman.stdin.end('done\n');
}
