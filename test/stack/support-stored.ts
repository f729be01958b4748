/** What a backend on the file system has stored, by the names that a disturbed load gives to what it sends. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const commitOf = (text: string): string =>
  (JSON.parse(text) as { built_with_commit_sha: string }).built_with_commit_sha;

export const storedNames = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => commitOf(readFileSync(join(folder, name), 'utf8')));
