/**
 * Finds k6, or gets it: `--k6`, K6_BIN, PATH, the cache, the official release, a Go build, in this
 * order. What the user named is taken or refused, never replaced by something else.
 *
 * The cache holds programs named `k6-v2.2.0-linux-amd64-<SHA-256>`: the name tells whether the content
 * is whole. A program gets there by a rename within the folder, once it has answered `k6 version`;
 * several processes may do so at once.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { CACHE_VARIABLE, cacheFolder } from '../../system/cache-folder.ts';
import { BuildError, type BuildProgress } from '../../system/go-program.ts';
import { programsOnPath } from '../../system/programs-on-path.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { buildK6 } from './build-with-go.ts';
import type { DownloadLimits, DownloadProgress } from './download.ts';
import {
  downloadK6,
  DownloadError,
  OFFICIAL_RELEASES,
  releaseAsset,
  sha256File,
} from './download.ts';
import { K6_VERSIONS, K6_RELEASE, NotUsableError, probeK6 } from './probe.ts';

export { hermeticK6Env, K6_VERSIONS, K6_RELEASE } from './probe.ts';

/** Environment variables of the resolver, beside K6_BIN. */
export const K6_ENV = {
  bin: 'K6_BIN',
  /** The toolkit's cache folder. */
  cache: CACHE_VARIABLE,
  /** Replaces {@link OFFICIAL_RELEASES}; same layout. */
  mirror: 'MINA_LOAD_K6_MIRROR',
  /** `1`: nothing is downloaded. */
  offline: 'MINA_LOAD_OFFLINE',
} as const;

export type K6Source = 'flag' | 'environment' | 'PATH' | 'cache' | 'download' | 'go build';
export type K6Binary = { path: string; version: string; source: K6Source };

export type K6Progress =
  | DownloadProgress
  | BuildProgress
  /** A candidate was passed over, or a long step begins; one sentence. */
  | { kind: 'note'; text: string };

export type K6Request = {
  /** Value of `--k6`. */
  flag?: string;
  env: NodeJS.ProcessEnv;
  /** Where a relative K6_BIN or `--k6` is meant from; default: the process's folder. */
  cwd?: string;
  /** Default: {@link cacheFolder}. */
  cacheFolder?: string;
  onProgress?: (progress: K6Progress) => void;
  /** Default: the mirror of the environment, else the official place. */
  releaseBaseUrl?: string;
  signal?: AbortSignal;
  /** Limits, for tests and slow networks. */
  probeTimeoutMs?: number;
  downloadLimits?: DownloadLimits;
  buildTimeoutMs?: number;
  /** The machine k6 is for; default: this one. */
  platform?: string;
  arch?: string;
};

/** One place that was looked at, and why there is no k6 from it. */
export type Tried = { place: string; reason: string };

/** The mirror to download from. @throws UserError if MINA_LOAD_K6_MIRROR is no http(s) URL */
export function releaseBaseUrl(env: NodeJS.ProcessEnv): string {
  const mirror = env[K6_ENV.mirror];
  if (!mirror) return OFFICIAL_RELEASES;
  const url = URL.canParse(mirror) ? new URL(mirror) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UserError(`${K6_ENV.mirror} must be an http or https URL, but is "${mirror}"`, {
      hint: `it stands for ${OFFICIAL_RELEASES}; the files lie in v${K6_RELEASE}/ below it`,
      exitCode: EXIT.usage,
    });
  if (url.username !== '' || url.password !== '')
    // Not repeated here: it would end in the log of a build server.
    throw new UserError(`${K6_ENV.mirror} holds a user name or password, which is not supported`, {
      hint: 'use a mirror that needs none, or fetch k6 by other means and name it with K6_BIN',
      exitCode: EXIT.usage,
    });
  return mirror;
}

/** Whether downloads are forbidden. @throws UserError if MINA_LOAD_OFFLINE is neither yes nor no */
export function isOffline(env: NodeJS.ProcessEnv): boolean {
  const text = (env[K6_ENV.offline] ?? '').toLowerCase();
  if (['1', 'true', 'yes'].includes(text)) return true;
  if (['', '0', 'false', 'no'].includes(text)) return false;
  throw new UserError(`${K6_ENV.offline} must be 1 or 0, but is "${text}"`, {
    hint: '1 forbids every download of k6',
    exitCode: EXIT.usage,
  });
}

/**
 * The k6 to run, downloaded or built if there is none.
 * @throws UserError (exit code 5) naming the `--k6` or K6_BIN that is wrong, or listing all that was
 * tried, each with its reason; `signal.reason` when aborted
 */
