/** Runs as the coordinator's test vectors record them: one JSON file with the rows of each batch. */
import { z } from 'zod';
import { parseInstant } from '../../../system/instant.ts';
import { withoutMark } from '../../../system/pem.ts';
import { readRegularFile } from '../../../system/regular-file.ts';
import { EXIT, UserError } from '../../../user-error.ts';
import { RowStore } from './row-store.ts';
import type { OfflineSource } from './source.ts';

const time = z.string().refine((text) => parseInstant(text) !== null, 'must be a time');
const submission = z.object({
  submitted_at: time,
  submitter: z.string(),
  block_hash: z.string().nullish(),
  state_hash: z.string().nullish(),
  parent: z.string().nullish(),
  validation_error: z.string().nullish(),
  verified: z.boolean().nullish(),
});
const recordedRun = z.object({
  config: z.object({ uptime_days_for_score: z.number().positive().optional() }).optional(),
  batches: z.array(
    z.object({
      start: time,
      end: time,
      submissions: z.array(submission),
      repeats_window: z.boolean().optional(),
    }),
  ),
});

const MOST_BYTES = 2 ** 31 - 1;
const SHOWN = 10;

/** Rows that came late are left out, as the original leaves them out. @throws UserError (exit 2) */
export async function readRecordedRun(path: string): Promise<OfflineSource> {
  const problem = (why: string, cause?: unknown) =>
    new UserError(`${path}: ${why}`, {
      hint: 'a recorded run has batches with start, end and submissions',
      exitCode: EXIT.usage,
      cause,
    });
  const bytes = await readRegularFile(path, { what: 'the file', maxBytes: MOST_BYTES });
  let json: unknown;
  try {
    json = JSON.parse(withoutMark(bytes.toString('utf8')));
  } catch (cause) {
    throw problem((cause as Error).message, cause);
  }
  const parsed = recordedRun.safeParse(json);
  if (!parsed.success)
    throw problem(
      parsed.error.issues
        .slice(0, SHOWN)
        .map(({ path: at, message }) => `${at.join('.')} ${message}`.trimStart())
        .join('; '),
    );
  const store = new RowStore();
  const batches = parsed.data.batches.filter(({ repeats_window }) => repeats_window !== true);
  for (const { submissions } of batches)
    for (const row of submissions)
      store.add({
        submitter: row.submitter,
        submittedAtUs: microseconds(row.submitted_at),
        stateHash: row.state_hash ?? null,
        parent: row.parent ?? null,
        blockHash: row.block_hash ?? null,
        verified: row.verified === true,
        error: row.validation_error ?? null,
      });
  const seconds = (text: string): number => parseInstant(text)! / 1000;
  return {
    name: path,
    store,
    windows: batches.map(({ start, end }) => ({
      startSeconds: seconds(start),
      endSeconds: seconds(end),
      excluded: false,
    })),
    recorded: new Map(),
    uptimeDays: parsed.data.config?.uptime_days_for_score ?? null,
  };
}

const microseconds = (text: string): number => Math.round(parseInstant(text)! * 1000);
