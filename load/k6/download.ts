/**
 * Fetches k6's official release and checks it against the release's own SHA-256 list.
 * Names of the assets and the form of the list (`sha256sum *`): grafana/k6 v2.2.0, build-release.sh
 * and .github/workflows/build.yml.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as tar from 'tar';
import yauzl from 'yauzl';
import { httpFetch, reasonOf } from '../../system/http.ts';
import { K6_RELEASE } from './probe.ts';

/** `<base>/v2.2.0/<asset>` is an asset; a mirror keeps this layout. */
export const OFFICIAL_RELEASES = 'https://github.com/grafana/k6/releases/download';

export type DownloadProgress = {
  kind: 'download';
  url: string;
  bytes: number;
  /** Null when the server does not say. */
  totalBytes: number | null;
};

export type DownloadLimits = {
  /** No byte for this long ends the download. */
  stallMs: number;
  /** The whole download, from the first request to the last byte. */
  totalMs: number;
};
export const DOWNLOAD_LIMITS: DownloadLimits = { stallMs: 30_000, totalMs: 15 * 60_000 };

// The archive of 2.2.0 has about 30 MB; a server that sends without end must not fill the disk.
const MAX_ARCHIVE_BYTES = 300e6;
const MAX_LIST_BYTES = 1e6;

/** Why the release was not had; one sentence for the list of what was tried. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
}

/** The release's archive for a machine, or null when k6 publishes none for it. */
export function releaseAsset(platform: string, arch: string): string | null {
  const cpu = { x64: 'amd64', arm64: 'arm64' }[arch];
  const alias = { linux: 'linux', darwin: 'macos', win32: 'windows' }[platform];
  if (cpu === undefined || alias === undefined || (alias === 'windows' && cpu !== 'amd64'))
    return null;
  return `k6-v${K6_RELEASE}-${alias}-${cpu}.${alias === 'linux' ? 'tar.gz' : 'zip'}`;
}

/**
 * Downloads, checks and unpacks the release.
 * @param call.folder an empty folder of the caller's, who also removes it
 * @param call.baseUrl {@link OFFICIAL_RELEASES} or a mirror of it
 * @returns the path of the unpacked k6 in `folder`, not yet executable
 * @throws DownloadError, `signal.reason` when aborted, system errors of the folder
 */
export async function downloadK6(call: {
  folder: string;
  baseUrl: string;
  asset: string;
  limits?: DownloadLimits;
  /** Its proxies are used (system/http.ts). */
  env: NodeJS.ProcessEnv;
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
}): Promise<string> {
  const { folder, baseUrl, asset, env, limits = DOWNLOAD_LIMITS, onProgress, signal } = call;
  const release = `${baseUrl.replace(/\/+$/, '')}/v${K6_RELEASE}`;
  const listUrl = `${release}/k6-v${K6_RELEASE}-checksums.txt`;
  const archiveUrl = `${release}/${asset}`;
  const deadline = AbortSignal.timeout(limits.totalMs);
  const bounds = { limits, deadline, env, signal };

  const chunks: Uint8Array[] = [];
  for await (const { chunk } of receive(listUrl, MAX_LIST_BYTES, bounds)) chunks.push(chunk);
  const expected = checksumOf(asset, Buffer.concat(chunks).toString('utf8'));
  if (expected === null)
    throw new DownloadError(`the checksum list ${listUrl} has no SHA-256 for ${asset}`);

  const archive = join(folder, asset);
  const hash = createHash('sha256');
  await pipeline(async function* () {
    for await (const part of receive(archiveUrl, MAX_ARCHIVE_BYTES, bounds)) {
      hash.update(part.chunk);
      onProgress?.({
        kind: 'download',
        url: archiveUrl,
        bytes: part.bytes,
        totalBytes: part.totalBytes,
      });
      yield part.chunk;
    }
  }, createWriteStream(archive));
  const actual = hash.digest('hex');
  if (actual !== expected)
    throw new DownloadError(
      `${archiveUrl} has SHA-256 ${actual}, but the release's list says ${expected}`,
    );

  const program = asset.includes('-windows-') ? 'k6.exe' : 'k6';
  const unpacked = join(folder, 'unpacked-k6');
  const found = await unpack(archive, program, folder, unpacked).catch((error: unknown) => {
    throw new DownloadError(`${archiveUrl} cannot be unpacked (${reasonOf(error)})`);
  });
  if (!found) throw new DownloadError(`${archiveUrl} holds no ${program}`);
  return unpacked;
}

