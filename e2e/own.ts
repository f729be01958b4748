/**
 * Marks of ownership: nothing is removed that does not carry the mark of its run, and nothing that the run's state does not list. A folder has a file
 * with it (or the owner's id in its name), a database a comment, a bucket's prefix an object, a container a label.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Client } from 'pg';
import { UserError } from '../user-error.ts';

export const MARK_FILE = '.delegation-e2e';
const COMMENT = 'delegation-toolkit e2e run';

export const commentOf = (owner: string): string => `${COMMENT} ${owner}`;

export const markFolder = (folder: string, owner: string): void =>
  writeFileSync(join(folder, MARK_FILE), `${owner}\n`);

export function isOwnFolder(folder: string, owner: string): boolean {
  if (basename(folder).includes(owner)) return true;
  try {
    return readFileSync(join(folder, MARK_FILE), 'utf8').trim() === owner;
  } catch {
    return false;
  }
}

/** @returns false for one that is not there. @throws UserError for one without the mark */
export function removeOwnFolder(folder: string, owner: string, isThere: boolean): boolean {
  if (!isThere) return false;
  if (!isOwnFolder(folder, owner))
    throw new UserError(`${folder} is not removed: it does not have the mark of this run`, {
      hint: 'was something else put in its place? Remove it by hand if it is yours',
    });
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  return true;
}

type Queries = Pick<Client, 'query'>;

/** The comment of a database; null: there is no such database. */
export async function databaseComment(client: Queries, name: string): Promise<string | null> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
    [name],
  );
  return rows.length === 0 ? null : (rows[0].comment ?? '');
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * A new database with the mark. One of that name that has it already stays as it is.
 * @returns whether it is new. @throws UserError for one that is somebody else's
 */
export async function createOwnDatabase(
  client: Queries,
  name: string,
  owner: string,
): Promise<boolean> {
  const comment = await databaseComment(client, name);
  if (comment === commentOf(owner)) return false;
  // Between its making and its mark a harness may have been killed; the name holds a part of the owner's id, so nobody else has it.
  if (comment !== null && !(comment === '' && name.endsWith(owner.slice(0, 8))))
    throw new UserError(`the database ${name} is there and does not have the mark of this run`, {
      hint: 'give this run another --name',
    });
  if (comment === null)
    await client.query(`CREATE DATABASE ${quoted(name)} ENCODING 'UTF8' TEMPLATE template0`);
  await client.query(`COMMENT ON DATABASE ${quoted(name)} IS '${commentOf(owner)}'`);
  return comment === null;
}

/** @returns false for one that is not there. @throws UserError for one without the mark */
export async function dropOwnDatabase(
  client: Queries,
  name: string,
  owner: string,
): Promise<boolean> {
  const comment = await databaseComment(client, name);
  if (comment === null) return false;
  if (comment !== commentOf(owner) && !(comment === '' && name.endsWith(owner.slice(0, 8))))
    throw new UserError(
      `the database ${name} is not dropped: it does not have the mark of this run`,
      {
        hint: 'drop it by hand if it is yours',
      },
    );
  await client.query(`DROP DATABASE ${quoted(name)} WITH (FORCE)`);
  return true;
}
