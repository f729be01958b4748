/**
 * Process trees and what they used between two readings. Pure (no I/O): readers for Linux and for `ps`
 * give the table of processes, this file finds the trees in it and does the sums.
 */
import type { IoBytes } from './procfs.ts';

/** One process at one moment. */
export type ProcessRow = {
  pid: number;
  parentPid: number;
  /** On the reader's own clock; together with the pid it names a process for good. */
  startedAtMs: number;
  /** Ended, but its parent has not waited for it yet: its times are final. */
  ended: boolean;
  /** CPU time of the process itself since its start. */
  cpuMs: number;
  /** CPU time of its ended, waited-for descendants; 0 where the system does not say. */
  reapedCpuMs: number;
  rssBytes: number;
  threads?: number;
};

export type WatchedProcess = ProcessRow & {
  /** Name of the target in whose tree it stands: the nearest watched root above it. */
  owner: string;
  openFiles?: number;
  /** Waited-for descendants included. */
  io?: IoBytes;
  /** Time that its threads, ended ones included, waited for a processor since they were first seen; absent: not known. */
  waitedMs?: number;
};

/** All watched trees at one moment. */
export type Snapshot = {
  processes: Map<number, WatchedProcess>;
  /** When each target was read, on a monotonic clock. */
  readAtMs: Map<string, number>;
  /** The same moment on the reader's clock of {@link ProcessRow.startedAtMs}; null if it has none. */
  sourceNowMs: number | null;
  /** Of targets whose processes are alone in a control group: its CPU time, and when it was read. */
  groups?: ReadonlyMap<string, { folder: string; cpuMs: number; atMs: number }>;
};

export type WatchedRoot = {
  name: string;
  pid: number;
  /** Known from the second reading on: another process with this pid is not the one that is watched. */
  startedAtMs?: number;
};

/** Reads all trees at once. @throws when the system's process table itself cannot be read */
export type ProcessSource = {
  read(roots: readonly WatchedRoot[], previous: Snapshot | undefined): Promise<Snapshot>;
};

export type ProcessTable = {
  /** null: there is no such process (any more). */
  row(pid: number): ProcessRow | null;
  childrenOf(pid: number): readonly number[];
};

const isSame = (a: ProcessRow | undefined, b: ProcessRow): a is ProcessRow =>
  a !== undefined && a.pid === b.pid && a.startedAtMs === b.startedAtMs;

/**
 * Finds every root, its descendants, and those that were seen in the tree before and have another parent
 * now (an orphan goes to init). A process under two roots belongs to the nearer one.
 *
 * @param pause called often; gives a promise when it is time to let others run
 */
export async function collectTrees(
  roots: readonly WatchedRoot[],
  previous: Snapshot | undefined,
  table: ProcessTable,
  monotonicMs: () => number,
  pause: () => Promise<void> | undefined,
): Promise<Pick<Snapshot, 'processes' | 'readAtMs'>> {
  const processes = new Map<number, WatchedProcess>();
  const readAtMs = new Map<string, number>();
  const rootPids = new Set(roots.map(({ pid }) => pid));
  // A parent is always read before its children (it started earlier): a child that is in the reading
  // cannot be in its parent's sum of ended ones, so nothing counts twice.
  const byAge = [...roots].sort(
    (a, b) => (a.startedAtMs ?? Infinity) - (b.startedAtMs ?? Infinity) || 0,
  );

  async function addTree(top: ProcessRow, owner: string): Promise<void> {
    const open = [top];
    for (let row = open.pop(); row !== undefined; row = open.pop()) {
      if (processes.has(row.pid)) continue;
      processes.set(row.pid, { ...row, owner });
      const waiting = pause();
      if (waiting) await waiting;
      for (const pid of table.childrenOf(row.pid)) {
        if (processes.has(pid) || rootPids.has(pid)) continue;
        const child = table.row(pid);
        // Another parent: the child ended meanwhile and its pid was given to a stranger.
        if (child?.parentPid === row.pid) open.push(child);
      }
    }
  }

  for (const { name, pid, startedAtMs } of byAge) {
    readAtMs.set(name, monotonicMs());
    const row = table.row(pid);
    if (row && (startedAtMs === undefined || row.startedAtMs === startedAtMs))
      await addTree(row, name);
  }
  for (const before of previous?.processes.values() ?? []) {
    if (processes.has(before.pid) || rootPids.has(before.pid) || !readAtMs.has(before.owner))
      continue;
    const row = table.row(before.pid);
    if (row && isSame(before, row)) await addTree(row, before.owner);
  }
  return { processes, readAtMs };
}

/** What a tree used between two readings. `io` and `waitedMs` are absent where one of its processes kept them secret. */
export type Usage = { intervalMs: number; cpuMs: number; io?: IoBytes; waitedMs?: number };

/** What ended processes had been counted for, summed per nearest ancestor that still runs. */
export type Gone = { cpuMs: number; io: IoBytes | undefined; ofOtherOwner: boolean };

const NONE: Gone = {
  cpuMs: 0,
  io: { readBytes: 0, writeBytes: 0 },
  ofOtherOwner: false,
};

const add = (a: IoBytes, b: IoBytes): IoBytes => ({
  readBytes: a.readBytes + b.readBytes,
  writeBytes: a.writeBytes + b.writeBytes,
});

