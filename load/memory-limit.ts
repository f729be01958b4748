/** How much memory the programs that this process starts may have: the machine's, or less in a control group. */
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { findCgroup } from '../monitor/cgroup.ts';
import { cgroupLimits } from '../monitor/host-facts.ts';
import { readSmallFile } from '../monitor/linux.ts';

export type MemoryRoom = {
  totalBytes: number;
  /** Of the control group of this process, or of one above it, version 2 or 1; null: none. */
  limitBytes: number | null;
};

export const memoryRoom = (
  totalBytes = totalmem(),
  roots: { procRoot?: string; sysRoot?: string } = {},
): MemoryRoom => {
  const { procRoot = '/proc', sysRoot = '/sys' } = roots;
  const limits = [cgroupLimits(procRoot, sysRoot).memoryBytes, v1LimitOf(procRoot)].filter(
    (bytes) => bytes !== null && bytes < totalBytes,
  ) as number[];
  return { totalBytes, limitBytes: limits.length === 0 ? null : Math.min(...limits) };
};

/** `hierarchical_memory_limit`: the lowest on the way up (Documentation/admin-guide/cgroup-v1/memory.rst, 5.2). */
function v1LimitOf(procRoot: string): number | null {
  const group = findCgroup(process.pid, null, { procRoot });
  if (group?.version !== 1 || group.memory === undefined) return null;
  try {
    const stat = readSmallFile(join(group.memory, 'memory.stat'));
    const bytes = /^hierarchical_memory_limit (\d+)$/m.exec(stat)?.[1];
    return bytes === undefined ? null : Number(bytes);
  } catch {
    return null;
  }
}

/** @returns what is to be said where k6 may not find the memory that it needs; null: nothing */
export function memoryNote(k6Bytes: number, { totalBytes, limitBytes }: MemoryRoom): string | null {
  if (k6Bytes < (limitBytes ?? totalBytes)) return null;
  const mb = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`;
  const room =
    limitBytes === null
      ? `this machine has ${mb(totalBytes)} of memory`
      : `the control group of this process is limited to ${mb(limitBytes)}`;
  return `k6 may use ${mb(k6Bytes)}, but ${room}: lower --vus, or leave out the largest of --sizes`;
}
