/**
 * Builds a program with Go. `go install MODULE@VERSION` asks the host of the import path itself and so fails where only a module proxy is
 * reachable; an empty module that requires it needs the proxy alone (measured with k6: 80 s on 2 cores, 65 MB).
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import semver from 'semver';
import { firstLine, askProgram } from './run-program.ts';

/** A program of Go's module world, and what building it takes. */
export type GoProgram = {
  /** For messages and file names. */
  name: string;
  module: string;
  version: string;
  /** The main package. */
  package: string;
  /** The `go` line of its go.mod. */
  goNeeded: string;
  /** Its own lines of the public checksum database. */
  goSum: string;
  /** How many packages there are to compile, about; absent: not known. */
  packages?: number;
};
/** From here on Go fetches the Go version a module needs, unless GOTOOLCHAIN forbids it (go.dev/doc/toolchain). */
const GO_SWITCHES_SINCE = '1.21.0';

export const BUILD_TIMEOUT_MS = 20 * 60_000;
const GO_ENV_TIMEOUT_MS = 20_000;

export type BuildProgress = {
  kind: 'go build';
  /** Modules downloaded and packages compiled so far; both stay 0 where Go's caches hold them. */
  modules: number;
  packages: number;
  /** How many packages there are, about (0: not known); fewer are compiled where Go's cache holds some. */
  expectedPackages: number;
};

/** Why there was no build; one sentence for the list of what was tried. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/** @returns Go's version, once it is known to build the program. @throws BuildError, `signal.reason` when aborted */
export async function checkGo(
  go: string,
  options: { env: NodeJS.ProcessEnv; timeoutMs?: number; signal?: AbortSignal },
  { name, goNeeded }: GoProgram,
): Promise<string> {
  const { env, timeoutMs = GO_ENV_TIMEOUT_MS, signal } = options;
  const args = ['env', 'GOVERSION', 'GOTOOLCHAIN'];
  const outcome = await askProgram({ file: go, args, env: goEnv(env), timeoutMs, signal });
  if (outcome.kind === 'not started') throw new BuildError(`${go} cannot be run (${outcome.code})`);
  if (outcome.kind === 'timed out')
    throw new BuildError(`${go} did not answer "go env" within ${timeoutMs} ms`);
  const { exitCode, output } = outcome;
  if (exitCode !== 0)
    throw new BuildError(
      `"${go} env" failed: ${firstLine(output.stderr) || `exit code ${exitCode}`}`,
    );
  const [goVersion = '', toolchain = ''] = output.stdout.split('\n').map((line) => line.trim());
  const version = semver.coerce(goVersion)?.version;
  if (version === undefined)
    throw new BuildError(`${go} is not Go: it answered "${firstLine(output.stdout)}"`);
  if (semver.gte(version, goNeeded)) return version;
  if (semver.lt(version, GO_SWITCHES_SINCE))
    throw new BuildError(`${go} is Go ${version}, but ${name} needs Go ${goNeeded} or later`);
  if (!/auto|path/.test(toolchain))
    throw new BuildError(
      `${go} is Go ${version}, ${name} needs Go ${goNeeded}, and GOTOOLCHAIN=${toolchain} forbids to fetch it`,
    );
  return version;
}

export type GoBuild = {
  go: string;
  folder: string;
  env: NodeJS.ProcessEnv;
  offline?: boolean;
  timeoutMs?: number;
  onProgress?: (progress: BuildProgress) => void;
  signal?: AbortSignal;
};

/**
 * Builds a Go program in `folder`.
 * @param call.folder an empty folder of the caller's, who also removes it
 * @param call.offline true: take modules only from Go's own cache
 * @returns the path of the built program
 * @throws BuildError, `signal.reason` when aborted, system errors of the folder
 */
export async function buildGoProgram(source: GoProgram, call: GoBuild): Promise<string> {
  const { go, folder, env, offline = false, timeoutMs = BUILD_TIMEOUT_MS, signal } = call;
  const { name, version, goNeeded } = source;
  await checkGo(go, { env, signal }, source);
  const module = join(folder, 'module');
  const program = join(folder, `built-${name}${process.platform === 'win32' ? '.exe' : ''}`);
  await mkdir(module);
  await writeFile(
    join(module, 'go.mod'),
    `module ${name}build\n\ngo ${goNeeded}\n\nrequire ${source.module} v${version}\n`,
  );
  await writeFile(join(module, 'go.sum'), source.goSum);
  await writeFile(
    join(module, 'tools.go'),
    `//go:build tools\n\npackage tools\n\nimport _ "${source.package}"\n`,
  );
  const done = { modules: 0, packages: 0, expectedPackages: source.packages ?? 0 };
  const faults: string[] = [];
  const outcome = await askProgram({
    file: go,
    // -mod=mod: Go completes go.mod and go.sum itself. On the command line, where it wins over GOFLAGS.
    args: ['build', '-mod=mod', '-trimpath', '-v', '-o', program, source.package],
    env: { ...goEnv(env), ...(offline ? { GOPROXY: 'off', GOTOOLCHAIN: 'local' } : {}) },
    cwd: module,
    timeoutMs,
    signal,
    onStderrLine: (line) => {
      if (line.startsWith('go: downloading ')) done.modules++;
      else if (/^[\w.~-]+(\/[\w.~-]+)*$/.test(line)) done.packages++;
      else {
        if (faults.length < 20) faults.push(line);
        return;
      }
      call.onProgress?.({ kind: 'go build', ...done });
    },
  });
  if (outcome.kind === 'not started') throw new BuildError(`${go} cannot be run (${outcome.code})`);
  if (outcome.kind === 'timed out')
    throw new BuildError(`"go build" was not done within ${timeoutMs} ms`);
  if (outcome.exitCode !== 0) {
    const end = outcome.signal ?? `exit code ${outcome.exitCode}`;
    throw new BuildError(`"go build" failed: ${firstLine(faults.join('\n')) || end}`);
  }
  if (!existsSync(program)) throw new BuildError('"go build" ended well, but made no program');
  return program;
}

/**
 * The user's environment with GOPROXY, GOFLAGS, GOPRIVATE … as they are, but building for this
 * machine, outside any workspace, and without a C compiler, as k6's own Linux release is built.
 */
function goEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const os = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform as string];
  const cpu = { x64: 'amd64', arm64: 'arm64', ppc64: 'ppc64le' }[process.arch as string];
  return {
    ...env,
    GO111MODULE: 'on',
    GOWORK: 'off',
    CGO_ENABLED: '0',
    // Named even though they are Go's defaults: `go env -w` may hold others.
    GOOS: os ?? process.platform,
    GOARCH: cpu ?? process.arch,
  };
}