export async function resolveK6(request: K6Request): Promise<K6Binary> {
  const { env, onProgress, signal } = request;
  // Checked before anything is done: a wrong setting is reported even when it would not be needed.
  const baseUrl = request.releaseBaseUrl ?? releaseBaseUrl(env);
  const offline = isOffline(env);

  const { found, tried } = await findK6(request);
  if (found !== null) return found;

  const platform = request.platform ?? process.platform;
  const arch = request.arch ?? process.arch;
  const cache = k6CacheFolder(request);
  const getters: Getter[] = [
    {
      source: 'download',
      place: 'the official release',
      prepare: () => {
        const asset = releaseAsset(platform, arch);
        if (asset === null) return `k6 publishes none for ${platform}/${arch}`;
        if (offline) return `${K6_ENV.offline} forbids downloads`;
        return (folder) =>
          downloadK6({
            folder,
            baseUrl,
            asset,
            env,
            limits: request.downloadLimits,
            onProgress,
            signal,
          });
      },
    },
    {
      source: 'go build',
      place: 'a build with Go',
      prepare: () => {
        const go = programsOnPath('go', env)[0];
        if (go === undefined) return 'there is no go on the PATH';
        onProgress?.({
          kind: 'note',
          text: `building k6 ${K6_RELEASE} with ${go} (a few minutes, once)`,
        });
        const timeoutMs = request.buildTimeoutMs;
        return (folder) => buildK6({ go, folder, env, offline, timeoutMs, onProgress, signal });
      },
    },
  ];

  for (const { source, place, prepare } of getters) {
    const get = prepare();
    if (typeof get === 'string') {
      tried.push({ place, reason: get });
      continue;
    }
    try {
      const program = await getIntoCache(cache, cacheName(platform, arch), request, get);
      return { ...program, source };
    } catch (error) {
      signal?.throwIfAborted();
      const reason = whyNot(error, cache);
      if (reason === null) throw error;
      tried.push({ place, reason });
      onProgress?.({ kind: 'note', text: `no k6 from ${place}: ${reason}` });
    }
  }
  throw noK6(tried, env);
}

/**
 * The k6 that is already there, without download or build.
 * @returns it, or null with the places that were looked at
 * @throws UserError when `--k6` or K6_BIN is wrong; `signal.reason` when aborted
 */
export async function findK6(
  request: K6Request,
): Promise<{ found: K6Binary | null; tried: Tried[] }> {
  const { env, onProgress, signal } = request;
  const probe = (path: string) => probeK6(path, { env, timeoutMs: request.probeTimeoutMs, signal });

  const named = [
    { source: 'flag', name: '--k6', value: request.flag },
    { source: 'environment', name: K6_ENV.bin, value: env[K6_ENV.bin] },
  ] as const;
  for (const { source, name, value } of named) {
    // An empty flag is a mistake; an empty variable is how a shell unsets one.
    if (value === undefined || (value === '' && source === 'environment')) continue;
    const path = namedProgram(value, request);
    try {
      return { found: { path, version: await probe(path), source }, tried: [] };
    } catch (error) {
      if (!(error instanceof NotUsableError)) throw error;
      const shown = value === '' ? '""' : path;
      throw new UserError(`${name} names ${shown}, which ${error.message}`, {
        hint:
          `${error.hint}; without ${name} a k6 is looked for on the PATH, ` +
          'and else downloaded or built',
        cause: error,
      });
    }
  }

  const tried: Tried[] = [
    { place: '--k6', reason: 'not given' },
    { place: K6_ENV.bin, reason: 'not set' },
  ];
  const onPath = programsOnPath('k6', env);
  if (onPath.length === 0) tried.push({ place: 'PATH', reason: 'there is no k6 on it' });
  for (const path of onPath) {
    try {
      return { found: { path, version: await probe(path), source: 'PATH' }, tried };
    } catch (error) {
      if (!(error instanceof NotUsableError)) throw error;
      tried.push({ place: 'PATH', reason: `${path} ${error.message}` });
      onProgress?.({ kind: 'note', text: `${path} is passed over: it ${error.message}` });
    }
  }

  let folder: string;
  try {
    folder = k6CacheFolder(request);
  } catch (error) {
    // A k6 elsewhere needs no cache; who wants to fetch one is refused then.
    if (!(error instanceof UserError)) throw error;
    tried.push({ place: 'the cache', reason: `${error.message} (${error.hint})` });
    return { found: null, tried };
  }
  const prefix = cacheName(request.platform ?? process.platform, request.arch ?? process.arch);
  const reasons: string[] = [];
  for (const path of await cachedPrograms(folder, prefix)) {
    const fault = await cachedProgramFault(path);
    if (fault === null) {
      try {
        return { found: { path, version: await probe(path), source: 'cache' }, tried };
      } catch (error) {
        if (!(error instanceof NotUsableError)) throw error;
        reasons.push(`${path} ${error.message}`);
      }
    } else reasons.push(`${path} ${fault}`);
  }
  for (const text of reasons) onProgress?.({ kind: 'note', text: `the cached ${text}` });
  const reason = reasons.length === 0 ? `${folder} holds no k6 yet` : reasons.join('; ');
  tried.push({ place: 'the cache', reason });
  return { found: null, tried };
}

