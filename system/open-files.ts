/** How many files this user may have open at once, in each process. */
import { readFileSync } from 'node:fs';
import { askProgram } from './run-program.ts';

const SHELL_MS = 5000;

/**
 * The hard limit: Node and Go raise their own to it when they start. Source: proc_pid_limits(5); where there is no /proc, the shell's
 * `ulimit -Hn`.
 * @param limitsFile another file of the same form, for tests
 * @returns null: not known, or there is none
 */
export async function openFilesLimit(
  env: NodeJS.ProcessEnv = process.env,
  limitsFile = '/proc/self/limits',
): Promise<number | null> {
  try {
    const hard = /^Max open files\s+\S+\s+(\S+)\s/m.exec(readFileSync(limitsFile, 'utf8'))?.[1];
    return numberOf(hard);
  } catch {
    if (process.platform === 'win32') return null;
  }
  const args = ['-c', 'ulimit -Hn'];
  const outcome = await askProgram({ file: '/bin/sh', args, env, timeoutMs: SHELL_MS });
  return outcome.kind === 'ended' ? numberOf(outcome.output.stdout.trim()) : null;
}

/** `unlimited` and everything that is no number: null. */
const numberOf = (text: string | undefined): number | null =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
