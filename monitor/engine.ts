/**
 * Container engines by their socket API: Docker's (docs.docker.com, Engine API v1.44), which Podman serves as
 * well (docs.podman.io, "compat" part). Paths without a version: both then speak their newest. Every call
 * has a time limit, and no call changes anything.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeFolder } from '../system/home.ts';
import { UserError, EXIT } from '../user-error.ts';
import { READ_LIMIT_MS, reasonOf, withLimit } from './source.ts';

type Env = Readonly<Record<string, string | undefined>>;

const MOST_ANSWER_BYTES = 8 * 1024 * 1024;

/** What engines call containers: docker/docker, daemon/names/names.go; podman, libpod/define/config.go. */
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** @returns what is wrong with a container's name or id, to stand after the option; null: nothing */
export const containerNameProblem = (text: string): string | null =>
  CONTAINER_NAME.test(text)
    ? null
    : `must be the name or id of a container (letters, digits, _ . -), but is "${text}"`;

/** The engine answered, but not with success. */
export class EngineError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'EngineError';
    this.status = status;
  }
}

export type Engine = {
  /** As the user knows it, e.g. `unix:///var/run/docker.sock`. */
  url: string;
  /** @throws EngineError for another answer than 200, Error if there is none in time */
  json(path: string, signal?: AbortSignal): Promise<unknown>;
  /** The body of an answer 200, as it comes. @throws as `json` does, up to the head of the answer */
  stream(path: string, signal?: AbortSignal): Promise<IncomingMessage>;
};

/** Node's options for an engine's URL, or why there can be none. */
function transportOf(
  text: string,
  env: Env,
): { options: RequestOptions; tls: boolean } | { problem: string } {
  const path = /^(?:unix|npipe):\/\/(.+)$/.exec(text)?.[1];
  if (path !== undefined) return { options: { socketPath: path, host: 'engine' }, tls: false };
  if (!URL.canParse(text)) return { problem: 'is no URL' };
  const url = new URL(text);
  const certificates = env.DOCKER_CERT_PATH;
  const tls =
    url.protocol === 'https:' || (url.protocol === 'tcp:' && Boolean(env.DOCKER_TLS_VERIFY));
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol) || url.hostname === '')
    return {
      problem: `has scheme ${url.protocol.slice(0, -1)}, which is not spoken here (unix, npipe, tcp, http, https)`,
    };
  const options: RequestOptions = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (tls ? 2376 : 2375) : Number(url.port),
  };
  if (!tls) return { options, tls };
  const read = (name: string) =>
    certificates !== undefined && existsSync(join(certificates, name))
      ? readFileSync(join(certificates, name))
      : undefined;
  return {
    options: {
      ...options,
      ca: read('ca.pem'),
      cert: read('cert.pem'),
      key: read('key.pem'),
    } as RequestOptions,
    tls,
  };
}

/** What an engine says in place of an answer 200: `{"message": …}`. */
function messageIn(body: string, status: number): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === 'string' && message !== '') return message;
  } catch {
    // No JSON: another program listens there.
  }
  return `answer ${status}`;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_ANSWER_BYTES) throw new Error('the answer is longer than 8 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** @param url as in DOCKER_HOST. @throws UserError if it cannot be one */
export function engineAt(url: string, env: Env = {}): Engine {
  const transport = transportOf(url, env);
  if ('problem' in transport)
    throw new UserError(`the container engine ${url} ${transport.problem}`, {
      hint: 'set DOCKER_HOST, e.g. to unix:///var/run/docker.sock; an engine behind ssh: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST',
      exitCode: EXIT.usage,
    });
  const { options, tls } = transport;

  async function stream(path: string, signal?: AbortSignal): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const send = tls ? httpsRequest : httpRequest;
      send({ ...options, path, signal, agent: false }, resolve)
        .on('error', reject)
        .end();
    });
    if (response.statusCode === 200) return response;
    throw new EngineError(
      response.statusCode ?? 0,
      messageIn(await bodyOf(response), response.statusCode ?? 0),
    );
  }

  return {
    url,
    stream,
    async json(path, signal) {
      const body = await bodyOf(await stream(path, signal));
      try {
        return JSON.parse(body) as unknown;
      } catch {
        throw new Error(`${url} answered with something that is no JSON`);
      }
    },
  };
}