/**
 * Whether the release's list answers, without fetching the release.
 * @returns null if so, else the reason. @throws `signal.reason` when aborted
 */
export async function releaseUnreachable(call: {
  baseUrl: string;
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  signal?: AbortSignal;
}): Promise<string | null> {
  const url = `${call.baseUrl.replace(/\/+$/, '')}/v${K6_RELEASE}/k6-v${K6_RELEASE}-checksums.txt`;
  const { env, timeoutMs, signal } = call;
  try {
    const response = await httpFetch(url, { method: 'HEAD', env, timeoutMs, signal });
    return response.ok ? null : `${url} answered ${response.status}`;
  } catch (error) {
    signal?.throwIfAborted();
    return `${url}: ${reasonOf(error)}`;
  }
}

/** @returns the SHA-256 (hex, lower case) that a `sha256sum` list gives for `name`, or null */
export function checksumOf(name: string, list: string): string | null {
  for (const line of list.split(/\r?\n/)) {
    // sha256sum(1): digest, blank, blank or `*`, name
    const [, digest, file] = /^([0-9a-fA-F]{64}) [ *](.+)$/.exec(line) ?? [];
    if (digest !== undefined && file === name) return digest.toLowerCase();
  }
  return null;
}

/** SHA-256 of a file, hex. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** The body of one GET in chunks, with what has come in so far. */
async function* receive(
  url: string,
  maxBytes: number,
  bounds: {
    limits: DownloadLimits;
    deadline: AbortSignal;
    env: NodeJS.ProcessEnv;
    signal: AbortSignal | undefined;
  },
): AsyncGenerator<{ chunk: Uint8Array; bytes: number; totalBytes: number | null }> {
  const { limits, deadline, env, signal } = bounds;
  signal?.throwIfAborted();
  const stall = new AbortController();
  const stopSignals = [stall.signal, deadline, ...(signal === undefined ? [] : [signal])];
  let timer = setTimeout(() => stall.abort(), limits.stallMs);
  let bytes = 0;
  try {
    const response = await httpFetch(url, {
      env,
      signal: AbortSignal.any(stopSignals),
      // A compressed answer would make Content-Length another number than that of the file.
      headers: { 'accept-encoding': 'identity' },
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new DownloadError(`${url} answered ${response.status} ${response.statusText}`.trim());
    }
    if (url.startsWith('https:') && !response.url.startsWith('https:')) {
      await response.body?.cancel();
      throw new DownloadError(`${url} leads to ${response.url}, which is not https`);
    }
    const length = response.headers.get('content-length');
    const totalBytes = length === null ? null : Number(length);
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer);
      bytes += (chunk as Uint8Array).length;
      if (bytes > maxBytes) throw new DownloadError(`${url} has more than ${maxBytes} bytes`);
      yield { chunk: chunk as Uint8Array, bytes, totalBytes };
      timer = setTimeout(() => stall.abort(), limits.stallMs);
    }
    if (totalBytes !== null && bytes !== totalBytes)
      throw new DownloadError(`${url} ended after ${bytes} of ${totalBytes} bytes`);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    if (stall.signal.aborted)
      throw new DownloadError(
        `${url} sent nothing for ${limits.stallMs} ms (${bytes} bytes came before)`,
      );
    if (deadline.aborted)
      throw new DownloadError(`${url} was not complete within ${limits.totalMs} ms`);
    const what = bytes === 0 ? 'cannot be fetched' : `broke off after ${bytes} bytes`;
    throw new DownloadError(`${url} ${what}: ${reasonOf(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Unpacks the program of `archive` to `target`. @returns false if there is none inside */
async function unpack(
  archive: string,
  program: string,
  folder: string,
  target: string,
): Promise<boolean> {
  if (archive.endsWith('.zip')) {
    const zip = await yauzl.openPromise(archive);
    for await (const entry of zip.eachEntry()) {
      if (basename(entry.fileName) !== program) continue;
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
      return true;
    }
    return false;
  }
  // Only one entry is taken, one folder deep as k6 packs it (k6-v2.2.0-linux-amd64/k6).
  await tar.extract({
    file: archive,
    cwd: folder,
    strip: 1,
    strict: true,
    filter: (path, entry) =>
      'type' in entry && entry.type === 'File' && /^(?:\.\/)?[^/]+\/k6$/.test(path),
  });
  const extracted = join(folder, program);
  if (!(await stat(extracted).catch(() => null))?.isFile()) return false;
  await rename(extracted, target);
  return true;
}
