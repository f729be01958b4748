/** What the embedded components say of their decisions, read in their logs: calls of the verifier, batches of the coordinator. Pure. */
import type { BatchFields, EventRow, MiniBatchFields } from './dump/types.ts';

/** A row of bot_logs. */
export type CountedBatch = { id: number; startSeconds: number; endSeconds: number };

/** `info: 2026-11-26T23:30:00.000Z to 2026-11-26T23:30:02.000Z: {…}`, of stack/verifier/service.ts. */
const WINDOW = /^(info|error): (\S+Z) to (\S+Z): (.*)$/;

/** Of a window's line (stack/verifier/updater/update-window.ts, VerifierCall). */
type SaidCall = { verifier: string; rule?: string | null; fromMs: number; untilMs: number };

/** @param binary the verifier's name, where a line does not say it */
export function verifierEvents(lines: Iterable<string>, binary: string): EventRow[] {
  const events: EventRow[] = [];
  for (const line of lines) {
    const match = WINDOW.exec(line);
    if (match === null) continue;
    const [, level, from, until, rest] = match;
    const said = level === 'info' ? jsonOf(rest) : {};
    if (said === null) continue;
    const { beganMs, endedMs, calls } = said;
    const window: SaidCall = {
      verifier: binary,
      fromMs: Date.parse(from),
      untilMs: Date.parse(until),
    };
    // A failure is the window's; else each part is by a verifier and a rule of its own.
    const parts = Array.isArray(calls) ? (calls as SaidCall[]) : [window];
    for (const { verifier, rule, fromMs, untilMs } of parts) {
      const fields: MiniBatchFields = {
        ...{ fromMs, untilMs, binary: verifier },
        ...(typeof rule === 'string' && { rule }),
        ...(typeof beganMs === 'number' && { beganMs }),
        ...(level === 'error' && { failure: rest }),
      };
      const atMs = typeof endedMs === 'number' ? endedMs : untilMs;
      events.push({ at_ms: atMs, kind: 'mini-batch', fields });
    }
  }
  return events;
}

/** `2026-11-26T23:23:51Z coordinator INFO batch 2026-11-26T23:23:40Z: 67 rows, …`, of stack/coordinator/coordinator.ts. */
const BATCH = /^(\S+Z) coordinator INFO batch (\S+Z): \d+ rows/;

export function batchEvents(lines: Iterable<string>, counted: readonly CountedBatch[]): EventRow[] {
  const byStart = new Map(counted.map((batch) => [batch.startSeconds * 1000, batch]));
  const events: EventRow[] = [];
  for (const line of lines) {
    const match = BATCH.exec(line);
    const batch = match && byStart.get(Date.parse(match[2]));
    if (!match || !batch) continue;
    const { id: botLogId, startSeconds, endSeconds } = batch;
    const fields: BatchFields = { botLogId, startSeconds, endSeconds };
    events.push({ at_ms: Date.parse(match[1]), kind: 'batch', fields });
  }
  return events;
}

function jsonOf(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}
