/**
 * A container by its name: its control group's figures where the files are to be seen (the same machine, and
 * root or not), else those of the engine (Docker Desktop, a remote engine). A stop is a gap and a note; a
 * restart, also as a new container of the same name, a note and a new pid.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { ProcessReading } from '../results/types.ts';
import { findCgroup, readCgroup, type Cgroup } from './cgroup.ts';
import {
  containerStats,
  EngineError,
  findContainer,
  inspectContainer,
  type ContainerState,
  type Engine,
  type EngineSurroundings,
} from './engine.ts';
import { readSmallFile } from './small-file.ts';
import { parseNetDev, parseProcStat } from './procfs.ts';
import {
  polledSource,
  present,
  rounded,
  ratePerSecond,
  type MonitorSource,
  type Poll,
} from './source.ts';

export type ContainerOptions = EngineSurroundings & {
  /** Stands in each of its readings. */
  name: string;
  /** Name or id, as the engine knows it. */
  container: string;
  procRoot?: string;
};

/** Counters at one moment; `atMs` on one clock per life of the container. */
type Counters = {
  atMs: number;
  cpuMs: number;
  readBytes?: number;
  writeBytes?: number;
  receivedBytes?: number;
  sentBytes?: number;
  periods?: number;
  throttledPeriods?: number;
};

/** One life of the container, from a start to a stop. */
type Life = {
  state: ContainerState;
  /** null: only the engine knows. */
  cgroup: Cgroup | null;
  /** Start of the first process in clock ticks; with its pid it names a life. */
  starttime: number | null;
  before?: Counters;
};

type Figures = Omit<ProcessReading, 't' | 'kind' | 'name'>;

function starttimeOf(procRoot: string, pid: number): number | null {
  try {
    const stat = parseProcStat(readSmallFile(join(procRoot, String(pid), 'stat')));
    return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : stat.starttime;
  } catch {
    return null;
  }
}

/** Bytes over all links of the container's network namespace but loopback. */
function networkOf(procRoot: string, pid: number) {
  try {
    const links = [...parseNetDev(readSmallFile(join(procRoot, String(pid), 'net/dev')))].filter(
      ([name]) => name !== 'lo',
    );
    return {
      receivedBytes: links.reduce((sum, [, { received }]) => sum + received, 0),
      sentBytes: links.reduce((sum, [, { sent }]) => sum + sent, 0),
    };
  } catch {
    return {};
  }
}

const exitOf = ({ exitCode }: ContainerState): string =>
  exitCode === null ? '' : ` with exit code ${exitCode}`;

/** Whether the counters began anew: differences to those before would be negative. */
const wentBack = (before: Counters | undefined, now: Counters): boolean =>
  before !== undefined && now.cpuMs < before.cpuMs;

function ratesBetween(
  before: Counters | undefined,
  now: Counters,
  cores: number,
): Partial<Figures> {
  if (before === undefined || now.atMs <= before.atMs) return {};
  const intervalMs = now.atMs - before.atMs;
  const rate = (pick: (counters: Counters) => number | undefined) =>
    rounded(ratePerSecond(pick(before), pick(now), intervalMs), 0);
  const cpuPerSecond = ratePerSecond(before.cpuMs, now.cpuMs, intervalMs);
  const cpuCores = cpuPerSecond === undefined ? undefined : cpuPerSecond / 1000;
  const periods = (now.periods ?? NaN) - (before.periods ?? NaN);
  const throttled = (now.throttledPeriods ?? NaN) - (before.throttledPeriods ?? NaN);
  return {
    intervalMs: rounded(intervalMs, 1),
    cpuCores: rounded(cpuCores, 4),
    cpuPercentOfMachine: cpuCores === undefined ? undefined : rounded((cpuCores / cores) * 100, 2),
    readBytesPerSecond: rate((counters) => counters.readBytes),
    writeBytesPerSecond: rate((counters) => counters.writeBytes),
    networkReceivedBytesPerSecond: rate((counters) => counters.receivedBytes),
    networkSentBytesPerSecond: rate((counters) => counters.sentBytes),
    throttledShare: periods > 0 && throttled >= 0 ? rounded(throttled / periods, 4) : undefined,
  };
}

const isSameLife = (a: ContainerState, b: ContainerState): boolean =>
  a.id === b.id && a.pid === b.pid && a.startedAt === b.startedAt;

