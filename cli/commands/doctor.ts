/**
 * `npm run doctor`: what is there, what is missing, and how to get it. Nothing is downloaded, built or
 * left behind. What the toolkit needs is a table, {@link CHECKS}: a new need is one entry.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { availableParallelism, freemem } from 'node:os';
import { dirname, join } from 'node:path';
import picocolors from 'picocolors';
import semver from 'semver';
import {
  findK6,
  isOffline,
  K6_VERSIONS,
  K6_ENV,
  K6_RELEASE,
  releaseBaseUrl,
  unusedProxy,
} from '../../load/k6/binary.ts';
import { localPortsProblem } from '../../load/local-ports.ts';
import { filesNeeded, openFilesProblem } from '../../load/open-files.ts';
import { BuildError } from '../../system/go-program.ts';
import { localPorts } from '../../system/local-ports.ts';
import { openFilesLimit } from '../../system/open-files.ts';
import { programsOnPath } from '../../system/programs-on-path.ts';
import { checkGoForK6 } from '../../load/k6/build-with-go.ts';
import { releaseAsset, releaseUnreachable } from '../../load/k6/download.ts';
import { identifyTarget } from '../../load/target/identify.ts';
import { parseTarget } from '../../load/target/targets.ts';
import { redactUrl } from '../../load/target/transport.ts';
import { firstLine, askProgram } from '../../system/run-program.ts';
import { loadMinaWasm, usualResultsFolder } from '../../paths.ts';

import { countOf } from '../../results/units.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';

/** What a check looks at. */
export type DoctorContext = {
  env: NodeJS.ProcessEnv;
  /** Where relative paths are meant from. */
  cwd: string;
  /** The load that the machine is judged for. */
  vus: number;
  k6Flag?: string;
  resultsFolder: string;
  nodeVersion: string;
  /** How long a program or a server may take to answer. */
  timeoutMs: number;
};

/** `warn`: it will do, but; `missing`: not there or not usable. */
export type Finding = { status: 'ok' | 'warn' | 'missing'; found: string; todo?: string };

export type Check = {
  name: string;
  /** True: nothing can be done without it, and the exit code says so. */
  required: boolean;
  /** What it throws counts as missing. */
  run: (context: DoctorContext) => Promise<Finding> | Finding;
};

const ok = (found: string): Finding => ({ status: 'ok', found });
const warn = (found: string, todo: string): Finding => ({ status: 'warn', found, todo });
const missing = (found: string, todo: string): Finding => ({ status: 'missing', found, todo });

/** The versions that the tests were run on. */
const NODE_TESTED = [20, 22, 24, 26];
const NODE_NEEDED = '>=20.19.0';
/** Below this a run's samples, pictures and stored submissions may not fit. */
const FREE_DISK_BYTES = 2e9;
/** Bound of k6's memory with bodies like the recorded ones; `npm run bench -- generator` measures it. */
const K6_BYTES_PER_VU = 1.6e6;
/** k6 itself, and Node with the aggregation and the embedded backend beside it. */
const OTHER_MEMORY_BYTES = 600e6;

export const CHECKS: readonly Check[] = [
  { name: 'node', required: true, run: checkNode },
  { name: 'k6', required: true, run: checkK6 },
  { name: 'go', required: false, run: checkGoProgram },
  { name: 'wasm', required: true, run: checkWasm },
  { name: 'fonts', required: true, run: checkFonts },
  { name: 'results folder', required: true, run: checkResultsFolder },
  { name: 'storage: filesystem', required: true, run: checkFilesystemStorage },
  { name: 'loopback', required: true, run: checkLoopback },
  { name: 'ports', required: false, run: checkPorts },
  { name: 'open files', required: false, run: checkOpenFiles },
  { name: 'cores', required: false, run: checkCores },
  { name: 'memory', required: false, run: checkMemory },
  { name: 'container engine', required: false, run: checkContainerEngine },
  { name: 'locust', required: false, run: checkLocust },
];

export type CheckResult = { name: string; required: boolean } & Finding;

/** Runs all checks at once. A check that throws is reported as missing; the others go on. */
export const runChecks = (
  checks: readonly Check[],
  context: DoctorContext,
): Promise<CheckResult[]> =>
  Promise.all(
    checks.map(async ({ name, required, run }) => {
      try {
        return { name, required, ...(await run(context)) };
      } catch (error) {
        const found = error instanceof Error ? error.message : String(error);
        const hint = error instanceof UserError ? error.hint : '';
        return { name, required, ...missing(found.replaceAll('\n', '; '), hint || 'run `npm ci`') };
      }
    }),
  );

