/**
 * The scenario `breakpoint`: loads at constant rates, one after another on the same target, until it is known which rate is the
 * highest that meets the gates. Then one longer load at the lower end of what is known shows that it holds.
 *
 * Each trial is a run like any other, with its folder below `trials/`; the last load's files become those of the whole.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRun } from '../../results/reader.ts';
import type { BreakpointFigures, BreakpointTrial, Summary } from '../../results/types.ts';
import { formatNumber, formatShare } from '../../results/units.ts';
import {
  createRun,
  ensureResultsFolder,
  FILES,
  runId,
  type RunWriter,
} from '../../results/writer.ts';
import { type BackendProcess, startBackend } from '../../stack/backend-process.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { BREAKPOINT_METRIC, gateRules, judgeGates, metricOfGate } from '../../judge/gates.ts';
import type { Interrupts } from '../../system/interrupts.ts';
import { Screen, type StatusText, textFor } from '../../system/screen.ts';
import type { LoadJob, Surroundings } from '../prepare.ts';
import { type RunEnd, runLoad, tellEnd } from '../run.ts';
import { checkIsBackend } from '../target/target.ts';
import { searchState, type SearchOptions, type SearchState } from './search.ts';
import { verdictOfSearch } from '../../judge/breakpoint-verdict.ts';

export type BreakpointJob = {
  /** The load of every trial but its rate; its own duration is that of the last, longer load. */
  load: LoadJob;
  search: SearchOptions;
  /** How long each trial lasts. */
  holdMs: number;
  /** Pause between two trials. */
  settleMs: number;
};

/** k6 takes whole numbers of starts per unit of time: rates to a hundredth. */
const RATE_SCALE = 100;
const MOST_CONFIRMATIONS = 4;
/** After a trial that failed the target may have a queue to work off. */
const RECOVERY_MS = 60_000;
const RECOVERED_ANSWER_MS = 500;

/** Steps of a trial are nobody's news; the line that changes is. */
class TrialScreen extends Screen {
  readonly #name: string;
  constructor(output: ConstructorParameters<typeof Screen>[0], name: string) {
    super(output);
    this.#name = name;
  }
  override line(): void {
    // Left out.
  }
  override status(text: StatusText): void {
    const before = `${this.#name} | `;
    super.status((width) => before + textFor(text, width - before.length));
  }
}

/** @throws UserError if the first trial could not begin */
export async function runBreakpoint(
  job: BreakpointJob,
  surroundings: Surroundings & { interrupts: Interrupts; output: NodeJS.WritableStream },
): Promise<RunEnd> {
  return new BreakpointRun(job, surroundings).run();
}

class BreakpointRun {
  readonly #job: BreakpointJob;
  readonly #surroundings: Surroundings & { interrupts: Interrupts; output: NodeJS.WritableStream };
  readonly #trials: BreakpointTrial[] = [];
  readonly #startedAt = new Date();
  #folder = '';
  /** Folder of the last load, or of the trial that stands for the whole. */
  #last: { folder: string; summary: Summary } | null = null;
  #backend: BackendProcess | null = null;
  #confirmedRate: number | null = null;

  constructor(
    job: BreakpointJob,
    surroundings: Surroundings & { interrupts: Interrupts; output: NodeJS.WritableStream },
  ) {
    this.#job = job;
    this.#surroundings = surroundings;
  }

