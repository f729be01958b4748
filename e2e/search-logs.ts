/** Looks for secrets in logs that are kept beside a dump and are no part of it: those of a private network's nodes. */
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SecretFinding } from './dump/evidence.ts';
import { type Secret, secretSearch } from './dump/secrets.ts';

/** @param results the folder that holds `logs` @param dump its dump, whose own logs are searched already */
export async function searchLogs(
  results: string,
  dump: string,
  secrets: readonly Secret[],
): Promise<{ found: SecretFinding[]; lines: number }> {
  const search = secretSearch(secrets);
  const found: SecretFinding[] = [];
  let lines = 0;
  const known = new Set(namesIn(join(dump, 'logs')));
  for (const name of namesIn(join(results, 'logs'))) {
    if (known.has(name)) continue;
    const input = createReadStream(join(results, 'logs', name));
    let line = 0;
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      line++;
      for (const what of search(text)) found.push({ file: `logs/${name}`, line, what });
    }
    lines += line;
  }
  return { found, lines };
}

const namesIn = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : [];