/** Whether all that is required is there. */
export const isHealthy = (results: readonly CheckResult[]): boolean =>
  results.every(({ required, status }) => !required || status !== 'missing');

export const doctor: Command = {
  name: 'doctor',
  summary:
    'what is there and what is missing (node, k6, fonts, storage, container engine), and how to get it',
  prints: 'its result',
  options: [
    { name: 'json', type: 'flag', help: 'one JSON object instead of lines' },
    {
      name: 'vus',
      type: 'integer',
      argument: 'N',
      default: '500',
      min: 1,
      max: 100_000,
      help: 'virtual users of the load that limits and memory are judged for',
    },
    {
      name: 'results',
      type: 'path',
      argument: 'DIR',
      default: 'results',
      env: 'MINA_LOAD_RESULTS',
      help: 'where the folders of runs are made',
    },
    {
      name: 'k6',
      type: 'path',
      argument: 'PROGRAM',
      help: 'the k6 to look at (else K6_BIN, the PATH, the cache)',
    },
    {
      name: 'target',
      type: 'text',
      argument: 'URL',
      check: (text) => {
        const target = parseTarget(text);
        return 'problem' in target ? target.problem : null;
      },
      help: 'an uptime backend to ask what it is: the embedded one, the original, or neither; nothing is stored there',
    },
  ],
  async run({ values, sources, stdout, env, cwd }) {
    const target = values.target as string | undefined;
    const checks = target === undefined ? CHECKS : [...CHECKS, targetCheck(target)];
    const results = await runChecks(checks, {
      env,
      cwd,
      vus: values.vus as number,
      k6Flag: values.k6 as string | undefined,
      resultsFolder:
        sources.results === 'default' ? usualResultsFolder(cwd) : (values.results as string),
      nodeVersion: process.versions.node,
      timeoutMs: 5_000,
    });
    const healthy = isHealthy(results);
    if (values.json === true)
      stdout.write(`${JSON.stringify({ format: 1, healthy, checks: results })}\n`);
    else {
      const colors = picocolors.createColors(stdout.isTTY === true && !env.NO_COLOR);
      stdout.write(describe(results, colors));
    }
    return healthy ? EXIT.passed : EXIT.broken;
  },
};

/** Which backend answers. */
const targetCheck = (target: string): Check => ({
  name: 'target',
  required: true,
  async run({ timeoutMs }) {
    const { kind, found } = await identifyTarget(target, timeoutMs);
    const what = `${redactUrl(target)}: ${found}`;
    if (kind === 'none')
      return missing(what, 'give the address of a backend, such as http://127.0.0.1:8080');
    return kind === 'unseen backend'
      ? warn(what, 'ask the backend itself, past what stands before it')
      : ok(what);
  },
});

/** The terminal's text: a line a check, and one with the outcome. */
export function describe(
  results: readonly CheckResult[],
  colors = picocolors.createColors(false),
): string {
  const paint = { ok: colors.green, warn: colors.yellow, missing: colors.red };
  const title = ({ name, required }: CheckResult) => (required ? name : `${name} (optional)`);
  const width = Math.max(...results.map((result) => title(result).length));
  const lines = results.map((result) => {
    const { status, found, todo } = result;
    const what = todo === undefined ? found : `${found}; ${todo}`;
    return `${paint[status](status.padEnd(7))}  ${title(result).padEnd(width)}  ${what}`;
  });
  const gone = results.filter(({ required, status }) => required && status === 'missing');
  const outcome =
    gone.length === 0
      ? 'all that is required is there'
      : `required, but missing: ${gone.map(({ name }) => name).join(', ')}`;
  return `${[...lines, outcome].join('\n')}\n`;
}

function checkNode({ nodeVersion }: DoctorContext): Finding {
  const install = `install Node ${NODE_TESTED.at(-1)} (https://nodejs.org)`;
  if (!semver.satisfies(nodeVersion, NODE_NEEDED, { includePrerelease: true }))
    return missing(`${nodeVersion}, but ${NODE_NEEDED} is needed`, install);
  const tested = `tested on ${NODE_TESTED.join(', ')}`;
  return NODE_TESTED.includes(semver.major(nodeVersion))
    ? ok(`${nodeVersion} (${tested})`)
    : warn(`${nodeVersion}, but the toolkit is ${tested}`, `if something breaks, ${install}`);
}

