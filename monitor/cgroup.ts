/**
 * What a container is charged with, from the files of its control group, version 2 or 1. Sources: Linux,
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/{cpuacct,memory,blkio-controller,pids}.rst;
 * cgroups(7). The roots are arguments, so tests make such trees as plain files.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readSmallFile } from './small-file.ts';

/** Where a hierarchy is mounted, and which of its folders that mount shows. */
type Mount = { mountPoint: string; root: string };
export type CgroupMounts = { v2?: Mount; v1: Map<string, Mount> };

/** Blanks and the like stand as octal escapes in mountinfo. */
const unescape = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

/** `/proc/self/mountinfo` (proc_pid_mountinfo(5)): the cgroup hierarchies; version 1 by controller. */
export function parseCgroupMounts(text: string): CgroupMounts {
  const mounts: CgroupMounts = { v1: new Map() };
  for (const line of text.split('\n')) {
    const [left, right] = line.split(' - ', 2);
    if (right === undefined) continue;
    const [, , , root, mountPoint] = left.split(' ');
    const [type, , superOptions = ''] = right.split(' ');
    if (root === undefined || mountPoint === undefined) continue;
    const mount = { mountPoint: unescape(mountPoint), root: unescape(root) };
    if (type === 'cgroup2') mounts.v2 ??= mount;
    if (type === 'cgroup')
      for (const option of superOptions.split(','))
        if (!mounts.v1.has(option)) mounts.v1.set(option, mount);
  }
  return mounts;
}

/** `/proc/PID/cgroup`: the folder in each hierarchy; `''` stands for version 2. */
export function parseCgroupPaths(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match) for (const controller of match[1].split(',')) paths.set(controller, match[2]);
  }
  return paths;
}

/**
 * The container's own folder: up to the part that holds its id. What runs inside may stand deeper (systemd's
 * init.scope, crun's "container"). @returns null if the id is not in the path: another process, or hidden
 */
export function folderOfContainer(path: string, id: string): string | null {
  const parts = path.split('/');
  const at = parts.findIndex((part) => part.includes(id));
  return at === -1 ? null : parts.slice(0, at + 1).join('/');
}

function inMount({ mountPoint, root }: Mount, path: string): string | null {
  if (path.split('/').includes('..')) return null;
  if (root === '/') return join(mountPoint, path);
  if (path !== root && !path.startsWith(`${root}/`)) return null;
  return join(mountPoint, path.slice(root.length));
}

/** The folders of one group; those of version 1 by controller. */
export type Cgroup =
  | { version: 2; folder: string }
  | { version: 1; cpu?: string; cpuacct: string; memory?: string; pids?: string; blkio?: string };

export type CgroupRoots = { procRoot?: string };

/**
 * The cgroup of a container by its first process. @param id its full id, which must stand in the path: a pid
 * of another machine or pid namespace would lead to a stranger. `null`: take the process's own group as it is
 * @returns null where its files are not to be seen from here
 */
export function findCgroup(
  pid: number,
  id: string | null,
  { procRoot = '/proc' }: CgroupRoots = {},
): Cgroup | null {
  let paths: Map<string, string>;
  let mounts: CgroupMounts;
  try {
    paths = parseCgroupPaths(readSmallFile(join(procRoot, String(pid), 'cgroup')));
    mounts = parseCgroupMounts(readSmallFile(join(procRoot, 'self/mountinfo')));
  } catch {
    return null;
  }
  const folderOf = (controller: string): string | undefined => {
    const path = paths.get(controller);
    const mount = controller === '' ? mounts.v2 : mounts.v1.get(controller);
    if (path === undefined || mount === undefined) return undefined;
    const own = id === null ? path : folderOfContainer(path, id);
    return own === null ? undefined : (inMount(mount, own) ?? undefined);
  };
  const readable = (path: string) => {
    try {
      readSmallFile(path);
      return true;
    } catch {
      return false;
    }
  };
  // A hybrid system has both; the controllers, and so the figures, are then in version 1.
  const cpuacct = folderOf('cpuacct');
  if (cpuacct !== undefined && readable(join(cpuacct, 'cpuacct.usage')))
    return {
      version: 1,
      cpuacct,
      cpu: folderOf('cpu'),
      memory: folderOf('memory'),
      pids: folderOf('pids'),
      blkio: folderOf('blkio'),
    };
  const folder = folderOf('');
  if (folder !== undefined && readable(join(folder, 'cpu.stat'))) return { version: 2, folder };
  return null;
}

/** Counters since the group was made, and levels. What a kernel or a setting does not say is absent. */
export type CgroupUsage = {
  cpuMs: number;
  /** Less the inactive file cache, as `docker stats` shows it (docker/cli, cli/command/container/stats_helpers.go). */
  memoryBytes?: number;
  memoryPeakBytes?: number;
  processes?: number;
  /** Tasks, as the pids controller counts them; `docker stats` calls them PIDS. */
  threads?: number;
  /** Sum over block devices, as `docker stats` sums; a volume on top of a disk may count on both. */
  readBytes?: number;
  writeBytes?: number;
  /** Periods of the CPU limit that passed, and in which the group was held back. */
  periods?: number;
  throttledPeriods?: number;
};

const number = (text: string | undefined): number | undefined => {
  const trimmed = text?.trim();
  return trimmed !== undefined && /^\d+$/.test(trimmed) ? Number(trimmed) : undefined;
};

/** A line `key value` of a flat keyed file. */
const keyed = (text: string | undefined, key: string): number | undefined =>
  number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text ?? '')?.[1]);

