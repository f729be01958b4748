/**
 * vegeta (github.com/tsenart/vegeta), a peer of bench/generator.ts: how to find or build it, what it is given, what it reports.
 * It reads all bodies into memory before it begins and posts them in turns, from the first again after the last (lib/targets.go,
 * NewStaticTargeter).
 */
import { randomUUID } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { isOffline } from '../load/k6/binary.ts';
import { cacheFolder } from '../system/cache-folder.ts';
import { BuildError, buildGoProgram, type GoProgram } from '../system/go-program.ts';
import { programsOnPath } from '../system/programs-on-path.ts';
import { askProgram, firstLine } from '../system/run-program.ts';
import { UserError } from '../user-error.ts';
import type { Sink } from './start-sink.ts';

/** A vegeta that is there; else it is looked for on the PATH and in the cache, and built with Go. */
export const VEGETA_BIN = 'VEGETA_BIN';

const MODULE = 'github.com/tsenart/vegeta/v12';
const VEGETA: GoProgram = {
  name: 'vegeta',
  module: MODULE,
  version: '12.13.0',
  package: MODULE,
  goNeeded: '1.22.0',
  // From sum.golang.org.
  goSum: `${MODULE} v12.13.0 h1:J/UiNS3f69MkL0tsRLVUUV8uXXQZxdRUchtS+GYiSFc=
${MODULE} v12.13.0/go.mod h1:gpdfR++WHV9/RZh4oux0f6lNPhsOH8pCjIGUlcPQe1M=
`,
};
const VERSION_TIMEOUT_MS = 10_000;
/** Of an attack of one second; its requests end after 30 s. */
const ATTACK_TIMEOUT_MS = 60_000;
const REPORT_TIMEOUT_MS = 120_000;

export type FoundVegeta = { path: string } | { missing: string };

/**
 * The vegeta of VEGETA_BIN, the PATH or the cache, in this order.
 * @returns its path; null: there is none yet
 * @throws UserError if VEGETA_BIN names no vegeta
 */
export async function presentVegeta(env: NodeJS.ProcessEnv): Promise<string | null> {
  const named = env[VEGETA_BIN];
  if (named) {
    const fault = await faultOf(resolve(named), env);
    if (fault === null) return resolve(named);
    throw new UserError(`${VEGETA_BIN} names ${resolve(named)}, which ${fault}`, {
      hint: `without ${VEGETA_BIN} a vegeta is looked for on the PATH, and else built with Go`,
    });
  }
  for (const path of [...programsOnPath('vegeta', env), cachedVegeta(env)])
    if ((await faultOf(path, env)) === null) return path;
  return null;
}

const vegetaFolder = (env: NodeJS.ProcessEnv): string => join(cacheFolder(env), 'vegeta');
const cachedVegeta = (env: NodeJS.ProcessEnv): string =>
  join(vegetaFolder(env), `vegeta-v${VEGETA.version}-${process.platform}-${process.arch}`);

/**
 * {@link presentVegeta}, else one built with Go into the cache.
 * @returns its path, or why there is none
 * @throws UserError if VEGETA_BIN names no vegeta
 */