/** The endpoint of the docker command line's current context (docker/cli, cli/context/store). */
function contextEndpoint(env: Env, home: string): string | undefined {
  try {
    const folder = env.DOCKER_CONFIG ?? join(home, '.docker');
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
      currentContext?: string;
    };
    const name = env.DOCKER_CONTEXT ?? config.currentContext;
    if (name === undefined || name === 'default') return undefined;
    const id = createHash('sha256').update(name).digest('hex');
    const meta = JSON.parse(
      readFileSync(join(folder, 'contexts/meta', id, 'meta.json'), 'utf8'),
    ) as { Endpoints?: { docker?: { Host?: string } } };
    return meta.Endpoints?.docker?.Host;
  } catch {
    return undefined;
  }
}

export type EngineSurroundings = {
  env: Env;
  home?: string;
  uid?: number;
  exists?: (path: string) => boolean;
};

/**
 * Where engines may listen, in the order in which they are asked. DOCKER_HOST or Podman's CONTAINER_HOST is the
 * only one if set; else the docker command line's context and the usual sockets that are there: Docker's,
 * Docker Desktop's, both rootless ones, Podman's, and that of Podman's machine on macOS.
 */
export function engineUrls({
  env,
  home = homeFolder(env) ?? '/',
  uid = process.getuid?.() ?? 0,
  exists = existsSync,
}: EngineSurroundings): string[] {
  const given = env.DOCKER_HOST ?? env.CONTAINER_HOST;
  if (given !== undefined && given !== '') return [given];
  if (process.platform === 'win32') return ['npipe:////./pipe/docker_engine'];
  const runtime = env.XDG_RUNTIME_DIR ?? `/run/user/${uid}`;
  const sockets = [
    '/var/run/docker.sock',
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(runtime, 'docker.sock'),
    join(runtime, 'podman/podman.sock'),
    '/run/podman/podman.sock',
    join(env.TMPDIR ?? tmpdir(), 'podman/podman-machine-default-api.sock'),
  ];
  const context = contextEndpoint(env, home);
  return [
    ...new Set([
      ...(context === undefined ? [] : [context]),
      ...sockets.filter((path) => exists(path)).map((path) => `unix://${path}`),
    ]),
  ];
}

/** `GET /containers/NAME/json`, as far as it is used. */
export type ContainerState = {
  id: string;
  name: string;
  running: boolean;
  /** Of the first process, as the engine's machine numbers it; 0: not running. */
  pid: number;
  exitCode: number | null;
  outOfMemory: boolean;
  /** It shares the network of the machine, whose traffic is not its own. */
  hostNetwork: boolean;
  /** With a terminal, its log is not multiplexed. */
  tty: boolean;
};

