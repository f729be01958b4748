/**
 * One window of the updater: its rows to a verifier, the results back into them, row by row. What fails costs as little as it can: a row that cannot be scanned, an
 * answer that cannot be read and an UPDATE that fails cost that one row; a pass that fails costs its part. What was verified is written before anything is thrown.
 * Source of the rules: o1-labs/submission-updater at 00cc565, src/command.go, app_config.go and postgres.go.
 */
import pLimit from 'p-limit';
import { UserError } from '../../../user-error.ts';
import { isSokMismatch } from '../error-texts.ts';
import type { Rule } from '../rule.ts';
import type { Answer } from './answer-line.ts';
import type { BlockOf, VerifierDriver } from './driver.ts';
import { KeyedQueue, submissionKey } from './match.ts';
import type { Row, RowResult, RowStorage } from './row.ts';

export type UpdaterLog = (level: 'info' | 'warning' | 'error', text: string) => void;

/** Which verifier for which rows, by the time at which the server took them. */
export type Verifiers =
  | { mode: 'single'; driver: VerifierDriver }
  | { mode: 'dual'; cutoverMs: number; preFork: VerifierDriver; postFork: VerifierDriver };

/** What judges the submissions of [fromMs, untilMs). */
export type VerifierCall = {
  /** `embedded`, or the program's path. */
  verifier: string;
  /** null: not known. */
  rule: Rule | null;
  fromMs: number;
  untilMs: number;
};

/** A window's parts in the order of time, whether there are rows in them or not. */
export function callsOf(verifiers: Verifiers, startMs: number, endMs: number): VerifierCall[] {
  const call = ({ name, rule }: VerifierDriver, fromMs: number, untilMs: number): VerifierCall => ({
    ...{ verifier: name, rule, fromMs, untilMs },
  });
  if (verifiers.mode === 'single') return [call(verifiers.driver, startMs, endMs)];
  const cutMs = Math.min(Math.max(verifiers.cutoverMs, startMs), endMs);
  return [call(verifiers.preFork, startMs, cutMs), call(verifiers.postFork, cutMs, endMs)].filter(
    ({ fromMs, untilMs }) => fromMs < untilMs,
  );
}

export type WindowSettings = {
  storage: RowStorage;
  verifiers: Verifiers;
  blockOf: BlockOf;
  /** Rows that are refused for their sok digest are verified again without their snark work (mina#19299). */
  toleratesSokMismatch: boolean;
  log: UpdaterLog;
};

/** Counts of rows. */
export type UpdateReport = {
  read: number;
  /** Of those without a value where one must be; not in `read`. */
  unscannable: number;
  written: number;
  /** Written as verified, without an error. */
  valid: number;
  /** Written with an error. */
  refused: number;
  /** Written as neither: not checkable. */
  notCheckable: number;
  /** No answer came for them, so they stay as they were. */
  unanswered: number;
  /** Verified again without snark work, and valid then. */
  tolerated: number;
};

type Verified = { row: Row; result: RowResult };
type PassReport = { verified: Verified[]; unanswered: number; tolerated: number };

const MOST_LOGGED = 512;
const shortened = (text: string): string =>
  text.length <= MOST_LOGGED ? text : `${text.slice(0, MOST_LOGGED)}... (truncated)`;

/**
 * @param startMs of submitted_at, milliseconds since 1970; `endMs` excluded
 * @returns what became of the rows
 * @throws UserError with all that failed, when what was verified has been written
 */
export async function updateWindow(
  settings: WindowSettings,
  startMs: number,
  endMs: number,
  signal?: AbortSignal,
): Promise<UpdateReport> {
  const { storage, log } = settings;
  const { rows, unscannable } = await storage.read(startMs, endMs, signal);
  for (const text of unscannable) log('error', `skipping a row that cannot be scanned: ${text}`);
  const report: UpdateReport = {
    read: rows.length,
    unscannable: unscannable.length,
    written: 0,
    valid: 0,
    refused: 0,
    notCheckable: 0,
    unanswered: 0,
    tolerated: 0,
  };
  if (rows.length === 0) {
    if (unscannable.length > 0)
      throw new UserError(
        `none of the ${unscannable.length} rows of ${storage.name} could be scanned: ${unscannable[0]}`,
        { hint: 'whoever inserts rows must write empty texts and 0, not NULL' },
      );
    return report;
  }
  let unreachable: string | null = null;
  const failures: string[] = [];
  const blockOf: BlockOf = async (row) => {
    const block = await settings.blockOf(row);
    if (block === 'unreachable') unreachable ??= row.fields.block_hash;
    return block;
  };
  for (const part of partsOf(rows, settings)) {
    try {
      const passed = await verifyPart(part, { ...settings, blockOf }, signal);
      report.unanswered += passed.unanswered;
      report.tolerated += passed.tolerated;
      failures.push(...(await writeAll(passed.verified, storage, report, log)));
    } catch (error) {
      if (signal?.aborted) throw error;
      const text = `${part.name}${part.name === '' ? '' : ': '}${(error as Error).message}`;
      log('error', text);
      failures.push(text);
      report.unanswered += part.rows.length;
    }
  }
  if (unreachable !== null)
    failures.push(`blocks could not be fetched, e.g. ${String(unreachable)}`);
  if (failures.length > 0)
    throw new UserError(
      failures.length === 1
        ? failures[0]
        : `${failures.length} failures, the first: ${failures[0]}`,
      { hint: 'what was verified is written; the same window may be given again' },
    );
  return report;
}

