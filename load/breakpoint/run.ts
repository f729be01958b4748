/**
 * A search for the highest rate that meets the gates: loads at constant rates, one after another on the same target, until it is known.
 * Then one longer load at the lower end of what is known must hold (progress.ts).
 *
 * Each trial is a run like any other, with its own decision and folder; all share the facts, and one embedded backend with its storage.
 */
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verdictOfSearch } from '../../judge/breakpoint-verdict.ts';
import { gateRules, judgeGates } from '../../judge/gates.ts';
import { rm } from 'node:fs/promises';
import type { BreakpointTrial, Summary } from '../../results/types.ts';
import { formatNumber } from '../../results/units.ts';
import { runId } from '../../results/writer.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { decide } from '../decide.ts';
import { startEmbedded } from '../embedded.ts';
import { Ending } from '../ending.ts';
import { gatherFacts } from '../facts.ts';
import type { LoadJob, Surroundings } from '../job.ts';
import { PartScreen } from '../part-screen.ts';
import { checkSurroundings, type Given } from '../prepare.ts';
import { finishRun, type RunEnd, runLoad } from '../run.ts';
import { checkIsBackend } from '../target/target.ts';
import { type LastLoad, SearchRecord } from './record.ts';
import { figuresOfSearch, nextLoad } from './progress.ts';
import type { SearchPlan } from './search.ts';
import {
  describeTrial,
  isSearchGate,
  sendableRate,
  trialJob,
  trialName,
  trialOf,
} from './trial.ts';

/** After a trial that failed the target may have a queue to work off. */
const RECOVERY_MS = 60_000;
const RECOVERED_ANSWER_MS = 500;

type SearchSurroundings = Surroundings & { output: NodeJS.WritableStream };

/**
 * @param job with a search
 * @throws UserError if the first trial could not begin
 */
export async function runBreakpoint(
  job: LoadJob,
  surroundings: SearchSurroundings,
): Promise<RunEnd> {
  const { screen, interrupts, env, keys } = surroundings;
  const startedAt = new Date();
  const ending = new Ending(interrupts);
  let undo: (() => Promise<void>)[] = [];
  const undoAll = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  let record: SearchRecord | null = null;
  try {
    const transport = await checkSurroundings(job, surroundings);
    const { facts, fleet } = await gatherFacts(job, env, keys);
    const decision = decide(job, facts);
    for (const note of decision.notes) screen.line(`note: ${note}`);
    record = new SearchRecord(job.resultsFolder, runId(startedAt, decision.scenario));
    const { folder, storage } = record;
    ending.leftovers.add(folder);
    const given: Given = { facts, fleet, backend: null, transport };
    if (decision.backend !== null) {
      const backend = await startEmbedded({
        settings: decision.backend,
        network: job.request.network,
        port: job.port,
        storageFolder: storage,
        // Each trial has producers of its own, made when it begins.
        whitelist: null,
        logFile: record.backendLog,
        env,
      });
      for (const note of backend.process.notes) screen.line(note);
      given.backend = backend;
      const kill = ending.atOnce(() => process.kill(backend.process.pid, 'SIGKILL'));
      undo = [
        async () => {
          if (!job.keep) await rm(storage, { recursive: true, force: true });
        },
        async () => {
          await backend.process.stop();
          kill();
        },
      ];
    }
    const search = new Search({ job, surroundings, record, given, ending, startedAt });
    let problem: UserError | null = null;
    try {
      await search.run();
    } catch (error) {
      if (search.last === null || !(error instanceof UserError)) throw error;
      problem = error;
    }
    await undoAll();
    if (search.last === null) {
      record.remove();
      screen.line('interrupted before anything was sent; nothing was left behind');
      return { exitCode: EXIT.interrupted, folder: null, summary: null };
    }
    const summary = search.conclude(problem);
    return await finishRun(folder, summary, screen, job.pictures, surroundings.env);
  } catch (error) {
    await undoAll().catch(() => undefined);
    record?.remove();
    if (!interrupts.first.aborted) throw error;
    screen.line('interrupted before anything was sent; nothing was left behind');
    return { exitCode: EXIT.interrupted, folder: null, summary: null };
  } finally {
    ending.stop();
  }
}

class Search {
  readonly #job: LoadJob;
  readonly #plan: SearchPlan;
  readonly #surroundings: SearchSurroundings;
  readonly #record: SearchRecord;
  readonly #given: Given;
  readonly #ending: Ending;
  readonly #startedAt: Date;
  readonly #trials: BreakpointTrial[] = [];
  /** The last load, or the trial that stands for the whole. */
  last: LastLoad | null = null;

  constructor(call: {
    job: LoadJob;
    surroundings: SearchSurroundings;
    record: SearchRecord;
    given: Given;
    ending: Ending;
    startedAt: Date;
  }) {
    this.#job = call.job;
    this.#plan = call.job.search!;
    this.#surroundings = call.surroundings;
    this.#record = call.record;
    this.#given = call.given;
    this.#ending = call.ending;
    this.#startedAt = call.startedAt;
    call.ending.atOnce(() => {
      const { screen } = this.#surroundings;
      if (this.last === null) return;
      const { verdict } = this.conclude(null);
      const { folder } = this.#record;
      screen.line(`results: ${folder} (npm run report -- ${folder} makes pictures and report)`);
      screen.line(verdict.sentence);
    });
  }

