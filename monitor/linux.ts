/**
 * Process trees from Linux's /proc. Files are read synchronously: a small one takes about 10 µs that way and
 * 250 µs of CPU through the thread pool (Node 20, Linux 6.18). Long work is cut into slices, so the event
 * loop is held for about a millisecond at most.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  parseAuxv,
  parseChildren,
  parseProcIo,
  parseProcStat,
  parseSchedstat,
  parseUptime,
  type IoBytes,
} from './procfs.ts';
import { findCgroup, ownGroupCpuMs, type Cgroup } from './cgroup.ts';
import { readSmallFile } from './small-file.ts';
import {
  collectTrees,
  type ProcessRow,
  type ProcessSource,
  type ProcessTable,
  type Snapshot,
  type WatchedProcess,
  type WatchedRoot,
} from './tree.ts';

const SLICE_MS = 0.5;
/** Beside this many threads a look at every process of the machine may be cheaper than one per thread. */
const MANY_THREADS = 150;

/** From here on the steps of the clock ticks, 10 ms, are less than 0.02 cores. */
const LONG_INTERVAL_MS = 900;
/** Of a process with more threads the clock ticks are taken: its threads would cost more than they tell. */
const MOST_FINE_THREADS = 256;

/** How long a process's control group, and that it holds strangers as well, is taken as known: both cost many small files to see. */
const GROUP_KNOWN_MS = 10_000;

/** A process that waited for a processor longer than this in an interval may do next to nothing because it may not. */
const KEPT_WAITING_MS = 20;

/** The process, or what it had there, is gone; anything else is a failure. */
const isGone = (error: unknown): boolean =>
  ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');

function unitsOf(procRoot: string): { msPerTick: number; pageBytes: number } {
  let units: ReturnType<typeof parseAuxv> = {};
  try {
    units = parseAuxv(readFileSync(join(procRoot, 'self/auxv')), endianness() === 'LE');
  } catch {
    // The usual values below.
  }
  return { msPerTick: 1000 / (units.clockTicks ?? 100), pageBytes: units.pageBytes ?? 4096 };
}

/** @property cgroup null: none of its own, or not to be seen */
type KnownGroup = { startedAtMs: number; cgroup: Cgroup | null; untilMs: number };

export type LinuxProcessesOptions = {
  /** Another folder of the same form, for tests. */
  procRoot?: string;
  monotonicMs?: () => number;
};

