/** The hostile side of a run: started beside k6's good load, ended with it. */
import type { LoadRequest } from '../request.ts';
import type { Transport } from '../target/transport.ts';
import { HOSTILE_CASES, type HostileContext } from './cases.ts';
import type { HostileMaterial } from './material.ts';
import { type HostileRun, startHostile } from './sender.ts';

/** How long a slow request takes to be written, and a half-open connection is held. */
const SLOW_MS = 3000;
const HOLD_MS = 5000;

/** What is known of the target, and so of its answers. */
export type HostileTarget = {
  url: string;
  /** null: not known. */
  hourlyLimit: number | null;
  /** The embedded backend was started for this run with the run's own whitelist and limit; null: the target is the user's. */
  embedded: (Pick<HostileContext, 'signatures' | 'faithful'> & { durationMs: number }) | null;
  headers: Transport['headers'];
};

/** What the hostile sender cannot do, as the options that ask for it. */
export function hostileLimits(transport: Transport, targets: number): string[] {
  const { ca, client, proxy, insecureSkipTlsVerify, http } = transport;
  return [
    targets > 1 && 'several --target',
    ca !== null && '--ca',
    client !== null && '--cert',
    proxy !== null && '--proxy',
    insecureSkipTlsVerify && '--insecure-skip-tls-verify',
    http === '2' && '--http 2',
  ].filter((option) => typeof option === 'string');
}

export function startBeside(
  material: HostileMaterial,
  target: HostileTarget,
  request: Pick<LoadRequest, 'seed' | 'requestTimeoutMs'>,
  ratePerSecond: number,
): HostileRun {
  const { embedded } = target;
  return startHostile({
    url: target.url,
    cases: HOSTILE_CASES,
    context: {
      material,
      headers: Object.entries(target.headers)
        // The cases write these two themselves.
        .filter(([name]) => name !== 'content-type' && name !== 'user-agent')
        .map(([name, value]) => `${name}: ${value}`),
      hourlyLimit: target.hourlyLimit,
      whitelist: embedded ? 'on' : 'unknown',
      signatures: embedded?.signatures ?? 'checked',
      // Of a target of the user's it is not known: one that does not say "later" is as right.
      faithful: embedded?.faithful ?? false,
      durationMs: embedded?.durationMs ?? null,
      fresh: embedded !== null,
      direct: embedded !== null,
      nowMs: Date.now,
      slowMs: SLOW_MS,
      holdMs: HOLD_MS,
    },
    ratePerSecond,
    seed: request.seed,
    timeoutMs: Math.min(request.requestTimeoutMs, 30_000),
  });
}
