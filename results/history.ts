/**
 * `history.ndjson` of nightly runs: one line a scenario and night, in their order. What stands there stays as it is; a new line comes at the
 * end, and the file is replaced as a whole, so that a killed night leaves it as it was. Format version 1.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EXIT, UserError } from '../user-error.ts';
import { writeWhole } from '../whole-file.ts';

export const HISTORY_FILE = 'history.ndjson';

/** A name below the folder of the nights; never outside it. */
const folderName = z.string().regex(/^[\w][\w.-]*$/, 'a name of a folder');

const suspicion = z.looseObject({
  /** p95, throughput … */
  figure: z.string(),
  kind: z.enum(['change point', 'far out']),
  /** The night from which on the figure differs: this one or an earlier one. */
  since: z.string(),
  /** This level over the one before. */
  ratio: z.number().positive(),
  /** `open`: the second stage could not decide. */
  outcome: z.enum(['confirmed', 'cleared', 'open']),
  /** What the second stage measured; null: nothing. */
  against: z.enum(['good version', 'own nights']).nullable(),
  /** The second stage in a sentence. */
  words: z.string(),
  /** Folder of its rounds. */
  session: folderName.nullable(),
});
export type RecordedSuspicion = z.infer<typeof suspicion>;

const entry = z.looseObject({
  format: z.literal(1),
  /** The night's id; all scenarios of a night have the same. */
  night: z.string().min(1),
  /** RFC 3339: when this scenario began. */
  t: z.string().min(1),
  scenario: z.string().min(1),
  /** Folder of the run; null: there is none. */
  run: folderName.nullable(),
  /** What must be alike for two nights to be compared (judge/compare/fingerprint.ts); null: not known. */
  fingerprint: z.string().nullable(),
  /** Of the run. */
  exitCode: z.number().int(),
  sentence: z.string(),
  /** From the beginning to the end, with everything beside the load itself. */
  tookMs: z.number().nonnegative(),
  /** By name of figure; empty where the run proves nothing about the target. */
  values: z.record(z.string(), z.number().positive()),
  suspicions: z.array(suspicion),
  /** Of a CI job. */
  commit: z.string().optional(),
});
export type HistoryEntry = z.infer<typeof entry>;

export type History = {
  path: string;
  entries: readonly HistoryEntry[];
  /** Whole lines alone, so what is written next has nothing else. */
  text: string;
  /** A last line that was cut and is left out, in a sentence; null: all was whole. */
  note: string | null;
};

/**
 * A last line without its line end that is no JSON was cut: a disk ran full, a copy broke off. It is left out, and the next line takes its place.
 * @param path of a file that need not be there
 * @throws UserError (exit 2) with every other line that is no entry
 */
export async function readHistory(path: string): Promise<History> {
  if (!existsSync(path)) return { path, entries: [], text: '', note: null };
  let text = await readFile(path, 'utf8');
  let note: string | null = null;
  const entries: HistoryEntry[] = [];
  const problems: string[] = [];
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    if (line.trim() === '') return;
    const say = (why: string): void => void problems.push(`${path}, line ${i + 1}: ${why}`);
    let content: unknown;
    try {
      content = JSON.parse(line);
    } catch {
      if (i < lines.length - 1) return say('is no JSON');
      note = `${path}, line ${i + 1} was cut off and is left out; the next night writes its line in that place`;
      text = text.slice(0, -line.length);
      return;
    }
    const checked = entry.safeParse(content);
    if (checked.success) return void entries.push(checked.data);
    const [{ path: where, message }] = checked.error.issues;
    const format = (content as { format?: unknown } | null)?.format;
    say(
      typeof format === 'number' && format !== 1
        ? `format ${format} is of a later version`
        : `${where.map(String).join('.')}: ${message}`,
    );
  });
  if (problems.length > 0)
    throw new UserError(problems.slice(0, 20).join('\n'), {
      hint: 'delete these lines (their nights are then missing from the series), or restore the file; put aside, a new history begins',
      exitCode: EXIT.usage,
    });
  return { path, entries, text, note };
}

/** @returns the history with the new line at its end. @throws Error of the file system; the file is then as it was */
export async function appendToHistory(history: History, added: HistoryEntry): Promise<History> {
  const before = history.text === '' || history.text.endsWith('\n') ? history.text : `${history.text}\n`; // prettier-ignore
  const text = `${before}${JSON.stringify(entry.parse(added))}\n`;
  await writeWhole(history.path, text);
  return { path: history.path, entries: [...history.entries, added], text, note: null };
}
