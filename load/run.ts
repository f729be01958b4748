/** One load run, from the checked options to the verdict: prepare, send, look at what came of it. */
import type { LookOutcome } from '../reconcile/look.ts';
import { describeRun, ResultsGone } from '../report/describe.ts';
import { reportToGithub } from '../report/to-github.ts';
import type { RunView } from '../results/sums.ts';
import type { Summary } from '../results/types.ts';
import type { Screen } from '../system/screen.ts';
import { EXIT } from '../user-error.ts';
import { Ending } from './ending.ts';
import { controlFileIn } from './control/of-run.ts';
import { addFaultLosses } from './fault-losses.ts';
import { findingsOf } from './findings.ts';
import { writeFleetRecord } from './fleet-record.ts';
import type { LoadJob, Surroundings } from './job.ts';
import { type Measures, startMeasures } from './measures.ts';
import { type Given, type PreparedRun, prepareRun } from './prepare.ts';
import { costOfFolder } from './run-cost.ts';
import { Sending } from './sending.ts';
import { type StorageChoice, storageOf } from './storage-choice.ts';
import { lookAfterRun, sentByRun } from './storage-look.ts';

/** How a run ended; nulls: it was interrupted before anything was sent. */
export type RunEnd = { exitCode: number; folder: string | null; summary: Summary | null };

/** Of a run that is one of several. */
export type PartOfMany = {
  /** null: it finds out and starts by itself what it needs. */
  given: Given | null;
  ending: Ending;
  /** Called with what is known when the run ends, at once or not. */
  onSummary(folder: string, summary: Summary): void;
};

/**
 * Runs one load. Results are complete also when the target dies in the middle or the user interrupts once; at
 * the second interrupt the process ends at once, with what was measured up to then.
 * @param many absent: the run stands for itself, and pictures, report and the last lines are made
 * @throws UserError if the run could not begin
 */
export async function runLoad(
  job: LoadJob,
  surroundings: Surroundings,
  many: PartOfMany | null = null,
): Promise<RunEnd> {
  const { screen, interrupts } = surroundings;
  const ending = many?.ending ?? new Ending(interrupts);
  try {
    let prepared: PreparedRun;
    try {
      const { leftovers } = ending;
      prepared = await prepareRun(
        job,
        { ...surroundings, leftovers },
        interrupts.first,
        many?.given ?? null,
      );
    } catch (error) {
      if (!interrupts.first.aborted) throw error;
      screen.line('interrupted before anything was sent; nothing was left behind');
      return { exitCode: EXIT.interrupted, folder: null, summary: null };
    }
    const { folder } = prepared.writer;
    let summary: Summary;
    try {
      summary = await runPrepared(job, prepared, surroundings, ending, many);
    } catch (error) {
      // Whatever failed: backend and feeder end with the run. Later calls do nothing.
      await prepared.release();
      throw error;
    }
    return many === null
      ? await finishRun(folder, summary, screen, job.pictures, surroundings.env)
      : { exitCode: summary.verdict.exitCode, folder, summary };
  } finally {
    if (many === null) ending.stop();
  }
}

async function runPrepared(
  job: LoadJob,
  prepared: PreparedRun,
  surroundings: Surroundings,
  ending: Ending,
  many: PartOfMany | null,
): Promise<Summary> {
  const { screen, interrupts, env } = surroundings;
  const { writer, backend } = prepared;
  const storage = storageOf(job, backend?.storageFolder ?? null, env);
  const measures = startMeasures(prepared, storage !== null || surroundings.onSent !== undefined);
  const sending = new Sending(job, prepared, measures, surroundings, storage);
  const conclude = (found: LookOutcome | null): Summary => {
    measures.aggregator.end();
    sending.writeSeconds();
    const { reconcile, summary } = findingsOf({
      job,
      prepared,
      measures,
      found,
      logs: sending.logs?.figures() ?? undefined,
      interrupted: interrupts.first.aborted,
      endedAt: new Date(),
    });
    sending.record.write(() => writer.reconcile(reconcile));
    const { network } = prepared;
    if (network !== null)
      sending.record.write(() =>
        writeFleetRecord(writer.folder, network, measures.aggregator.table),
      );
    try {
      writer.summary(summary);
    } catch {
      // A full disk: the last lines try again when the run has given its space back.
    }
    many?.onSummary(writer.folder, summary);
    return summary;
  };
  const takeBack = ending.atOnce((fault) => {
    if (fault !== null) measures.broken.push(fault);
    sending.killAtOnce();
    const { verdict } = conclude(null);
    if (many !== null) return;
    screen.line(
      `results: ${writer.folder} (npm run report -- ${writer.folder} makes pictures and report)`,
    );
    screen.line(verdict.sentence);
  });
  ending.leftovers.add(controlFileIn(writer.folder));
  await sending.send();
  ending.leftovers.keep(controlFileIn(writer.folder));
  await handOn(prepared, measures, surroundings);
  const found = await lookFor(prepared, measures, surroundings, storage);
  const summary = conclude(found);
  takeBack();
  await addCost(prepared, summary, found);
  if (summary.faults !== undefined && found !== null)
    await addFaultLosses(writer.folder, summary.faults, summary.loadBeganMs!);
  summary.notes.push(...(await prepared.release()), ...saved(prepared, measures, summary));
  return summary;
}

