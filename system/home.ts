/** The user's home and name, which a process may lack: without HOME, and without an entry in /etc/passwd (docker run --user, DynamicUser). */
import { homedir, userInfo } from 'node:os';

/** @returns HOME of `env`, else what the system knows of this user; null: nothing */
export const homeFolder = (env: NodeJS.ProcessEnv): string | null => env.HOME || orNull(homedir);

/** @returns the user's name as the system knows it; null: it knows none */
export const userName = (): string | null => orNull(() => userInfo().username);

function orNull(ask: () => string): string | null {
  try {
    return ask() || null;
  } catch {
    return null;
  }
}
