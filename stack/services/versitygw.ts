/**
 * A real S3 server: versitygw (Apache-2.0), built by Go into the toolkit's cache folder where it is not yet there (a minute on two cores).
 * Its objects are files below a folder, each folder in it a bucket; what it knows of them beside lies in another one, because not every
 * file system has extended attributes.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../system/cache-folder.ts';
import { BuildError, buildGoProgram, checkGo, type GoProgram } from '../../system/go-program.ts';
import { programsOnPath } from '../../system/programs-on-path.ts';
import { UserError } from '../../user-error.ts';

const VERSITYGW: GoProgram = {
  name: 'versitygw',
  module: 'github.com/versity/versitygw',
  version: '1.8.0',
  package: 'github.com/versity/versitygw/cmd/versitygw',
  goNeeded: '1.25.0',
  goSum: `github.com/versity/versitygw v1.8.0 h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc=
github.com/versity/versitygw v1.8.0/go.mod h1:OxcWzwHy0xd9yUjfBneYnqmOwOgyq4QpzpobLsXMQRU=
`,
};

const programPath = (env: NodeJS.ProcessEnv): string =>
  join(
    cacheFolder(env),
    VERSITYGW.name,
    `${VERSITYGW.name}-v${VERSITYGW.version}-${process.platform}-${process.arch}`,
  );

/** @returns why there can be none here, or null */
export async function versitygwIsMissing(env: NodeJS.ProcessEnv): Promise<string | null> {
  if (existsSync(programPath(env))) return null;
  const go = programsOnPath('go', env)[0];
  if (go === undefined) return 'versitygw is not in the cache, and there is no Go to build it';
  try {
    await checkGo(go, { env }, VERSITYGW);
    return null;
  } catch (error) {
    if (error instanceof BuildError) return `versitygw: ${error.message}`;
    throw error;
  }
}

/** @returns the program, built where it is not there yet. @throws UserError */
export async function getVersitygw(
  env: NodeJS.ProcessEnv,
  {
    signal,
    onNote,
  }: { signal?: AbortSignal | undefined; onNote?: ((text: string) => void) | undefined } = {},
): Promise<string> {
  const path = programPath(env);
  if (existsSync(path)) return path;
  onNote?.('versitygw is built with Go (a minute, once)');
  const folder = join(path, '..', `temporary-${randomUUID()}`);
  mkdirSync(folder, { recursive: true });
  try {
    const go = programsOnPath('go', env)[0] ?? 'go';
    const built = await buildGoProgram(VERSITYGW, { go, folder, env, ...(signal && { signal }) });
    renameSync(built, path);
    return path;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new UserError(`versitygw could not be built: ${error.message}`, {
      hint: 'it takes Go and a module proxy, once; or give an S3 that is there',
      cause: error,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What it is started with; its keys are ROOT_ACCESS_KEY_ID and ROOT_SECRET_ACCESS_KEY. @param folders both must be there */
export const versitygwArgs = (
  port: number,
  { buckets, metadata }: { buckets: string; metadata: string },
): string[] => [
  ...['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet'],
  ...['posix', '--sidecar', metadata, buckets],
];