export async function findVegeta(env: NodeJS.ProcessEnv): Promise<FoundVegeta> {
  const present = await presentVegeta(env);
  if (present !== null) return { path: present };
  const go = programsOnPath('go', env)[0];
  if (go === undefined) return { missing: 'neither vegeta nor go is on the PATH' };
  const temporary = join(vegetaFolder(env), `temporary-${randomUUID()}`);
  try {
    await mkdir(temporary, { recursive: true });
    const built = await buildGoProgram(VEGETA, {
      go,
      folder: temporary,
      env,
      offline: isOffline(env),
    });
    const fault = await faultOf(built, env);
    if (fault !== null) return { missing: `the one built with Go ${fault}` };
    await rename(built, cachedVegeta(env));
    return { path: cachedVegeta(env) };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return { missing: error.message };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** @returns why the file is no vegeta that runs, or null */
async function faultOf(path: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return 'is no program';
  }
  const args = ['-version'];
  const answer = await askProgram({ file: path, args, env, timeoutMs: VERSION_TIMEOUT_MS });
  if (answer.kind === 'not started') return `cannot be run (${answer.code})`;
  if (answer.kind === 'timed out') return `did not answer within ${VERSION_TIMEOUT_MS} ms`;
  // One that is built from its module, as ours, has no number here: "Version: ", "Commit: ", "Runtime: go1.26.8 linux/amd64".
  if (answer.exitCode === 0 && /^Version: /.test(answer.output.stdout)) return null;
  return `is not vegeta: it answered "${firstLine(answer.output.stdout)}"`;
}

/** vegeta's targets in its "http" form, one a body file. @param paths absolute, without line ends */
export const targetsText = (url: string, paths: readonly string[]): string =>
  paths.map((path) => `POST ${url}\nContent-Type: application/json\n@${path}\n\n`).join('');

/**
 * Arguments of an attack from at most `workers` connections.
 * @param call.perSecond 0: as fast as it can
 * @param call.outputPath for the results, one an answer, as vegeta always keeps them
 */
export const attackArgs = (call: {
  targetsPath: string;
  outputPath: string;
  workers: number;
  perSecond: number;
  seconds: number;
}): string[] => [
  'attack',
  ...['-targets', call.targetsPath, '-output', call.outputPath],
  ...['-rate', String(call.perSecond), '-duration', `${call.seconds}s`],
  ...['-workers', String(call.workers), '-max-workers', String(call.workers)],
  ...['-connections', String(call.workers), '-max-connections', String(call.workers)],
];

/** Of `vegeta report -type=json` (lib/metrics.go, Metrics); what else it has is passed over. */
const reportSchema = z.object({
  requests: z.int().nonnegative(),
  status_codes: z.record(z.string(), z.int().nonnegative()),
  /** Each text once. */
  errors: z.array(z.string()).nullable(),
});

/** `accepted`: answers of status 200. */
export type VegetaReport = { requests: number; accepted: number; errors: string[] };

/** @throws Error if it is no report */
export function parseVegetaReport(text: string): VegetaReport {
  const { requests, status_codes, errors } = reportSchema.parse(JSON.parse(text));
  return { requests, accepted: status_codes['200'] ?? 0, errors: errors ?? [] };
}

/** What an attack's results say. @throws Error if vegeta cannot read them */
export async function readVegetaResults(
  vegeta: string,
  outputPath: string,
  env: NodeJS.ProcessEnv,
): Promise<VegetaReport> {
  const args = ['report', '-type=json', outputPath];
  const answer = await askProgram({ file: vegeta, args, env, timeoutMs: REPORT_TIMEOUT_MS });
  if (answer.kind !== 'ended' || answer.exitCode !== 0)
    throw new Error(`"vegeta report" gave no report (${answer.kind})`);
  return parseVegetaReport(answer.output.stdout);
}

/**
 * What vegeta posts in a second of `perSecond` posts, seen by the sink.
 * @param call.signed SHA-256 (hex) of the bodies that it was given
 * @returns posts, and how many of their bodies are different ones of `signed`
 */
export async function bodiesSent(call: {
  vegeta: string;
  sink: Sink;
  targetsPath: string;
  outputPath: string;
  workers: number;
  perSecond: number;
  signed: ReadonlySet<string>;
}): Promise<{ count: number; different: number }> {
  const { vegeta, sink, signed } = call;
  await sink.takeCount();
  sink.watchBodies();
  const answer = await askProgram({
    file: vegeta,
    args: attackArgs({ ...call, seconds: 1 }),
    env: process.env,
    timeoutMs: ATTACK_TIMEOUT_MS,
  });
  const { count, digests } = await sink.takeDigests();
  if (answer.kind !== 'ended' || answer.exitCode !== 0)
    throw new Error(`"vegeta attack" did not end well (${answer.kind})`);
  return { count, different: digests.filter((digest) => signed.has(digest)).length };
}