async function checkK6({ env, cwd, k6Flag, timeoutMs }: DoctorContext): Promise<Finding> {
  const baseUrl = releaseBaseUrl(env);
  const offline = isOffline(env);
  const { found, tried } = await findK6({ flag: k6Flag, env, cwd });
  if (found !== null) return ok(`${found.version}, ${found.path} (${found.source})`);

  // What a run would do now; only asked, nothing is fetched.
  const wrong = tried.filter(({ place }) => place === 'PATH' || place === 'the cache');
  const none = `none that can be used (${wrong.map(({ place, reason }) => `${place}: ${reason}`).join('; ')})`;
  const asset = releaseAsset(process.platform, process.arch);
  let whyNoRelease: string | null;
  if (asset === null) whyNoRelease = `k6 publishes none for ${process.platform}/${process.arch}`;
  else if (offline) whyNoRelease = `${K6_ENV.offline} forbids downloads`;
  else whyNoRelease = await releaseUnreachable({ baseUrl, env, timeoutMs });
  if (whyNoRelease === null)
    return warn(none, `the first run downloads ${K6_RELEASE} from ${baseUrl} (about 30 MB)`);

  const go = await goVersion(env, timeoutMs);
  const noRelease = `its release cannot be had: ${whyNoRelease}`;
  if ('version' in go)
    return warn(
      `${none}; ${noRelease}`,
      `the first run builds ${K6_RELEASE} with Go ${go.version} (a few minutes, once)`,
    );
  const proxy = unusedProxy(env);
  return missing(
    `${none}; ${noRelease}; it cannot be built: ${go.reason}`,
    `install k6 ${K6_VERSIONS} (https://grafana.com/docs/k6/latest/set-up/install-k6/) or Go, or set ` +
      `${K6_ENV.bin} or ${K6_ENV.mirror}${proxy === null ? '' : `; ${proxy}`}`,
  );
}

async function checkGoProgram({ env, timeoutMs }: DoctorContext): Promise<Finding> {
  const go = await goVersion(env, timeoutMs);
  return 'version' in go
    ? ok(`${go.version}, ${go.path}`)
    : missing(
        go.reason,
        'only needed to build k6 where its release cannot be downloaded (https://go.dev/dl/)',
      );
}

async function goVersion(
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<{ version: string; path: string } | { reason: string }> {
  const path = programsOnPath('go', env)[0];
  if (path === undefined) return { reason: 'there is no go on the PATH' };
  try {
    return { path, version: await checkGoForK6(path, { env, timeoutMs }) };
  } catch (error) {
    if (error instanceof BuildError) return { reason: error.message };
    throw error;
  }
}

/** A function that returns an i8x16.splat: valid only where there is SIMD (WebAssembly, "simd" proposal). */
const SIMD_MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // header
  ...[1, 5, 1, 0x60, 0, 1, 0x7b], // type: () -> v128
  ...[3, 2, 1, 0], // one function of this type
  ...[10, 8, 1, 6, 0, 0x41, 0, 0xfd, 0x0f, 0x0b], // i32.const 0, i8x16.splat, end
);

/** Only what is used here: neither es2023 nor @types/node 20 declares WebAssembly. */
const { WebAssembly: wasm } = globalThis as unknown as {
  WebAssembly: {
    validate(bytes: Uint8Array): boolean;
    Module: { exports(module: object): { kind: string }[] };
  };
};

function checkWasm(): Finding {
  if (!wasm.validate(SIMD_MODULE))
    return missing(
      'this Node has no SIMD for WebAssembly, which the signer needs',
      'use a machine and a Node with SIMD (x86-64 with SSE4.1, or arm64)',
    );
  try {
    const module: unknown = loadMinaWasm();
    const functions = wasm.Module.exports(module as object).filter(
      ({ kind }) => kind === 'function',
    );
    return functions.length > 0
      ? ok(`the signer loads (${functions.length} functions, SIMD)`)
      : missing('the signer dist/mina.wasm exports nothing', 'run `npm run build`');
  } catch (error) {
    return missing(
      `the signer dist/mina.wasm does not load (${(error as Error).message})`,
      'run `npm ci`, then `npm run build`',
    );
  }
}

