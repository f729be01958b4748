/** Readings of an agent: checked, and made lines of this run, with its times and names. */
import type { ProcessReading, ResourceLine } from '../results/types.ts';
import { present } from './source.ts';

export const LONGEST_NAME = 200;

/** Who uses which name: two sources never write under one. */
export class SourceNames {
  readonly #owners = new Map<string, unknown>();
  constructor(taken: Iterable<string> = []) {
    for (const name of taken) this.#owners.set(name, 'taken');
  }
  /** `name`, or with `prefix` if another owner has it. */
  claim(owner: unknown, name: string, prefix: string): string {
    for (const candidate of [name, `${prefix} ${name}`]) {
      const before = this.#owners.get(candidate);
      if (before !== undefined && before !== owner) continue;
      this.#owners.set(candidate, owner);
      return candidate;
    }
    return `${prefix} ${name}`;
  }
}

const KINDS = ['process', 'host', 'postgres', 'note'];

/**
 * What another machine sends is checked: a run's folder must stay readable.
 * @returns null: it is no reading
 */
export function readingIn(value: unknown): ResourceLine | null {
  const { kind, ...fields } = value as Record<string, unknown>;
  if (!KINDS.includes(kind as string)) return null;
  for (const [key, field] of Object.entries(fields)) {
    const isText = key === 'name' || (kind === 'note' && key === 'text');
    if (isText ? typeof field !== 'string' : typeof field !== 'number' || field < 0) return null;
  }
  const { t, name, text, cores } = fields;
  if (typeof t !== 'number') return null;
  if (
    kind === 'host'
      ? typeof cores !== 'number'
      : typeof name !== 'string' || name.length > LONGEST_NAME
  )
    return null;
  if (kind === 'note' && typeof text !== 'string') return null;
  return value as ResourceLine;
}

/**
 * @param label before each name; null: only `host`, and only where the name is in use
 * @returns what makes a reading of the agent's `machine` one of this run; `offsetMs`: how far its clock is ahead
 */
export function agentReadings(
  label: string | null,
  host: string,
  names: SourceNames,
): (line: ResourceLine, offsetMs: number, machine: string) => ResourceLine {
  const owner = {};
  const prefix = label ?? host;
  const nameOf = (name: string) =>
    names.claim(owner, label === null ? name : `${label} ${name}`, prefix);
  return (line, offsetMs, machine) => {
    const t = Math.round(line.t - offsetMs);
    if (line.kind !== 'host') return { ...line, t, name: nameOf(line.name) };
    // The whole of the other machine stands like a process: `host` means the machine of the load.
    return present<ProcessReading>({
      t,
      kind: 'process',
      name: names.claim(owner, `machine ${machine}`, prefix),
      cpuCores: line.cpuCores,
      cpuPercentOfMachine: line.cpuPercentOfMachine,
      rssBytes: line.memoryUsedBytes,
      networkReceivedBytesPerSecond: line.networkReceivedBytesPerSecond,
      networkSentBytesPerSecond: line.networkSentBytesPerSecond,
    });
  };
}
