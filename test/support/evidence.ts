/** Evidence of a run in which all went right, made once, to be changed by a test at will. */
import type { Evidence } from '../../e2e/dump/evidence.ts';
import type { StoredRow } from '../../e2e/dump/types.ts';
import { recordedRun } from '../stack/coordinator/support.ts';
import { type Golden, type GoldenOptions, makeGolden } from '../../e2e/dump/golden.ts';

const made = new Map<string, Promise<Golden>>();

/** More than 20, so that states can be left out. */
export const GOLDEN: GoldenOptions = { seed: 'right', producers: 24, batches: 3 };

export function golden(options: Partial<GoldenOptions> = {}): Promise<Golden> {
  const all = { ...GOLDEN, ...options };
  const key = JSON.stringify(all);
  let known = made.get(key);
  if (known === undefined) {
    known = makeGolden(all);
    made.set(key, known);
  }
  return known;
}

/** A copy of its own. */
export const evidenceOf = async (options?: Partial<GoldenOptions>): Promise<Evidence> =>
  structuredClone((await golden(options)).evidence);

/** Recorded runs of the real coordinator (test/vectors) as evidence: rows in the storage, every table as it left them. */
export async function recordedEvidence(name: 'healthy' | 'lagging'): Promise<Evidence> {
  const run = recordedRun(name);
  const { head } = await evidenceOf();
  const keys = new Map<string, number>();
  const values = new Map<string, number>();
  const numberIn = (map: Map<string, number>, key: string): number => {
    const known = map.get(key) ?? map.size + 1;
    map.set(key, known);
    return known;
  };
  type Expected = Record<string, string & number>;
  const all = (of: string): Expected[] =>
    run.batches.flatMap(({ expected }) => expected[`${of}_added`] as Expected[]);
  const batchOf = new Map(run.batches.map(({ end }, i) => [end, i + 2]));
  const of = (row: Expected) => ({
    id: 0,
    node_id: numberIn(keys, row.block_producer_key),
    bot_log_id: batchOf.get(row.batch_end)!,
    statehash_id: row.state_hash ? numberIn(values, row.state_hash) : null,
  });
  const start = Date.parse(run.config.start) / 1000;
  const tables: Evidence['tables'] = {
    bot_logs: [
      { batch_start: run.config.start, batch_end: run.config.start, files_processed: -1 } as never,
      ...all('bot_logs'),
    ].map((row: Expected, i) => ({
      id: i + 1,
      processing_time: 0,
      files_processed: row.files_processed,
      file_timestamps: row.file_timestamps ?? null,
      batch_start_epoch: Date.parse(row.batch_start) / 1000,
      batch_end_epoch: Date.parse(row.batch_end) / 1000,
    })),
    bot_logs_statehash: all('bot_logs_statehash').map((row, i) => ({
      id: i + 1,
      parent_statehash_id: row.parent_state_hash ? numberIn(values, row.parent_state_hash) : null,
      statehash_id: of(row).statehash_id,
      weight: row.weight,
      bot_log_id: of(row).bot_log_id,
    })),
    points: all('points').map((row, i) => ({
      file_name: row.file_name,
      file_timestamps: row.file_timestamps,
      blockchain_epoch: row.blockchain_epoch,
      blockchain_height: row.blockchain_height,
      amount: row.amount,
      created_at: row.batch_end,
      ...of(row),
      id: i + 1,
    })),
    points_summary: all('points_summary').map((row) => ({
      bot_log_id: of(row).bot_log_id,
      node_id: of(row).node_id,
    })),
    score_history: all('score_history').map((row, i) => ({
      id: i + 1,
      node_id: of(row).node_id,
      score_at: row.score_at,
      score: row.score,
      score_percent: row.score_percent,
    })),
    nodes: (run.batches.at(-1)!.expected.nodes as Expected[]).map((row) => ({
      id: numberIn(keys, row.block_producer_key),
      block_producer_key: row.block_producer_key,
      updated_at: null,
      score: row.score,
      score_percent: row.score_percent,
      discord_id: null,
      email_id: null,
      application_status: null,
    })),
  };
  tables.statehash = [...values].map(([value, id]) => ({ id, value }));
  const rows = run.batches.flatMap(({ submissions }) => submissions);
  return {
    head: {
      ...head,
      startedMs: start * 1000,
      untilMs: Date.parse(run.batches.at(-1)!.end),
      expected: { ...head.expected, submitters: [] },
      coordinator: {
        ...head.coordinator,
        intervalSeconds: run.config.survey_interval_minutes * 60,
      },
    },
    sent: [],
    storages: new Map([
      [
        'postgres',
        rows.map(
          (row, i): StoredRow =>
            ({
              where: `submissions id ${i + 1}`,
              peer_id: '',
              height: 1,
              slot: 1,
              validation_error: '',
              verified: true,
              ...row,
              created_at: row.created_at ?? row.submitted_at,
              block_hash: row.block_hash ?? '',
            }) as StoredRow,
        ),
      ],
    ]),
    blocks: new Map(),
    tables,
    leaderboard: [],
    events: [],
    logs: [],
    secrets: [],
    searchedLines: 0,
  };
}
