/**
 * The coordinator: batch after batch, it waits for the end of the window, has its rows verified in mini-batches, and scores them.
 *
 * By default no batch is ever lost: whatever fails is tried again, longer pauses between, and the position is what the tables say, so that a restart, a
 * lost connection or a second coordinator changes nothing. An advisory lock lets one coordinator work on a database; others wait. `faithful` does as the
 * original, which retries three times and ends, loses batches on SQL errors, and counts a window twice where two of it run.
 */
import type { Client as PgClient } from 'pg';
import {
  destroyClient,
  failureOf,
  openClient,
  type PostgresConfig,
  postgresName,
  type SettingWords,
  URL_WORDS,
} from '../../system/postgres.ts';
import { garbageCollector } from '../../system/garbage.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { type BatchReport, type BatchSettings, processBatch } from './batch.ts';
import { copyRows, type SubmissionSource } from './cassandra-source.ts';
import { type Clock, SYSTEM_CLOCK } from './clock.ts';
import { processFaithfully } from './faithful.ts';
import { earlierBatches, unverifiedParts } from './late-rows.ts';
import type { Log } from './log.ts';
import { type Counts, countAll, differences, isOld } from './scoreboard.ts';
import { lastBatch, type LastBatch } from './tables.ts';
import { NO_VERIFIER, type Verifier } from './verifier.ts';
import { miniBatchesOf, type Part, utcSeconds, type Window } from './window.ts';

export type CoordinatorOptions = {
  database: PostgresConfig;
  /** What an error message calls the database's settings. */
  words?: SettingWords;
  /** Default: rows are verified by somebody else. */
  verifier?: Verifier;
  /** Where submissions lie; default (null): in the database itself. It is the caller's to close. */
  source?: SubmissionSource | null;
  /** SURVEY_INTERVAL_MINUTES of the original, in whole seconds; default 1200. */
  intervalSeconds?: number;
  /** Pause between a window's end and its batch; default a tenth of the interval (the original: 2 minutes), 2 minutes if faithful. */
  graceMs?: number;
  /** MINI_BATCH_NUMBER, default 5. */
  miniBatches?: number;
  /** UPTIME_DAYS_FOR_SCORE, default 90. */
  uptimeDays?: number;
  /** RETRY_COUNT, default 3: attempts more, at once; after them the faithful one ends, the other pauses. */
  retries?: number;
  faithful?: boolean;
  /** Each batch builds on what the one before shortlisted; not with `faithful`, which does so after a start only. */
  keepsPrevious?: boolean;
  /** Earlier batches in which rows that came late are counted; default 3, 0: none. */
  lateBatches?: number;
  /** FORK_CUTOVER_TIME in milliseconds since 1970, for the era of errors. */
  cutoverMs?: number | null;
  /** The last window to count: the coordinator ends after it. Default: none. */
  untilSeconds?: number;
  clock?: Clock;
  log: Log;
  /** After each batch, once it is committed. */
  onBatch?: (report: BatchReport) => void;
};

/** Why it ended, if nothing failed. */
export type CoordinatorEnd = 'stopped' | 'last window counted' | 'retries used up';

export type RunningCoordinator = {
  /** It is connected, and works or waits for the one that works. Rejects where it cannot begin. */
  ready: Promise<void>;
  /** @throws UserError where it cannot begin, or (faithful) the connection is lost */
  ended: Promise<CoordinatorEnd>;
  /** A batch under way is rolled back, or finished if it is committing. */
  stop(): Promise<void>;
};

const DEFAULTS = {
  intervalSeconds: 1200,
  miniBatches: 5,
  uptimeDays: 90,
  retries: 3,
  lateBatches: 3,
} as const;
const FAITHFUL_GRACE_MS = 120_000;
const GRACE_SHARE = 10;

/** `mina` and a number of ours, so that no other program's lock is in the way. */
const LOCK = [0x6d696e61, 1] as const;
const LOCK_EVERY_MS = 1000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
const USE = { statementMs: 600_000, applicationName: 'mina-coordinator' };

type Work = Required<Omit<CoordinatorOptions, 'untilSeconds' | 'onBatch'>> &
  Pick<CoordinatorOptions, 'untilSeconds' | 'onBatch'> & {
    settings: BatchSettings;
    collect: (() => void) | null;
    signal: AbortSignal;
    onReady: () => void;
  };

