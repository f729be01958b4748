/** The coordinator's tables as they are, in one state of the database, which is only read. */
import type { ClientBase } from 'pg';
import type { Columns, Kind } from './columns.ts';
import { type TableName, type TableRow, TABLE_NAMES, TABLES } from './types.ts';

type Client = Pick<ClientBase, 'query'>;

const FETCH = 5000;
const ORDER: Partial<Record<TableName, string>> = { points_summary: 'bot_log_id, node_id' };

/**
 * @param client no other statement may run on it meanwhile
 * @param take called for each table that is there, then for each of its rows
 */
export async function readTables(
  client: Client,
  take: {
    table(name: TableName): void;
    row<T extends TableName>(name: T, row: TableRow<T>): Promise<void>;
  },
): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    // to_char of a timestamptz is of the session's zone.
    await client.query("SET LOCAL TIME ZONE 'UTC'");
    for (const name of TABLE_NAMES)
      if (name === 'indexes') await readIndexes(client, take);
      else await readTable(client, name, take);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function readTable(
  client: Client,
  name: Exclude<TableName, 'indexes'>,
  take: Parameters<typeof readTables>[1],
): Promise<void> {
  const columns: Columns = TABLES[name];
  const { rows: present } = await client.query<{ name: string }>({
    text: `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    values: [name],
  });
  if (present.length === 0) return;
  take.table(name);
  const there = new Set(present.map((column) => column.name));
  const selected = Object.entries(columns).map(([column, kind]) =>
    there.has(column) ? selection(column, kind) : 'NULL',
  );
  await client.query(
    `DECLARE dumped NO SCROLL CURSOR FOR SELECT ${selected.join(', ')} FROM ${name} ORDER BY ${ORDER[name] ?? 'id'}`,
  );
  for (;;) {
    const { rows } = await client.query<unknown[]>({
      text: `FETCH ${FETCH} FROM dumped`,
      rowMode: 'array',
    });
    for (const values of rows) {
      const row = Object.fromEntries(
        Object.entries(columns).map(([column, kind], i) => [column, valueOf(values[i], kind)]),
      );
      await take.row(name, row);
    }
    if (rows.length < FETCH) break;
  }
  await client.query('CLOSE dumped');
}

function selection(column: string, kind: Kind): string {
  if (kind.startsWith('time'))
    return `to_char(${column}::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  // Numbers that JavaScript has; a NUMERIC as PostgreSQL prints it.
  return kind.startsWith('number') ? `${column}::float8` : kind.startsWith('text') || kind.startsWith('own') ? `${column}::text` : column; // prettier-ignore
}

const valueOf = (value: unknown, kind: Kind): unknown =>
  kind.startsWith('time') && typeof value === 'string' ? value.replace('.000000Z', 'Z') : value;

async function readIndexes(client: Client, take: Parameters<typeof readTables>[1]): Promise<void> {
  const { rows } = await client.query<TableRow<'indexes'>>({
    text: `
      SELECT t.relname AS table, c.relname AS name, i.indisvalid AS valid,
        (SELECT string_agg(a.attname, ', ' ORDER BY k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) AS columns
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
      WHERE i.indrelid = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS given (name)) ORDER BY 1, 2`,
    values: [['submissions', ...TABLE_NAMES]],
  });
  take.table('indexes');
  for (const { table, name, columns, valid } of rows)
    await take.row('indexes', { table, name, columns: columns ?? '', valid });
}