/** A path as it is; a bare name that is no file here is looked for on the PATH, as a shell would. */
function namedProgram(value: string, request: K6Request): string {
  const path = resolve(request.cwd ?? process.cwd(), value);
  const isBareName = value !== '' && !value.includes('/') && !value.includes(sep);
  return isBareName && !existsSync(path) ? (programsOnPath(value, request.env)[0] ?? path) : path;
}

type Getter = {
  source: 'download' | 'go build';
  place: string;
  /** @returns how to get k6 into a folder, or why it cannot be tried */
  prepare: () => string | ((folder: string) => Promise<string>);
};

const k6CacheFolder = (request: K6Request): string =>
  join(
    request.cacheFolder ??
      cacheFolder(request.env, request.cwd, `${K6_ENV.bin} to a k6 that is there`),
    'k6',
  );

const cacheName = (platform: string, arch: string): string =>
  `k6-v${K6_RELEASE}-${platform}-${arch}`;

const TEMPORARY = 'temporary-';
/** A temporary folder this old was left by a process that was killed. */
const LEFTOVER_AGE_MS = 24 * 3_600_000;

/** Programs of the cache by their names alone, in a fixed order. */
async function cachedPrograms(folder: string, prefix: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => name.startsWith(`${prefix}-`) && sha256InName(name) !== null)
    .sort()
    .map((name) => join(folder, name));
}

const sha256InName = (name: string): string | null =>
  /-([0-9a-f]{64})(?:\.exe)?$/.exec(name)?.[1] ?? null;

/** @returns what is wrong with the content of a cached program, or null */
async function cachedProgramFault(path: string): Promise<string | null> {
  try {
    return (await sha256File(path)) === sha256InName(path)
      ? null
      : 'is damaged (its SHA-256 is not the one in its name)';
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
}

/** Lets `get` make a k6 in a temporary folder of the cache, tries it, and moves it to its place. */
async function getIntoCache(
  cache: string,
  prefix: string,
  request: K6Request,
  get: (folder: string) => Promise<string>,
): Promise<{ path: string; version: string }> {
  await mkdir(cache, { recursive: true });
  await removeLeftovers(cache);
  const temporary = join(cache, `${TEMPORARY}${randomUUID()}`);
  await mkdir(temporary);
  try {
    const program = await get(temporary);
    await chmod(program, 0o755);
    const version = await probeK6(program, {
      env: request.env,
      timeoutMs: request.probeTimeoutMs,
      signal: request.signal,
    });
    const suffix = (request.platform ?? process.platform) === 'win32' ? '.exe' : '';
    const path = join(cache, `${prefix}-${await sha256File(program)}${suffix}`);
    await rename(program, path);
    return { path, version };
  } finally {
    await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function removeLeftovers(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(TEMPORARY)) continue;
    const folder = join(cache, name);
    const age = Date.now() - ((await stat(folder).catch(() => null))?.mtimeMs ?? Date.now());
    if (age > LEFTOVER_AGE_MS) await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the reason for the list of what was tried; null for an error that is no user's */
function whyNot(error: unknown, cache: string): string | null {
  if (error instanceof DownloadError || error instanceof BuildError) return error.message;
  if (error instanceof NotUsableError) {
    const noexec = error.message === 'is not executable' ? ` (is ${cache} mounted noexec?)` : '';
    return `the k6 that came ${error.message}${noexec}`;
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined)
    return `the cache folder ${cache} cannot be written (${code})`;
  return null;
}

function noK6(tried: Tried[], env: NodeJS.ProcessEnv): UserError {
  // A line each: the command line shows every line as a problem of its own.
  const list = tried.map(({ place, reason }) => `\nno k6 from ${place}: ${reason}`).join('');
  const todo = [
    `install k6 ${K6_VERSIONS} (https://grafana.com/docs/k6/latest/set-up/install-k6/)`,
    `or name one with --k6 or ${K6_ENV.bin}`,
    `or a mirror of its releases with ${K6_ENV.mirror}`,
    'or install Go (https://go.dev/dl/), with GOPROXY if a module proxy is to be used',
  ];
  if (/cannot be written|noexec/.test(list))
    todo.push(`or give another cache folder with ${K6_ENV.cache}`);
  const proxy = unusedProxy(env);
  if (proxy !== null) todo.push(proxy);
  return new UserError(`there is no k6 to run${list}`, { hint: todo.join('; ') });
}

/** ALL_PROXY is curl's; neither Go nor this toolkit reads it. @returns what to do where nothing else names a proxy; else null */
export function unusedProxy(env: NodeJS.ProcessEnv): string | null {
  const name = ['ALL_PROXY', 'all_proxy'].find((variable) => env[variable]);
  if (name === undefined || env.HTTPS_PROXY || env.https_proxy) return null;
  return `${name} is set, but downloads read HTTPS_PROXY, HTTP_PROXY and NO_PROXY`;
}
