/** Where programs that were downloaded or built are kept, for all commands. */
import { join, resolve } from 'node:path';
import { whereTheUserStands } from '../paths.ts';
import { UserError } from '../user-error.ts';
import { homeFolder } from './home.ts';

/** The variable that names the folder. */
export const CACHE_VARIABLE = 'MINA_LOAD_CACHE';

/**
 * Where downloads and builds are kept: MINA_LOAD_CACHE, from where the user stands if it is relative, else the user's cache folder of the system (XDG Base Directory; Apple's
 * "File System Programming Guide"; Windows' local application data).
 * @param otherwise what helps where there is no place, after "or"
 * @throws UserError where the user has no home: without HOME and without an entry in /etc/passwd
 */
export function cacheFolder(
  env: NodeJS.ProcessEnv,
  cwd = whereTheUserStands(env),
  otherwise?: string,
): string {
  const home = (): string => homeOf(env, otherwise);
  const own = env[CACHE_VARIABLE];
  if (own) return resolve(cwd, own);
  if (process.platform === 'win32')
    return join(env.LOCALAPPDATA || join(home(), 'AppData', 'Local'), 'mina-load', 'Cache');
  if (process.platform === 'darwin') return join(home(), 'Library', 'Caches', 'mina-load');
  return join(env.XDG_CACHE_HOME || join(home(), '.cache'), 'mina-load');
}

function homeOf(env: NodeJS.ProcessEnv, otherwise?: string): string {
  const home = homeFolder(env);
  if (home !== null) return home;
  throw new UserError('this user has no home folder, so there is no place to keep programs', {
    hint: `set HOME, or ${CACHE_VARIABLE} to a folder${otherwise === undefined ? '' : `, or ${otherwise}`}`,
  });
}
