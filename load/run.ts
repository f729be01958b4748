/** One load run, from the checked options to the verdict: prepare, send, look at what came of it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startMonitor } from '../monitor/monitor.ts';
import { renderRun } from '../plots/render.ts';
import { writeReport } from '../report/markdown.ts';
import { processFigures } from '../results/figures.ts';
import type {
  HostileFigures,
  ProcessReading,
  ResourceLine,
  SampleLine,
  Summary,
} from '../results/types.ts';
import { targetOf } from '../scenarios/lib/plan.ts';
import { EXIT } from '../user-error.ts';
import { defaultGates, gateRules, judgeGates } from './gates.ts';
import { allowedMisses, cpuOverLoad, generatorLimit } from './generator.ts';
import { startBeside } from './hostile/beside.ts';
import type { Interrupts } from './interrupt.ts';
import { startK6 } from './k6-run.ts';
import { Leftovers } from './leftovers.ts';
import { liveLine } from './live.ts';
import { type LoadJob, type PreparedRun, prepareRun, type Surroundings } from './prepare.ts';
import { figuresOf, SampleAggregator } from './samples.ts';
import { scheduleOf } from './schedule.ts';
import { verdictOf } from './verdict.ts';

/** A k6 that does not end by itself this long after its last possible answer is ended. */
const K6_OVERTIME_MS = 30_000;
/** How long k6 may take to end after the first interrupt. */
const K6_STOP_MS = 10_000;

/**
 * Runs one load. Results are complete also when the target dies in the middle or the user interrupts once; at
 * the second interrupt the process ends at once, with what was measured up to then.
 * @throws UserError if the run could not begin
 */
export async function runLoad(
  job: LoadJob,
  surroundings: Surroundings & { interrupts: Interrupts },
): Promise<{ exitCode: number }> {
  const { screen, interrupts } = surroundings;
  const leftovers = new Leftovers();
  // At any time; while the load runs, LoadRun saves what it has first.
  let save: () => void = () => undefined;
  interrupts.second.addEventListener('abort', () => {
    save();
    leftovers.removeNow();
    process.exit(EXIT.interrupted);
  });
  let prepared: PreparedRun;
  try {
    prepared = await prepareRun(job, { ...surroundings, leftovers }, interrupts.first);
  } catch (error) {
    if (!interrupts.first.aborted) throw error;
    screen.line('interrupted before anything was sent; nothing was left behind');
    return { exitCode: EXIT.interrupted };
  }
  const run = new LoadRun(job, prepared, surroundings);
  const { folder } = prepared.writer;
  save = () => run.saveAtOnce();
  await run.send();
  const { verdict, notes } = run.finish(await storedBy(prepared));
  save = () => undefined;
  notes.push(...(await prepared.release()), ...run.save());
  const notDrawn = await describe(folder);
  for (const note of notes) screen.line(`note: ${note}`);
  if (notDrawn !== null) screen.line(`note: ${notDrawn}`);
  screen.line(`results: ${folder}`);
  screen.line(verdict.sentence);
  return { exitCode: verdict.exitCode };
}

