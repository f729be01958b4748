/**
 * Watches process trees, the machine and other sources while a load runs: one reading a second by default,
 * each a {@link ResourceLine}. Whatever fails here becomes a note among the readings and never stops the load.
 */
import { cpus } from 'node:os';
import type { HostReading, ProcessReading, ResourceLine } from '../results/types.ts';
import { linuxHost, portableHost, type HostSource } from './host.ts';
import { linuxProcesses } from './linux.ts';
import { psProcesses } from './ps.ts';
import {
  reasonOf,
  SHORTEST_LAST_INTERVAL_MS,
  systemClock,
  withLimit,
  type MonitorClock,
  type MonitorSource,
} from './source.ts';
import {
  usageBetween,
  type Gone,
  type ProcessSource,
  type Snapshot,
  type Usage,
  type WatchedProcess,
  type WatchedRoot,
} from './tree.ts';
import { UnwaitedWatch } from './unwaited.ts';

export type MonitorTarget = {
  /** Stands in each of its readings; one at a time may have it. */
  name: string;
  /** Root of the process tree. */
  pid: number;
};

export type { MonitorClock } from './source.ts';

export type MonitorOptions = {
  targets: readonly MonitorTarget[];
  /** Beside the processes: containers, agents, Prometheus, PostgreSQL. Each keeps its own time. */
  sources?: readonly MonitorSource[];
  /** Default 1000. */
  intervalMs?: number;
  clock?: MonitorClock;
  onReading(line: ResourceLine): void;
  /** All processes of a target have ended; it is no longer watched. */
  onEnded?(name: string): void;
  /** Read the machine as a whole, too (default). */
  watchHost?: boolean;
  /** Instead of the system's own process table and host figures, for tests. */
  processes?: ProcessSource;
  host?: HostSource;
};

export type Monitor = {
  /**
   * Watches one more tree, at once. A name that is in use goes over to the new pid. Of two trees one
   * inside the other, the outer one's figures leave the inner one out.
   */
  addTarget(target: MonitorTarget): void;
  /** No more readings under this name; unknown names are passed over. */
  removeTarget(name: string): void;
  /** Ends after a last reading (if the one before is old enough to tell a difference). */
  stop(): Promise<void>;
};

type Target = WatchedRoot & {
  watchedSinceMs?: number;
  rootEndNoted: boolean;
  secretNoted: boolean;
};

/** No end of a run waits longer for what its sources still have to say. */
const SOURCE_STOP_LIMIT_MS = 3000;