  async run(): Promise<RunEnd> {
    const { load } = this.#job;
    const { screen } = this.#surroundings;
    await ensureResultsFolder(load.resultsFolder);
    const writer = createRun(load.resultsFolder, runId(this.#startedAt, 'breakpoint'));
    writer.close();
    this.#folder = writer.folder;
    const storageFolder = join(this.#folder, 'storage');
    let problem: UserError | null = null;
    try {
      await mkdir(join(this.#folder, 'trials'));
      if (load.targets.length === 0) await this.#startBackend(storageFolder);
      await this.#search();
    } catch (error) {
      if (this.#last === null || !(error instanceof UserError)) {
        await this.#stopBackend();
        await rm(this.#folder, { recursive: true, force: true });
        throw error;
      }
      problem = error;
    }
    await this.#stopBackend();
    if (!load.keep) await rm(storageFolder, { recursive: true, force: true });
    if (this.#last === null) {
      await rm(this.#folder, { recursive: true, force: true });
      screen.line('interrupted before anything was sent; nothing was left behind');
      return { exitCode: EXIT.interrupted, folder: null, summary: null };
    }
    const summary = await this.#finish(this.#last, problem, writer);
    return tellEnd(this.#folder, summary, screen, { describe: true });
  }

  get #interrupted(): boolean {
    return this.#surroundings.interrupts.first.aborted;
  }

  #state(): SearchState {
    return searchState(this.#job.search, this.#trials);
  }

  async #search(): Promise<void> {
    const { screen } = this.#surroundings;
    const { holdMs, load } = this.#job;
    const { durationMs } = load.request;
    for (let confirmations = 0; !this.#interrupted;) {
      const state = this.#state();
      if (state.next !== null) {
        await this.#trial(state.next, holdMs);
        continue;
      }
      const held = this.#trials.some(({ outcome }) => outcome === 'held');
      if (!held || confirmations++ >= MOST_CONFIRMATIONS) return;
      // The rate to name is one that was seen to hold for longer, not the middle of a guess.
      const rate = this.#rateToConfirm(state);
      screen.line(`confirming ${formatNumber(rate)}/s for ${durationMs / 1000} s`);
      const trial = await this.#trial(rate, durationMs);
      if (trial?.outcome === 'held') {
        this.#confirmedRate = trial.rate;
        return;
      }
    }
  }

  /** The lower end of what is known, but no more than held before where the search could not go on. */
  #rateToConfirm({ knee, end }: SearchState): number {
    const held = this.#trials.filter(({ outcome }) => outcome === 'held').map(({ rate }) => rate);
    const top = Math.max(...held);
    return end === 'precise' || end === 'trials' ? Math.min(top, knee.low) : top;
  }

  async #trial(wanted: number, durationMs: number): Promise<BreakpointTrial | null> {
    const { load, settleMs } = this.#job;
    const { screen, output, interrupts } = this.#surroundings;
    const n = this.#trials.length + 1;
    const starts = Math.max(1, Math.round(wanted * RATE_SCALE));
    const rate = starts / RATE_SCALE;
    const name = `trial ${n}, ${formatNumber(rate)}/s`;
    if (n > 1) await this.#recover(settleMs);
    if (this.#interrupted) return null;
    const trialScreen = new TrialScreen(output, name);
    const job: LoadJob = {
      ...load,
      ...(this.#backend && {
        targets: [{ url: this.#backend.url, weight: 1 }],
        targetPid: this.#backend.pid,
      }),
      resultsFolder: join(this.#folder, 'trials'),
      gates: load.gates.filter((text) => !isBreakpointGate(text)),
      request: {
        ...load.request,
        durationMs,
        rate: { starts, timeUnitMs: 1000 * RATE_SCALE },
        // Other producers in each trial: neither the hourly limit nor the same second touches what came before.
        seed: `${load.request.seed}/${n}`,
      },
    };
    let end: RunEnd;
    try {
      end = await runLoad(job, { ...this.#surroundings, screen: trialScreen }, { describe: false });
    } finally {
      trialScreen.end();
    }
    if (end.folder === null || end.summary === null) return null;
    // One that was interrupted before its first answer must not stand for the whole.
    if (this.#last === null || end.summary.figures.sent > 0)
      this.#last = { folder: end.folder, summary: end.summary };
    if (interrupts.first.aborted) return null;
    const { verdict } = end.summary;
    if (verdict.exitCode === EXIT.broken || verdict.exitCode === EXIT.noData)
      throw new UserError(`${name}: ${verdict.sentence}`, {
        hint: `its folder is ${end.folder}`,
        exitCode: verdict.exitCode,
      });
    const trial = trialOf(basename(end.folder), rate, end.summary);
    this.#trials.push(trial);
    const { knee } = this.#state();
    const known = this.#trials.some(({ outcome }) => outcome === 'failed')
      ? `; the knee lies between ${formatNumber(knee.low)} and ${formatNumber(knee.high)}/s`
      : '';
    screen.line(`${name}: ${describeTrial(trial)}${known}`);
    return trial;
  }

  /** Back-off: the next trial begins when the target answers again as one does that has no queue. */
  async #recover(settleMs: number): Promise<void> {
    const { first } = this.#surroundings.interrupts;
    await sleep(settleMs, undefined, { signal: first }).catch(() => undefined);
    if (this.#trials.at(-1)?.outcome !== 'failed') return;
    const { targets, transport } = this.#job.load;
    const urls = this.#backend ? [this.#backend.url] : targets.map(({ url }) => url);
    const deadline = performance.now() + RECOVERY_MS;
    for (let pauseMs = 250; !first.aborted; pauseMs = Math.min(4000, pauseMs * 2)) {
      const startedMs = performance.now();
      const answered = await Promise.all(urls.map((url) => checkIsBackend(url, transport))).then(
        () => true,
        () => false,
      );
      if (answered && performance.now() - startedMs < RECOVERED_ANSWER_MS * urls.length) return;
      if (performance.now() > deadline)
        throw new UserError(
          `the target did not recover within ${RECOVERY_MS / 1000} s after ${formatNumber(this.#trials.at(-1)!.rate)}/s`,
          { hint: 'look at its log; what was measured up to then is in the results' },
        );
      await sleep(pauseMs, undefined, { signal: first }).catch(() => undefined);
    }
  }

  /** One backend for all trials: a cold one would be slower in each. */
  async #startBackend(storageFolder: string): Promise<void> {
    const { load } = this.#job;
    const { env, screen } = this.#surroundings;
    await mkdir(storageFolder, { recursive: true });
    this.#backend = await startBackend({
      port: load.port,
      storageFolder,
      // Each trial has producers of its own, made when it begins.
      whitelist: null,
      logFile: join(this.#folder, FILES.backendLog),
      env: {
        ...env,
        CONFIG_NETWORK_NAME: load.request.network,
        BACKEND_FAITHFUL: load.faithful ? '1' : '0',
      },
    });
    for (const note of this.#backend.notes) screen.line(note);
  }

  async #stopBackend(): Promise<void> {
    await this.#backend?.stop();
    this.#backend = null;
  }

  async #finish(
    last: { folder: string; summary: Summary },
    problem: UserError | null,
    writer: Pick<RunWriter, 'plan' | 'summary'>,
  ): Promise<Summary> {
    const { load, holdMs } = this.#job;
    const { plan } = await readRun(last.folder);
    for (const file of await readdir(last.folder))
      if (file !== FILES.backendLog || this.#job.load.targets.length > 0)
        await rename(join(last.folder, file), join(this.#folder, file));
    await rm(last.folder, { recursive: true, force: true });
    const id = basename(this.#folder);
    if (plan)
      writer.plan({
        ...plan,
        id,
        plannedAt: this.#startedAt.toISOString(),
        options: load.options,
        seed: load.request.seed,
        target: { ...plan.target, embedded: load.targets.length === 0 },
      });
    const state = this.#trials.length > 0 ? this.#state() : null;
    const found = this.#trials.some(({ outcome }) => outcome === 'held');
    const cut = this.#interrupted || problem !== null || state === null || state.end === null;
    const breakpoint: BreakpointFigures = {
      rate: found ? state!.knee.rate : null,
      low: found ? state!.knee.low : null,
      high: found ? state!.knee.high : null,
      end: cut ? 'cut' : state.end!,
      confirmedRate: this.#confirmedRate,
      holdMs,
      trials: this.#trials,
    };
    const gates = judgeGates(gateRules(load.gates.filter(isBreakpointGate), []), {
      ...last.summary.figures,
      breakpoint,
    });
    const summary: Summary = {
      ...last.summary,
      id,
      startedAt: this.#startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      interrupted: this.#interrupted,
      breakpoint,
      gates: [...last.summary.gates, ...gates],
      verdict: verdictOfSearch(breakpoint, gates, { problem, interrupted: this.#interrupted }),
    };
    writer.summary(summary);
    return summary;
  }
}

const isBreakpointGate = (text: string): boolean => metricOfGate(text) === BREAKPOINT_METRIC;

function trialOf(
  folder: string,
  rate: number,
  { figures, gates, verdict }: Summary,
): BreakpointTrial {
  const { latency, schedule, errorRate, processes } = figures;
  return {
    folder,
    rate,
    outcome:
      verdict.exitCode === EXIT.generatorLimited
        ? 'generator-limited'
        : verdict.passed
          ? 'held'
          : 'failed',
    failedGates: gates.filter(({ state }) => state !== 'pass').map(({ name }) => name),
    keepingUpShare: schedule?.keepingUpShare ?? null,
    errorRate,
    p50Ms: latency?.p50Ms ?? null,
    p95Ms: latency?.p95Ms ?? null,
    p99Ms: latency?.p99Ms ?? null,
    backendCores: processes.backend?.cpuCoresMean ?? null,
  };
}

function describeTrial({ outcome, failedGates, keepingUpShare }: BreakpointTrial): string {
  const kept = keepingUpShare === null ? '' : `, ${formatShare(keepingUpShare)} answered in time`;
  if (outcome === 'failed') return `failed (${failedGates.join(', ')}${kept})`;
  return outcome === 'held' ? `held${kept}` : 'the generator could not send that much';
}
