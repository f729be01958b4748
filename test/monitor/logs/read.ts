/** A log's records, as a followed source would give them. */
import { LogReader } from '../../../monitor/logs/reader.ts';
import type { LogRecord } from '../../../monitor/logs/record.ts';

export function recordsOf(lines: readonly string[]): LogRecord[] {
  const records: LogRecord[] = [];
  const reader = new LogReader({
    onLine: () => undefined,
    onRecord: (record) => records.push(record),
    now: () => 0,
  });
  for (const line of lines) reader.add(line);
  reader.end();
  return records;
}

export const levels = (lines: readonly string[]): (string | null)[] =>
  recordsOf(lines).map(({ level }) => level);