function defaultProcesses({ monotonicMs, epochMs }: MonitorClock): ProcessSource {
  if (process.platform === 'linux') return linuxProcesses({ monotonicMs });
  if (process.platform !== 'win32') return psProcesses(monotonicMs, epochMs);
  return { read: () => Promise.reject(new Error('processes cannot be watched on Windows')) };
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** The sum over all processes, or nothing if one of them does not tell. */
function sumOf(
  processes: readonly WatchedProcess[],
  pick: (process: WatchedProcess) => number | undefined,
): number | undefined {
  let sum = 0;
  for (const process of processes) {
    const value = pick(process);
    if (value === undefined) return undefined;
    sum += value;
  }
  return sum;
}

/**
 * Its processes are no longer kept for their owner's sake, but their figures stay: they may stand in an
 * outer tree, which goes on from there.
 */
function disown(snapshot: Snapshot, name: string): void {
  snapshot.readAtMs.delete(name);
  for (const process of snapshot.processes.values()) if (process.owner === name) process.owner = '';
}

class Sampler implements Monitor {
  readonly #clock: MonitorClock;
  readonly #intervalMs: number;
  readonly #onReading: (line: ResourceLine) => void;
  readonly #onEnded: (name: string) => void;
  readonly #processes: ProcessSource;
  readonly #host: HostSource | null;
  readonly #startedMs: number;
  readonly #targets = new Map<string, Target>();
  readonly #trouble = new Map<string, string>();
  /** Of the machine, as its own figures say. */
  #cores = cpus().length;
  #tick = 0;
  #lastTickMs = -Infinity;
  #previous: Snapshot | undefined;
  #unsettled: ReadonlyMap<number, Gone> = new Map();
  readonly #unwaited = new UnwaitedWatch();
  /** One piece of work at a time: readings never overlap. */
  #work: Promise<void> = Promise.resolve();
  #cancelTimer: () => void = () => undefined;
  #stopped: Promise<void> | undefined;
  #silent = false;
  readonly #sources: { name: string; stop: () => Promise<void> }[] = [];

  constructor(options: MonitorOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#intervalMs = options.intervalMs ?? 1000;
    this.#onReading = options.onReading.bind(options);
    this.#onEnded = options.onEnded?.bind(options) ?? (() => undefined);
    this.#processes = options.processes ?? defaultProcesses(this.#clock);
    const platformHost = () => (process.platform === 'linux' ? linuxHost() : portableHost());
    this.#host = options.watchHost === false ? null : (options.host ?? platformHost());
    this.#startedMs = this.#clock.monotonicMs();
    for (const target of options.targets) this.#register(target);
    void this.#enqueue(() => this.#readAll()).finally(() => this.#schedule());
    for (const source of options.sources ?? []) this.#startSource(source);
  }

  #startSource(source: MonitorSource): void {
    try {
      const { stop } = source.start({
        intervalMs: this.#intervalMs,
        clock: this.#clock,
        emit: (line) => {
          if (!this.#silent) this.#emit(line);
        },
      });
      this.#sources.push({ name: source.name, stop });
    } catch (error) {
      this.#fail(source.name, 'cannot be watched', error);
    }
  }

  /** Ends each in its own time, within a bound. */
  async #stopSources(): Promise<void> {
    await Promise.all(
      this.#sources.map(({ name, stop }) =>
        withLimit(SOURCE_STOP_LIMIT_MS, () => stop(), this.#clock.after).catch((error: unknown) =>
          this.#fail(name, 'did not end', error),
        ),
      ),
    );
    this.#silent = true;
  }

  addTarget(target: MonitorTarget): void {
    const added = this.#register(target);
    if (added) void this.#enqueue(() => this.#readFirst(added));
  }

  removeTarget(name: string): void {
    this.#targets.delete(name);
    if (this.#previous) disown(this.#previous, name);
  }

  stop(): Promise<void> {
    this.#cancelTimer();
    this.#stopped ??= Promise.all([this.#stopProcesses(), this.#stopSources()]).then(
      () => undefined,
    );
    return this.#stopped;
  }

  #stopProcesses(): Promise<void> {
    return this.#enqueue(async () => {
      const sinceMs = this.#clock.monotonicMs() - this.#lastTickMs;
      if (sinceMs >= Math.min(this.#intervalMs / 2, SHORTEST_LAST_INTERVAL_MS))
        await this.#readAll();
    });
  }

  #register({ name, pid }: MonitorTarget): Target | undefined {
    const taken = [...this.#targets.values()].find((one) => one.pid === pid && one.name !== name);
    if (taken || !Number.isSafeInteger(pid) || pid < 1) {
      const why = taken ? `it is watched as ${taken.name}` : 'this is no process id';
      this.#note(name, `process ${pid} is not watched: ${why}`);
      return undefined;
    }
    const before = this.#targets.get(name);
    if (before?.pid === pid) return undefined;
    if (before) this.removeTarget(name);
    if (before) this.#note(name, `from here on process ${pid} instead of ${before.pid}`);
    const target = { name, pid, rootEndNoted: false, secretNoted: false };
    this.#targets.set(name, target);
    return target;
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#fail('monitor', 'a reading failed', error);
    });
    return this.#work;
  }

  /** Ticks stand at whole intervals after the start, so they do not drift; a missed one is left out. */
  #schedule(): void {
    if (this.#stopped) return;
    const elapsedMs = this.#clock.monotonicMs() - this.#startedMs;
    this.#tick = Math.max(this.#tick, Math.floor(elapsedMs / this.#intervalMs)) + 1;
    const waitMs = Math.max(0, this.#tick * this.#intervalMs - elapsedMs);
    this.#cancelTimer = this.#clock.after(Math.ceil(waitMs), () => {
      void this.#enqueue(() => (this.#stopped ? Promise.resolve() : this.#readAll())).finally(() =>
        this.#schedule(),
      );
    });
  }

  #emit(line: ResourceLine): void {
    try {
      this.#onReading(line);
    } catch (error) {
      // The reader of the lines failed: noting that to it again would be pointless.
      process.emitWarning(`a reading was lost: ${(error as Error).message}`);
    }
  }

  #note(name: string, text: string, t = this.#clock.epochMs()): void {
    this.#emit({ t, kind: 'note', name, text });
  }

  /** One note per trouble, not one a second. */
  #fail(name: string, what: string, error: unknown): void {
    const text = `${what}: ${reasonOf(error)}`;
    if (this.#trouble.get(name) === text) return;
    this.#trouble.set(name, text);
    this.#note(name, text);
  }

  /** The first reading of a target that came later, between two ticks. */
  async #readFirst(target: Target): Promise<void> {
    if (this.#stopped || this.#targets.get(target.name) !== target) return;
    const t = this.#clock.epochMs();
    const snapshot = await this.#processes.read([...this.#targets.values()], this.#previous);
    const own = [...snapshot.processes.values()].filter(({ owner }) => owner === target.name);
    this.#report(target, t, own, snapshot, undefined);
    if (!this.#previous) return;
    // The other trees go on from their last tick.
    for (const process of own) this.#previous.processes.set(process.pid, process);
    const readAtMs = snapshot.readAtMs.get(target.name);
    if (readAtMs !== undefined) this.#previous.readAtMs.set(target.name, readAtMs);
  }

  async #readAll(): Promise<void> {
    this.#lastTickMs = this.#clock.monotonicMs();
    const t = this.#clock.epochMs();
    const targets = [...this.#targets.values()];
    if (targets.length > 0) {
      try {
        const snapshot = await this.#processes.read(targets, this.#previous);
        this.#trouble.delete('monitor');
        this.#reportTrees(targets, t, snapshot);
      } catch (error) {
        this.#fail('monitor', 'processes could not be read', error);
      }
    }
    await this.#readHost(t);
  }

  #reportTrees(targets: readonly Target[], t: number, snapshot: Snapshot): void {
    const since = new Map(
      targets.flatMap(({ name, watchedSinceMs }) =>
        watchedSinceMs === undefined ? [] : [[name, watchedSinceMs] as const],
      ),
    );
    const { usages, unsettled } = this.#previous
      ? usageBetween(this.#previous, snapshot, since, this.#unsettled)
      : { usages: new Map<string, Usage>(), unsettled: new Map<number, Gone>() };
    const processesOf = new Map<string, WatchedProcess[]>(targets.map(({ name }) => [name, []]));
    for (const process of snapshot.processes.values())
      processesOf.get(process.owner)?.push(process);
    for (const target of targets) {
      // Removed or given another pid while the reading was under way.
      if (this.#targets.get(target.name) !== target) {
        disown(snapshot, target.name);
        continue;
      }
      const own = processesOf.get(target.name)!;
      this.#report(target, t, own, snapshot, usages.get(target.name));
    }
    if (this.#previous) this.#noteUnwaited(this.#previous, snapshot, t);
    this.#previous = snapshot;
    this.#unsettled = unsettled;
  }

  /** Under the monitor's own name: the reader of the figures must know. */
  #noteUnwaited(previous: Snapshot, snapshot: Snapshot, t: number): void {
    const roots = new Set([...this.#targets.values()].map(({ pid }) => pid));
    for (const name of this.#unwaited.next(previous, snapshot, roots))
      this.#note(
        'monitor',
        `${name} starts processes that come and go between two readings, and nobody waits for them (or this system does not say what they used): its CPU is higher than its figures; in a control group of its own, such as a container or systemd-run makes, all of it is counted`,
        t,
      );
  }

  #report(
    target: Target,
    t: number,
    processes: readonly WatchedProcess[],
    snapshot: Snapshot,
    usage: Usage | undefined,
  ): void {
    const { name, pid } = target;
    const alive = processes.filter(({ ended }) => !ended);
    const root = alive.find((process) => process.pid === pid);
    const isFirst = target.watchedSinceMs === undefined;
    target.watchedSinceMs ??= snapshot.sourceNowMs ?? -Infinity;
    if (root) target.startedAtMs = root.startedAtMs;

    if (alive.length === 0) {
      this.#note(
        name,
        isFirst
          ? `process ${pid} was not there when it was looked for first`
          : target.rootEndNoted
            ? `the last process that process ${pid} started has ended`
            : `process ${pid} has ended`,
        t,
      );
      this.removeTarget(name);
      disown(snapshot, name);
      try {
        this.#onEnded(name);
      } catch (error) {
        this.#fail(name, 'the end was not taken notice of', error);
      }
      return;
    }
    if (!root && !target.rootEndNoted) {
      target.rootEndNoted = true;
      this.#note(name, `process ${pid} has ended, ${alive.length} that it started still run`, t);
    }

    const reading: ProcessReading = {
      t,
      kind: 'process',
      name,
      rootPid: pid,
      processes: alive.length,
    };
    if (usage && !isFirst) {
      reading.intervalMs = round(usage.intervalMs, 1);
      reading.cpuCores = round(usage.cpuMs / usage.intervalMs, 4);
      reading.cpuPercentOfMachine = round((reading.cpuCores / this.#cores) * 100, 2);
      if (usage.waitedMs !== undefined)
        reading.waitedCores = round(usage.waitedMs / usage.intervalMs, 4);
    }
    reading.rssBytes = sumOf(alive, (process) => process.rssBytes);
    const threads = sumOf(alive, (process) => process.threads);
    if (threads !== undefined) reading.threads = threads;
    const openFiles = sumOf(alive, (process) => process.openFiles);
    if (openFiles !== undefined) reading.openFiles = openFiles;
    if (usage?.io && !isFirst) {
      const perSecond = (bytes: number) => Math.round((bytes * 1000) / usage.intervalMs);
      reading.readBytesPerSecond = perSecond(usage.io.readBytes);
      reading.writeBytesPerSecond = perSecond(usage.io.writeBytes);
    }
    if (threads !== undefined && openFiles === undefined && !target.secretNoted) {
      target.secretNoted = true;
      this.#note(name, 'open files and I/O cannot be read (does it run as another user?)', t);
    }
    this.#emit(reading);
  }

  async #readHost(t: number): Promise<void> {
    if (!this.#host) return;
    try {
      const figures = await this.#host.read();
      this.#trouble.delete('host');
      this.#cores = figures.cores;
      const reading: HostReading = { t, kind: 'host', ...figures };
      this.#emit(reading);
    } catch (error) {
      this.#fail('host', 'the machine could not be read', error);
    }
  }
}

/** Starts at once; the first reading of each tree has no CPU and I/O, since those are differences. */
export const startMonitor = (options: MonitorOptions): Monitor => new Sampler(options);
