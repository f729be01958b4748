/**
 * A night: each scenario's run, then its series judged, then what is suspected measured again. Nothing that happens to one scenario keeps the
 * others from their turn, and whatever is measured is in the history at once.
 */
import { basename, join } from 'node:path';
import { COMPARED_FIGURES } from '../judge/compare/figures.ts';
import { fingerprintId, fingerprintOf } from '../judge/compare/fingerprint.ts';
import { suspicionOf } from '../judge/compare/nights.ts';
import { exitCodeOfEntry, isAboutTarget, type ScenarioEnd } from '../judge/compare/night-verdict.ts'; // prettier-ignore
import { seriesOf } from '../judge/compare/series.ts';
import { randomOf } from '../judge/random.ts';
import { decide } from '../load/decide.ts';
import { gatherFacts } from '../load/facts.ts';
import { runLoad } from '../load/run.ts';
import { appendToHistory, type History, HISTORY_FILE, type HistoryEntry, readHistory } from '../results/history.ts'; // prettier-ignore
import { readRun } from '../results/reader.ts';
import type { Plan, Summary } from '../results/types.ts';
import { formatDuration } from '../results/units.ts';
import { runId } from '../results/writer.ts';
import { EXIT, UserError } from '../user-error.ts';
import { expectedMs, type NightPlan, type NightScenario } from './plan.ts';
import { removeOldRuns } from './retention.ts';
import { type NightSurroundings, secondStage, type Suspected } from './second-stage.ts';

export type Night = {
  id: string;
  startedAt: Date;
  tookMs: number;
  ends: ScenarioEnd[];
  history: readonly HistoryEntry[];
  removed: string[];
  interrupted: boolean;
};

/**
 * @param plan its folder is there, can be written and is held by this process alone (load/one-at-a-time.ts)
 * @throws UserError (exit 2) if the history cannot be read; Error of the file system
 */
export async function runNight(plan: NightPlan, surroundings: NightSurroundings): Promise<Night> {
  const { interrupts } = surroundings;
  const startedAt = new Date();
  const beganMs = performance.now();
  const timeIsUp = new AbortController();
  const timer =
    plan.withinMs === null ? undefined : setTimeout(() => timeIsUp.abort(), plan.withinMs);
  try {
    let history = await readHistory(join(plan.folder, HISTORY_FILE));
    if (history.note !== null) surroundings.screen.line(`note: ${history.note}`);
    const id = runId(startedAt, 'night');
    const within: Within = {
      timeIsUp: timeIsUp.signal,
      leftMs: () => (plan.withinMs === null ? null : plan.withinMs - (performance.now() - beganMs)),
    };
    const ends: ScenarioEnd[] = [];
    for (const scenario of plan.scenarios) {
      if (interrupts.first.aborted) {
        ends.push(notRun(scenario, EXIT.interrupted, 'not run: the night was interrupted'));
        continue;
      }
      const end = await runScenario({ scenario, night: id, history, within }, surroundings);
      if (end.entry !== null) history = await appendToHistory(history, end.entry);
      ends.push(end);
    }
    const removed = await removeOldRuns(plan.folder, history.entries, plan.keep);
    return {
      id,
      startedAt,
      tookMs: performance.now() - beganMs,
      ends,
      history: history.entries,
      removed,
      interrupted: interrupts.first.aborted,
    };
  } finally {
    clearTimeout(timer);
  }
}

type Within = {
  timeIsUp: AbortSignal;
  /** Until the night must end; null: there is no limit. */
  leftMs(): number | null;
};

type Turn = { scenario: NightScenario; night: string; history: History; within: Within };

const notRun = ({ name }: NightScenario, exitCode: number, fault: string): ScenarioEnd => ({
  name,
  entry: null,
  exitCode,
  fault,
});

