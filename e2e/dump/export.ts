/**
 * A dump as other programs read it: dump.sql, plain SQL that psql restores and `npm run score` reads (schema, one COPY block a table, sequences,
 * indexes), and blocks/. Everything stands in a fixed order, so the same dump gives the same bytes.
 * Source of the form: PostgreSQL documentation, COPY, "Text Format"; pg_dump.
 */
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { createCoordinatorSchema } from '../../stack/coordinator/schema.ts';
import { copyText } from '../../stack/coordinator/tables.ts';
import { fillNewFolder } from '../../system/new-folder.ts';
import type { Columns, Kind } from './columns.ts';
import type { Evidence } from './evidence.ts';
import { type StoredRow, TABLE_NAMES, type TableName, TABLES } from './types.ts';
import { blockFile } from './write.ts';

/** Bytes of a block that is in the evidence, or the file that holds them. */
export type BlockSource = ReadonlyMap<string, Uint8Array> | { folder: string };

/**
 * @param folder empty or not there
 * @returns the files, by their paths in it
 * @throws UserError where the folder has other content, or cannot be written
 */
export function exportDump(
  evidence: Evidence,
  blocks: BlockSource,
  folder: string,
): Promise<string[]> {
  return fillNewFolder(folder, async (part) => {
    await writeSql(evidence, join(part, 'dump.sql'));
    await mkdir(join(part, 'blocks'));
    const files = ['dump.sql'];
    for (const hash of [...evidence.blocks.keys()].sort()) {
      const path = blockFile(hash);
      if ('folder' in blocks) await copyFile(join(blocks.folder, path), join(part, path));
      else await writeFile(join(part, path), blocks.get(hash)!);
      files.push(path);
    }
    return files;
  });
}

async function writeSql(evidence: Evidence, path: string): Promise<void> {
  const file = createWriteStream(path);
  for (const text of await sqlOf(evidence)) if (!file.write(text)) await once(file, 'drain');
  file.end();
  await finished(file);
}

/** Columns of `submissions` as the coordinator's schema has them; a row as the updater leaves it has no snark work. */
const SUBMISSIONS = {
  id: 'number',
  submitted_at_date: 'text',
  submitted_at: 'time',
  submitter: 'text',
  created_at: 'time|null',
  block_hash: 'text|null',
  remote_addr: 'text|null',
  peer_id: 'text|null',
  graphql_control_port: 'number|null',
  built_with_commit_sha: 'text|null',
  state_hash: 'text|null',
  parent: 'text|null',
  height: 'number|null',
  slot: 'number|null',
  validation_error: 'text|null',
  verified: 'flag|null',
} as const satisfies Columns;

async function sqlOf(evidence: Evidence): Promise<Generator<string>> {
  const statements: string[] = [];
  const recorder = {
    query: (statement: string) => {
      statements.push(statement);
      return Promise.resolve();
    },
  } as unknown as Pick<ClientBase, 'query'>;
  // Statements as they stand in one place; the rows come before the trigger would count them again.
  await createCoordinatorSchema(recorder);
  return text(evidence, statements);
}

/** Foreign keys: what is named comes before what names it. */
const ORDER = TABLE_NAMES.filter((name) => name !== 'indexes').sort(
  (a, b) => rank(a) - rank(b) || (a < b ? -1 : 1),
);
function rank(name: TableName): number {
  return ['bot_logs', 'nodes', 'statehash'].includes(name) ? 0 : 1;
}

function* text({ head, storages, tables }: Evidence, schema: readonly string[]): Generator<string> {
  yield [
    '-- PostgreSQL database dump',
    `-- network ${head.network}, seed ${head.seed}; times are UTC; snark_work is NULL in all rows`,
    '',
    "SET client_encoding = 'UTF8';",
    "SET TIME ZONE 'UTC';",
    'SET standard_conforming_strings = on;',
    '',
    ...schema.map((statement) => `${unindented(statement)}\n`),
    '-- The rows of points_summary are here, too: the trigger must not make them again.',
    'ALTER TABLE points DISABLE TRIGGER USER;',
    '',
    '',
  ].join('\n');
  const rows = (storages.get(head.verifiedIn) ?? []).filter(({ fault }) => fault === undefined);
  yield* copyBlock('submissions', SUBMISSIONS, rows.map(submissionOf));
  const last = new Map<string, number>([['submissions', rows.length]]);
  for (const name of ORDER) {
    const of = (tables[name] ?? []) as Record<string, unknown>[];
    yield* copyBlock(name, TABLES[name], of);
    const [first] = Object.keys(TABLES[name]);
    if (first === 'id')
      last.set(
        name,
        of.reduce((most, { id }) => Math.max(most, id as number), 0),
      );
  }
  yield 'ALTER TABLE points ENABLE TRIGGER USER;\n';
  for (const [name, id] of last)
    if (id > 0) yield `SELECT setval('${name}_id_seq', ${id}, true);\n`;
}

const unindented = (statement: string): string => {
  const lines = statement.replace(/^\n|\s+$/g, '').split('\n');
  const indent = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length)); // prettier-ignore
  const whole = lines.map((line) => line.slice(indent)).join('\n');
  return whole.endsWith(';') ? whole : `${whole};`;
};

function submissionOf(row: StoredRow, place: number): Record<string, unknown> {
  const ofPostgres = /^submissions id (\d+)$/.exec(row.where);
  return {
    ...row,
    id: ofPostgres === null ? place + 1 : Number(ofPostgres[1]),
    submitted_at_date: row.submitted_at!.slice(0, 10),
    remote_addr: row.remote_addr ?? '',
    graphql_control_port: row.graphql_control_port ?? 0,
    built_with_commit_sha: row.built_with_commit_sha ?? '',
  };
}

function* copyBlock(
  name: string,
  columns: Columns,
  rows: readonly Record<string, unknown>[],
): Generator<string> {
  const names = Object.keys(columns);
  yield `COPY ${name} (${names.join(', ')}) FROM stdin;\n`;
  for (const row of rows)
    yield `${names.map((column) => fieldOf(row[column], columns[column])).join('\t')}\n`;
  yield '\\.\n\n';
}

function fieldOf(value: unknown, kind: Kind): string {
  if (value === null || value === undefined) return '\\N';
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (typeof value === 'number') return String(value);
  const plain = value as string;
  // Columns without a zone take no Z; those with one are read in the session's, which is UTC.
  return kind.startsWith('time') ? plain.slice(0, -1).replace('T', ' ') : copyText(plain);
}