export function startCoordinator(options: CoordinatorOptions): RunningCoordinator {
  const stopping = new AbortController();
  let onReady: () => void = () => undefined;
  const isReady = new Promise<void>((resolve) => {
    onReady = resolve;
  });
  const work = workOf(options, stopping.signal, () => onReady());
  const ended = run(work);
  const ready = Promise.race([isReady, ended.then(() => undefined)]);
  // Whoever cares awaits one of them.
  ready.catch(() => undefined);
  ended.catch(() => undefined);
  return {
    ready,
    ended,
    async stop() {
      stopping.abort();
      await ended.catch(() => undefined);
    },
  };
}

function workOf(options: CoordinatorOptions, signal: AbortSignal, onReady: () => void): Work {
  const { faithful = false } = options;
  const intervalSeconds = options.intervalSeconds ?? DEFAULTS.intervalSeconds;
  const full = {
    words: URL_WORDS,
    verifier: NO_VERIFIER,
    source: null,
    ...DEFAULTS,
    keepsPrevious: false,
    cutoverMs: null,
    clock: SYSTEM_CLOCK,
    ...options,
    faithful,
    intervalSeconds,
    graceMs:
      options.graceMs ?? (faithful ? FAITHFUL_GRACE_MS : (intervalSeconds * 1000) / GRACE_SHARE),
  };
  const { uptimeDays, keepsPrevious, lateBatches, cutoverMs } = full;
  return {
    ...full,
    settings: { uptimeDays, keepsPrevious, lateBatches, cutoverMs },
    collect: garbageCollector(),
    signal,
    onReady,
  };
}

async function run(work: Work): Promise<CoordinatorEnd> {
  try {
    return await (work.faithful ? runFaithfully(work) : runForEver(work));
  } catch (error) {
    if (work.signal.aborted) return 'stopped';
    throw error;
  }
}

/** One connection; the lock is its. */
type Session = { client: PgClient; isBroken: () => boolean; counts: Counts | null };

async function openSession({ database, words, signal }: Work): Promise<Session> {
  let broken = false;
  const client = await openClient(database, words, USE, () => (broken = true), signal);
  return { client, isBroken: () => broken, counts: null };
}

async function runForEver(work: Work): Promise<CoordinatorEnd> {
  const { log, clock, signal, database } = work;
  let session: Session | null = null;
  let failures = 0;
  let hasBegun = false;
  // Ends a statement under way; the server rolls back.
  signal.addEventListener('abort', () => session !== null && destroyClient(session.client));
  try {
    for (;;)
      try {
        if (session === null) {
          session = await openSession(work);
          await checkTables(session.client, database);
          if (!hasBegun) {
            hasBegun = true;
            work.onReady();
          }
          await lock(session.client, work);
        }
        const end = await pass(session, work);
        failures = 0;
        if (end !== null) return end;
      } catch (error) {
        signal.throwIfAborted();
        if (!hasBegun || (error instanceof UserError && error.exitCode === EXIT.noData))
          throw error;
        if (session === null || session.isBroken() || failureOf(error) === 'unknown') {
          if (session !== null) destroyClient(session.client);
          session = null;
        } else session.counts = null;
        const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures++);
        log({
          level: 'error',
          text: `${(error as Error).message || 'the connection was lost'}; the batch comes again in ${pauseMs / 1000} s`,
          ...(isVerifierProblem(error) ? {} : { differs: true as const }),
        });
        await clock.sleep(pauseMs, signal);
      }
  } finally {
    await session?.client.end().catch(() => undefined);
  }
}

async function checkTables(client: PgClient, database: PostgresConfig): Promise<void> {
  const { rows } = await client.query<{ missing: string | null }>(
    `SELECT string_agg(name, ', ') AS missing
     FROM unnest(ARRAY['submissions', 'bot_logs', 'statehash', 'bot_logs_statehash', 'nodes', 'points', 'points_summary', 'score_history']) AS wanted (name)
     WHERE to_regclass(name) IS NULL`,
  );
  if (rows[0].missing !== null)
    throw new UserError(`${postgresName(database)} has no table ${rows[0].missing}`, {
      hint: 'the coordinator’s create_tables.sql makes them; for a database of your own: --create-tables',
    });
}

/** Waits until no other coordinator works on this database. */
async function lock(client: PgClient, { log, clock, signal }: Work): Promise<void> {
  for (let waits = 0; ; waits++) {
    const { rows } = await client.query<{ got: boolean }>(
      'SELECT pg_try_advisory_lock($1, $2) AS got',
      [...LOCK],
    );
    if (rows[0].got) {
      if (waits > 0)
        log({ level: 'note', text: 'the other coordinator is gone: this one goes on' });
      return;
    }
    if (waits === 0)
      log({
        level: 'note',
        text: 'another coordinator works on this database: this one waits; two of the original count each batch twice',
        differs: true,
      });
    await clock.sleep(LOCK_EVERY_MS, signal);
  }
}