/** Draws a word with the embedded font and looks for its ink: without a font all text would be lost. */
async function checkFonts(): Promise<Finding> {
  const [{ createCanvas }, { registerFonts }] = await Promise.all([
    import('canvas'),
    import('../../plots/render.ts'),
  ]);
  registerFonts();
  const [width, height] = [240, 40];
  const drawing = createCanvas(width, height).getContext('2d');
  drawing.font = '24px Inter';
  const narrow = drawing.measureText('iiii').width;
  const wide = drawing.measureText('MMMM').width;
  drawing.fillText('Submissions 12345', 4, 28);
  const { data } = drawing.getImageData(0, 0, width, height);
  let inkPixels = 0;
  for (let alpha = 3; alpha < data.length; alpha += 4) if (data[alpha] > 128) inkPixels++;
  return inkPixels > 100 && wide > narrow
    ? ok('the embedded font Inter is drawn')
    : missing('the embedded font Inter is not drawn: pictures would have no text', 'run `npm ci`');
}

/** The folder itself, or the nearest one above it that exists. */
function nearestFolder(folder: string): string {
  let nearest = folder;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  return nearest;
}

/** A folder to try things in, inside of `folder`; nothing of it is left, also where the process is ended at once. */
async function inTryout<T>(folder: string, work: (tryout: string) => Promise<T>): Promise<T> {
  const tryout = await mkdtemp(join(folder, '.doctor-'));
  const removeNow = () => rmSync(tryout, { recursive: true, force: true });
  process.once('exit', removeNow);
  try {
    return await work(tryout);
  } finally {
    process.off('exit', removeNow);
    await rm(tryout, { recursive: true, force: true });
  }
}

async function checkResultsFolder({ resultsFolder }: DoctorContext): Promise<Finding> {
  try {
    const nearest = nearestFolder(resultsFolder);
    await inTryout(nearest, (tryout) => writeFile(join(tryout, 'file'), 'x'));
    const { bavail, bsize } = await statfs(nearest);
    const freeBytes = bavail * bsize;
    const found = `${resultsFolder} can be written, ${gigabytes(freeBytes)} free`;
    return freeBytes >= FREE_DISK_BYTES
      ? ok(found)
      : warn(found, `long runs need more than ${gigabytes(FREE_DISK_BYTES)}`);
  } catch (error) {
    return missing(
      `${resultsFolder} cannot be written (${(error as NodeJS.ErrnoException).code})`,
      'give another folder with --results, or the right to write there',
    );
  }
}

/** The real backend's layout has colons in its file names, which not every file system takes. */
async function checkFilesystemStorage({ resultsFolder }: DoctorContext): Promise<Finding> {
  const nearest = nearestFolder(resultsFolder);
  try {
    const name = `2026-01-02T03:04:05Z-${randomUUID()}.json`;
    const isKept = await inTryout(nearest, async (tryout) => {
      const folder = join(tryout, 'submissions', '2026-01-02');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, name), '{}');
      const names = await readdir(folder);
      return names.includes(name) && (await readFile(join(folder, name))).length === 2;
    });
    if (!isKept)
      return missing(
        `the file system of ${nearest} changes file names with colons`,
        'give a folder on another file system with --results',
      );
    return ok(`the backend's file names can be stored in ${nearest}`);
  } catch (error) {
    return missing(
      `the backend's file names cannot be stored in ${nearest} (${(error as NodeJS.ErrnoException).code})`,
      'give a folder on another file system with --results',
    );
  }
}

async function checkLoopback({ timeoutMs }: DoctorContext): Promise<Finding> {
  const server = createServer((socket) => socket.end());
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', timeout: timeoutMs });
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    await once(socket, 'connect');
    socket.destroy();
  } catch (error) {
    return missing(
      `127.0.0.1 cannot be listened on and connected to (${(error as Error).message})`,
      'the embedded backend needs it: is the loopback interface up, does a sandbox forbid it?',
    );
  } finally {
    server.close();
  }
  const { address } = await lookup('localhost').catch(() => ({ address: 'nothing' }));
  return /^(127\.|::1$)/.test(address)
    ? ok(`127.0.0.1 takes listeners, localhost is ${address}`)
    : warn(
        `127.0.0.1 takes listeners, but localhost is ${address}`,
        'mend /etc/hosts, or write 127.0.0.1 in --target',
      );
}

