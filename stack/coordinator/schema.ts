/**
 * The coordinator's database, table by table as the original makes it, so that its own tools read it.
 * Source: o1-labs/uptime-service-validation, uptime_service_validation/database/create_tables.sql at 4a46a1e (schema), 2d48a8b (index on
 * submitted_at, NULL-safe cleanup), bfb0870 (score_corrections).
 */
import type { ClientBase } from 'pg';
import { createSubmissionsTable } from '../storage/postgres-schema.ts';

type Client = Pick<ClientBase, 'query'>;

const TABLES = `
  CREATE TABLE IF NOT EXISTS bot_logs (
    id SERIAL PRIMARY KEY,
    processing_time DOUBLE PRECISION,
    files_processed INT,
    file_timestamps TIMESTAMPTZ(6),
    batch_start_epoch BIGINT,
    batch_end_epoch BIGINT
  );
  CREATE TABLE IF NOT EXISTS statehash (
    id SERIAL PRIMARY KEY,
    value TEXT
  );
  CREATE UNIQUE INDEX IF NOT EXISTS uq_state_hash ON statehash (value);
  CREATE TABLE IF NOT EXISTS bot_logs_statehash (
    id SERIAL PRIMARY KEY,
    parent_statehash_id INT CONSTRAINT fk_parent_statehash REFERENCES statehash (id),
    statehash_id INT CONSTRAINT fk_statehash REFERENCES statehash (id),
    weight INT NOT NULL,
    bot_log_id INT CONSTRAINT fk_bot_log REFERENCES bot_logs (id)
  );
  CREATE TABLE IF NOT EXISTS nodes (
    id SERIAL PRIMARY KEY,
    block_producer_key TEXT,
    updated_at TIMESTAMPTZ(6),
    score INT,
    score_percent NUMERIC(5, 2),
    discord_id TEXT,
    email_id TEXT,
    application_status BOOLEAN
  );
  CREATE TABLE IF NOT EXISTS points (
    id SERIAL PRIMARY KEY,
    file_name TEXT,
    file_timestamps TIMESTAMPTZ(6),
    blockchain_epoch BIGINT,
    blockchain_height BIGINT,
    amount INT,
    created_at TIMESTAMPTZ(6),
    node_id INT CONSTRAINT fk_nodes REFERENCES nodes (id),
    bot_log_id INT CONSTRAINT fk_bot_log REFERENCES bot_logs (id),
    statehash_id INT CONSTRAINT fk_statehashes REFERENCES statehash (id)
  );
  CREATE TABLE IF NOT EXISTS score_history (
    id SERIAL PRIMARY KEY,
    node_id INT CONSTRAINT fk_nodes REFERENCES nodes (id),
    score_at TIMESTAMP(6),
    score INT,
    score_percent NUMERIC(5, 2)
  );
  CREATE UNIQUE INDEX IF NOT EXISTS uq_sh_node_score_at ON score_history (node_id, score_at);
  CREATE TABLE IF NOT EXISTS points_summary (
    bot_log_id INT NOT NULL,
    node_id INT NOT NULL
  );
  CREATE UNIQUE INDEX IF NOT EXISTS uq_ps_bot_log_node ON points_summary (bot_log_id, node_id);
  CREATE TABLE IF NOT EXISTS score_corrections (
    id SERIAL PRIMARY KEY,
    correction TEXT NOT NULL,
    action TEXT NOT NULL,
    bot_log_id INT,
    node_id INT,
    point_id INT,
    old_files_processed INT,
    reason TEXT,
    applied_at TIMESTAMPTZ(6),
    reverted_at TIMESTAMPTZ(6)
  );
  CREATE INDEX IF NOT EXISTS idx_score_corrections_correction ON score_corrections (correction);`;

/** Each inserted point leaves its block producer in the summary of its batch, once. */
const TRIGGER = `
  CREATE OR REPLACE FUNCTION fn_update_point_summary() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO points_summary (bot_log_id, node_id) VALUES (NEW.bot_log_id, NEW.node_id) ON CONFLICT (bot_log_id, node_id) DO NOTHING;
    RETURN NEW;
  END;
  $$;
  CREATE OR REPLACE TRIGGER trg_after_insert_points AFTER INSERT ON points FOR EACH ROW EXECUTE FUNCTION fn_update_point_summary();`;

/** Deletes what is older, but no block producer and none of the score history. */
const CLEANUP = `
  CREATE OR REPLACE FUNCTION cleanup_old_data(days_ago INTEGER) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    threshold TIMESTAMPTZ := now() - INTERVAL '1 day' * days_ago;
    threshold_epoch BIGINT := extract(epoch FROM threshold)::bigint;
  BEGIN
    DELETE FROM points_summary WHERE bot_log_id IN (SELECT id FROM bot_logs WHERE batch_start_epoch < threshold_epoch);
    DELETE FROM points WHERE bot_log_id IN (SELECT id FROM bot_logs WHERE batch_start_epoch < threshold_epoch);
    DELETE FROM bot_logs_statehash WHERE bot_log_id IN (SELECT id FROM bot_logs WHERE batch_start_epoch < threshold_epoch);
    DELETE FROM bot_logs WHERE batch_start_epoch < threshold_epoch;
    DELETE FROM submissions WHERE submitted_at_date < threshold::date;
    -- NOT EXISTS: a credited point has no state, and NOT IN with a NULL is never true.
    DELETE FROM statehash s WHERE
      NOT EXISTS (SELECT FROM bot_logs_statehash b WHERE b.statehash_id = s.id)
      AND NOT EXISTS (SELECT FROM bot_logs_statehash b WHERE b.parent_statehash_id = s.id)
      AND NOT EXISTS (SELECT FROM points p WHERE p.statehash_id = s.id);
  END;
  $$;`;

export const SUBMITTED_AT_INDEX =
  'CREATE INDEX IF NOT EXISTS idx_submissions_submitted_at ON submissions (submitted_at)';

export type SchemaOptions = {
  /** The index that production has since 2026: without it each batch reads the whole table. */
  submittedAtIndex: boolean;
};

/** Makes what is missing and leaves what is there. For databases that are our own. */
export async function createCoordinatorSchema(
  client: Client,
  { submittedAtIndex }: SchemaOptions = { submittedAtIndex: true },
): Promise<void> {
  await createSubmissionsTable(client);
  for (const statements of [TABLES, TRIGGER, CLEANUP]) await client.query(statements);
  if (submittedAtIndex) await client.query(SUBMITTED_AT_INDEX);
}

/**
 * The row that says where the first batch begins, as `invoke init-database` makes it: files_processed -1, so it is no survey.
 * @returns whether there was none yet
 */
export async function initCoordinator(client: Client, startSeconds: number): Promise<boolean> {
  const { rowCount } = await client.query({
    text: `INSERT INTO bot_logs (processing_time, files_processed, file_timestamps, batch_start_epoch, batch_end_epoch)
           SELECT 0, -1, to_timestamp($1::bigint), $1::bigint, $1::bigint WHERE NOT EXISTS (SELECT FROM bot_logs)`,
    values: [startSeconds],
  });
  return rowCount === 1;
}