/** A container as a source of readings. Nothing is asked before the first tick. */
export function containerSource(options: ContainerOptions): MonitorSource {
  const { name, container, procRoot = '/proc' } = options;
  let engine: Engine | undefined;
  let life: Life | undefined;
  let lifeBefore: Life | undefined;
  let stopNoted = false;

  /** The running container, or undefined with a note (once) why there is none. */
  async function find({ signal, note }: Poll): Promise<Life | undefined> {
    let state: ContainerState | undefined;
    if (engine === undefined) {
      const found = await findContainer(container, options, signal);
      engine = found.engine;
      state = found.state;
    } else {
      try {
        state = await inspectContainer(engine, container, signal);
      } catch (error) {
        if (!(error instanceof EngineError && error.status === 404)) throw error;
      }
    }
    if (state === undefined || !state.running) {
      if (!stopNoted) {
        const why =
          state === undefined
            ? 'is no longer there'
            : state.restarting
              ? `has ended${exitOf(state)}, and its engine is about to start it again`
              : state.outOfMemory
                ? 'was ended for want of memory'
                : lifeBefore === undefined
                  ? 'is not running'
                  : `has stopped${exitOf(state)}`;
        note(`container ${container} ${why}`);
      }
      stopNoted = true;
      return undefined;
    }
    const cgroup = state.pid > 0 ? findCgroup(state.pid, state.id, { procRoot }) : null;
    const found: Life = {
      state,
      cgroup,
      starttime: cgroup === null ? null : starttimeOf(procRoot, state.pid),
    };
    if (lifeBefore !== undefined && isSameLife(lifeBefore.state, state)) {
      // The engine has not noticed the end yet: ask again at the next tick.
      if (lifeBefore.cgroup !== null && (cgroup === null || found.starttime === null))
        return undefined;
      // Not ended at all: the engine had no answer for a moment.
      if (lifeBefore.starttime === found.starttime) return lifeBefore;
    }
    const id = state.id.slice(0, 12);
    if (lifeBefore !== undefined)
      note(
        `container ${container} has restarted: ${id}, process ${state.pid}${state.pid === lifeBefore.state.pid ? ' again' : ` instead of ${lifeBefore.state.pid}`}`,
      );
    else if (stopNoted) note(`container ${container} runs now: ${id}, process ${state.pid}`);
    stopNoted = false;
    if (cgroup === null && lifeBefore === undefined)
      note(
        `the control group of container ${container} is not to be seen from here: the figures are those of ${engine.url}`,
      );
    return found;
  }

  const isOver = ({ cgroup, starttime, state }: Life) =>
    cgroup !== null && starttime !== starttimeOf(procRoot, state.pid);

  function end(): void {
    lifeBefore = life;
    life = undefined;
  }

  function figuresTo(now: Counters, cores: number, of: Life, { note }: Poll): Partial<Figures> {
    const { before } = of;
    of.before = now;
    if (!wentBack(before, now)) return ratesBetween(before, now, cores);
    note(`the counters of container ${container} began anew: there are no rates over that`);
    return {};
  }

  async function read(poll: Poll): Promise<ProcessReading[]> {
    if (life && isOver(life)) end();
    life ??= await find(poll);
    if (!life) return [];
    const line = { t: poll.t, kind: 'process' as const, name };
    const { state, cgroup } = life;

    if (cgroup !== null) {
      let usage: ReturnType<typeof readCgroup>;
      try {
        usage = readCgroup(cgroup);
      } catch {
        // It ended just now: its next life, if any, begins at the next tick.
        end();
        const next = await find(poll);
        life = next;
        return [];
      }
      const { memoryBytes, memoryPeakBytes, processes, threads, ...counters } = usage;
      const now: Counters = {
        atMs: poll.monotonicMs(),
        ...counters,
        ...(state.hostNetwork ? {} : networkOf(procRoot, state.pid)),
      };
      const figures = figuresTo(now, cpus().length, life, poll);
      return [
        present({
          ...line,
          rootPid: state.pid,
          processes,
          ...figures,
          rssBytes: memoryBytes,
          memoryPeakBytes,
          threads,
        }),
      ];
    }

    // Beside the counters, the engine is asked for the pid: a quick restart shows in nothing else.
    const stats = await containerStats(engine!, state.id, poll.signal).catch((error: unknown) => {
      if (error instanceof EngineError && [404, 409].includes(error.status)) return null;
      throw error;
    });
    const nowState = stats && (await inspectContainer(engine!, state.id, poll.signal));
    if (!stats || !nowState?.running || !isSameLife(nowState, state)) {
      end();
      life = await find(poll);
      return [];
    }
    const { readAtMs, cores, memoryBytes, memoryPeakBytes, threads, ...counters } = stats;
    const now: Counters = { atMs: readAtMs, ...counters };
    const figures = figuresTo(now, cores ?? cpus().length, life, poll);
    return [present({ ...line, ...figures, rssBytes: memoryBytes, memoryPeakBytes, threads })];
  }

  return polledSource({ name, read });
}