/** Every VU keeps a connection, and each has a local port (ip(7), ip_local_port_range). */
function checkPorts({ vus }: DoctorContext): Finding {
  const ports = localPorts();
  if (ports === null) return ok('the range of local ports is not known on this system');
  const found = localPortsProblem({ vus, ports });
  if (found !== null) return warn(found.problem, found.hint);
  // A connection that is opened anew leaves its port waiting for a minute: leave room for that.
  return ports >= 2 * vus
    ? ok(`${number(ports)} local ports for ${countOf(vus, 'VU')}`)
    : warn(
        `${number(ports)} local ports for ${countOf(vus, 'VU')}`,
        'widen it: sysctl net.ipv4.ip_local_port_range="1024 65535"',
      );
}

/** The limit as a child has it: Node raises its own, and k6 inherits that. */
async function checkOpenFiles({ env, vus }: DoctorContext): Promise<Finding> {
  if (process.platform === 'win32') return ok('this system has no limit of open files');
  const limit = await openFilesLimit(env);
  if (limit === null) return ok('no limit of open files is known');
  const found = openFilesProblem({ vus, targets: 1, limit });
  return found === null
    ? ok(`at most ${number(limit)}, ${need(vus)} ${number(filesNeeded(vus, 1))}`)
    : warn(found.problem, found.hint);
}

function checkCores(): Finding {
  const cores = availableParallelism();
  return cores >= 2
    ? ok(`${cores}`)
    : warn(
        `${cores}: generator and backend share it`,
        'with an embedded backend the figures are of both together; aim at a target elsewhere',
      );
}

function checkMemory({ vus }: DoctorContext): Finding {
  const free = availableMemory();
  const needed = vus * K6_BYTES_PER_VU + OTHER_MEMORY_BYTES;
  const found = `${gigabytes(free)} free, ${need(vus)} about ${gigabytes(needed)}`;
  return free >= needed ? ok(found) : warn(found, 'take fewer VUs, or end other programs');
}

async function checkContainerEngine({ env, timeoutMs }: DoctorContext): Promise<Finding> {
  const purpose = 'only needed for components that run in containers';
  const engines = [
    { name: 'docker', args: ['version', '--format', '{{.Server.Version}}'] },
    { name: 'podman', args: ['info', '--format', '{{.Version.Version}}'] },
  ];
  const faults: string[] = [];
  for (const { name, args } of engines) {
    const file = programsOnPath(name, env)[0];
    if (file === undefined) continue;
    const outcome = await askProgram({ file, args, env, timeoutMs });
    if (outcome.kind === 'ended' && outcome.exitCode === 0) {
      const version = firstLine(outcome.output.stdout);
      if (version !== '') return ok(`${name} ${version} answers`);
    }
    const reason =
      outcome.kind === 'ended'
        ? firstLine(outcome.output.stderr) || `exit code ${outcome.exitCode}`
        : outcome.kind;
    faults.push(`${name} is there, but its engine does not answer (${reason})`);
  }
  return faults.length > 0
    ? warn(faults.join('; '), `is it started, and may this user use it? ${purpose}`)
    : missing('neither docker nor podman is on the PATH', purpose);
}

async function checkLocust({ env, timeoutMs }: DoctorContext): Promise<Finding> {
  const purpose = 'only needed as a peer of `npm run bench -- generator` (pip install locust)';
  const file = programsOnPath('locust', env)[0];
  if (file === undefined) return missing('there is no locust on the PATH', purpose);
  const outcome = await askProgram({ file, args: ['--version'], env, timeoutMs });
  const version =
    outcome.kind === 'ended' && outcome.exitCode === 0
      ? /^locust (\S+)/m.exec(outcome.output.stdout)?.[1]
      : undefined;
  return version === undefined
    ? warn(`${file} does not say its version`, purpose)
    : ok(`${version}, ${file}`);
}

/** Counts a container's limit too, where Node knows how (since 20.13). */
const availableMemory = (): number =>
  typeof process.availableMemory === 'function' ? process.availableMemory() : freemem();

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

const number = (value: number): string => value.toLocaleString('en-US');

const need = (vus: number): string => `${countOf(vus, 'VU')} ${vus === 1 ? 'needs' : 'need'}`;
