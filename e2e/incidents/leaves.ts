/**
 * What each incident leaves behind in a run in which all else went right: a change of its evidence, by the rules of the program. Tests prove with
 * it that the incident is caught, and by which assertion. Each takes evidence of its own, changes it and gives it back. Pure.
 */
import { ERA_NAMES } from '../../mina/eras.ts';
import { ERROR_TEXTS, sokMismatchText } from '../../stack/verifier/error-texts.ts';
import type { BlockFacts, Evidence } from '../dump/evidence.ts';
import { answersOf } from '../dump/golden.ts';
import { tablesOf } from '../dump/tables-of.ts';
import { microsecondsOf, timeOfMs, timeOfUs } from '../dump/times.ts';
import type { MiniBatchFields, SentRow, StoredRow, TableRow } from '../dump/types.ts';

export type Leaves = (evidence: Evidence) => Evidence;

type Window = { startSeconds: number; endSeconds: number };

const GRACE_SECONDS = 120;

const windowsOf = ({ tables }: Evidence): Window[] =>
  (tables.bot_logs ?? [])
    .filter((log) => log.batch_end_epoch > log.batch_start_epoch)
    .map((log) => ({ startSeconds: log.batch_start_epoch, endSeconds: log.batch_end_epoch }));

/** The second batch: something was before it, and something comes after. */
const middle = (evidence: Evidence): Window => windowsOf(evidence)[1];

const isWithin = (row: StoredRow, { startSeconds, endSeconds }: Window): boolean => {
  const us = microsecondsOf(row.submitted_at!);
  return us >= startSeconds * 1e6 && us < endSeconds * 1e6;
};

const verifiedRows = ({ head, storages }: Evidence): StoredRow[] =>
  storages.get(head.verifiedIn) ?? [];

/** Tables and answers of the leaderboard as they follow from the rows now. */
function recounted(evidence: Evidence, windows = windowsOf(evidence)): Evidence {
  const { head } = evidence;
  const tables = tablesOf(verifiedRows(evidence), {
    batches: windows,
    uptimeDays: head.coordinator.uptimeDays,
    graceSeconds: GRACE_SECONDS,
  });
  evidence.tables = tables;
  evidence.leaderboard = answersOf(tables, head.endedMs);
  return evidence;
}

function refuse(row: StoredRow, error: string): void {
  row.state_hash = null;
  row.parent = null;
  row.height = null;
  row.slot = null;
  row.validation_error = error;
  // Looked at, which is all that it means.
  row.verified = true;
}

const logError = (evidence: Evidence, component: string, text: string): void => {
  const log = evidence.logs.find((one) => one.component === component);
  const error = { level: 'error' as const, text, count: 1 };
  if (log === undefined) evidence.logs.push({ component, lines: 1, errors: [error] });
  else {
    log.lines++;
    log.errors.push(error);
  }
};

/** Only what somebody sent is in block storage. */
function dropUnsentBlocks(evidence: Evidence): void {
  const sent = new Set(evidence.sent.map(({ block_hash: hash }) => hash));
  for (const hash of [...evidence.blocks.keys()]) if (!sent.has(hash)) evidence.blocks.delete(hash);
}

const snarkWorkOf = (evidence: Evidence): Map<string, boolean> =>
  new Map(evidence.sent.map((row) => [identityOf(row), row.snark_work]));
const identityOf = (row: SentRow | StoredRow): string =>
  `${row.submitter!} ${row.created_at!} ${row.block_hash!} ${row.peer_id!}`;

export const sokMismatch: Leaves = (evidence) => {
  const batch = middle(evidence);
  const hasWork = snarkWorkOf(evidence);
  const rows = verifiedRows(evidence).filter((row) => isWithin(row, batch));
  // One that made no block in this time: all that it sent carried snark work.
  const submitter = rows.find(({ submitter: key }) =>
    rows.every((row) => row.submitter !== key || hasWork.get(identityOf(row)) === true),
  )!.submitter;
  const era = evidence.head.eras.at(-1)!.name;
  for (const row of rows) if (row.submitter === submitter) refuse(row, sokMismatchText(era));
  return recounted(evidence);
};

/** Another node of the same key submits the block before in the same second. */
export const sameSecondPair: Leaves = (evidence) => {
  const batch = middle(evidence);
  const kept = verifiedRows(evidence).find((row) => isWithin(row, batch))!;
  const first = evidence.sent.find((row) => identityOf(row) === identityOf(kept))!;
  const other = [...evidence.sent].reverse().find(({ block_hash: hash, sent_ms: at }) => at < first.sent_ms && hash !== first.block_hash)!; // prettier-ignore
  const pair: SentRow = {
    ...first,
    id: evidence.sent.length,
    node: `${first.node}-b`,
    peer_id: other.peer_id,
    block_hash: other.block_hash,
  };
  evidence.sent.push(pair);
  for (const { name, keeps } of evidence.head.storages) {
    if (keeps === 'first') continue;
    for (const row of evidence.storages.get(name) ?? [])
      if (identityOf(row) === identityOf(first) && row.submitted_at === kept.submitted_at) {
        row.peer_id = pair.peer_id;
        row.block_hash = pair.block_hash;
      }
  }
  return evidence;
};

