/** One load run, from the checked options to the verdict: prepare, send, look at what came of it. */
import { join } from 'node:path';
import type { LogFollower } from '../monitor/logs/follow.ts';
import { startMonitor } from '../monitor/monitor.ts';
import { labelAnswer } from '../results/answers.ts';
import { describeRun } from '../report/describe.ts';
import { loadFiguresOf, startedIn } from '../results/rates.ts';
import type {
  HostileFigures,
  ProcessReading,
  Reconcile,
  ResourceLine,
  SampleLine,
  Summary,
} from '../results/types.ts';
import { targetOf } from '../scenarios/lib/plan.ts';
import { EXIT } from '../user-error.ts';
import { defaultGates, gateRules, judgeGates } from '../judge/gates.ts';
import { allowedMisses, generatorLimit, growthNotes } from '../judge/generator-limit.ts';
import { writeFleetRecord } from './fleet-record.ts';
import { startBeside } from './hostile/beside.ts';
import { collectOften } from '../system/garbage.ts';
import type { Interrupts } from '../system/interrupts.ts';
import { startK6 } from './k6/run.ts';
import { Leftovers } from '../system/leftovers.ts';
import { type Screen } from '../system/screen.ts';
import { liveLine } from './live-line.ts';
import { groupFigures, hasHostile } from './mix.ts';
import type { LookOutcome } from '../reconcile/look.ts';
import { LiveLook } from '../reconcile/live.ts';
import {
  lookAfterRun,
  sentByRun,
  type StorageChoice,
  storageOf,
  storedGates,
} from './storage-look.ts';
import { SendTimes } from '../reconcile/send-times.ts';
import { type LoadJob, type PreparedRun, prepareRun, type Surroundings } from './prepare.ts';
import { ResourceMeter } from './resource-meter.ts';
import { figuresOf, SampleAggregator } from './k6/samples.ts';
import { scenarioGates } from './scenario-gates.ts';
import { scheduleOf, timedSchedule } from './schedule.ts';
import { costOfFolder } from './run-cost.ts';
import { followTargetLogs } from './target/log.ts';
import { verdictOf } from '../judge/verdict.ts';

/** A k6 that does not end by itself this long after its last possible answer is ended. */
const K6_OVERTIME_MS = 30_000;
/** How long k6 may take to end after the first interrupt. */
const K6_STOP_MS = 10_000;

/**
 * Runs one load. Results are complete also when the target dies in the middle or the user interrupts once; at
 * the second interrupt the process ends at once, with what was measured up to then.
 * @param how `describe`: whether pictures and report are made
 * @throws UserError if the run could not begin
 */
export async function runLoad(
  job: LoadJob,
  surroundings: Surroundings & { interrupts: Interrupts },
  how: { describe: boolean } = { describe: true },
): Promise<RunEnd> {
  const { screen, interrupts } = surroundings;
  const leftovers = new Leftovers();
  // At any time; while the load runs, LoadRun saves what it has first.
  let save: () => void = () => undefined;
  const endAtOnce = () => {
    save();
    leftovers.removeNow();
    process.exit(EXIT.interrupted);
  };
  interrupts.second.addEventListener('abort', endAtOnce);
  let prepared: PreparedRun;
  try {
    prepared = await prepareRun(job, { ...surroundings, leftovers }, interrupts.first);
  } catch (error) {
    interrupts.second.removeEventListener('abort', endAtOnce);
    if (!interrupts.first.aborted) throw error;
    screen.line('interrupted before anything was sent; nothing was left behind');
    return { exitCode: EXIT.interrupted, folder: null, summary: null };
  }
  const run = new LoadRun(job, prepared, surroundings);
  const { folder } = prepared.writer;
  save = () => run.saveAtOnce();
  await run.send();
  const summary = run.finish(await run.look());
  save = () => undefined;
  await run.addCost();
  summary.notes.push(...(await prepared.release()), ...run.save());
  interrupts.second.removeEventListener('abort', endAtOnce);
  return tellEnd(folder, summary, screen, how);
}