/** Gives what was sent to whoever follows it further. */
async function handOn(
  prepared: PreparedRun,
  { aggregator, times }: Measures,
  { onSent }: Surroundings,
): Promise<void> {
  if (onSent === undefined) return;
  aggregator.end();
  const sent = sentByRun(prepared);
  try {
    await onSent({ sent, answers: aggregator.table, times, lease: prepared.k6Plan.load.lease });
  } finally {
    sent.close();
  }
}

/** Compares what was sent with what is stored. @returns null: there is nothing to look into, or for */
async function lookFor(
  prepared: PreparedRun,
  { aggregator, times, startedAt, endedMs }: Measures,
  { screen, interrupts }: Surroundings,
  storage: StorageChoice | null,
): Promise<LookOutcome | null> {
  aggregator.end();
  const { table, startMs } = aggregator;
  if (storage === null || table.length === 0) return null;
  const interrupted = interrupts.first.aborted;
  const stop = new AbortController();
  const onFirst = () => {
    screen.answer('interrupted: the storage is not waited for any longer');
    stop.abort();
  };
  if (!interrupted) interrupts.first.addEventListener('abort', onFirst);
  try {
    return await lookAfterRun({
      choice: storage,
      from: prepared,
      others: hostileSubmitters(prepared),
      folder: prepared.writer.folder,
      answers: table,
      times,
      beganMs: startMs ?? startedAt.getTime(),
      endedMs,
      interrupted,
      signal: stop.signal,
      onStatus: (text) => screen.status(text),
    });
  } finally {
    interrupts.first.removeEventListener('abort', onFirst);
    times.close();
  }
}

/** Whoever may have submitted beside the load; a target without a whitelist takes strangers too. */
function hostileSubmitters({ hostile }: PreparedRun): string[] {
  if (hostile === null) return [];
  const { publicKeys, outsider, newcomer } = hostile.material;
  return [...publicKeys, outsider.publicKey, newcomer.publicKey];
}

/** What a submission cost, once the lines are written. A failure here takes nothing from the results. */
async function addCost(
  { decision, writer, plan, backend, hostile }: PreparedRun,
  summary: Summary,
  found: LookOutcome | null,
): Promise<void> {
  if (!decision.isWatched) return;
  // Where others store too, the look alone knows what is of this run.
  const isOfItsOwn = backend !== null && !backend.isShared && hostile === null;
  try {
    summary.cost = await costOfFolder(
      writer.folder,
      plan.load,
      isOfItsOwn ? backend.storageFolder : null,
      found?.size ?? null,
    );
  } catch (error) {
    summary.notes.push(`what a submission cost is not known (${(error as Error).message})`);
  }
}

/** Makes sure that the summary is there. @returns what is not; empty: all is well */
function saved({ writer }: PreparedRun, { aggregator }: Measures, summary: Summary): string[] {
  try {
    writer.summary(summary);
    writer.close();
    aggregator.table.close();
    return [];
  } catch (error) {
    return [`summary.json could not be written (${(error as Error).message})`];
  }
}

/** Pictures, report and the last lines of a run whose files are whole. */
export async function finishRun(
  folder: string,
  summary: Summary,
  screen: Screen,
  pictures: boolean,
  env: NodeJS.ProcessEnv,
): Promise<RunEnd> {
  const { notDrawn, isGone } = await tryToDescribe(folder, pictures, (run) =>
    reportToGithub(run, env, (line) => screen.line(line)),
  );
  for (const note of summary.notes) screen.line(`note: ${note}`);
  if (notDrawn !== null) screen.line(`note: ${notDrawn}`);
  screen.line(`results: ${folder}`);
  screen.line(summary.verdict.sentence);
  return { exitCode: isGone ? EXIT.broken : summary.verdict.exitCode, folder, summary };
}

/**
 * Pictures and report, from the folder alone. A failure here takes nothing from the results, but for a folder that somebody deleted:
 * what nobody can read any more has not passed.
 * @returns what failed; null: nothing
 */
async function tryToDescribe(
  folder: string,
  pictures: boolean,
  seen: (run: RunView) => Promise<void>,
): Promise<{ notDrawn: string | null; isGone: boolean }> {
  try {
    await describeRun(folder, { justEnded: true, pictures, seen });
    return { notDrawn: null, isGone: false };
  } catch (error) {
    const { message } = error as Error;
    return error instanceof ResultsGone
      ? { notDrawn: message, isGone: true }
      : {
          notDrawn: `pictures or report could not be made (${message}); try npm run report -- ${folder}`,
          isGone: false,
        };
  }
}
