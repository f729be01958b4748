/**
 * What the control groups of a process allow it, and how often they held it back. A limit of any group on the way up binds as well, so each
 * is looked at. Sources: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max, memory.max, cpu.stat), cgroup-v1/memory.rst and
 * scheduler/sched-bwc.rst (cpu.cfs_quota_us, cpu.cfs_period_us, cpu.stat). The root of /proc is an argument, so tests make such trees as plain files.
 */
import { join } from 'node:path';
import {
  parseCgroupMounts,
  parseCgroupPaths,
  type CgroupMounts,
  type CgroupRoots,
} from './cgroup.ts';
import { readSmallFile } from './small-file.ts';

/** null: no limit, or none that is to be seen from here. */
export type CgroupLimits = {
  memoryLimitBytes: number | null;
  /** CPU time per time: 0.5 is half a core. */
  cpuQuotaCores: number | null;
};

/** Counters since the group with the tightest quota was made. */
export type Throttling = {
  /** Periods of the quota in which the group wanted to run. */
  periods: number;
  /** Those of them in which it was held back. */
  throttled: number;
  /** Time for which it was held back, microseconds; summed over CPUs. */
  throttledUs: number;
};

/** `cpu.max` of version 2: `QUOTA PERIOD` in microseconds, or `max PERIOD`. */
export function parseCpuMax(text: string): number | null {
  const match = /^(\d+) (\d+)\s*$/.exec(text);
  return match === null ? null : coresOf(Number(match[1]), Number(match[2]));
}

/** `cpu.cfs_quota_us` (-1: none) and `cpu.cfs_period_us` of version 1. */
export function parseCfsQuota(quota: string, period: string): number | null {
  if (!/^\d+\s*$/.test(quota) || !/^\d+\s*$/.test(period)) return null;
  return coresOf(Number(quota), Number(period));
}

const coresOf = (quotaUs: number, periodUs: number): number | null =>
  quotaUs > 0 && periodUs > 0 ? quotaUs / periodUs : null;

/** `memory.max` or `memory.limit_in_bytes`: `max`, or in version 1 a number near 2^63, is no limit. */
export function parseMemoryLimit(text: string): number | null {
  const bytes = /^\d+\s*$/.test(text) ? Number(text) : NaN;
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : null;
}

/** `cpu.stat` of either version. @returns null where the group has no quota and so no such counters */
export function parseThrottling(text: string): Throttling | null {
  const read = (key: string) => {
    const digits = new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1];
    return digits === undefined ? undefined : Number(digits);
  };
  const periods = read('nr_periods');
  const throttled = read('nr_throttled');
  const us = read('throttled_usec');
  const ns = read('throttled_time');
  if (periods === undefined || throttled === undefined) return null;
  return { periods, throttled, throttledUs: us ?? (ns ?? 0) / 1000 };
}

/** A process's folder in one hierarchy and those above it, the nearest first. */
type Lineage = { version: 1 | 2; folders: string[] };

type Pid = number | 'self';

function textOf(path: string): string {
  try {
    return readSmallFile(path);
  } catch {
    return '';
  }
}

/** @returns no folders where the process's group in this hierarchy is not to be seen from here */
function lineageOf(pid: Pid, controller: string, procRoot: string): Lineage {
  const paths = parseCgroupPaths(textOf(join(procRoot, String(pid), 'cgroup')));
  const mounts: CgroupMounts = parseCgroupMounts(textOf(join(procRoot, 'self/mountinfo')));
  // A controller is in version 1 or in version 2, never in both.
  const v1 = mounts.v1.get(controller);
  const version = v1 === undefined ? 2 : 1;
  const mount = v1 ?? mounts.v2;
  const path = paths.get(version === 1 ? controller : '');
  if (mount === undefined || path === undefined) return { version, folders: [] };
  const parts = path.split('/').filter((part) => part !== '');
  const root = mount.root.split('/').filter((part) => part !== '');
  const isInside = !parts.includes('..') && root.every((part, i) => parts[i] === part);
  // A container's own mount with the host's path, or the reverse: what is mounted is at least its own.
  const below = isInside ? parts.slice(root.length) : [];
  if (!isInside && pid !== 'self' && pid !== process.pid) return { version, folders: [] };
  return {
    version,
    folders: Array.from({ length: below.length + 1 }, (_, i) =>
      join(mount.mountPoint, ...below.slice(0, below.length - i)),
    ),
  };
}

const lowest = (limits: (number | null)[]): number | null =>
  limits.reduce((low, limit) => (limit === null ? low : Math.min(low ?? Infinity, limit)), null);

function quotaOf(folder: string, version: 1 | 2): number | null {
  if (version === 2) return parseCpuMax(textOf(join(folder, 'cpu.max')));
  return parseCfsQuota(
    textOf(join(folder, 'cpu.cfs_quota_us')),
    textOf(join(folder, 'cpu.cfs_period_us')),
  );
}

/** The limits under which a process runs; both null where there are no control groups. Never throws. */
export function readCgroupLimits(
  pid: Pid = 'self',
  { procRoot = '/proc' }: CgroupRoots = {},
): CgroupLimits {
  const memory = lineageOf(pid, 'memory', procRoot);
  const cpu = lineageOf(pid, 'cpu', procRoot);
  const memoryFile = memory.version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
  return {
    memoryLimitBytes: lowest(
      memory.folders.map((folder) => parseMemoryLimit(textOf(join(folder, memoryFile)))),
    ),
    cpuQuotaCores: lowest(cpu.folders.map((folder) => quotaOf(folder, cpu.version))),
  };
}

/**
 * How often a CPU quota held the process's group back. Where several groups on the way up have a quota, the tightest counts.
 * @returns null where no such counters are to be seen; never throws
 */
export function readThrottling(
  pid: Pid = 'self',
  { procRoot = '/proc' }: CgroupRoots = {},
): Throttling | null {
  const { version, folders } = lineageOf(pid, 'cpu', procRoot);
  let best: { quota: number; counters: Throttling } | null = null;
  for (const folder of folders) {
    const counters = parseThrottling(textOf(join(folder, 'cpu.stat')));
    const quota = quotaOf(folder, version) ?? Infinity;
    if (counters !== null && (best === null || quota < best.quota)) best = { quota, counters };
  }
  return best?.counters ?? null;
}
