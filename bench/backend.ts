/**
 * What a submission costs the embedded backend: submissions per second of its CPU, with the checks on, beside the same without the
 * check of signatures and beside a real backend, if REAL_BACKEND names its binary (it listens on port 8080 of all addresses, so give it
 * a network namespace: `unshare -rn bash -c 'ip link set lo up; REAL_BACKEND=… npm run bench -- backend'`).
 *
 * All of them write to a filesystem. The bodies were signed before, and go over kept connections as fast as they are answered. The cases
 * take turns, so that a change in the machine's speed meets all of them; medians. CPU is that of the whole process tree.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENVELOPE, ENVELOPE_END, RECORD } from '../mina/envelope.ts';
import { writeCorpus } from '../producers/corpus.ts';
import { makeFleet } from '../producers/fleet.ts';
import { sizedTemplates } from '../producers/sized-templates.ts';
import { recordedPayloads } from '../producers/templates.ts';
import { startBackend } from '../stack/backend-process.ts';
import { UserError } from '../user-error.ts';
import { type SignedBodies, startSender } from './backend-sender.ts';
import { type BenchLine, median, treeCpuSeconds } from './measure.ts';

const SIZES = [24_000, 46_000];
/** Blocks that are current at a time. */
const BLOCKS = 2;
/** More than the program has; a key that submits again and again has its table (mina/signer.ts). Also the most that are sent a second. */
const PRODUCERS = 1000;
const CONNECTIONS = 32;
const SECONDS = 4;
const ROUNDS = 3;
/** Until each key has submitted often enough to have its table. */
const WARM_UP_ROUNDS = 3;
/** The original keeps 24 bytes for each that it may count. */
const HOURLY = '5000';
const START = 1_767_225_600; // 2026-01-01T00:00:00Z
/** What the real one listens on; its source has the number. */
const REAL_PORT = 8080;
const REAL_START_MS = 15_000;