async function positionOf(client: PgClient, database: PostgresConfig): Promise<LastBatch> {
  const last = await lastBatch(client);
  if (last === null)
    throw new UserError(
      `bot_logs of ${postgresName(database)} is empty: nobody said where the first batch begins`,
      {
        hint: 'give the start of the first batch: --start TIME',
        exitCode: EXIT.noData,
      },
    );
  return last;
}

/** One batch. @returns null: there are more */
async function pass(session: Session, work: Work): Promise<CoordinatorEnd | null> {
  const { client } = session;
  const { log, clock, settings, signal, onBatch, verifier } = work;
  const last = await positionOf(client, work.database);
  const window = {
    startSeconds: last.endSeconds,
    endSeconds: last.endSeconds + work.intervalSeconds,
  };
  if (work.untilSeconds !== undefined && window.endSeconds > work.untilSeconds)
    return 'last window counted';
  // While there is time: the batch itself only carries the counts on.
  session.counts ??= await countAll(client, last.endSeconds, settings.uptimeDays);
  await waitForEnd(window, work);
  const beganMs = clock.now();
  await verify(miniBatchesOf(window, work.miniBatches), work);
  // One more than is looked at: what the oldest builds on.
  const lookBack = () =>
    work.lateBatches === 0
      ? Promise.resolve([])
      : earlierBatches(client, window.startSeconds, work.lateBatches + 1);
  if (work.source !== null) await copyBatch(session, window, work);
  let earlier = await lookBack();
  const unverified =
    verifier === NO_VERIFIER ? [] : unverifiedParts(earlier.slice(0, work.lateBatches));
  if (unverified.length > 0) {
    await verify(unverified, work);
    if (work.source !== null) await copyBatch(session, window, work);
    earlier = await lookBack();
  }
  const { report, counts } = await processBatch(
    client,
    {
      window,
      previousBotLogId: last.botLogId,
      verificationSeconds: (clock.now() - beganMs) / 1000,
      counts: session.counts,
      nowMs: clock.now(),
      earlier,
    },
    settings,
    log,
  );
  session.counts = counts;
  sayBatch(report, log);
  onBatch?.(report);
  // The next one begins with what lives: V8 would let the rows of five batches lie.
  work.collect?.();
  signal.throwIfAborted();
  if (isOld(counts)) {
    session.counts = await countAll(client, window.endSeconds, settings.uptimeDays);
    const count = differences(counts, session.counts);
    if (count > 0)
      log({
        level: 'warning',
        text: `counted anew: the scores of ${count} block producers had been changed by somebody else`,
      });
  }
  return null;
}

/** What lies elsewhere is brought into the database: of the window, and of the batches before, in which rows may have come late. */
async function copyBatch(
  { client }: Session,
  { startSeconds, endSeconds }: Window,
  { source, lateBatches, signal }: Work,
): Promise<void> {
  const before = await earlierBatches(client, startSeconds, lateBatches);
  const from = Math.min(startSeconds, ...before.map(({ window }) => window.startSeconds));
  await copyRows(client, await source!.read(from, endSeconds, signal));
}

async function waitForEnd(
  { endSeconds }: Window,
  { clock, graceMs, log, signal }: Work,
): Promise<void> {
  const endMs = endSeconds * 1000;
  const nowMs = clock.now();
  const dueMs = endMs + graceMs;
  if (nowMs >= dueMs) return;
  if (nowMs > endMs)
    log({
      level: 'note',
      text: `the batch waits ${((dueMs - nowMs) / 1000).toFixed(1)} s for rows on their way; the original, when it is late, does not`,
      differs: true,
    });
  else
    log({
      level: 'info',
      text: `waiting until ${utcSeconds(dueMs / 1000)} for the end of the window`,
    });
  await clock.sleep(dueMs - nowMs, signal);
}

class VerifierProblem extends Error {}
const isVerifierProblem = (error: unknown): boolean => error instanceof VerifierProblem;

