/** Programs by name, as a shell finds them. */
import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';

/** The executable files called `name` on the PATH, in its order, each once. */
export function programsOnPath(name: string, env: NodeJS.ProcessEnv): string[] {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  const seen = new Set<string>();
  const programs: string[] = [];
  for (const folder of (env.PATH ?? env.Path ?? '').split(delimiter)) {
    // An empty entry means the current folder: nothing is run from there by chance.
    if (folder === '') continue;
    const path = resolve(folder, file);
    try {
      accessSync(path, constants.X_OK);
      const real = realpathSync(path);
      if (seen.has(real)) continue;
      seen.add(real);
      programs.push(path);
    } catch {
      // not here
    }
  }
  return programs;
}
