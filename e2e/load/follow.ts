/** Follows a load to the end of the chain: waits until all of it is stored, verified and counted, keeps what there is as a dump, and judges it. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SentLoad } from '../../reconcile/sent-load.ts';
import { LineFile } from '../../results/line-file.ts';
import type { EndToEndFigures, VerdictReason } from '../../results/types.ts';
import { collectRun } from '../collect.ts';
import { type Counts, TimedOut, waitFor } from '../conditions.ts';
import { openCounter } from '../counter.ts';
import { lastBatchEnd } from '../counts.ts';
import { runDatabase, withDatabase } from '../database.ts';
import { DUMP_FOLDER } from '../dump-folder.ts';
import { eventsOf } from '../events.ts';
import type { HarnessCall } from '../harness.ts';
import { judgeAndTrace, writeJudged } from '../judged.ts';
import { SENT_FILE } from '../network/status.ts';
import { linesOf } from '../ndjson.ts';
import { withExplanations } from '../trace/explanations.ts';
import { graceMsOf } from '../originals.ts';
import { placesOf } from '../places.ts';
import { judgedLines } from '../report/lines.ts';
import { knownSecrets } from '../secrets.ts';
import { restartComponent, stopComponent } from '../stacks.ts';
import type { OpenState } from '../state.ts';
import { countsText } from '../steps/engine.ts';
import { conditionsOfLoad } from '../steps/wait.ts';
import type { TraceLine } from '../trace/trace.ts';
import { ChainMeter, chainReasons } from './figures.ts';
import { sentRows } from './sent-rows.ts';

/** Of the results of a load: dump, trace, picture, what was judged. */
export const CHAIN_FOLDER = 'e2e';

/** Ids of a load's submissions in the run: from `firstId`, below `endId`. */
export type LoadIds = { firstId: number; endId: number };

const PAGE_ROWS = 1000;

/**
 * Adds what a load sent to what the run has sent, so that this and every later judgement knows it.
 * @throws Error of node:fs
 */
export async function addSent(open: OpenState, load: SentLoad): Promise<LoadIds> {
  const folder = placesOf(open).network;
  const file = join(folder, SENT_FILE);
  const firstId = (await lastIdIn(file)) + 1;
  let endId = firstId;
  let page: string[] = [];
  // Half a line of a harness that was killed is cut off.
  const lines = new LineFile(file);
  const flush = (): void => {
    if (page.length > 0) lines.append(page.join('\n'));
    page = [];
  };
  try {
    for await (const row of sentRows(load, firstId)) {
      endId = row.id + 1;
      page.push(JSON.stringify(row));
      if (page.length === PAGE_ROWS) flush();
    }
    flush();
  } finally {
    lines.close();
  }
  return { firstId, endId };
}

/** -1: nothing was sent before. */
async function lastIdIn(file: string): Promise<number> {
  let last = -1;
  for await (const { id } of linesOf<{ id: number }>(file)) last = Math.max(last, id);
  return last;
}

export type Followed = { figures: EndToEndFigures; reasons: VerdictReason[] };

/**
 * @param folder of the load's results
 * @param how `isOwn`: nobody needs the coordinator after this load, so it is stopped before the dump is taken; `waitMs`: null, as long as is usual
 * @throws UserError where the system cannot be read; the reason of the call's signal
 */
export async function followLoad(
  open: OpenState,
  { firstId, endId }: LoadIds,
  folder: string,
  how: { isOwn: boolean; waitMs: number | null },
  call: HarnessCall,
): Promise<Followed> {
  const { topology } = open.state;
  const results = join(folder, CHAIN_FOLDER);
  await mkdir(results, { recursive: true });
  const late = await waitForAll(open, how.waitMs, call);
  const dump = join(results, DUMP_FOLDER);
  await (how.isOwn ? dumpStopped(open, dump, call) : dumpRunning(open, dump, call));
  const { judged: found } = await judgeAndTrace(
    dump,
    await knownSecrets(open, call.env),
    results,
    topology.name,
  );
  const judged = await withExplanations(open, found, results, call.env, call.signal, call.say);
  await writeJudged(results, judged);
  for (const line of judgedLines(judged)) call.say(line);
  const meter = new ChainMeter();
  for await (const line of linesOf<TraceLine>(join(results, 'trace.ndjson')))
    if (line.id >= firstId && line.id < endId) meter.add(line);
  const { intervalSeconds } = topology;
  return {
    figures: meter.figures({ system: topology.name, isOwn: how.isOwn, intervalSeconds }, judged),
    reasons: chainReasons(judged, late),
  };
}

