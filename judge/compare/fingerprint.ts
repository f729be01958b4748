/**
 * What must be alike so that two runs may be compared: the machine, the target and its kind, the load, the bodies, the programs. Seeds, ports and
 * results differ by nature. Pure.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Plan } from '../../results/types.ts';

/** By the words in which a difference is reported. */
export type Fingerprint = Readonly<Record<string, string>>;

const words = (value: unknown): string =>
  value === undefined || value === null ? 'not known' : typeof value === 'string' ? value : JSON.stringify(value); // prettier-ignore

/** Versions whose last part differs behave alike. */
const upToMinor = (version: string): string => version.split('.').slice(0, 2).join('.');

/** Options that decide which bodies are sent. */
const BODY_OPTIONS = ['payloads', 'chain', 'sizes', 'mix', 'era', 'order'];

export function fingerprintOf({
  scenario,
  target,
  transport,
  load,
  corpus,
  versions,
  host,
  options,
}: Plan): Fingerprint {
  return {
    machine: words(Object.fromEntries(Object.entries(host).sort(([a], [b]) => (a < b ? -1 : 1)))),
    platform: versions.platform,
    k6: upToMinor(versions.k6),
    Node: versions.node.split('.')[0],
    target: target.embedded ? 'embedded backend' : 'given',
    targets: String(target.targets?.length ?? 1),
    'HTTP version': words(transport?.http),
    scenario,
    load: words({ ...load, iterations: load.iterations }),
    network: corpus.network,
    // The bodies of a seed differ by chance; what they are drawn from does not.
    bodies: words(BODY_OPTIONS.map((name) => options[name]?.value ?? null)),
  };
}

/** Short and stable: files of one fingerprint lie together. */
export const fingerprintId = (fingerprint: Fingerprint): string =>
  bytesToHex(sha256(utf8ToBytes(JSON.stringify(Object.entries(fingerprint).sort())))).slice(0, 12);

/** One sentence for each difference; empty: alike. */
export function differencesOf(base: Fingerprint, now: Fingerprint): string[] {
  return Object.keys({ ...base, ...now })
    .filter((name) => base[name] !== now[name])
    .map(
      (name) =>
        `${name}: ${base[name] ?? 'not known'} in the base, ${now[name] ?? 'not known'} now`,
    );
}
