/** How much memory the programs that this process starts may have: the machine's, or less in a control group. */
import { totalmem } from 'node:os';
import { readCgroupLimits } from '../monitor/cgroup-limits.ts';

export type MemoryRoom = {
  totalBytes: number;
  /** Of the control group of this process, or of one above it, version 2 or 1; null: none. */
  limitBytes: number | null;
};

/** @param roots other folders of the same form, for tests */
export function memoryRoom(totalBytes = totalmem(), roots: { procRoot?: string } = {}): MemoryRoom {
  const { memoryLimitBytes } = readCgroupLimits('self', roots);
  const isLimit = memoryLimitBytes !== null && memoryLimitBytes < totalBytes;
  return { totalBytes, limitBytes: isLimit ? memoryLimitBytes : null };
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