type Part = { name: string; driver: VerifierDriver; rows: Row[] };

/** The parts run one after another; an empty one is left out. */
function partsOf(rows: Row[], { verifiers, log }: WindowSettings): Part[] {
  if (verifiers.mode === 'single') return [{ name: '', driver: verifiers.driver, rows }];
  const { cutoverMs, preFork, postFork } = verifiers;
  const isBefore = (row: Row): boolean => Date.parse(row.fields.submitted_at) < cutoverMs;
  const parts = [
    { name: 'pre-fork', driver: preFork, rows: rows.filter(isBefore) },
    { name: 'post-fork', driver: postFork, rows: rows.filter((row) => !isBefore(row)) },
  ];
  log(
    'info',
    `two verifiers (cutover ${new Date(cutoverMs).toISOString()}): ${parts.map(({ name, rows: some }) => `${some.length} ${name}`).join(', ')} rows`,
  );
  return parts.filter(({ rows: some }) => some.length > 0);
}

async function verifyPart(
  { driver, rows }: Part,
  settings: WindowSettings,
  signal: AbortSignal | undefined,
): Promise<PassReport> {
  const { log, toleratesSokMismatch } = settings;
  const first = await runPass(driver, rows, settings, false, signal);
  if (!toleratesSokMismatch) return { ...first, tolerated: 0 };
  const again = first.verified.filter(({ result }) => isSokMismatch(result.validationError));
  if (again.length === 0) return { ...first, tolerated: 0 };
  log(
    'info',
    `${again.length} rows are refused for their sok digest: verified again without snark work`,
  );
  let second: Omit<PassReport, 'tolerated'>;
  try {
    second = await runPass(
      driver,
      again.map(({ row }) => row),
      settings,
      true,
      signal,
    );
  } catch (error) {
    if (signal?.aborted) throw error;
    // It costs only those that are refused already.
    log('error', `they keep their first result: ${(error as Error).message}`);
    return { ...first, tolerated: 0 };
  }
  const results = new Map(second.verified.map(({ row, result }) => [row, result]));
  const isValid = ({ verified, validationError }: RowResult): boolean =>
    verified && validationError === null;
  return {
    // Either way it is the second that counts: a row that is refused again is so for another reason.
    verified: first.verified.map(({ row, result }) => ({
      row,
      result: results.get(row) ?? result,
    })),
    unanswered: first.unanswered,
    tolerated: [...results.values()].filter(isValid).length,
  };
}

/** @throws UserError unless some answer could be used */
async function runPass(
  driver: VerifierDriver,
  rows: readonly Row[],
  { blockOf, log }: WindowSettings,
  withoutSnarkWork: boolean,
  signal: AbortSignal | undefined,
): Promise<Omit<PassReport, 'tolerated'>> {
  const waiting = new KeyedQueue<Row>();
  for (const row of rows) waiting.add(submissionKey(row.fields), row);
  const verified: Verified[] = [];
  let malformed = 0;
  let skipped = 0;
  const counted: BlockOf = async (row) => {
    const block = await blockOf(row);
    if (block === 'unreachable') skipped++;
    return block;
  };
  const take = (answer: Answer): void => {
    const row = waiting.take(submissionKey(answer));
    if (row === undefined)
      log('error', `an answer belongs to no row that was asked for: submitter ${answer.submitter}`);
    else verified.push({ row, result: answer.result });
  };
  for await (const line of driver.run({ rows, blockOf: counted, withoutSnarkWork, signal, log })) {
    if (line === 'no answer') continue;
    if ('malformed' in line) {
      malformed++;
      log('error', `skipping an answer that cannot be read: ${shortened(line.malformed)}`);
    } else take(line.answer);
  }
  // All blocks out of reach is no fault of the verifier.
  if (verified.length === 0 && skipped < rows.length)
    throw new UserError(
      malformed > 0
        ? `none of the ${malformed} answers of the verifier ${driver.name} could be read`
        : `the verifier ${driver.name} gave no answer for ${rows.length} rows`,
      { hint: 'is it a stateless verifier of this version, and what does its log say?' },
    );
  const unanswered = rows.length - verified.length;
  if (unanswered > 0)
    log('error', `${unanswered} of ${rows.length} rows have no answer and stay as they were`);
  return { verified, unanswered };
}

/** UPDATEs under way: as many as the storage has connections. */
const WRITES = 4;

/** @returns what failed: one sentence, or none */
async function writeAll(
  verified: readonly Verified[],
  storage: RowStorage,
  report: UpdateReport,
  log: UpdaterLog,
): Promise<string[]> {
  const failures: string[] = [];
  await pLimit(WRITES).map(verified, async ({ row, result }) => {
    try {
      await storage.write(row, result);
    } catch (error) {
      failures.push((error as Error).message);
      log(
        'error',
        `a row was not written (${submissionKey(row.fields)}): ${(error as Error).message}`,
      );
      return;
    }
    report.written++;
    if (result.validationError !== null) report.refused++;
    else if (result.verified) report.valid++;
    else report.notCheckable++;
  });
  return failures.length === 0
    ? []
    : [`${failures.length} of ${verified.length} rows could not be written: ${failures[0]}`];
}