/** @throws Error if the answer is not of the form of the API */
export function parseInspect(answer: unknown): ContainerState {
  const { Id, Name, State, Config, HostConfig } = (answer ?? {}) as {
    Id?: unknown;
    Name?: unknown;
    State?: { Running?: unknown; Pid?: unknown; ExitCode?: unknown; OOMKilled?: unknown };
    Config?: { Tty?: unknown };
    HostConfig?: { NetworkMode?: unknown };
  };
  if (typeof Id !== 'string' || !/^[0-9a-f]{12,}$/.test(Id) || typeof State !== 'object')
    throw new Error('the engine described the container in an unknown form');
  return {
    id: Id,
    name: typeof Name === 'string' ? Name.replace(/^\//, '') : Id.slice(0, 12),
    running: State.Running === true,
    pid: typeof State.Pid === 'number' ? State.Pid : 0,
    exitCode: typeof State.ExitCode === 'number' ? State.ExitCode : null,
    outOfMemory: State.OOMKilled === true,
    hostNetwork: HostConfig?.NetworkMode === 'host',
    tty: Config?.Tty === true,
  };
}

const pathOf = (nameOrId: string, rest: string) =>
  `/containers/${encodeURIComponent(nameOrId)}/${rest}`;

/** @throws EngineError with status 404 if there is no such container */
export const inspectContainer = async (
  engine: Engine,
  nameOrId: string,
  signal?: AbortSignal,
): Promise<ContainerState> => parseInspect(await engine.json(pathOf(nameOrId, 'json'), signal));

export const logPath = (nameOrId: string, query: Record<string, string>): string =>
  pathOf(nameOrId, `logs?${new URLSearchParams(query).toString()}`);

/**
 * Asks each engine that is there for the container, the first that knows it is taken.
 * @throws UserError (exit code 2 if no engine knows it, 5 if none answers)
 */
export async function findContainer(
  nameOrId: string,
  surroundings: EngineSurroundings,
  signal?: AbortSignal,
): Promise<{ engine: Engine; state: ContainerState }> {
  const urls = engineUrls(surroundings);
  const faults: string[] = [];
  let answered = false;
  for (const url of urls) {
    const engine = engineAt(url, surroundings.env);
    try {
      const state = await withLimit(
        READ_LIMIT_MS,
        (limited) => inspectContainer(engine, nameOrId, limited),
        undefined,
        signal,
      );
      return { engine, state };
    } catch (error) {
      const unknown = error instanceof EngineError && error.status === 404;
      answered ||= unknown;
      faults.push(unknown ? `${url} does not know it` : `${url}: ${reasonOf(error)}`);
    }
  }
  if (answered)
    throw new UserError(`there is no container "${nameOrId}" (${faults.join('; ')})`, {
      hint: '`docker ps` or `podman ps` lists the containers; DOCKER_HOST names another engine',
      exitCode: EXIT.usage,
    });
  throw new UserError(
    urls.length === 0
      ? `container "${nameOrId}" cannot be looked up: no socket of a container engine was found`
      : `container "${nameOrId}" cannot be looked up (${faults.join('; ')})`,
    {
      hint: 'start docker or podman (`systemctl --user start podman.socket`), or set DOCKER_HOST; reading the socket may ask for the group "docker"',
    },
  );
}

/** Counters of `GET /containers/ID/stats`, where the control group itself is out of sight. */
export type EngineStats = {
  /** Clock of the engine, milliseconds since 1970. */
  readAtMs: number;
  cpuMs: number;
  cores?: number;
  memoryBytes?: number;
  memoryPeakBytes?: number;
  threads?: number;
  readBytes?: number;
  writeBytes?: number;
  receivedBytes?: number;
  sentBytes?: number;
  periods?: number;
  throttledPeriods?: number;
};

type RawStats = {
  read?: string;
  cpu_stats?: {
    cpu_usage?: { total_usage?: number };
    online_cpus?: number;
    throttling_data?: { periods?: number; throttled_periods?: number };
  };
  memory_stats?: { usage?: number; max_usage?: number; stats?: Record<string, number> };
  pids_stats?: { current?: number };
  blkio_stats?: { io_service_bytes_recursive?: { op: string; value: number }[] | null };
  networks?: Record<string, { rx_bytes?: number; tx_bytes?: number }>;
};

const finite = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

/** @returns null for a container that does not run: its counters are all absent or 0 */
export function parseStats(answer: unknown): EngineStats | null {
  const raw = (answer ?? {}) as RawStats;
  const cpuNs = finite(raw.cpu_stats?.cpu_usage?.total_usage);
  const readAtMs = Date.parse(raw.read ?? '');
  // The zero time of Go stands in the answer for a container that does not run.
  if (cpuNs === undefined || !(readAtMs > 0)) return null;
  const { usage, max_usage: peak, stats } = raw.memory_stats ?? {};
  const inactive = stats?.total_inactive_file ?? stats?.inactive_file;
  const memory = finite(usage);
  const io = raw.blkio_stats?.io_service_bytes_recursive;
  const bytes = (op: string) =>
    io?.reduce((sum, entry) => sum + (entry.op.toLowerCase() === op ? entry.value : 0), 0);
  const links = raw.networks && Object.values(raw.networks);
  const { periods, throttled_periods: throttledPeriods } = raw.cpu_stats?.throttling_data ?? {};
  return {
    readAtMs,
    cpuMs: cpuNs / 1e6,
    cores: raw.cpu_stats?.online_cpus,
    memoryBytes:
      memory !== undefined && inactive !== undefined && inactive < memory
        ? memory - inactive
        : memory,
    memoryPeakBytes: finite(peak),
    threads: finite(raw.pids_stats?.current),
    readBytes: bytes('read'),
    writeBytes: bytes('write'),
    receivedBytes: links?.reduce((sum, link) => sum + (link.rx_bytes ?? 0), 0),
    sentBytes: links?.reduce((sum, link) => sum + (link.tx_bytes ?? 0), 0),
    periods: finite(periods),
    throttledPeriods: finite(throttledPeriods),
  };
}

/** One reading; `one-shot` spares the second that the engine else waits to fill its own difference. */
export const containerStats = async (
  engine: Engine,
  id: string,
  signal?: AbortSignal,
): Promise<EngineStats | null> =>
  parseStats(await engine.json(pathOf(id, 'stats?stream=false&one-shot=true'), signal));
