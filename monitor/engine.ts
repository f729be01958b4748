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
import { withoutInactiveFile } from './cgroup.ts';
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

/** How an engine behind TLS is asked. */
export type EngineTls = {
  /** Where ca.pem, cert.pem and key.pem stand, as the docker command line names them; null: none are given. */
  folder: string | null;
  /** Whether the engine's certificate is checked. */
  verify: boolean;
};

/** An engine as settings name it; `tls: null`: plain, unless the URL is https. */
export type EngineAddress = { url: string; tls: EngineTls | null };

/** @throws UserError for a file that is there and cannot be read */
function certificatesIn(folder: string): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const read = (name: string): Buffer | undefined => {
    const path = join(folder, name);
    if (!existsSync(path)) return undefined;
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new UserError(
        `${path}, with which the container engine is reached, cannot be read (${(cause as NodeJS.ErrnoException).code})`,
        { hint: 'DOCKER_CERT_PATH names another folder with ca.pem, cert.pem and key.pem', cause },
      );
    }
  };
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}

/** Node's options for an engine's URL, or why there can be none. */
function transportOf({
  url: text,
  tls: given,
}: EngineAddress): { options: RequestOptions; tls: boolean } | { problem: string } {
  const path = /^(?:unix|npipe):\/\/(.+)$/.exec(text)?.[1];
  if (path !== undefined) return { options: { socketPath: path, host: 'engine' }, tls: false };
  if (!URL.canParse(text)) return { problem: 'is no URL' };
  const url = new URL(text);
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol) || url.hostname === '')
    return {
      problem: `has scheme ${url.protocol.slice(0, -1)}, which is not spoken here (unix, npipe, tcp, http, https)`,
    };
  const tls = given ?? (url.protocol === 'https:' ? { folder: null, verify: true } : null);
  const isTls = tls !== null && url.protocol !== 'http:';
  const options: RequestOptions & { rejectUnauthorized?: boolean } = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (isTls ? 2376 : 2375) : Number(url.port),
    ...(isTls && {
      ...(tls.folder !== null && certificatesIn(tls.folder)),
      rejectUnauthorized: tls.verify,
    }),
  };
  return { options, tls: isTls };
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