/** @returns a reader of process trees; its clock of starts is milliseconds since boot */
export function linuxProcesses({
  procRoot = '/proc',
  monotonicMs = () => performance.now(),
}: LinuxProcessesOptions = {}): ProcessSource {
  const { msPerTick, pageBytes } = unitsOf(procRoot);
  /** False once the kernel turned out to be built without CONFIG_PROC_CHILDREN. */
  let hasChildrenFiles = true;
  /** Linux 6.2 and later give the number of open files as the folder's size; undefined: not tried yet. */
  let folderSizeIsCount: boolean | undefined;
  let threadsBefore = 0;

  function readRow(pid: number): ProcessRow | null {
    let text: string;
    try {
      text = readSmallFile(`${procRoot}/${pid}/stat`);
    } catch (error) {
      if (isGone(error)) return null;
      throw error;
    }
    const stat = parseProcStat(text);
    if (stat?.pid !== pid) return null;
    return {
      pid,
      parentPid: stat.parentPid,
      startedAtMs: stat.starttime * msPerTick,
      ended: stat.state === 'Z' || stat.state === 'X' || stat.state === 'x',
      cpuMs: (stat.utime + stat.stime) * msPerTick,
      reapedCpuMs: (stat.cutime + stat.cstime) * msPerTick,
      rssBytes: stat.rssPages * pageBytes,
      threads: stat.threads,
    };
  }

  /** Names in a folder; none if the process or thread ended. */
  function list(folder: string): string[] {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (isGone(error)) return [];
      throw error;
    }
  }

  const isPid = (name: string) => name >= '1' && name < ':';

  /** Asks each thread for the children it started: the work grows with the trees, not with the machine. */
  const threadTable: ProcessTable = {
    row: readRow,
    childrenOf(pid) {
      const pids: number[] = [];
      for (const thread of list(`${procRoot}/${pid}/task`)) {
        try {
          const children = readSmallFile(`${procRoot}/${pid}/task/${thread}/children`);
          for (const child of parseChildren(children)) pids.push(child);
        } catch (error) {
          if (!isGone(error)) throw error;
          const left = list(`${procRoot}/${pid}/task/${thread}`);
          if (left.length > 0 && !left.includes('children')) hasChildrenFiles = false;
        }
      }
      return pids;
    },
  };

  /**
   * CPU time finer than the 10 ms of a clock tick, which at 0.2 s would be 0.05 cores: the sum over the live
   * threads, to the nanosecond, and what ended threads are known to have used at least. Never more than the
   * truth, never less than the ticks, and never going back.
   */
  type FineTime = {
    startedAtMs: number;
    threads: Map<string, { cpuMs: number; waitedMs: number }>;
    endedMs: number;
    cpuMs: number;
    /** Of all threads that were ever seen. */
    waitedMs: number;
    /** What its ended threads had waited when they were last seen. */
    endedWaitedMs: number;
    /** It waited since the reading before: look into its threads again, also where it got no time at all. */
    wasKeptWaiting: boolean;
    /** What the ticks said then. */
    ticksMs: number;
  };
  let lastReadMs = -Infinity;
  let isLongInterval = false;
  const fineTimes = new Map<number, FineTime>();
  const knownGroups = new Map<number, KnownGroup>();

  function fineTimeOf({ pid, startedAtMs, ended, cpuMs }: ProcessRow): {
    cpuMs: number;
    waitedMs?: number;
  } {
    const known = fineTimes.get(pid);
    const before = known?.startedAtMs === startedAtMs ? known : undefined;
    const atLeast = {
      cpuMs: Math.max(cpuMs, before?.cpuMs ?? 0),
      ...(before !== undefined && { waitedMs: before.waitedMs }),
    };
    if (ended) return atLeast;
    // It did next to nothing: over a long interval, less than a tick is nothing to look for in its threads.
    if (isLongInterval && before?.ticksMs === cpuMs && !before.wasKeptWaiting) return atLeast;
    const threads: FineTime['threads'] = new Map();
    const live = { cpuMs: 0, waitedMs: 0 };
    try {
      const names = list(`${procRoot}/${pid}/task`);
      if (names.length === 0 || names.length > MOST_FINE_THREADS) return { cpuMs: atLeast.cpuMs };
      for (const thread of names) {
        const times = parseSchedstat(readSmallFile(`${procRoot}/${pid}/task/${thread}/schedstat`));
        if (times === null) return { cpuMs: atLeast.cpuMs };
        threads.set(thread, times);
        live.cpuMs += times.cpuMs;
        live.waitedMs += times.waitedMs;
      }
    } catch {
      return atLeast; // a thread that just ended, or a kernel without CONFIG_SCHED_INFO
    }
    let { endedMs, endedWaitedMs } = before ?? { endedMs: 0, endedWaitedMs: 0 };
    for (const [thread, times] of before?.threads ?? [])
      if ((threads.get(thread)?.cpuMs ?? -1) < times.cpuMs) {
        endedMs += times.cpuMs;
        endedWaitedMs += times.waitedMs;
      }
    endedMs = Math.max(endedMs, atLeast.cpuMs - live.cpuMs);
    const fine = { cpuMs: live.cpuMs + endedMs, waitedMs: live.waitedMs + endedWaitedMs };
    fineTimes.set(pid, {
      startedAtMs,
      threads,
      endedMs,
      endedWaitedMs,
      ...fine,
      wasKeptWaiting: fine.waitedMs - (before?.waitedMs ?? 0) > KEPT_WAITING_MS,
      ticksMs: cpuMs,
    });
    return fine;
  }

  /** Looks at every process of the machine for its parent. */
  async function fullTable(pause: () => Promise<void> | undefined): Promise<ProcessTable> {
    const children = new Map<number, number[]>();
    for (const name of readdirSync(procRoot).filter(isPid)) {
      const row = readRow(Number(name));
      if (!row) continue;
      const siblings = children.get(row.parentPid);
      if (siblings) siblings.push(row.pid);
      else children.set(row.parentPid, [row.pid]);
      const waiting = pause();
      if (waiting) await waiting;
    }
    return {
      row: readRow, // anew: a parent has to be read before its children
      childrenOf: (pid) => children.get(pid) ?? [],
    };
  }

  function countOpenFiles(pid: number): number | undefined {
    const folder = `${procRoot}/${pid}/fd`;
    try {
      if (folderSizeIsCount) {
        const { size } = statSync(folder);
        if (size > 0) return size;
      }
      const count = readdirSync(folder).length;
      if (folderSizeIsCount === undefined && count > 0)
        folderSizeIsCount = statSync(folder).size === count;
      return count;
    } catch {
      return undefined; // another user's process (EACCES), or just ended
    }
  }

  function readIo(pid: number): IoBytes | undefined {
    try {
      return parseProcIo(readSmallFile(`${procRoot}/${pid}/io`)) ?? undefined;
    } catch {
      return undefined;
    }
  }

  function uptimeMs(): number | null {
    try {
      const seconds = parseUptime(readSmallFile(join(procRoot, 'uptime')));
      return seconds === null ? null : seconds * 1000;
    } catch {
      return null;
    }
  }

  /** Begun after the look at the trees, or gone again. */
  function isNewChild(pid: number, own: ReadonlySet<number>): boolean {
    let row = readRow(pid);
    for (let depth = 0; row !== null && depth < 8; depth++) {
      if (own.has(row.parentPid)) return true;
      if (row.parentPid <= 1) return false;
      row = readRow(row.parentPid);
    }
    return row === null;
  }

  function groupsOf(
    roots: readonly WatchedRoot[],
    processes: ReadonlyMap<number, WatchedProcess>,
  ): Snapshot['groups'] {
    const groups = new Map<string, { folder: string; cpuMs: number; atMs: number }>();
    const present = roots.filter(({ name, pid }) => processes.get(pid)?.owner === name);
    for (const pid of knownGroups.keys())
      if (!present.some((root) => root.pid === pid)) knownGroups.delete(pid);
    for (const { name, pid } of present) {
      const nowMs = monotonicMs();
      const { startedAtMs } = processes.get(pid)!;
      let known = knownGroups.get(pid);
      if (known?.startedAtMs !== startedAtMs || nowMs >= known.untilMs) {
        const cgroup = findCgroup(pid, null, { procRoot });
        known = { startedAtMs, cgroup, untilMs: nowMs + GROUP_KNOWN_MS };
        knownGroups.set(pid, known);
      }
      if (known.cgroup === null) continue;
      const own = new Set<number>();
      for (const one of processes.values()) if (one.owner === name) own.add(one.pid);
      const cpuMs = ownGroupCpuMs(known.cgroup, (pid) => own.has(pid) || isNewChild(pid, own));
      if (cpuMs === null || Number.isNaN(cpuMs)) {
        known.cgroup = null;
        continue;
      }
      const folder = known.cgroup.version === 2 ? known.cgroup.folder : known.cgroup.cpuacct;
      groups.set(name, { folder, cpuMs, atMs: monotonicMs() });
    }
    return groups;
  }

  return {
    async read(roots, previous) {
      let sliceStart = performance.now();
      isLongInterval = monotonicMs() - lastReadMs >= LONG_INTERVAL_MS;
      lastReadMs = monotonicMs();
      const pause = (): Promise<void> | undefined => {
        if (performance.now() - sliceStart < SLICE_MS) return undefined;
        return nextTurn().then(() => {
          sliceStart = performance.now();
        });
      };
      const collect = async (everyProcess: boolean) =>
        collectTrees(
          roots,
          previous,
          everyProcess ? await fullTable(pause) : threadTable,
          monotonicMs,
          pause,
        );

      const sourceNowMs = uptimeMs();
      const crowded =
        threadsBefore > MANY_THREADS &&
        threadsBefore > 2 * readdirSync(procRoot).filter(isPid).length;
      let trees = await collect(!hasChildrenFiles || crowded);
      // Found out only now that children were not listed: do it the other way at once.
      if (!hasChildrenFiles && !crowded) trees = await collect(true);

      threadsBefore = 0;
      for (const process of trees.processes.values()) {
        threadsBefore += process.threads ?? 0;
        Object.assign(process, fineTimeOf(process));
        const before = previous?.processes.get(process.pid);
        if (!process.ended) {
          process.openFiles = countOpenFiles(process.pid);
          process.io = readIo(process.pid);
          // Ended between the two looks?
          if (process.openFiles === undefined || process.io === undefined)
            process.ended = readRow(process.pid)?.startedAtMs !== process.startedAtMs;
        }
        if (process.ended) {
          // No longer readable; its parent's sum will take it in, so keep what was counted.
          const same = before?.startedAtMs === process.startedAtMs;
          process.io = same && before.io ? before.io : { readBytes: 0, writeBytes: 0 };
          process.openFiles = 0;
        }
        const waiting = pause();
        if (waiting) await waiting;
      }
      for (const pid of fineTimes.keys()) if (!trees.processes.has(pid)) fineTimes.delete(pid);
      return { ...trees, sourceNowMs, groups: groupsOf(roots, trees.processes) };
    },
  };
}