  get #isInterrupted(): boolean {
    return this.#surroundings.interrupts.first.aborted;
  }

  async run(): Promise<void> {
    const { screen } = this.#surroundings;
    const { durationMs } = this.#job.request;
    while (!this.#isInterrupted) {
      const next = nextLoad(this.#plan, this.#trials);
      if (next === null) return;
      const isTrial = next.kind === 'trial';
      if (!isTrial)
        screen.line(`confirming ${formatNumber(next.rate)}/s for ${durationMs / 1000} s`);
      await this.#trial(next.rate, isTrial ? this.#plan.holdMs : durationMs, !isTrial);
    }
  }

  async #trial(
    wanted: number,
    durationMs: number,
    confirms = false,
  ): Promise<BreakpointTrial | null> {
    const { screen, output, interrupts } = this.#surroundings;
    const n = this.#trials.length + 1;
    const rate = sendableRate(wanted);
    const name = trialName(n, rate);
    if (n > 1) await this.#recover();
    if (this.#isInterrupted) return null;
    const job = trialJob(this.#job, { n, rate, durationMs, resultsFolder: this.#record.trials });
    const trialScreen = new PartScreen(output, name);
    const surroundings = { ...this.#surroundings, screen: trialScreen };
    let end: RunEnd;
    try {
      end = await runLoad(job, surroundings, {
        given: this.#given,
        ending: this.#ending,
        onSummary: (folder, summary) => this.#keep({ folder, summary }),
      });
    } finally {
      trialScreen.end();
    }
    if (end.folder === null || end.summary === null) return null;
    this.#keep({ folder: end.folder, summary: end.summary });
    if (interrupts.first.aborted) return null;
    const { verdict } = end.summary;
    if (verdict.exitCode === EXIT.broken || verdict.exitCode === EXIT.noData)
      throw new UserError(`${name}: ${verdict.sentence}`, {
        hint: `its folder is ${end.folder}`,
        exitCode: verdict.exitCode,
      });
    const trial = trialOf(basename(end.folder), rate, end.summary, confirms ? durationMs : null);
    this.#trials.push(trial);
    this.#writeUnfinished();
    screen.line(`${name}: ${describeTrial(trial)}${this.#known()}`);
    return trial;
  }

  /** To stand after what a trial has shown. */
  #known(): string {
    if (this.#trials.every(({ outcome }) => outcome !== 'failed')) return '';
    const { low, high } = figuresOfSearch(this.#plan, this.#trials, true);
    return low === null || high === null
      ? ''
      : `; the knee lies between ${formatNumber(low)} and ${formatNumber(high)}/s`;
  }

  /** One that was interrupted before its first answer must not stand for the whole. */
  #keep(load: LastLoad): void {
    if (this.last !== null && load.summary.figures.sent === 0) return;
    this.last = load;
    this.#ending.leftovers.keep(this.#record.folder);
    if (!this.#job.keep) this.#ending.leftovers.add(this.#record.storage);
  }

  /** Back-off: the next trial begins when the target answers again as one does that has no queue. */
  async #recover(): Promise<void> {
    const { first } = this.#surroundings.interrupts;
    await sleep(this.#plan.settleMs, undefined, { signal: first }).catch(() => undefined);
    if (this.#trials.at(-1)?.outcome !== 'failed') return;
    const { targets } = this.#job;
    const { backend, transport } = this.#given;
    const urls = backend ? [backend.process.url] : targets.map(({ url }) => url);
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

  /** For whoever looks at a search that was killed. */
  #writeUnfinished(): void {
    const problem = new UserError('the search did not come to its end', {
      hint: 'run it again; the trials up to then are in the results',
    });
    this.#record.write(this.last!, this.#whole(problem));
  }

  /** The files of the whole; after it the folder of the last load is gone. For a search with a last load. */
  conclude(problem: UserError | null): Summary {
    const summary = this.#record.write(this.last!, this.#whole(problem));
    this.#record.takeOver(this.last!, this.#job.keep);
    return summary;
  }

  #whole(problem: UserError | null): Parameters<SearchRecord['write']>[1] {
    const { gates, options, request } = this.#job;
    const last = this.last!.summary;
    const isCut = this.#isInterrupted || problem !== null;
    const breakpoint = figuresOfSearch(this.#plan, this.#trials, isCut);
    const ofSearch = judgeGates(gateRules(gates.filter(isSearchGate), []), {
      ...last.figures,
      breakpoint,
    });
    return {
      plan: {
        plannedAt: this.#startedAt.toISOString(),
        options,
        seed: request.seed,
        isEmbedded: this.#given.backend !== null,
      },
      summary: {
        startedAt: this.#startedAt.toISOString(),
        endedAt: new Date().toISOString(),
        interrupted: this.#isInterrupted,
        breakpoint,
        gates: [...last.gates, ...ofSearch],
        verdict: verdictOfSearch(breakpoint, ofSearch, {
          problem,
          interrupted: this.#isInterrupted,
        }),
      },
    };
  }
}