/** @throws VerifierProblem when a part failed as often as it may */
async function verify(parts: readonly Part[], work: Work): Promise<void> {
  const { verifier, retries, signal, log, clock } = work;
  await Promise.all(
    parts.map(async ({ startMs, endMs }) => {
      for (let attempt = 0; ; attempt++)
        try {
          return await verifier.verifyWindow(startMs, endMs, signal);
        } catch (error) {
          signal.throwIfAborted();
          const text = `the verifier (${verifier.name}) failed for ${utcSeconds(startMs / 1000)} to ${utcSeconds(endMs / 1000)}: ${(error as Error).message}`;
          if (attempt >= retries) throw new VerifierProblem(text, { cause: error });
          log({ level: 'warning', text });
          await clock.sleep(FIRST_PAUSE_MS * 2 ** attempt, signal);
        }
    }),
  );
}

/** As sentences: one for the batch, one for each class of errors, one for each batch that got late rows. */
function sayBatch(report: BatchReport, log: Log): void {
  const name = `batch ${utcSeconds(report.window.startSeconds)}`;
  log({
    level: 'info',
    text: `${name}: ${report.rows} rows, ${report.counting} count; ${report.scored} of ${report.producers} block producers score, ${report.points} points`,
  });
  if (report.unverified > 0)
    log({ level: 'warning', text: `${name}: ${report.unverified} rows are not verified` });
  for (const { class: name_, era, rows, producers, example } of report.errors) {
    const of = `${rows} rows of ${producers} block producers refused`;
    log(
      name_ === 'unknown'
        ? {
            level: 'error',
            text: `${name}: ${of} with an error of no known class: ${example}`,
            alarm: true,
          }
        : { level: 'warning', text: `${name}: ${of}: ${name_}, era ${era}` },
    );
  }
  for (const { window, rows, points, newNodes } of report.late)
    log({
      level: 'note',
      text: `${rows} rows came late for batch ${utcSeconds(window.startSeconds)} and were counted now: ${points} points, ${newNodes.length} block producers that had none there`,
      differs: true,
    });
}

/** The original's loop. The position is kept in memory and moves on whatever became of the batch. */
async function runFaithfully(work: Work): Promise<CoordinatorEnd> {
  const { log, clock, signal, settings, intervalSeconds, verifier, onBatch } = work;
  const session = await openSession(work);
  const { client } = session;
  signal.addEventListener('abort', () => destroyClient(client));
  try {
    await checkTables(client, work.database);
    const last = await positionOf(client, work.database);
    work.onReady();
    let [previousBotLogId, startSeconds] = [last.botLogId, last.endSeconds];
    let attemptsLeft = work.retries;
    // Read at the end of the pass before.
    let currentMs = clock.now();
    for (;;) {
      signal.throwIfAborted();
      const window = { startSeconds, endSeconds: startSeconds + intervalSeconds };
      if (work.untilSeconds !== undefined && window.endSeconds > work.untilSeconds)
        return 'last window counted';
      const aheadMs = window.endSeconds * 1000 - currentMs;
      if (aheadMs > 0) await clock.sleep(aheadMs + work.graceMs, signal);
      const beganMs = clock.now();
      await Promise.all(
        miniBatchesOf(window, work.miniBatches).map((part) =>
          verifier.verifyWindow(part.startMs, part.endMs, signal).catch((error: unknown) => {
            signal.throwIfAborted();
            log({ level: 'error', text: `Error: ${(error as Error).message}` });
          }),
        ),
      );
      const outcome = await processFaithfully(
        client,
        {
          window,
          previousBotLogId,
          verificationSeconds: (clock.now() - beganMs) / 1000,
          counts: null,
          nowMs: clock.now(),
          earlier: [],
        },
        settings,
        log,
        work.source === null
          ? null
          : () => work.source!.read(startSeconds, window.endSeconds, signal),
      );
      currentMs = clock.now();
      if ('failure' in outcome) {
        log({ level: 'error', text: `ERROR: ${outcome.failure}` });
        log({
          level: 'error',
          text: `Error in processing, retrying the batch... Retrials left: ${attemptsLeft} out of ${work.retries}.`,
        });
        if (attemptsLeft-- > 0) continue;
        log({ level: 'error', text: 'Error in processing, retry count exceeded... Exitting!' });
        return 'retries used up';
      }
      attemptsLeft = work.retries;
      previousBotLogId = outcome.nextPreviousId;
      startSeconds = window.endSeconds;
      sayBatch(outcome.report, log);
      onBatch?.(outcome.report);
    }
  } catch (error) {
    if (
      signal.aborted ||
      !(session.isBroken() || failureOf(error) === 'unknown') ||
      error instanceof UserError
    )
      throw error;
    throw new UserError(
      `the connection to ${postgresName(work.database)} was lost: ${(error as Error).message}`,
      {
        hint: 'the original ends here, too; start it again, and it goes on after the last batch of bot_logs',
        cause: error,
      },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
