/**
 * Rounds of now alone, where there is no good version to measure beside it: the scenario's own load, again and again, in a folder of its own
 * whose `session.json` names the runs.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fingerprintId, fingerprintOf } from '../judge/compare/fingerprint.ts';
import { isAboutTarget } from '../judge/compare/night-verdict.ts';
import { makeSessionFolder } from '../load/ab/folder.ts';
import { Ending } from '../load/ending.ts';
import type { LoadJob, Surroundings } from '../load/job.ts';
import { PartScreen } from '../load/part-screen.ts';
import { runLoad } from '../load/run.ts';
import { readRun } from '../results/reader.ts';
import { SESSION_FILE, type Session } from '../results/session.ts';
import type { Summary } from '../results/types.ts';
import { writeWholeSync } from '../whole-file.ts';

const SETTLE_MS = 1000;

export type Again = {
  /** null: not one run came to its end. */
  folder: string | null;
  /** Of the runs that say something about the target, with what must be alike. */
  runs: { figures: Summary['figures']; fingerprint: string | null }[];
};

/** @throws UserError if a run cannot begin */
export async function runAgain(
  job: LoadJob,
  rounds: number,
  surroundings: Surroundings & { output: NodeJS.WritableStream },
): Promise<Again> {
  const { interrupts, output } = surroundings;
  const startedAt = new Date();
  const { folder, id } = makeSessionFolder(job.resultsFolder, startedAt, 'again');
  const session: Session = {
    format: 1,
    id,
    startedAt: startedAt.toISOString(),
    base: { name: 'the nights before' },
    now: { name: job.targets[0]?.url ?? 'embedded backend' },
    rounds: [],
  };
  const ending = new Ending(interrupts);
  ending.leftovers.add(folder);
  const runs: Again['runs'] = [];
  try {
    mkdirSync(join(folder, 'runs'));
    for (let round = 0; round < rounds && !interrupts.first.aborted; round++) {
      if (round > 0)
        await sleep(SETTLE_MS, undefined, { signal: interrupts.first }).catch(() => undefined);
      if (interrupts.first.aborted) break;
      const name = `again, ${round + 1} of ${rounds}`;
      const screen = new PartScreen(output, name);
      try {
        const end = await runLoad(
          {
            ...job,
            notes: [],
            resultsFolder: join(folder, 'runs'),
            request: { ...job.request, seed: `${job.request.seed}/again/${round}` },
          },
          { ...surroundings, screen },
          {
            given: null,
            ending,
            onSummary: (at) => {
              ending.leftovers.keep(folder);
              session.rounds.push({ first: 'now', base: null, now: `runs/${basename(at)}` });
              writeWholeSync(join(folder, SESSION_FILE), `${JSON.stringify(session, null, 2)}\n`); // prettier-ignore
            },
          },
        );
        if (end.summary === null || end.folder === null) break;
        if (!isAboutTarget(end.exitCode)) continue;
        const { plan } = await readRun(end.folder);
        runs.push({
          figures: end.summary.figures,
          fingerprint: plan === null ? null : fingerprintId(fingerprintOf(plan)),
        });
      } finally {
        screen.end();
      }
    }
  } finally {
    if (session.rounds.length === 0) rmSync(folder, { recursive: true, force: true });
    ending.stop();
  }
  return { folder: session.rounds.length === 0 ? null : folder, runs };
}
