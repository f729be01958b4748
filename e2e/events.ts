/** `events.ndjson`: what the harness did and saw, a JSON object a line, added at the end: steps, conditions, disturbances. */
import { join } from 'node:path';
import { LineFile } from '../results/line-file.ts';

export type E2eEvent = {
  at_ms: number;
  kind: 'step' | 'condition' | 'counts' | 'disturbance' | 'network' | 'batch' | 'mini-batch';
  fields: Record<string, unknown>;
};

export const EVENTS_FILE = 'events.ndjson';

/** Steps of other processes add to the same file: each line is one write. */
export type AddEvent = (kind: E2eEvent['kind'], fields: E2eEvent['fields']) => void;

export const eventsOf =
  (folder: string, nowMs: () => number = Date.now): AddEvent =>
  (kind, fields) => {
    // Opened for each line: half a line that a killed step left is cut off, whichever process comes next.
    const file = new LineFile(join(folder, EVENTS_FILE));
    try {
      file.append(JSON.stringify({ at_ms: nowMs(), kind, fields } satisfies E2eEvent));
    } finally {
      file.close();
    }
  };
