/** The time in which a load runs: k6, the hostile sender and the monitor, between them the measures and the record. */
import { join } from 'node:path';
import type { FaultPlayer } from '../faults/player.ts';
import { startMonitor } from '../monitor/monitor.ts';
import type { ProcessReading, ResourceLine, SampleLine } from '../results/types.ts';
import { FILES } from '../results/writer.ts';
import type { LogFollower } from '../monitor/logs/follow.ts';
import { LiveLook } from '../reconcile/live.ts';
import { collectOften } from '../system/garbage.ts';
import { playerOf } from './faults.ts';
import { startBeside } from './hostile/beside.ts';
import { controlOfRun, type RunControl } from './control/of-run.ts';
import type { LoadJob, Surroundings } from './job.ts';
import { refusalsOf, wordsOfReasons } from './k6/refusals.ts';
import { K6_LOG, type RunningK6, startK6 } from './k6/run.ts';
import { liveLine } from './live-line.ts';
import type { Measures } from './measures.ts';
import type { PreparedRun } from './prepare.ts';
import { RunRecord } from './record.ts';
import type { StorageChoice } from './storage-choice.ts';
import { sentByRun } from './storage-look.ts';
import { followTargetLogs } from './target/log.ts';

/** A k6 that does not end by itself this long after its last possible answer is ended. */
const K6_OVERTIME_MS = 30_000;
/** How long k6 may take to end after the first interrupt. */
const K6_STOP_MS = 10_000;

export class Sending {
  readonly record: RunRecord;
  readonly #job: LoadJob;
  readonly #prepared: PreparedRun;
  readonly #surroundings: Surroundings;
  readonly #measures: Measures;
  /** null: no log of the target is in sight. */
  readonly logs: LogFollower | null;
  readonly #storage: StorageChoice | null;
  /** Last reading of each process, for the live line. */
  readonly #readings = new Map<string, ProcessReading>();
  #k6: RunningK6 | null = null;
  #isSending = true;
  #backendEnded = false;
  #liveLook: LiveLook | null = null;
  #control: RunControl | null = null;
  /** null: nothing is made to go wrong. */
  readonly #faults: FaultPlayer | null;
  #lastSecond: SampleLine | undefined;
  #lastVus: number | null = null;