/** The insert failed; the answer was 200 all the same. */
export const storageFails200: Leaves = (evidence) => {
  const batch = middle(evidence);
  const { verifiedIn } = evidence.head;
  const rows = verifiedRows(evidence);
  const within = rows.filter((row) => isWithin(row, batch));
  const lost = within.find(
    (row) => within.filter(({ submitter }) => submitter === row.submitter).length > 1,
  )!;
  evidence.storages.set(
    verifiedIn,
    rows.filter((row) => row !== lost),
  );
  logError(evidence, 'backend', 'PostgreSQLSave: Error while saving submission');
  return recounted(evidence);
};

/** The batch's transaction was rolled back; the scoreboard, in one of its own, was written. */
export const batchLost: Leaves = (evidence) => {
  const windows = windowsOf(evidence);
  const lost = middle(evidence);
  recounted(
    evidence,
    windows.filter(({ startSeconds }) => startSeconds !== lost.startSeconds),
  );
  const tables = evidence.tables as { score_history: TableRow<'score_history'>[] };
  const before = timeOfUs(windows[0].endSeconds * 1e6);
  const repeated = tables.score_history.filter(({ score_at: at }) => at === before);
  tables.score_history = [
    ...repeated,
    ...repeated.map((row) => ({ ...row, score_at: timeOfUs(lost.endSeconds * 1e6) })),
    ...tables.score_history.filter(({ score_at: at }) => at !== before),
  ].map((row, i) => ({ ...row, id: i + 1 }));
  evidence.events = evidence.events.filter(
    ({ kind, fields }) => kind !== 'batch' || (fields as Window).startSeconds !== lost.startSeconds,
  );
  logError(evidence, 'coordinator', 'Error: current transaction is aborted');
  return evidence;
};

/** In one batch each block producer stands on a block of its own, as in a network that fell apart. */
export const nothingSelected: Leaves = (evidence) => {
  const batch = middle(evidence);
  const own = new Map<string, { hash: string; facts: BlockFacts }>();
  const move = (row: SentRow | StoredRow): { hash: string; facts: BlockFacts } => {
    const submitter = row.submitter!;
    let block = own.get(submitter);
    if (block === undefined) {
      const { state, ...facts } = evidence.blocks.get(row.block_hash!)!;
      const mark = submitter.slice(-40);
      block = {
        hash: `Y${mark}`,
        facts: { ...facts, state: { ...state!, stateHash: `3N${mark}`, parent: `3NP${mark}` } },
      };
      own.set(submitter, block);
    }
    row.block_hash = block.hash;
    return block;
  };
  const moved = new Set(
    verifiedRows(evidence)
      .filter((row) => isWithin(row, batch))
      .map(identityOf),
  );
  for (const row of evidence.sent) if (moved.has(identityOf(row))) move(row);
  for (const [name, rows] of evidence.storages)
    for (const row of rows) {
      if (!moved.has(identityOf(row))) continue;
      const { facts } = move(row);
      if (name !== evidence.head.verifiedIn) continue;
      row.state_hash = facts.state!.stateHash;
      row.parent = facts.state!.parent;
      row.height = facts.state!.height;
      row.slot = facts.state!.slot;
    }
  for (const { hash, facts } of own.values()) evidence.blocks.set(hash, facts);
  dropUnsentBlocks(evidence);
  return recounted(evidence);
};

/** For one batch half of the block producers are away, as on mainnet while nodes went over to the new era. */
export const forkGap: Leaves = (evidence) => {
  const batch = middle(evidence);
  const { submitters } = evidence.head.expected;
  const away = new Set(submitters.slice(0, submitters.length >> 1));
  const gone = new Set(
    verifiedRows(evidence)
      .filter((row) => isWithin(row, batch) && away.has(row.submitter!))
      .map(identityOf),
  );
  evidence.sent = evidence.sent.filter((row) => !gone.has(identityOf(row)));
  for (const [name, rows] of evidence.storages)
    evidence.storages.set(
      name,
      rows.filter((row) => !gone.has(identityOf(row))),
    );
  dropUnsentBlocks(evidence);
  return recounted(evidence);
};

export const missingIndex: Leaves = (evidence) => {
  evidence.tables.indexes = (evidence.tables.indexes ?? []).filter(
    ({ columns }) => columns !== 'submitted_at',
  );
  return evidence;
};