function goneByAncestor(previous: Snapshot, current: Snapshot): Map<number, Gone> {
  const alive = (row: ProcessRow) => isSame(current.processes.get(row.pid), row);
  const sums = new Map<number, Gone>();
  for (const row of previous.processes.values()) {
    if (alive(row)) continue;
    let ancestor = previous.processes.get(row.parentPid);
    for (let steps = 0; ancestor && !alive(ancestor) && steps < previous.processes.size; steps++)
      ancestor = previous.processes.get(ancestor.parentPid);
    if (!ancestor || !alive(ancestor)) continue;
    const sum = sums.get(ancestor.pid) ?? NONE;
    sums.set(ancestor.pid, {
      cpuMs: sum.cpuMs + row.cpuMs + row.reapedCpuMs,
      io: sum.io && row.io && add(sum.io, row.io),
      ofOtherOwner: sum.ofOtherOwner || row.owner !== ancestor.owner,
    });
  }
  return sums;
}

/**
 * The difference of two readings, for each target that is in both.
 *
 * A child that ended in between was counted up to the earlier reading; when its parent waited for it, the
 * parent's sum of ended children grows by the child's whole life. So that growth less what was counted is
 * what the child used since, and no difference is ever negative. Where the parent does not wait (SIGCHLD
 * ignored) or ended too, the child's last part is lost, at most one interval of it.
 *
 * @param watchedSinceMs per target, on the reader's clock: what started later is counted from its birth,
 *   what is older and was not seen before only from now on
 * @param unsettled what the call before gave: a parent is read before its children, so a child may end
 *   just between, and the parent's sum takes it in one reading later
 */
export function usageBetween(
  previous: Snapshot,
  current: Snapshot,
  watchedSinceMs: ReadonlyMap<string, number>,
  unsettled: ReadonlyMap<number, Gone> = new Map(),
): { usages: Map<string, Usage>; unsettled: Map<number, Gone> } {
  const usages = new Map<string, Usage>();
  for (const [owner, readAtMs] of current.readAtMs) {
    const intervalMs = readAtMs - (previous.readAtMs.get(owner) ?? NaN);
    if (intervalMs > 0)
      usages.set(owner, { intervalMs, cpuMs: 0, io: { readBytes: 0, writeBytes: 0 }, waitedMs: 0 });
  }
  const gone = goneByAncestor(previous, current);
  const open = new Map<number, Gone>();
  for (const row of current.processes.values()) {
    const usage = usages.get(row.owner);
    const before = previous.processes.get(row.pid);
    const isNew = !isSame(before, row);
    if (isNew && row.startedAtMs < (watchedSinceMs.get(row.owner) ?? -Infinity)) continue;

    const left = gone.get(row.pid) ?? NONE;
    const late = (!isNew && unsettled.get(row.pid)) || NONE;
    const start = isNew ? { cpuMs: 0, reapedCpuMs: 0, io: NONE.io } : before;
    const reapedMs = row.reapedCpuMs - start.reapedCpuMs - late.cpuMs;
    const io =
      row.io && start.io && left.io && late.io
        ? {
            readBytes: row.io.readBytes - start.io.readBytes - late.io.readBytes,
            writeBytes: row.io.writeBytes - start.io.writeBytes - late.io.writeBytes,
          }
        : undefined;
    if (left.cpuMs > Math.max(0, reapedMs))
      open.set(row.pid, {
        cpuMs: left.cpuMs - Math.max(0, reapedMs),
        io: io && {
          readBytes: Math.max(0, (left.io?.readBytes ?? 0) - Math.max(0, io.readBytes)),
          writeBytes: Math.max(0, (left.io?.writeBytes ?? 0) - Math.max(0, io.writeBytes)),
        },
        ofOtherOwner: left.ofOtherOwner,
      });

    if (!usage) continue;
    // What a watched tree inside this one used at its end is not this one's: leave it out.
    const ofEnded = left.ofOtherOwner || late.ofOtherOwner ? 0 : Math.max(0, reapedMs - left.cpuMs);
    usage.cpuMs += Math.max(0, row.cpuMs - start.cpuMs) + ofEnded;
    if (row.waitedMs === undefined) delete usage.waitedMs;
    else if (usage.waitedMs !== undefined) {
      const from = isNew ? 0 : (before.waitedMs ?? row.waitedMs);
      usage.waitedMs += Math.max(0, row.waitedMs - from);
    }
    usage.io =
      usage.io &&
      io &&
      add(usage.io, {
        readBytes: Math.max(0, io.readBytes - (left.io?.readBytes ?? 0)),
        writeBytes: Math.max(0, io.writeBytes - (left.io?.writeBytes ?? 0)),
      });
  }
  for (const [owner, usage] of usages) addUnseen(usage, owner, previous, current);
  return { usages, unsettled: open };
}

/** Less than this, the two counters differ by the moments at which they were read. */
const UNSEEN_MS = 20;
const UNSEEN_SHARE = 0.02;

/**
 * Children that came and went between two readings, and that nobody waited for, are in no process's sum, but in the counter of the target's
 * own control group.
 */
function addUnseen(usage: Usage, owner: string, previous: Snapshot, current: Snapshot): void {
  const before = previous.groups?.get(owner);
  const now = current.groups?.get(owner);
  if (before === undefined || now?.folder !== before.folder || now.atMs <= before.atMs) return;
  const cpuMs = ((now.cpuMs - before.cpuMs) * usage.intervalMs) / (now.atMs - before.atMs);
  if (cpuMs > usage.cpuMs * (1 + UNSEEN_SHARE) + UNSEEN_MS) usage.cpuMs = cpuMs;
}