type Target = { name: string; port: number; pid: number; stop(): Promise<void> };

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  if (process.platform !== 'linux')
    throw new UserError('the bench "backend" reads /proc, which only Linux has', {
      hint: 'run it on Linux, or in a Linux container',
    });
  const folder = mkdtempSync(join(tmpdir(), 'bench-backend-'));
  const targets: Target[] = [];
  try {
    targets.push(await startOurs('ours', folder, {}));
    targets.push(await startOurs('one thread', folder, { BACKEND_CHECK_THREADS: '0' }));
    targets.push(await startOurs('unchecked', folder, { VERIFY_SIGNATURE_DISABLED: '1' }));
    const real = process.env.REAL_BACKEND ?? '';
    if (real !== '') targets.push(await startReal(real, folder));
    for (const bytes of SIZES) {
      const bodies = await signedBodies(join(folder, String(bytes)), bytes);
      const rates = await ratesOf(targets, bodies);
      const case_ = `${bytes / 1000} KB, filesystem`;
      const value = rates.get('ours')!;
      const peer = real === '' ? null : Math.round(rates.get('real')!);
      report({
        bench: 'backend',
        case: `signatures checked, ${case_}`,
        value: Math.round(value),
        unit: 'submissions per CPU second',
        peer: peer === null ? null : 'the backend of REAL_BACKEND',
        peer_value: peer,
        ratio: peer === null ? null : Number((value / peer).toFixed(2)),
      });
      for (const [name, words] of [
        ['one thread', 'signatures checked by the thread that serves'],
        ['unchecked', 'signatures not checked'],
      ])
        report({
          bench: 'backend',
          case: `${words}, ${case_}`,
          value: Math.round(rates.get(name)!),
          unit: 'submissions per CPU second',
          peer: 'the same with signatures checked in threads',
          peer_value: Math.round(value),
          ratio: Number((rates.get(name)! / value).toFixed(2)),
        });
    }
  } finally {
    for (const target of targets) await target.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startOurs(
  name: string,
  folder: string,
  env: Record<string, string>,
): Promise<Target> {
  const backend = await startBackend({
    whitelist: null,
    storageFolder: join(folder, `stored-${name}`),
    logFile: join(folder, `${name}.log`),
    env: { REQUESTS_PER_PK_HOURLY: HOURLY, ...env },
  });
  const { port, pid } = backend;
  return { name, port, pid, stop: () => backend.stop() };
}

async function startReal(file: string, folder: string): Promise<Target> {
  const stored = join(folder, 'stored-real');
  const child = spawn(file, [], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: {
      ...process.env,
      CONFIG_FILE: undefined,
      CONFIG_NETWORK_NAME: 'devnet',
      DELEGATION_WHITELIST_DISABLED: '1',
      CONFIG_FILESYSTEM_PATH: stored,
      REQUESTS_PER_PK_HOURLY: HOURLY,
    },
  });
  const ended = once(child, 'exit').catch((error: Error) => [error.message]);
  let end: unknown[] | null = null;
  void ended.then((how) => (end = how));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const limit = performance.now() + REAL_START_MS;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${REAL_PORT}/health`).catch(() => null);
    if (end !== null || child.pid === undefined || performance.now() > limit) {
      await stop();
      throw new UserError(`${file} is not there on port ${REAL_PORT}: ${JSON.stringify(end)}`, {
        hint: 'REAL_BACKEND names the binary of the uptime service backend; what it needs (LD_LIBRARY_PATH) comes from the environment',
      });
    }
    if (answer?.status === 200) return { name: 'real', port: REAL_PORT, pid: child.pid, stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function signedBodies(folder: string, bytes: number): Promise<SignedBodies> {
  // Of one size there is one: the others are shorter by four letters of base64 each.
  const named = Array.from({ length: BLOCKS }, (_, i) => ({
    name: `${bytes}-${i}`,
    bytes: bytes - 4 * i,
  }));
  const { templates } = await writeCorpus({
    folder,
    fleet: makeFleet({ seed: 'bench', count: PRODUCERS }),
    templates: sizedTemplates(await recordedPayloads(), named, 'bench'),
    count: PRODUCERS,
    network: 'testnet',
    seed: 'bench',
    createdAt: { startSeconds: START, perSecond: 1000 },
    given: {
      templates: Uint32Array.from({ length: PRODUCERS }, (_, i) => i % BLOCKS),
      producers: Uint32Array.from({ length: PRODUCERS }, (_, i) => i),
    },
  });
  const bodies = readFileSync(join(folder, 'bodies.bin'));
  const records = readFileSync(join(folder, 'envelopes.bin'));
  const heads = templates.map(({ offset, bytes: length, envelopeOffset = 0 }) =>
    Buffer.concat([
      Buffer.from(`POST /v1/submit HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`),
      bodies.subarray(offset, offset + envelopeOffset),
    ]),
  );
  const tails = Array.from({ length: PRODUCERS }, (_, i) => {
    const start = i * RECORD.bytes + RECORD.envelopeOffset;
    const envelope = records.subarray(start, start + ENVELOPE.bytes);
    return Buffer.concat([envelope, Buffer.from(ENVELOPE_END)]);
  });
  return { heads, tails, headOf: (i) => records.readUInt32LE(i * RECORD.bytes) };
}

/** @returns submissions per CPU second of each target, by its name */
async function ratesOf(targets: Target[], bodies: SignedBodies): Promise<Map<string, number>> {
  const senders = targets.map(({ port }) => startSender(port, CONNECTIONS, bodies));
  const rates = targets.map((): number[] => []);
  try {
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++)
      for (const [i, { name, pid }] of targets.entries()) {
        const before = treeCpuSeconds(pid);
        const { accepted, other } = await senders[i].send(SECONDS * 1000);
        const cpuSeconds = treeCpuSeconds(pid) - before;
        if (other !== null || accepted === 0)
          throw new Error(`${name} accepted ${accepted}, and then answered: ${other}`);
        if (round >= 0) rates[i].push(accepted / cpuSeconds);
      }
  } finally {
    for (const sender of senders) sender.close();
  }
  return new Map(targets.map(({ name }, i) => [name, median(rates[i])]));
}