/** @throws UserError if there can be no such engine */
export function engineAt(address: EngineAddress): Engine {
  const { url } = address;
  const transport = transportOf(address);
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

const configFolderOf = (env: Env, home: string): string =>
  env.DOCKER_CONFIG || join(home, '.docker');

/**
 * The endpoint of the docker command line's context (docker/cli, cli/context/store: metadata in `contexts/meta/<sha256 of the name>`,
 * certificates in `contexts/tls/<the same>/docker`).
 * @returns null for the default one, and where the one that config.json names is not there
 * @throws UserError if there is none of the name in DOCKER_CONTEXT
 */
function contextEndpoint(env: Env, home: string): EngineAddress | null {
  const folder = configFolderOf(env, home);
  const read = (path: string): unknown => {
    try {
      return JSON.parse(readFileSync(join(folder, path), 'utf8'));
    } catch {
      return null;
    }
  };
  const name =
    env.DOCKER_CONTEXT ||
    (read('config.json') as { currentContext?: string } | null)?.currentContext;
  if (name === undefined || name === '' || name === 'default') return null;
  const id = createHash('sha256').update(name).digest('hex');
  const meta = read(`contexts/meta/${id}/meta.json`) as {
    Endpoints?: { docker?: { Host?: unknown; SkipTLSVerify?: unknown } };
  } | null;
  const { Host, SkipTLSVerify } = meta?.Endpoints?.docker ?? {};
  if (typeof Host !== 'string' || Host === '') {
    if (!env.DOCKER_CONTEXT) return null;
    throw new UserError(
      `DOCKER_CONTEXT names "${name}", and there is no such context in ${folder}`,
      {
        hint: '`docker context ls` lists them',
        exitCode: EXIT.usage,
      },
    );
  }
  const certificates = join(folder, 'contexts/tls', id, 'docker');
  const hasCertificates = existsSync(certificates);
  return {
    url: Host,
    tls:
      hasCertificates || SkipTLSVerify === true
        ? { folder: hasCertificates ? certificates : null, verify: SkipTLSVerify !== true }
        : null,
  };
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
 * Docker Desktop's, both rootless ones, Podman's, and that of Podman's machine on macOS. An empty variable counts as not set.
 * DOCKER_TLS_VERIFY and DOCKER_TLS belong to DOCKER_HOST, as does DOCKER_CERT_PATH (else the folder of the configuration;
 * docker/cli, cli/flags/options.go).
 */
export function engineAddresses({
  env,
  home = homeFolder(env) ?? '/',
  uid = process.getuid?.() ?? 0,
  exists = existsSync,
}: EngineSurroundings): EngineAddress[] {
  const plain = (url: string): EngineAddress => ({ url, tls: null });
  if (env.DOCKER_HOST)
    return [
      {
        url: env.DOCKER_HOST,
        tls:
          env.DOCKER_TLS_VERIFY || env.DOCKER_TLS || env.DOCKER_HOST.startsWith('https:')
            ? {
                folder: env.DOCKER_CERT_PATH || configFolderOf(env, home),
                verify: Boolean(env.DOCKER_TLS_VERIFY) || !env.DOCKER_TLS,
              }
            : null,
      },
    ];
  if (env.CONTAINER_HOST) return [plain(env.CONTAINER_HOST)];
  const context = contextEndpoint(env, home);
  const runtime = env.XDG_RUNTIME_DIR || `/run/user/${uid}`;
  const sockets =
    process.platform === 'win32'
      ? ['npipe:////./pipe/docker_engine']
      : [
          '/var/run/docker.sock',
          join(home, '.docker/run/docker.sock'),
          join(home, '.docker/desktop/docker.sock'),
          join(runtime, 'docker.sock'),
          join(runtime, 'podman/podman.sock'),
          '/run/podman/podman.sock',
          join(env.TMPDIR || tmpdir(), 'podman/podman-machine-default-api.sock'),
        ]
          .filter((path) => exists(path))
          .map((path) => `unix://${path}`);
  return [
    ...(context === null ? [] : [context]),
    ...sockets.filter((url) => url !== context?.url).map(plain),
  ];
}

/** `GET /containers/NAME/json`, as far as it is used. */
export type ContainerState = {
  id: string;
  name: string;
  running: boolean;
  /** It has ended, and the engine is about to start it again: its first process is none. */
  restarting: boolean;
  /** As the engine writes it; with the id and the pid it names a life. '': not given. */
  startedAt: string;
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
    State?: Record<
      'Running' | 'Restarting' | 'Pid' | 'ExitCode' | 'OOMKilled' | 'StartedAt',
      unknown
    >;
    Config?: { Tty?: unknown };
    HostConfig?: { NetworkMode?: unknown };
  };
  if (typeof Id !== 'string' || !/^[0-9a-f]{12,}$/.test(Id) || typeof State !== 'object')
    throw new Error('the engine described the container in an unknown form');
  return {
    id: Id,
    name: typeof Name === 'string' ? Name.replace(/^\//, '') : Id.slice(0, 12),
    // Between two lives of a crash loop Docker answers with both, and with pid 0.
    running: State.Running === true && State.Restarting !== true,
    restarting: State.Restarting === true,
    startedAt: typeof State.StartedAt === 'string' ? State.StartedAt : '',
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
  const addresses = engineAddresses(surroundings);
  const faults: string[] = [];
  let answered = false;
  for (const address of addresses) {
    const { url } = address;
    const engine = engineAt(address);
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
    addresses.length === 0
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
  /** Of Windows: processors of the machine. Linux answers 0. */
  num_procs?: number;
  /** Of Windows, in the place of blkio_stats. */
  storage_stats?: { read_size_bytes?: number; write_size_bytes?: number };
  cpu_stats?: {
    cpu_usage?: { total_usage?: number };
    online_cpus?: number;
    throttling_data?: { periods?: number; throttled_periods?: number };
  };
  memory_stats?: {
    usage?: number;
    max_usage?: number;
    stats?: Record<string, number>;
    /** Of Windows. */
    privateworkingset?: number;
    commitbytes?: number;
  };
  pids_stats?: { current?: number };
  blkio_stats?: { io_service_bytes_recursive?: { op: string; value: number }[] | null };
  networks?: Record<string, { rx_bytes?: number; tx_bytes?: number }>;
};

const finite = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

/**
 * The one form for Linux and Windows containers. Windows counts CPU time in units of 100 ns, and `docker stats` shows its private working
 * set as memory (docker/docker, api/types/container/stats.go; docker/cli, cli/command/container/stats_helpers.go).
 * @returns null for a container that does not run: its counters are all absent or 0
 */
export function parseStats(answer: unknown): EngineStats | null {
  const raw = (answer ?? {}) as RawStats;
  const cpu = finite(raw.cpu_stats?.cpu_usage?.total_usage);
  const readAtMs = Date.parse(raw.read ?? '');
  // The zero time of Go stands in the answer for a container that does not run.
  if (cpu === undefined || !(readAtMs > 0)) return null;
  const { privateworkingset, commitbytes } = raw.memory_stats ?? {};
  const processors = finite(raw.num_procs) ?? 0;
  const isWindows = processors > 0 || privateworkingset !== undefined || commitbytes !== undefined;
  return {
    readAtMs,
    ...networkIn(raw),
    ...(isWindows
      ? {
          cpuMs: cpu / 1e4,
          cores: processors > 0 ? processors : undefined,
          memoryBytes: finite(privateworkingset),
          readBytes: finite(raw.storage_stats?.read_size_bytes),
          writeBytes: finite(raw.storage_stats?.write_size_bytes),
        }
      : { cpuMs: cpu / 1e6, ...linuxFiguresIn(raw) }),
  };
}

function networkIn({ networks }: RawStats): Pick<EngineStats, 'receivedBytes' | 'sentBytes'> {
  const links = networks && Object.values(networks);
  return {
    receivedBytes: links?.reduce((sum, link) => sum + (link.rx_bytes ?? 0), 0),
    sentBytes: links?.reduce((sum, link) => sum + (link.tx_bytes ?? 0), 0),
  };
}

function linuxFiguresIn(raw: RawStats): Omit<EngineStats, 'readAtMs' | 'cpuMs'> {
  const { usage, max_usage: peak, stats } = raw.memory_stats ?? {};
  const io = raw.blkio_stats?.io_service_bytes_recursive;
  const bytes = (op: string) =>
    io?.reduce((sum, entry) => sum + (entry.op.toLowerCase() === op ? entry.value : 0), 0);
  const { periods, throttled_periods: throttledPeriods } = raw.cpu_stats?.throttling_data ?? {};
  return {
    cores: raw.cpu_stats?.online_cpus,
    memoryBytes: withoutInactiveFile(
      finite(usage),
      stats?.total_inactive_file ?? stats?.inactive_file,
    ),
    memoryPeakBytes: finite(peak),
    threads: finite(raw.pids_stats?.current),
    readBytes: bytes('read'),
    writeBytes: bytes('write'),
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