/** How a run ended; nulls: it was interrupted before anything was sent. */
export type RunEnd = { exitCode: number; folder: string | null; summary: Summary | null };

/** The last lines of a run whose files are whole. @param how `describe`: pictures and report are made first */
export async function tellEnd(
  folder: string,
  summary: Summary,
  screen: Screen,
  how: { describe: boolean },
): Promise<RunEnd> {
  const notDrawn = how.describe ? await tryToDescribe(folder) : null;
  for (const note of summary.notes) screen.line(`note: ${note}`);
  if (notDrawn !== null) screen.line(`note: ${notDrawn}`);
  screen.line(`results: ${folder}`);
  screen.line(summary.verdict.sentence);
  return { exitCode: summary.verdict.exitCode, folder, summary };
}

/**
 * Pictures and report, from the folder alone. A failure here takes nothing from the results.
 * @returns what failed; null: nothing
 */
async function tryToDescribe(folder: string): Promise<string | null> {
  try {
    await describeRun(folder);
    return null;
  } catch (error) {
    return `pictures or report could not be made (${(error as Error).message}); try npm run report -- ${folder}`;
  }
}

/** The time in which the load runs: k6, the monitor and the samples between them and the result folder. */
class LoadRun {
  readonly #job: LoadJob;
  readonly #prepared: PreparedRun;
  readonly #surroundings: Surroundings & { interrupts: Interrupts };
  readonly #aggregator: SampleAggregator;
  /** Last reading of each process, for the live line. */
  readonly #readings = new Map<string, ProcessReading>();
  readonly #resources = new ResourceMeter();
  /** The backend's memory is read. */
  readonly #isWatched: boolean;
  readonly #notes: string[] = [];
  readonly #broken: string[] = [];
  readonly #startedAt = new Date();
  readonly #startedMs = performance.now();
  #backendEnded = false;
  #unwritable = false;
  #summary: Summary | undefined;
  #stopK6: () => void = () => undefined;
  #killK6: () => void = () => undefined;
  #sending = true;
  #lastSecond: SampleLine | undefined;
  #hostile: HostileFigures | undefined;
  #lastVus: number | null = null;
  /** null: no log of the target is in sight. */
  readonly #logs: LogFollower | null;
  readonly #times: SendTimes;
  /** Where the target stores; null: nobody knows. */
  readonly #storage: StorageChoice | null;
  /** What the look found of this run. */
  #storedSize: LookOutcome['size'] = null;
  #liveLook: LiveLook | null = null;
  /** When the load was stopped before its planned end, ms since 1970; null: it was not, or k6 itself ended. */
  #stoppedMs: number | null = null;
  /** When k6 had ended, ms since 1970. */
  #endedMs = 0;