/** Whatever a user can mend is the scenario's end, not the night's. */
async function runScenario(turn: Turn, surroundings: NightSurroundings): Promise<ScenarioEnd> {
  const { scenario, within, history } = turn;
  const { screen, env, keys, interrupts } = surroundings;
  try {
    const leftMs = within.leftMs();
    if (leftMs !== null) {
      const { facts } = await gatherFacts(scenario.job, env, keys);
      const { estimate } = decide(scenario.job, facts);
      const needMs = expectedMs(history.entries, scenario.name, estimate.durationMs);
      if (needMs > leftMs) {
        const why = `not run: it takes about ${formatDuration(needMs)}, and ${formatDuration(Math.max(leftMs, 0))} of the night are left`;
        screen.line(`${scenario.name}: ${why}`);
        return notRun(scenario, EXIT.noData, why);
      }
    }
    screen.line(`${scenario.name}:`);
    // Interrupted by the user, or by the end of the night's time: the run ends in order, with what it has.
    const own = {
      ...surroundings,
      interrupts: {
        ...interrupts,
        first: AbortSignal.any([interrupts.first, within.timeIsUp]),
      },
      // The night has a summary of its own.
      env: { ...env, GITHUB_STEP_SUMMARY: '' },
    };
    return await runAndJudge(turn, own, interrupts.first);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    screen.line(`${scenario.name}: ${error.message} (${error.hint})`);
    return notRun(scenario, error.exitCode, error.message);
  }
}

async function runAndJudge(
  { scenario, night, history, within }: Turn,
  surroundings: NightSurroundings,
  byUser: AbortSignal,
): Promise<ScenarioEnd> {
  const { screen } = surroundings;
  const t = new Date().toISOString();
  const beganMs = performance.now();
  const { folder, summary } = await runLoad(scenario.job, surroundings);
  const cutOff = byUser.aborted ? 'the night was interrupted' : "the night's time was over";
  if (folder === null || summary === null)
    return notRun(scenario, byUser.aborted ? EXIT.interrupted : EXIT.noData, `not run: ${cutOff}`);
  const loadMs = performance.now() - beganMs;
  const { plan } = await readRun(folder);
  const entry = entryOf({ scenario, night, t, folder, plan, summary, tookMs: loadMs });
  const { exitCode } = summary.verdict;
  if (exitCode === EXIT.interrupted)
    return {
      name: scenario.name,
      entry,
      exitCode: byUser.aborted ? EXIT.interrupted : EXIT.noData,
      fault: `cut off: ${cutOff}`,
    };
  const suspected = suspectedIn(scenario, [...history.entries, entry], entry);
  for (const { figure, suspicion } of suspected)
    screen.line(
      `${scenario.name}: ${figure.name} is suspected (${suspicion.kind}), so it is measured again`,
    );
  if (suspected.length > 0)
    entry.suspicions = await secondStage(
      { scenario, fingerprint: entry.fingerprint!, suspected, loadMs, leftMs: within.leftMs() },
      surroundings,
    );
  for (const { figure, outcome, words } of entry.suspicions)
    screen.line(
      `${scenario.name}: ${figure} ${outcome === 'open' ? 'not decided' : outcome}: ${words}`,
    );
  return {
    name: scenario.name,
    entry,
    exitCode: byUser.aborted ? EXIT.interrupted : exitCodeOfEntry(entry),
    fault: isAboutTarget(exitCode) ? null : summary.verdict.sentence,
  };
}

function entryOf({
  scenario,
  night,
  t,
  folder,
  plan,
  summary,
  tookMs,
}: {
  scenario: NightScenario;
  night: string;
  t: string;
  folder: string;
  plan: Plan | null;
  summary: Summary;
  tookMs: number;
}): HistoryEntry {
  const { exitCode, sentence } = summary.verdict;
  const values: Record<string, number> = {};
  if (isAboutTarget(exitCode))
    // All of them: a figure that is looked at one day has its nights then.
    for (const { name, read } of COMPARED_FIGURES) {
      const value = read(summary.figures);
      if (value !== null && value > 0) values[name] = value;
    }
  return {
    format: 1,
    night,
    t,
    scenario: scenario.name,
    run: basename(folder),
    fingerprint: plan === null ? null : fingerprintId(fingerprintOf(plan)),
    exitCode,
    sentence,
    tookMs: Math.round(tookMs),
    values,
    suspicions: [],
    ...(plan?.ci?.commit !== undefined && { commit: plan.ci.commit }),
  };
}

/** Figures of the last night that give reason to measure again. */
function suspectedIn(
  { figures }: NightScenario,
  entries: readonly HistoryEntry[],
  { scenario, fingerprint, night, values }: HistoryEntry,
): Suspected[] {
  if (fingerprint === null) return [];
  return figures
    .filter(({ name }) => Object.hasOwn(values, name))
    .flatMap((figure): Suspected[] => {
      const nights = seriesOf(entries, { scenario, figure: figure.name, fingerprint });
      const suspicion = suspicionOf(figure, nights, randomOf(`${night} ${figure.name}`));
      return suspicion === null ? [] : [{ figure, suspicion, nights }];
    });
}
