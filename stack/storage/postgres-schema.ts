/**
 * The table `submissions` as the coordinator makes it in its database.
 * Source: uptime-service-validation, uptime_service_validation/database/create_tables.sql.
 */
import type { ClientBase } from 'pg';

/** Column by column; the first eleven are the backend's, the others the verifier's. */
const SUBMISSIONS_TABLE = `
  CREATE TABLE IF NOT EXISTS submissions (
    id SERIAL PRIMARY KEY,
    submitted_at_date DATE NOT NULL,
    submitted_at TIMESTAMP NOT NULL,
    submitter TEXT NOT NULL,
    created_at TIMESTAMP,
    block_hash TEXT,
    remote_addr TEXT,
    peer_id TEXT,
    snark_work BYTEA,
    graphql_control_port INT,
    built_with_commit_sha TEXT,
    state_hash TEXT,
    parent TEXT,
    height INTEGER,
    slot INTEGER,
    validation_error TEXT,
    verified BOOLEAN
  )`;

const INDEXES = [
  'CREATE UNIQUE INDEX IF NOT EXISTS uq_submissions_submitter_date ON submissions (submitter, submitted_at)',
  'CREATE INDEX IF NOT EXISTS idx_submissions_submitter_date ON submissions (submitter, submitted_at_date)',
  'CREATE INDEX IF NOT EXISTS idx_submissions_submitter_datetime ON submissions (submitter, submitted_at DESC)',
];

/** Makes the table and its indexes unless they are there. For databases that are our own: tests and embedded servers. */
export async function createSubmissionsTable(client: Pick<ClientBase, 'query'>): Promise<void> {
  for (const statement of [SUBMISSIONS_TABLE, ...INDEXES]) await client.query(statement);
}