/** `io.stat`: `8:0 rbytes=1 wbytes=2 …`; a device without traffic has a line without figures. */
export function parseIoStat(text: string): { readBytes: number; writeBytes: number } {
  const sum = (key: string) =>
    [...text.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))].reduce(
      (total, [, bytes]) => total + Number(bytes),
      0,
    );
  return { readBytes: sum('rbytes'), writeBytes: sum('wbytes') };
}

/** `blkio.throttle.io_service_bytes`: `8:0 Read 1`, `8:0 Write 2`, …, and a total. */
export function parseBlkio(text: string): { readBytes: number; writeBytes: number } {
  const sum = (key: string) =>
    [...text.matchAll(new RegExp(`^\\d+:\\d+ ${key} (\\d+)$`, 'gm'))].reduce(
      (total, [, bytes]) => total + Number(bytes),
      0,
    );
  return { readBytes: sum('Read'), writeBytes: sum('Write') };
}

/** The cache that the kernel could drop at once is not what the container needs. */
export const withoutInactiveFile = (
  usage: number | undefined,
  inactiveFile: number | undefined,
): number | undefined =>
  usage === undefined || inactiveFile === undefined || inactiveFile >= usage
    ? usage
    : usage - inactiveFile;

const DEEPEST = 8;
const MOST_FOLDERS = 500;

/**
 * CPU time of a control group that holds nothing but processes of one tree: it counts processes as well that came and went unseen, which no sum over
 * processes does where nobody waits for them.
 * @returns null if another process is in it, none of them is (they were moved), or it is not to be seen
 */
export function ownGroupCpuMs(cgroup: Cgroup, isOfTree: (pid: number) => boolean): number | null {
  const top = cgroup.version === 2 ? cgroup.folder : cgroup.cpuacct;
  let folders = 0;
  let found = 0;
  const isOwn = (folder: string, depth: number): boolean => {
    if (++folders > MOST_FOLDERS || depth > DEEPEST) return false;
    const inside = readSmallFile(join(folder, 'cgroup.procs')).match(/^\d+$/gm) ?? [];
    found += inside.length;
    return (
      inside.every((pid) => isOfTree(Number(pid))) &&
      readdirSync(folder, { withFileTypes: true }).every(
        (entry) => !entry.isDirectory() || isOwn(join(folder, entry.name), depth + 1),
      )
    );
  };
  try {
    if (!isOwn(top, 0) || found === 0) return null;
    return cgroup.version === 2
      ? (keyed(readSmallFile(join(top, 'cpu.stat')), 'usage_usec') ?? NaN) / 1e3
      : (number(readSmallFile(join(top, 'cpuacct.usage'))) ?? NaN) / 1e6;
  } catch {
    return null;
  }
}

/** Processes in a folder and those below it. @returns undefined if they cannot be listed, or are too many */
function countProcesses(top: string): number | undefined {
  let folders = 0;
  function countIn(folder: string, depth: number): number | undefined {
    if (++folders > MOST_FOLDERS || depth > DEEPEST) return undefined;
    let count = readSmallFile(join(folder, 'cgroup.procs')).match(/^\d+$/gm)?.length ?? 0;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const inside = countIn(join(folder, entry.name), depth + 1);
      if (inside === undefined) return undefined;
      count += inside;
    }
    return count;
  }
  try {
    return countIn(top, 0);
  } catch {
    return undefined;
  }
}

/** @throws Error if the CPU time cannot be read: the group is gone */
export function readCgroup(cgroup: Cgroup): CgroupUsage {
  const text = (folder: string | undefined, name: string): string | undefined => {
    if (folder === undefined) return undefined;
    try {
      return readSmallFile(join(folder, name));
    } catch {
      return undefined;
    }
  };
  const isV2 = cgroup.version === 2;
  const cpu = isV2
    ? keyed(readSmallFile(join(cgroup.folder, 'cpu.stat')), 'usage_usec')
    : number(readSmallFile(join(cgroup.cpuacct, 'cpuacct.usage')));
  if (cpu === undefined) throw new Error('the CPU time of the control group is no number');
  if (isV2) {
    const { folder } = cgroup;
    const stat = text(folder, 'cpu.stat');
    const io = text(folder, 'io.stat');
    return {
      cpuMs: cpu / 1e3,
      memoryBytes: withoutInactiveFile(
        number(text(folder, 'memory.current')),
        keyed(text(folder, 'memory.stat'), 'inactive_file'),
      ),
      memoryPeakBytes: number(text(folder, 'memory.peak')),
      processes: countProcesses(folder),
      threads: number(text(folder, 'pids.current')),
      ...(io !== undefined && parseIoStat(io)),
      periods: keyed(stat, 'nr_periods'),
      throttledPeriods: keyed(stat, 'nr_throttled'),
    };
  }
  const stat = text(cgroup.cpu, 'cpu.stat');
  const io = text(cgroup.blkio, 'blkio.throttle.io_service_bytes');
  return {
    cpuMs: cpu / 1e6,
    memoryBytes: withoutInactiveFile(
      number(text(cgroup.memory, 'memory.usage_in_bytes')),
      keyed(text(cgroup.memory, 'memory.stat'), 'total_inactive_file'),
    ),
    memoryPeakBytes: number(text(cgroup.memory, 'memory.max_usage_in_bytes')),
    processes: countProcesses(cgroup.cpuacct),
    threads: number(text(cgroup.pids, 'pids.current')),
    ...(io !== undefined && parseBlkio(io)),
    periods: keyed(stat, 'nr_periods'),
    throttledPeriods: keyed(stat, 'nr_throttled'),
  };
}
