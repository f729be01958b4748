/**
 * Two targets in paired rounds: the same load on both, one after the other, ABBA. Each load is a run like any other below `runs/`;
 * `session.json` says which belong together and is written anew after each, so a session that is cut off can still be judged.
 */
import { basename, join } from 'node:path';
import { mkdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { faultOfRound, type RoundRun } from '../../judge/compare/comparison.ts';
import { readWholeFiles } from '../../results/reader.ts';
import { SESSION_FILE, type Session } from '../../results/session.ts';
import { ensureResultsFolder } from '../../results/writer.ts';
import { formatMs, formatNumber } from '../../results/units.ts';
import type { Summary } from '../../results/types.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { Ending } from '../ending.ts';
import type { LoadJob, Surroundings } from '../job.ts';
import { PartScreen } from '../part-screen.ts';
import { runLoad, type RunEnd } from '../run.ts';
import { writeWholeSync } from '../../whole-file.ts';
import { makeSessionFolder } from './folder.ts';
import { type AbPlan, goesOn, type Side, type Turn, turnName, turnsOf } from './plan.ts';
import { turnJob } from './turn-job.ts';

export type SessionEnd = { folder: string | null; interrupted: boolean };

const KNOWN_ENDS: readonly number[] = [EXIT.passed, EXIT.gateFailed, EXIT.generatorLimited];

function describe({ figures, verdict }: Summary): string {
  const { latency, acceptedPerSecond } = figures;
  const p95 = latency === null ? 'no expected answer' : `p95 ${formatMs(latency.p95Ms)}`;
  const rate =
    acceptedPerSecond === undefined || acceptedPerSecond === null
      ? ''
      : `, ${formatNumber(acceptedPerSecond)}/s accepted`;
  return `${p95}${rate}${verdict.exitCode === EXIT.generatorLimited ? ' (generator-limited: does not count)' : ''}`;
}

/**
 * @param output for the line that changes
 * @returns the session's folder; null: it was interrupted before its first load had ended
 * @throws UserError if a load could not begin, or proves nothing (exit 3, 5); what was measured up to then stays
 */
export async function runSession(
  job: LoadJob,
  plan: AbPlan,
  surroundings: Surroundings & { output: NodeJS.WritableStream },
): Promise<SessionEnd> {
  const { screen, interrupts, output } = surroundings;
  const startedAt = new Date();
  await ensureResultsFolder(job.resultsFolder);
  const { folder, id } = makeSessionFolder(job.resultsFolder, startedAt, 'ab');
  const runs = join(folder, 'runs');
  const session: Session = {
    format: 1,
    id,
    startedAt: startedAt.toISOString(),
    base: { name: plan.base.url },
    now: { name: plan.now.url },
    ...(plan.gates !== undefined && { gates: [...plan.gates] }),
    ...(plan.effects !== undefined && { effects: plan.effects }),
    rounds: [],
  };
  const ending = new Ending(interrupts);
  let kept = false;
  const write = (): void => writeWholeSync(join(folder, SESSION_FILE), `${JSON.stringify(session, null, 2)}\n`); // prettier-ignore
  const keep = (turn: Turn, runFolder: string): void => {
    session.rounds[turn.round] ??= { first: turn.side, base: null, now: null };
    session.rounds[turn.round][turn.side] = `runs/${basename(runFolder)}`;
    if (!kept) ending.leftovers.keep(folder);
    kept = true;
    write();
  };
  ending.leftovers.add(folder);
  ending.atOnce(() => {
    if (kept) screen.line(`results: ${folder} (npm run compare -- ${folder} judges its rounds)`);
  });
  /** @returns null: it was cut off */
  const play = async (turn: Turn): Promise<RoundRun | null> => {
    const name = turnName(plan, turn);
    const partScreen = new PartScreen(output, name);
    let end: RunEnd;
    try {
      end = await runLoad(turnJob(job, plan, turn, runs), { ...surroundings, screen: partScreen }, {
        given: null,
        ending,
        // At the second interrupt too: a run that was cut off has its place, and does not count.
        onSummary: (at) => keep(turn, at),
      }); // prettier-ignore
    } finally {
      partScreen.end();
    }
    if (end.summary === null || end.folder === null || interrupts.first.aborted) return null;
    screen.line(`${name}: ${describe(end.summary)}`);
    if (!KNOWN_ENDS.includes(end.exitCode))
      throw new UserError(`${name}: ${end.summary.verdict.sentence}`, {
        hint: `its folder is ${end.folder}; a comparison goes on only where both sides answer`,
        exitCode: end.summary.verdict.exitCode as 3 | 5,
      });
    const { plan: its } = await readWholeFiles(end.folder);
    return { plan: its!, summary: end.summary };
  };
  try {
    mkdirSync(runs);
    const faults: (string | null)[] = [];
    while (!interrupts.first.aborted && goesOn(plan, faults)) {
      const round: Partial<Record<Side, RoundRun>> = {};
      for (const turn of turnsOf(faults.length)) {
        if (turn.round > 0 || !turn.isFirst)
          await sleep(plan.settleMs, undefined, { signal: interrupts.first }).catch(() => undefined); // prettier-ignore
        if (interrupts.first.aborted) break;
        const run = await play(turn);
        if (run === null) break;
        round[turn.side] = run;
      }
      const { base, now } = round;
      if (base === undefined || now === undefined) break;
      const fault = faultOfRound({ base, now });
      faults.push(fault);
      if (fault !== null)
        screen.line(`round ${faults.length} does not count: ${fault}${faults.length >= plan.rounds && goesOn(plan, faults) ? '; another one is played in its place' : ''}`); // prettier-ignore
    }
  } finally {
    if (!kept) rmSync(folder, { recursive: true, force: true });
    ending.stop();
  }
  return { folder: kept ? folder : null, interrupted: interrupts.first.aborted };
}
