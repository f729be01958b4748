/** What the benchmarks share: the form of a figure, and timing that a busy machine disturbs least. */

import { readdirSync, readFileSync } from 'node:fs';

/** One figure: a JSON line on standard output. */
export type BenchLine = {
  bench: string;
  case: string;
  value: number;
  unit: string;
  /** Measured in the same run; null where there is none on this machine. */
  peer: string | null;
  peer_value: number | null;
  /** `value / peer_value`: above 1 is better for us unless the unit says otherwise. */
  ratio: number | null;
};

/**
 * Best of `rounds` after one to warm up, in seconds: other work on the machine only ever adds time.
 * @param rounds at least 1
 */
export function bestSeconds(work: () => void, rounds = 3): number {
  work();
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const startedMs = performance.now();
    work();
    best = Math.min(best, (performance.now() - startedMs) / 1000);
  }
  return best;
}

/** Of this process, all threads. */
export const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Of an odd number of values. */
export const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1];

/** CPU time of a running process and of all below it, of which those that ended count, in seconds; Linux. Source: proc(5). */
export function treeCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // After the name in brackets: fields 14 to 17 are user and system time of its own and of ended children, in ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean),
  );
  return children.reduce((sum, child) => sum + treeCpuSeconds(Number(child)), own);
}

/**
 * Two ways to do the same work, in turns, so that what disturbs one disturbs the other. CPU time of this process is
 * what counts: "per second" is per second of one core, whatever else runs on the machine.
 * @param ours does a part of the work and returns how many items that was; so does `peer`
 * @returns items per second, the median of `rounds` (odd) after one round to warm up
 */
export function compareRates(
  ours: () => number,
  peer: (() => number) | undefined,
  rounds = 9,
): { value: number; peerValue: number | null } {
  const rateOf = (work: () => number): number => {
    const startedAt = cpuSeconds();
    const items = work();
    return items / (cpuSeconds() - startedAt);
  };
  const values: number[] = [];
  const peerValues: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const value = rateOf(ours);
    const peerValue = peer && rateOf(peer);
    if (round < 0) continue;
    values.push(value);
    if (peerValue !== undefined) peerValues.push(peerValue);
  }
  return { value: median(values), peerValue: peer ? median(peerValues) : null };
}

/** A line of {@link compareRates}: whole items per second. */
export function rateLine(
  names: { bench: string; case: string; unit: string; peer: string | null },
  { value, peerValue }: { value: number; peerValue: number | null },
): BenchLine {
  return {
    bench: names.bench,
    case: names.case,
    value: Math.round(value),
    unit: names.unit,
    peer: peerValue === null ? null : names.peer,
    peer_value: peerValue === null ? null : Math.round(peerValue),
    ratio: peerValue === null ? null : Number((value / peerValue).toFixed(2)),
  };
}