/** Pictures and report, from the folder alone. A failure here takes nothing from the results. */
async function describe(folder: string): Promise<string | null> {
  try {
    await renderRun(folder);
    await writeReport(folder);
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
  readonly #resourceLines: ResourceLine[] = [];
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

  constructor(
    job: LoadJob,
    prepared: PreparedRun,
    surroundings: Surroundings & { interrupts: Interrupts },
  ) {
    this.#job = job;
    this.#prepared = prepared;
    this.#surroundings = surroundings;
    const { k6Plan } = prepared;
    const { targets } = k6Plan;
    const { load } = prepared.plan;
    const schedule = scheduleOf(load);
    this.#aggregator = new SampleAggregator({
      lease: k6Plan.load.lease,
      count: k6Plan.source.kind === 'corpus' ? k6Plan.source.count : Infinity,
      expectedStatus: k6Plan.expected.status,
      bodyBytesOf: prepared.bodyBytesOf,
      schedule: schedule && { schedule, vus: load.vus },
      warmUpMs: load.warmUpMs ?? 0,
      ...(targets !== null && {
        targets: { count: targets.length, of: targetOf({ seed: k6Plan.seed, targets }) },
      }),
    });
  }

  /** Sends until the plan is done, the target's process ends, or the user interrupts. */
  async send(): Promise<void> {
    const { prepared, interrupts } = { prepared: this.#prepared, ...this.#surroundings };
    const { writer, plan, backend } = prepared;
    const monitor = startMonitor({
      targets: [
        ...(backend ? [{ name: 'backend', pid: backend.pid }] : []),
        ...(this.#job.targetPid === null ? [] : [{ name: 'backend', pid: this.#job.targetPid }]),
        { name: 'toolkit', pid: process.pid },
      ],
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
        startBeside(hostile.material, hostile.target, this.#job.request, this.#job.hostileRate);
      // A fault of the sender is told at the end; the good load goes on.
      beside?.done.catch(() => undefined);
      monitor.addTarget({ name: 'k6', pid: k6.pid });
      void backend?.exited.then(({ code, signal }) => {
        if (!this.#sending) return;
        const how = signal ? `signal ${signal}` : `exit code ${code}`;
        this.#targetEnded(`the backend ended with ${how}, see backend.log`);
      });
      const onFirst = () => {
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
      try {
        const end = await k6.done;
        if (end.outcome === 'broken') this.#broken.push(end.sentence);
        if (beside) this.#hostile = await beside.stop();
      } finally {
        void beside?.stop().catch(() => undefined);
        clearTimeout(overtime);
        clearInterval(live);
        interrupts.first.removeEventListener('abort', onFirst);
      }
    } catch (error) {
      // k6 refused its plan, or the stream could not be read: the folder tells, with what there was.
      this.#broken.push((error as Error).message);
    } finally {
      this.#sending = false;
      await monitor.stop();
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

  /** Writes what is left and judges. @param stored submissions that the embedded backend's storage holds; null: not known */
  finish(stored: number | null): Summary {
    const { writer, plan } = this.#prepared;
    this.#aggregator.end();
    this.#writeSeconds();
    const { totals } = this.#aggregator;
    const inFlight = this.#aggregator.inFlight().length;
    this.#write(() =>
      writer.reconcile({
        format: 1,
        planned: plan.corpus.submissions,
        sent: totals.sent,
        answers: totals.answers,
        accepted: totals.accepted,
        unknown: inFlight,
        resent: totals.resent,
        stored,
        missing: stored === null ? null : Math.max(0, totals.accepted - stored),
      }),
    );
    const interrupted = this.#surroundings.interrupts.first.aborted;
    const cut = interrupted || this.#broken.length > 0;
    const figures = {
      ...figuresOf(this.#aggregator, cut),
      processes: processFigures(this.#resourceLines),
    };
    const rules = gateRules(this.#job.gates, defaultGates(plan.load, plan.scenario));
    const facts = {
      figures,
      broken: this.#broken,
      interrupted,
      generatorLimit: generatorLimit({
        schedule: figures.schedule ?? null,
        allowedMisses: allowedMisses(rules),
        cpu: cpuOverLoad(this.#resourceLines, totals.firstEndMs ?? 0, totals.lastEndMs ?? 0),
      }),
    };
    const { targets } = this.#prepared.k6Plan;
    const gates = judgeGates(rules, { ...figures, hostile: this.#hostile });
    const notes = this.#notesOf(inFlight, figures, stored);
    const summary: Summary = {
      format: 1,
      id: writer.id,
      scenario: plan.scenario,
      startedAt: this.#startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      loadMs: Math.round((totals.lastEndMs ?? 0) - (totals.firstEndMs ?? 0)),
      interrupted,
      figures,
      ...(targets !== null && {
        targets: this.#aggregator.byTarget().map((counts, i) => ({ ...targets[i], ...counts })),
      }),
      ...(this.#hostile && { hostile: this.#hostile }),
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

  /** Makes sure that the summary is there. @returns what is not; empty: all is well */
  save(): string[] {
    try {
      if (this.#summary) this.#prepared.writer.summary(this.#summary);
      this.#prepared.writer.close();
      return [];
    } catch (error) {
      return [`summary.json could not be written (${(error as Error).message})`];
    }
  }

  #notesOf(
    inFlight: number,
    { schedule, warmUpAnswers }: Summary['figures'],
    stored: number | null,
  ): string[] {
    const { totals } = this.#aggregator;
    const { vus, warmUpMs = 0 } = this.#prepared.plan.load;
    const notes = [...this.#prepared.notes, ...this.#notes];
    if (stored !== null && stored < totals.accepted)
      notes.push(
        `the backend's storage holds ${stored} submissions, though ${totals.accepted} were accepted (a failed write is in backend.log; of several by one submitter within a second it keeps one)`,
      );
    if (warmUpMs > 0)
      notes.push(
        `the first ${warmUpMs / 1000} s were warm-up: ${warmUpAnswers ?? 0} answers count, but not in the latencies`,
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
    const after = ((performance.now() - this.#startedMs) / 1000).toFixed(0);
    this.#broken.push(`${what} (${after} s after the start)`);
    this.#stopK6();
  }

  #resource(line: ResourceLine): void {
    // How k6 ended is told by k6's own step; that it ends at the end of the load is nothing to note.
    if (line.kind === 'note' && line.name === 'k6') return;
    this.#write(() => this.#prepared.writer.resource(line));
    if (line.kind !== 'note') this.#resourceLines.push(line);
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
        submissionsPerSecond: second.sent,
        p95Ms: second.latency?.p95 ?? null,
        errors: totals.sent - totals.accepted + totals.failedIterations,
        backend: this.#backendEnded ? undefined : this.#readings.get('backend'),
        generator: this.#readings.get('k6'),
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

/**
 * How many submissions the embedded backend's storage holds; null where there is no such storage, and beside hostile
 * requests, which are stored as well.
 */
async function storedBy({ storageFolder, hostile }: PreparedRun): Promise<number | null> {
  if (storageFolder === null || hostile !== null) return null;
  try {
    const names = await readdir(join(storageFolder, 'submissions'), { recursive: true });
    return names.filter((name) => name.endsWith('.json')).length;
  } catch (error) {
    // Not one was stored.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 0 : null;
  }
}