const SHOWN = ['stored', 'verified', 'scored', 'open', 'batches'] as const;

/** @returns why not all has come to the end in time; null: it has */
async function waitForAll(
  open: OpenState,
  waitMs: number | null,
  { env, signal, say, status }: HarnessCall,
): Promise<string | null> {
  const counter = await openCounter(open, env, signal);
  const event = eventsOf(open.folder);
  let last: Counts = {};
  try {
    await waitFor({
      conditions: conditionsOfLoad(open.state.topology, waitMs),
      read: () => counter.read(),
      clock: {
        now: () => Date.now(),
        sleep: (ms, by) => sleep(ms, undefined, { signal: by }),
      },
      signal,
      onChange(counts) {
        last = counts;
        status(`end to end: ${countsText(counts, SHOWN)}`);
        event('counts', counts);
      },
      ...(counter.everyMs !== undefined && { everyMs: counter.everyMs }),
    });
    say(`end to end: all is counted (${countsText(last, SHOWN)})`);
    return null;
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    say(`end to end: ${error.message}`);
    return error.message;
  } finally {
    await counter.close();
  }
}

/** Nothing is counted any more while it is read. */
async function dumpStopped(open: OpenState, dump: string, call: HarnessCall): Promise<void> {
  await stopComponent(open, 'coordinator', call.env);
  await collectRun(open, call.env, dump, call.signal);
}

/** How often it is read anew because a batch was counted meanwhile: then tables and answers are of two moments. */
const TRIES = 3;

/**
 * Right after a batch was counted, so that the next one is far. Where batches are too short for that, the coordinator is stopped for the time of the last try.
 * It goes on where it was.
 */
async function dumpRunning(open: OpenState, dump: string, call: HarnessCall): Promise<void> {
  const { env, signal } = call;
  const config = await runDatabase(open, env);
  const lastEnd = (): Promise<number> => withDatabase(config, signal, lastBatchEnd);
  for (let n = 1; n < TRIES; n++) {
    const before = await nextBatch(open, lastEnd, signal);
    await collectRun(open, env, dump, signal);
    if ((await lastEnd()) === before) return;
    await rm(dump, { recursive: true, force: true });
  }
  const deed = { name: 'held for a dump', kind: 'restart', component: 'coordinator' };
  const event = eventsOf(open.folder);
  event('disturbance', { ...deed, status: 'begun' });
  await stopComponent(open, 'coordinator', env);
  try {
    await collectRun(open, env, dump, signal);
  } finally {
    await restartComponent(open, 'coordinator', env, { byCrash: false, signal: call.giveUp });
    event('disturbance', { ...deed, status: 'done' });
  }
}

const ASK_EVERY_MS = 100;

/** A dump takes less. */
const MARGIN_MS = 10_000;

/**
 * Where the next batch is near, waits until it is counted, two survey intervals at most: a coordinator that counts none is the matter of the assertions.
 * @returns when the last one that was counted ended
 */
async function nextBatch(
  open: OpenState,
  lastEnd: () => Promise<number>,
  signal: AbortSignal,
): Promise<number> {
  const began = await lastEnd();
  const intervalMs = open.state.topology.intervalSeconds * 1000;
  const graceMs = graceMsOf(open.state.topology);
  const nextMs = began * 1000 + intervalMs + graceMs - Date.now();
  if (nextMs > Math.min(MARGIN_MS, intervalMs / 2)) return began;
  const untilMs = Date.now() + 2 * intervalMs + graceMs;
  let now = began;
  while (now === began && Date.now() < untilMs) {
    await sleep(ASK_EVERY_MS, undefined, { signal });
    now = await lastEnd();
  }
  return now;
}

/** Nothing of it was accepted, so there is nothing to follow. */
export const NOTHING_ACCEPTED: VerdictReason = {
  kind: 'end to end not judged',
  words: 'nothing was accepted, so there is nothing that could come to the end of the chain',
};

/** Why the chain is not judged, in words for a verdict. */
export const brokenReason = (error: unknown): VerdictReason => ({
  kind: 'broken',
  words: `the system could not be judged: ${(error as Error).message}`,
});