  constructor(
    job: LoadJob,
    prepared: PreparedRun,
    measures: Measures,
    surroundings: Surroundings,
    storage: StorageChoice | null,
  ) {
    this.#job = job;
    this.#prepared = prepared;
    this.#measures = measures;
    this.#surroundings = surroundings;
    this.#storage = storage;
    this.record = new RunRecord(prepared.writer, (sentence) => this.#break(sentence));
    const { backend, decision, way } = prepared;
    this.#faults =
      decision.faults.length === 0
        ? null
        : playerOf({
            turns: decision.faults,
            place: { proxies: way?.proxies ?? null, backend: backend?.process.held ?? null },
            onMark: (line) => {
              measures.faults?.mark(line);
              this.record.write((to) => to.mark(line));
            },
            onWords: (text) => surroundings.screen.line(text),
            onBroken: (sentence) => this.#break(sentence),
          });
    this.logs = followTargetLogs({
      logs: {
        allow: job.logs?.allow ?? [],
        sources: [
          ...(job.logs?.sources ?? []),
          // What it said before is of other runs.
          ...(backend?.isShared
            ? [
                {
                  kind: 'file' as const,
                  path: backend.logFile,
                  fromEnd: true,
                  name: FILES.backendLog,
                },
              ]
            : []),
        ],
      },
      isHostile: prepared.hostile !== null,
      embeddedIn: backend === null || backend.isShared ? null : prepared.writer.folder,
      secretHeaders: job.transport.secretHeaders,
      env: surroundings.env,
      onLine: (line) => this.record.write((writer) => writer.log(line)),
      onTail: (lines) => this.record.write((writer) => writer.logTail(lines)),
      onNote: (text) => measures.notes.push(text),
    });
  }

  /** Sends until the plan is done, the target's process ends, or the user interrupts. Never throws: what broke is in the measures. */
  async send(): Promise<void> {
    const { plan, backend, feed, way } = this.#prepared;
    const measures = this.#measures;
    await this.logs?.ready;
    const monitor = startMonitor({
      targets: [
        ...(backend ? [{ name: 'backend', pid: backend.process.pid }] : []),
        ...(this.#job.targetPid === null ? [] : [{ name: 'backend', pid: this.#job.targetPid }]),
        { name: 'toolkit', pid: process.pid },
        ...(way ? [{ name: 'fault-proxy', pid: way.proxies.pid }] : []),
      ],
      sources: this.#job.monitorSources(),
      intervalMs: this.#job.monitorIntervalMs,
      onReading: (line) => this.#resource(line),
      onEnded: (name) => {
        if (name === 'backend' && backend === null && this.#isSending)
          this.#targetEnded(`the target's process ${this.#job.targetPid} ended`);
      },
    });
    backend?.process.onStarted((pid) => monitor.addTarget({ name: 'backend', pid }));
    void way?.proxies.ended.then(() => {
      if (this.#isSending) this.#break('the proxy for faults ended before the load');
    });
    try {
      this.#control = await this.#startControl();
      await this.#faults?.begin();
      const k6 = await this.#startK6();
      monitor.addTarget({ name: 'k6', pid: k6.pid });
      const limitMs = plan.load.durationMs + plan.load.gracefulStopMs + K6_OVERTIME_MS;
      await this.#until(k6, limitMs);
    } catch (error) {
      // k6 refused its plan, or the stream could not be read: the folder says so, with what there was.
      measures.broken.push((error as Error).message);
    } finally {
      this.#isSending = false;
      measures.endedMs = Date.now();
      await this.#faults?.stop();
      measures.quota.end();
      await this.#control?.stop();
      await monitor.stop();
      await feed?.stop();
      await this.logs?.stop();
      measures.refusals = refusalsOf(
        measures.aggregator.reasons,
        await wordsOfReasons(join(this.#prepared.writer.folder, K6_LOG)),
      );
    }
  }

  #startControl(): Promise<RunControl> {
    const { screen, interrupts } = this.#surroundings;
    return controlOfRun({
      prepared: this.#prepared,
      measures: this.#measures,
      record: this.record,
      screen,
      interrupts,
      startedPerSecond: () => this.#lastSecond?.started ?? this.#lastSecond?.sent ?? null,
    });
  }

  async #startK6(): Promise<RunningK6> {
    const { k6, bundlePath, k6PlanPath, writer, memory, transport, way } = this.#prepared;
    this.#k6 = await startK6({
      k6Path: k6.path,
      bundlePath,
      planPath: k6PlanPath,
      runFolder: writer.folder,
      memory,
      env: this.#surroundings.env,
      transport,
      ...(way && { hosts: way.hosts }),
      onSampleBytes: (chunk) => {
        const { aggregator } = this.#measures;
        aggregator.push(chunk);
        if (aggregator.startMs !== null)
          this.#faults?.loadHasBegun(Date.now() - aggregator.startMs);
      },
    });
    return this.#k6;
  }

  /** Waits for the end of k6, with all that goes on beside it. */
  async #until(k6: RunningK6, limitMs: number): Promise<void> {
    const { prepared, measures, surroundings } = {
      prepared: this.#prepared,
      measures: this.#measures,
      surroundings: this.#surroundings,
    };
    const { hostile, backend, feed } = prepared;
    const beside =
      hostile &&
      startBeside(hostile.material, hostile.target, this.#job.request, hostile.perSecond);
    // A fault of the sender is reported at the end; the good load goes on.
    beside?.done.catch(() => undefined);
    void backend?.process.exited.then(({ code, signal }) => {
      if (!this.#isSending) return;
      const how = signal ? `signal ${signal}` : `exit code ${code}`;
      this.#targetEnded(`the backend ended with ${how}, see backend.log`);
    });
    void feed?.failed.then((error) => {
      if (this.#isSending) this.#break(`submissions could not be signed (${error.message})`);
    });
    const { first } = surroundings.interrupts;
    const onFirst = () => {
      surroundings.screen.answer('interrupted: stopping, results follow (again to end at once)');
      this.stop();
    };
    first.addEventListener('abort', onFirst);
    if (first.aborted) onFirst();
    const overtime = setTimeout(() => {
      measures.broken.push(`k6 did not end within ${Math.round(limitMs / 1000)} s`);
      k6.kill();
    }, limitMs);
    const live = setInterval(() => this.#tick(), 1000);
    this.#liveLook = this.#startLiveLook();
    const stopCollecting = collectOften();
    try {
      const end = await k6.done;
      if (end.outcome === 'broken') measures.broken.push(end.sentence);
      measures.isKilled = end.signal !== null;
      if (beside) measures.hostile = await beside.stop();
    } finally {
      void beside?.stop().catch(() => undefined);
      clearTimeout(overtime);
      clearInterval(live);
      await this.#liveLook?.stop();
      stopCollecting();
      first.removeEventListener('abort', onFirst);
    }
  }

  /** Ends the load before its time; k6 is killed where it does not listen. */
  stop(): void {
    const k6 = this.#k6;
    if (k6 === null) return;
    this.#measures.stoppedMs ??= Date.now();
    k6.stop();
    void this.#faults?.stop();
    setTimeout(() => k6.kill(), K6_STOP_MS).unref();
  }

  /** Ends k6 and a backend of the run's own, and waits for neither. */
  killAtOnce(): void {
    this.#k6?.kill();
    const { backend } = this.#prepared;
    if (backend === null || backend.isShared || this.#backendEnded) return;
    try {
      process.kill(backend.process.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }

  /** Writes the seconds that are whole. */
  writeSeconds(): void {
    for (const second of this.#measures.aggregator.takeSeconds()) {
      this.record.write((writer) => writer.sample(second));
      this.#measures.faults?.second(second);
      this.#lastSecond = second;
    }
  }

  #break(sentence: string): void {
    this.#measures.broken.push(sentence);
    this.stop();
  }

  /** Loading on what is no longer there proves nothing: the run ends, with what it has. */
  #targetEnded(what: string): void {
    this.#backendEnded = true;
    const after = ((performance.now() - this.#measures.startedMs) / 1000).toFixed(0);
    this.#break(`${what} (${after} s after the start)`);
  }

  #startLiveLook(): LiveLook | null {
    const { reconcileEveryMs } = this.#job;
    const { notes, aggregator, times, startedAt } = this.#measures;
    const storage = this.#storage;
    if (reconcileEveryMs === null || storage === null) return null;
    if (this.#prepared.feed !== null) {
      notes.push(
        '--reconcile-every has no effect where submissions are signed while the load runs: the storage is looked into after it',
      );
      return null;
    }
    return new LiveLook({
      everyMs: reconcileEveryMs,
      open: () => storage.open(),
      sent: () => sentByRun(this.#prepared),
      answers: aggregator.table,
      times,
      beganMs: startedAt.getTime(),
      folder: this.#prepared.writer.folder,
      onNote: (text) => notes.push(text),
    });
  }

  #resource(line: ResourceLine): void {
    const { aggregator, resources, notes } = this.#measures;
    // How k6 ended is said by k6's own step; that it ends at the end of the load is nothing to note.
    if (line.kind === 'note' && line.name === 'k6') return;
    this.record.write((writer) => writer.resource(line));
    resources.add(line, aggregator.totals);
    if (line.kind === 'process') this.#readings.set(line.name, line);
    // The ends of processes are reported by themselves; the rest is a fault of the monitor.
    if (line.kind === 'note' && line.name === 'monitor') notes.push(line.text);
  }

  #tick(): void {
    this.writeSeconds();
    const { aggregator, resources, startedMs } = this.#measures;
    const { totals } = aggregator;
    const second = this.#lastSecond;
    this.#lastVus = second?.vus ?? this.#lastVus;
    // What is not known yet is not shown as 0. (The first second may begin after k6 counted its VUs.)
    if (second === undefined || (this.#lastVus === null && second.elapsedS < 3)) return;
    this.#surroundings.screen.status(
      liveLine({
        elapsedMs: performance.now() - startedMs,
        durationMs: this.#prepared.plan.estimate.durationMs,
        vus: this.#lastVus,
        submissionsPerSecond: second.sent,
        askedPerSecond: this.#control?.asked(),
        p95Ms: second.latency?.p95 ?? null,
        errors: totals.sent - totals.expected + totals.failedIterations,
        stored: this.#liveLook?.last ?? null,
        backend: this.#backendEnded ? undefined : this.#readings.get('backend'),
        generator: this.#readings.get('k6'),
        growth: {
          backend: resources.growthOf('backend')?.bytesPerMinute,
          generator: resources.growthOf('k6')?.bytesPerMinute,
        },
      }),
    );
  }
}
