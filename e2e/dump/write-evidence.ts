/** Writes evidence that is in memory as a dump: what a seed made, or what an incident left of it. */
import type { Evidence, Tables } from './evidence.ts';
import { TABLE_NAMES, type TableName, type TableRow } from './types.ts';
import { openDump } from './write.ts';

/** @param blocks bytes of each block, by hash @throws UserError where the folder cannot be written */
export async function writeEvidence(
  evidence: Evidence,
  blocks: ReadonlyMap<string, Uint8Array>,
  folder: string,
): Promise<void> {
  const dump = openDump(folder);
  try {
    for (const row of evidence.sent) await dump.addSent(row);
    for (const [name, rows] of evidence.storages)
      for (const row of rows) await dump.addStored(name, row);
    for (const [hash, { storages }] of evidence.blocks)
      for (const storage of storages) await dump.addBlock(storage, hash, blocks.get(hash)!);
    for (const name of TABLE_NAMES) {
      const rows = rowsOf(evidence.tables, name);
      if (rows === undefined) continue;
      dump.addTable(name);
      for (const row of rows) await dump.addTableRow(name, row);
    }
    for (const row of evidence.leaderboard) await dump.addAnswer(row);
    for (const row of evidence.events) await dump.addEvent(row);
    for (const { component } of evidence.logs) dump.addLogFile(component);
    await dump.end(evidence.head);
  } catch (error) {
    await dump.abandon();
    throw error;
  }
}

const rowsOf = <T extends TableName>(tables: Tables, name: T): TableRow<T>[] | undefined =>
  tables[name];
