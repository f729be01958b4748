/** How far a network is, as its program says it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SenderStatus } from './sender.ts';

export const STATUS_FILE = 'status.json';
export const SENT_FILE = 'sent.ndjson';

/** null: it has said nothing yet. */
export function readStatus(folder: string): SenderStatus | null {
  try {
    return JSON.parse(readFileSync(join(folder, STATUS_FILE), 'utf8')) as SenderStatus;
  } catch {
    return null;
  }
}