  constructor(
    job: LoadJob,
    prepared: PreparedRun,
    surroundings: Surroundings & { interrupts: Interrupts },
  ) {
    this.#job = job;
    this.#prepared = prepared;
    this.#surroundings = surroundings;
    this.#isWatched =
      prepared.backend !== null || job.targetPid !== null || job.targetContainer !== null;
    const { k6Plan } = prepared;
    const { targets } = k6Plan;
    const { load } = prepared.plan;
    const schedule =
      prepared.offsetsMs === null
        ? scheduleOf(load)
        : timedSchedule(prepared.offsetsMs, load.durationMs);
    this.#storage = storageOf(job, prepared, surroundings.env);
    const spillPath = join(prepared.writer.folder, 'corpus', 'times');
    this.#times = new SendTimes(k6Plan.load.lease, spillPath);
    this.#aggregator = new SampleAggregator({
      ...(this.#storage !== null && { times: this.#times }),
      lease: k6Plan.load.lease,
      count: k6Plan.source.kind === 'corpus' ? k6Plan.source.count : Infinity,
      expectedStatus: k6Plan.expected.status,
      bodyBytesOf: prepared.bodyBytesOf,
      feeder: prepared.feed?.samplesOf(k6Plan.load.lease) ?? null,
      answersPath: join(prepared.writer.folder, 'corpus', 'answers.bin'),
      schedule: schedule && { schedule, vus: load.vus },
      warmUpMs: load.warmUpMs ?? 0,
      ...(targets !== null && {
        targets: { count: targets.length, of: targetOf({ seed: k6Plan.seed, targets }) },
      }),
      ...(prepared.groups && {
        groups: {
          expectedStatus: prepared.groups.list.map((group) => group.expectedStatus),
          of: prepared.groups.of,
        },
      }),
    });
    this.#logs = followTargetLogs({
      logs: job.logs,
      embeddedIn: prepared.backend === null ? null : prepared.writer.folder,
      secretHeaders: job.transport.secretHeaders,
      env: surroundings.env,
      onLine: (line) => this.#write(() => prepared.writer.log(line)),
      onNote: (text) => this.#notes.push(text),
    });
  }

  /** Sends until the plan is done, the target's process ends, or the user interrupts. */
  async send(): Promise<void> {
    const { prepared, interrupts } = { prepared: this.#prepared, ...this.#surroundings };
    const { writer, plan, backend } = prepared;
    await this.#logs?.ready;
    const monitor = startMonitor({
      targets: [
        ...(backend ? [{ name: 'backend', pid: backend.pid }] : []),
        ...(this.#job.targetPid === null ? [] : [{ name: 'backend', pid: this.#job.targetPid }]),
        { name: 'toolkit', pid: process.pid },
      ],
      sources: this.#job.monitorSources(),
      intervalMs: this.#job.monitorIntervalMs,
      onReading: (line) => this.#resource(line),
      onEnded: (name) => {
        if (name === 'backend' && backend === null && this.#sending)
          this.#targetEnded(`the target's process ${this.#job.targetPid} ended`);
      },
    });
    try {
      const k6 = await startK6({
        k6Path: prepared.k6.path,
        bundlePath: prepared.bundlePath,
        planPath: prepared.k6PlanPath,
        runFolder: writer.folder,
        memory: prepared.memory,
        env: this.#surroundings.env,
        transport: this.#job.transport,
        onSampleBytes: (chunk) => this.#aggregator.push(chunk),
      });
      this.#stopK6 = () => {
        k6.stop();
        setTimeout(() => k6.kill(), K6_STOP_MS).unref();
      };
      this.#killK6 = () => k6.kill();
      const { hostile } = prepared;
      const beside =
        hostile &&
        startBeside(hostile.material, hostile.target, this.#job.request, hostile.perSecond);
      // A fault of the sender is told at the end; the good load goes on.
      beside?.done.catch(() => undefined);
      monitor.addTarget({ name: 'k6', pid: k6.pid });
      void backend?.exited.then(({ code, signal }) => {
        if (!this.#sending) return;
        const how = signal ? `signal ${signal}` : `exit code ${code}`;
        this.#targetEnded(`the backend ended with ${how}, see backend.log`);
      });
      void prepared.feed?.failed.then((error) => {
        if (!this.#sending) return;
        this.#broken.push(`submissions could not be signed (${error.message})`);
        this.#stopK6();
      });
      const onFirst = () => {
        this.#stoppedMs ??= Date.now();
        this.#surroundings.screen.line(
          'interrupted: stopping, results follow (again to end at once)',
        );
        this.#stopK6();
      };
      interrupts.first.addEventListener('abort', onFirst);
      if (interrupts.first.aborted) onFirst();
      const limitMs = plan.load.durationMs + plan.load.gracefulStopMs + K6_OVERTIME_MS;
      const overtime = setTimeout(() => {
        this.#broken.push(`k6 did not end within ${Math.round(limitMs / 1000)} s`);
        k6.kill();
      }, limitMs);
      const live = setInterval(() => this.#tick(), 1000);
      this.#liveLook = this.#startLiveLook();
      const stopCollecting = collectOften();
      try {
        const end = await k6.done;
        if (end.outcome === 'broken') this.#broken.push(end.sentence);
        if (beside) this.#hostile = await beside.stop();
      } finally {
        void beside?.stop().catch(() => undefined);
        clearTimeout(overtime);
        clearInterval(live);
        await this.#liveLook?.stop();
        stopCollecting();
        interrupts.first.removeEventListener('abort', onFirst);
      }
    } catch (error) {
      // k6 refused its plan, or the stream could not be read: the folder tells, with what there was.
      this.#broken.push((error as Error).message);
    } finally {
      this.#sending = false;
      this.#endedMs = Date.now();
      await monitor.stop();
      await prepared.feed?.stop();
      await this.#logs?.stop();
    }
  }

  /**
   * A results folder that cannot be written (a full disk) ends the load; what was measured is judged all the same.
   */
  #write(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (this.#unwritable) return;
      this.#unwritable = true;
      this.#broken.push(`the results folder cannot be written (${(error as Error).message})`);
      this.#stopK6();
    }
  }

  #startLiveLook(): LiveLook | null {
    const { reconcileEveryMs } = this.#job;
    const storage = this.#storage;
    if (reconcileEveryMs === null || storage === null) return null;
    if (this.#prepared.feed !== null) {
      this.#notes.push(
        '--reconcile-every has no effect where submissions are signed while the load runs: the storage is looked into after it',
      );
      return null;
    }
    return new LiveLook({
      everyMs: reconcileEveryMs,
      open: () => storage.open(),
      sent: () => sentByRun(this.#prepared),
      answers: this.#aggregator.table,
      times: this.#times,
      beganMs: this.#startedAt.getTime(),
      folder: this.#prepared.writer.folder,
      onNote: (text) => this.#notes.push(text),
    });
  }

  /** Compares what was sent with what is stored. @returns null: there is nothing to look into, or for */
  async look(): Promise<LookOutcome | null> {
    const { screen, interrupts } = this.#surroundings;
    this.#aggregator.end();
    const { table, startMs } = this.#aggregator;
    if (this.#storage === null || table.length === 0) return null;
    const interrupted = interrupts.first.aborted;
    const stop = new AbortController();
    const onFirst = () => {
      screen.line('interrupted: the storage is not waited for any longer');
      stop.abort();
    };
    if (!interrupted) interrupts.first.addEventListener('abort', onFirst);
    try {
      return await lookAfterRun({
        choice: this.#storage,
        prepared: this.#prepared,
        answers: table,
        times: this.#times,
        beganMs: startMs ?? this.#startedAt.getTime(),
        endedMs: this.#endedMs,
        interrupted,
        signal: stop.signal,
        onStatus: (text) => screen.status(text),
      });
    } finally {
      interrupts.first.removeEventListener('abort', onFirst);
      this.#times.close();
    }
  }

  /** Writes what is left and judges. @param found in the target's storage; null: it was not looked into */
  finish(found: LookOutcome | null): Summary {
    this.#storedSize = found?.size ?? null;
    const { writer, plan } = this.#prepared;
    this.#aggregator.end();
    this.#writeSeconds();
    const { totals } = this.#aggregator;
    const inFlight = this.#aggregator.inFlight().length;
    const reconcile: Reconcile = {
      format: 1,
      planned: plan.corpus.submissions,
      sent: totals.sent,
      answers: totals.answers,
      accepted: totals.accepted,
      unknown: inFlight,
      resent: totals.resent,
      stored: found?.stored ?? null,
      missing: found?.missing ?? null,
      ...(found && { look: found.look }),
    };
    this.#write(() => writer.reconcile(reconcile));
    const { network } = this.#prepared;
    if (network !== null)
      this.#write(() => writeFleetRecord(writer.folder, network, this.#aggregator.table));
    const interrupted = this.#surroundings.interrupts.first.aborted;
    const cut = interrupted || this.#broken.length > 0;
    const { processes, cpu } = this.#resources.figures(totals);
    const time = loadFiguresOf(plan.load, {
      beganMs: this.#aggregator.startMs ?? this.#startedAt.getTime(),
      stoppedMs: cut ? (this.#stoppedMs ?? this.#endedMs) : null,
      lastEndMs: totals.lastEndMs,
      started: totals.sent + inFlight,
      accepted: totals.accepted,
    });
    const figures = {
      ...figuresOf(this.#aggregator, cut),
      ...time.figures,
      processes,
    };
    const rules = gateRules(this.#job.gates, [
      ...defaultGates(plan.load, {
        withHostile: hasHostile(this.#job.request),
        ofScenario: scenarioGates(plan.scenario, plan.load, this.#isWatched),
      }),
      ...storedGates(this.#job),
    ]);
    const facts = {
      figures,
      broken: this.#broken,
      interrupted,
      missing: found?.missing ?? null,
      generatorLimit: generatorLimit({
        schedule: figures.schedule ?? null,
        allowedMisses: allowedMisses(rules),
        cpu,
        feeder: this.#prepared.feed?.figures() ?? null,
      }),
    };
    const { targets } = this.#prepared.k6Plan;
    const logs = this.#logs?.figures() ?? undefined;
    const gates = judgeGates(rules, { ...figures, hostile: this.#hostile, reconcile, logs });
    const notes = [
      ...this.#notesOf(inFlight, figures, found?.notes ?? []),
      ...growthNotes(processes),
    ];
    const summary: Summary = {
      format: 1,
      id: writer.id,
      scenario: plan.scenario,
      startedAt: this.#startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      ...time.summary,
      firstEndMs: totals.firstEndMs,
      lastEndMs: totals.lastEndMs,
      interrupted,
      figures,
      ...(targets !== null && {
        targets: this.#aggregator.byTarget().map((counts, i) => ({ ...targets[i], ...counts })),
      }),
      ...this.#groups(),
      ...(this.#hostile && { hostile: this.#hostile }),
      ...(logs && { logs }),
      gates,
      notes,
      verdict: verdictOf(facts, gates),
    };
    this.#summary = summary;
    try {
      writer.summary(summary);
    } catch {
      // A full disk: save() tries again when the run has given its space back.
    }
    return summary;
  }

  /** Figures by size or kind. */
  #groups(): Pick<Summary, 'sizes' | 'kinds'> {
    const { groups } = this.#prepared;
    if (groups === null) return {};
    const { scenario, mix = [] } = this.#job.request;
    const weight = mix.find(({ kind }) => kind === 'hostile')?.weight;
    const beside =
      this.#hostile && weight !== undefined ? { weight, figures: this.#hostile } : null;
    const figures = groupFigures(groups.list, this.#aggregator.byGroup(), beside);
    return scenario === 'mixed' ? { kinds: figures } : { sizes: figures };
  }

  /** What a submission cost, once the lines are written. A failure here takes nothing from the results. */
  async addCost(): Promise<void> {
    if (!this.#summary || !this.#isWatched) return;
    const { writer, plan, storageFolder, hostile } = this.#prepared;
    try {
      this.#summary.cost = await costOfFolder(
        writer.folder,
        plan.load,
        hostile === null ? storageFolder : null,
        this.#storedSize,
      );
    } catch (error) {
      this.#summary.notes.push(
        `what a submission cost could not be told (${(error as Error).message})`,
      );
    }
  }

  /** Makes sure that the summary is there. @returns what is not; empty: all is well */
  save(): string[] {
    try {
      if (this.#summary) this.#prepared.writer.summary(this.#summary);
      this.#prepared.writer.close();
      this.#aggregator.table.close();
      return [];
    } catch (error) {
      return [`summary.json could not be written (${(error as Error).message})`];
    }
  }

  #notesOf(
    inFlight: number,
    { schedule, warmUpAnswers }: Summary['figures'],
    ofStorage: readonly string[],
  ): string[] {
    const { totals } = this.#aggregator;
    const { vus, warmUpMs = 0 } = this.#prepared.plan.load;
    const notes = [...this.#prepared.notes, ...this.#notes, ...ofStorage];
    if (warmUpMs > 0)
      notes.push(
        `the first ${warmUpMs / 1000} s were warm-up: ${warmUpAnswers ?? 0} answers count, but not in the latencies`,
      );
    const retried = Object.entries(totals.retries);
    if (retried.length > 0)
      notes.push(
        `requests that failed were sent again, as nodes do: ${retried.map(([answer, count]) => `${count} × ${labelAnswer(answer)}`).join(', ')}; of each submission the last answer counts`,
      );
    const lateBusy = schedule?.lateWhileBusy ?? 0;
    if (lateBusy > 0)
      notes.push(
        `${lateBusy} starts were late because nearly all ${vus} VUs waited for answers; --vus N has more of them ready for a target this slow`,
      );
    const droppedBusy = schedule ? schedule.dropped - schedule.droppedWhileFree : 0;
    if (droppedBusy > 0)
      notes.push(
        `${droppedBusy} starts were dropped because nearly all ${vus} VUs waited for answers; --vus N has more of them ready for a target this slow`,
      );
    if (this.#job.transport.insecureSkipTlsVerify)
      notes.push("nobody checked the target's certificate (--insecure-skip-tls-verify)");
    if (totals.resent > 0)
      notes.push(
        `the load outran its corpus: ${totals.resent} submissions were sent a second time or more`,
      );
    if (inFlight > 0)
      notes.push(
        `${inFlight} requests were under way at the stop: the backend may have stored them`,
      );
    if (totals.otherBody > 0)
      notes.push(
        `${totals.otherBody} answers had status 200 but not the backend's body: did they pass by the submit route?`,
      );
    if (totals.faultyLines > 0)
      notes.push(`${totals.faultyLines} lines of k6's sample stream were cut off and not counted`);
    return notes;
  }

  /** Loading on what is no longer there proves nothing: the run ends, with what it has. */
  #targetEnded(what: string): void {
    this.#backendEnded = true;
    this.#stoppedMs ??= Date.now();
    const after = ((performance.now() - this.#startedMs) / 1000).toFixed(0);
    this.#broken.push(`${what} (${after} s after the start)`);
    this.#stopK6();
  }

  #resource(line: ResourceLine): void {
    // How k6 ended is told by k6's own step; that it ends at the end of the load is nothing to note.
    if (line.kind === 'note' && line.name === 'k6') return;
    this.#write(() => this.#prepared.writer.resource(line));
    this.#resources.add(line, this.#aggregator.totals);
    if (line.kind === 'process') this.#readings.set(line.name, line);
    // The ends of processes are told by themselves; the rest is a fault of the monitor.
    if (line.kind === 'note' && line.name === 'monitor') this.#notes.push(line.text);
  }

  #writeSeconds(): void {
    for (const second of this.#aggregator.takeSeconds()) {
      this.#write(() => this.#prepared.writer.sample(second));
      this.#lastSecond = second;
    }
  }

  #tick(): void {
    this.#writeSeconds();
    const { totals } = this.#aggregator;
    const second = this.#lastSecond;
    this.#lastVus = second?.vus ?? this.#lastVus;
    // What is not known yet is not shown as 0. (The first second may begin after k6 counted its VUs.)
    if (second === undefined || (this.#lastVus === null && second.elapsedS < 3)) return;
    this.#surroundings.screen.status(
      liveLine({
        elapsedMs: performance.now() - this.#startedMs,
        durationMs: this.#prepared.plan.estimate.durationMs,
        vus: this.#lastVus,
        submissionsPerSecond: startedIn(second),
        p95Ms: second.latency?.p95 ?? null,
        errors: totals.sent - totals.expected + totals.failedIterations,
        stored: this.#liveLook?.last ?? null,
        backend: this.#backendEnded ? undefined : this.#readings.get('backend'),
        generator: this.#readings.get('k6'),
        growth: {
          backend: this.#resources.growthOf('backend')?.bytesPerMinute,
          generator: this.#resources.growthOf('k6')?.bytesPerMinute,
        },
      }),
    );
  }

  /** The second interrupt: no waiting for anything, but the results up to now are whole. */
  saveAtOnce(): void {
    this.#killK6();
    const { backend, writer } = this.#prepared;
    try {
      if (backend !== null && !this.#backendEnded) process.kill(backend.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
    const { verdict } = this.finish(null);
    const { screen } = this.#surroundings;
    screen.line(
      `results: ${writer.folder} (npm run report -- ${writer.folder} makes pictures and report)`,
    );
    screen.line(verdict.sentence);
  }
}