/** A verifier with another genesis, other fork constants, or of the other era refuses every proof. */
export const wrongGenesis: Leaves = (evidence) => {
  evidence.head.coordinator.noChecks = false;
  for (const row of verifiedRows(evidence)) refuse(row, ERROR_TEXTS.invalidProof);
  const [era] = evidence.head.eras;
  for (const { kind, fields } of evidence.events)
    if (kind === 'mini-batch')
      (fields as MiniBatchFields).rule = ERA_NAMES.find((name) => name !== era.name)!;
  return recounted(evidence);
};

/** The verifier's program asks AWS for the blocks, finds none, and takes each as empty. */
export const s3EndpointIgnored: Leaves = (evidence) => {
  for (const row of verifiedRows(evidence)) refuse(row, ERROR_TEXTS.undecodableBlock);
  return recounted(evidence);
};

/** A row was stored or verified when its batch had been counted. */
export const lateRows: Leaves = (evidence) => {
  const batch = middle(evidence);
  const rows = verifiedRows(evidence);
  const within = rows.filter((row) => isWithin(row, batch));
  const count = (of: (row: StoredRow) => unknown, value: unknown): number =>
    within.filter((row) => of(row) === value).length;
  // Its block producer has another row, and its state many others: nothing else changes.
  const late = within.find(
    (row) =>
      count(({ submitter }) => submitter, row.submitter) > 1 &&
      count(({ state_hash: state }) => state, row.state_hash) > 4,
  )!;
  late.verified = false;
  recounted(evidence);
  late.verified = true;
  return evidence;
};

/** Two replicas, each with a table of its own: one submitter has one and a quarter times what it may have. */
export const hourlyLimitPerReplica: Leaves = (evidence) => {
  const { head } = evidence;
  const template = evidence.sent[0];
  const more = Math.ceil((head.hourlyLimit ?? 0) * 1.25);
  // Over less than half an hour, beginning with a second in which it sent nothing.
  const stepMs = Math.floor(1_500_000 / more / 1000) * 1000;
  const seconds = new Set(
    evidence.sent
      .filter(({ submitter }) => submitter === template.submitter)
      .map(({ sent_ms: at }) => Math.floor(at / 1000)),
  );
  for (let i = 0; i < more; i++) {
    let second = Math.floor((template.sent_ms + (i + 1) * stepMs) / 1000);
    while (seconds.has(second)) second++;
    seconds.add(second);
    const time = timeOfMs(second * 1000);
    evidence.sent.push({
      ...template,
      id: evidence.sent.length,
      created_at: time,
      sent_ms: second * 1000 + 100,
      answered_ms: second * 1000 + 200,
    });
    for (const rows of evidence.storages.values()) {
      const like = rows.find((row) => identityOf(row) === identityOf(template))!;
      rows.push({
        ...like,
        where: `${like.where} (${i + 1} after it)`,
        submitted_at: time,
        created_at: time,
      });
    }
  }
  for (const rows of evidence.storages.values())
    rows.sort((a, b) => microsecondsOf(a.submitted_at!) - microsecondsOf(b.submitted_at!));
  return recounted(evidence);
};

/** Both count every window; the second one's insert into score_history fails. */
export const twoCoordinators: Leaves = (evidence) => {
  const tables = tablesOf(verifiedRows(evidence), {
    batches: windowsOf(evidence),
    uptimeDays: evidence.head.coordinator.uptimeDays,
    graceSeconds: GRACE_SECONDS,
  });
  const batches = tables.bot_logs.filter(({ files_processed: files }) => files !== -1);
  for (const batch of batches) {
    const id = tables.bot_logs.length + 1;
    tables.bot_logs.push({ ...batch, id });
    const again = <T extends { bot_log_id: number | null }>(rows: readonly T[]): T[] =>
      rows
        .filter(({ bot_log_id: of }) => of === batch.id)
        .map((row) => ({ ...row, bot_log_id: id }));
    const numbered = <T extends { id: number }>(rows: T[], more: readonly T[]): void => {
      for (const row of more) rows.push({ ...row, id: rows.length + 1 });
    };
    numbered(tables.bot_logs_statehash, again(tables.bot_logs_statehash));
    numbered(tables.points, again(tables.points));
    tables.points_summary.push(...again(tables.points_summary));
  }
  // Every point counts twice by now; scores and history were written when the last batch had been counted once: the second one's are rolled back.
  for (const node of tables.nodes) if (node.score !== null) node.score = node.score * 2 - 1;
  for (const row of tables.score_history) if (row.score !== null) row.score = row.score * 2 - 1;
  evidence.tables = tables;
  evidence.leaderboard = answersOf(tables, evidence.head.endedMs);
  logError(evidence, 'coordinator', 'duplicate key value violates unique constraint "uq_sh_node_score_at"'); // prettier-ignore
  return evidence;
};

export const leaderboardMinusOne: Leaves = (evidence) => {
  for (const answer of evidence.leaderboard) {
    answer.status = 200;
    answer.body = -1;
  }
  logError(evidence, 'postgres', 'ERROR:  relation "nodes" does not exist');
  return evidence;
};
