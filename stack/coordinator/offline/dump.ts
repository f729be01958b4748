/**
 * A plain dump of pg_dump, also gzipped: its COPY blocks are read line by line, so it may be of any size.
 * Source: PostgreSQL documentation, pg_dump; COPY, "Text Format".
 */
import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { LineCutter } from '../../../system/lines.ts';
import { EXIT, UserError } from '../../../user-error.ts';
import { RowStore } from './row-store.ts';
import type { OfflineWindow } from './replay.ts';
import type { OfflineSource } from './source.ts';

type Table = 'submissions' | 'bot_logs' | 'nodes';
const WANTED: Record<Table, readonly string[]> = {
  submissions: [
    'submitted_at',
    'submitter',
    'state_hash',
    'parent',
    'block_hash',
    'verified',
    'validation_error',
  ],
  bot_logs: ['files_processed', 'batch_start_epoch', 'batch_end_epoch'],
  nodes: ['block_producer_key', 'score', 'score_percent'],
};

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** One field of COPY's text format; null: `\N`. */
export function copyField(text: string): string | null {
  if (text === '\\N') return null;
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)/gs, (_, code: string) => {
    if (/^[0-7]/.test(code)) return String.fromCharCode(parseInt(code, 8));
    if (/^x./.test(code)) return String.fromCharCode(parseInt(code.slice(1), 16));
    return ESCAPES[code] ?? code;
  });
}

/** `2026-01-01 00:00:10.5`, UTC without a zone, to microseconds. */
export function timestampUs(text: string): number {
  const [whole, fraction = ''] = text.split('.');
  return (
    Date.parse(`${whole.replace(' ', 'T')}Z`) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6))
  );
}

/** @throws UserError where it holds no rows of `submissions` */
export async function readDump(path: string, isCompressed: boolean): Promise<OfflineSource> {
  const source: OfflineSource = {
    name: path,
    store: new RowStore(),
    windows: [],
    recorded: new Map(),
    uptimeDays: null,
  };
  const file = createReadStream(path);
  // The fault of either is one of what is read.
  const input = isCompressed ? pipeline(file, createGunzip(), () => undefined) : file;
  let take: ((fields: string[]) => void) | null = null;
  let found = false;
  let number = 0;
  const at = () => `${path}, line ${number}`;
  try {
    for await (const line of linesOf(input)) {
      number++;
      if (take === null) {
        const head = /^COPY (?:"?\w+"?\.)?"?(\w+)"? \(([^)]*)\) FROM stdin;/.exec(line);
        if (head !== null && Object.hasOwn(WANTED, head[1])) {
          const table = head[1] as Table;
          take = takerOf(
            source,
            table,
            head[2].split(', ').map((name) => name.replaceAll('"', '')),
            at,
          );
          found ||= table === 'submissions';
        } else if (head !== null) take = () => undefined;
      } else if (line === '\\.') take = null;
      else take(line.split('\t'));
    }
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${path} cannot be read: ${(cause as Error).message}`, {
      hint: 'is the file whole?',
      exitCode: EXIT.usage,
      cause,
    });
  }
  if (take !== null)
    throw new UserError(`${path} is cut off: it ends within a table's rows, at line ${number}`, {
      hint: 'make the dump again: what is missing would count as nothing sent',
      exitCode: EXIT.usage,
    });
  if (!found)
    throw new UserError(`${path} holds no rows of the table submissions`, {
      hint: 'pg_dump --table submissions --table bot_logs --table nodes DATABASE',
      exitCode: EXIT.noData,
    });
  source.windows = onceEach(source.windows);
  return source;
}

/** A row of `submissions` with a long error and its block, in base64. */
const LONGEST_LINE = 200_000_000;

async function* linesOf(input: Readable): AsyncGenerator<string> {
  const cutter = new LineCutter(LONGEST_LINE);
  for await (const chunk of input as AsyncIterable<Buffer>) yield* cutter.push(chunk);
  const last = cutter.end();
  if (last !== null) yield last;
}

/** In the order of time. Two coordinators count a window twice; it is one here. */
const onceEach = (windows: readonly OfflineWindow[]): OfflineWindow[] =>
  [...windows]
    .sort((a, b) => a.startSeconds - b.startSeconds)
    .filter(({ startSeconds }, i, all) => all[i - 1]?.startSeconds !== startSeconds);

/** What takes the fields of a block's lines. */
function takerOf(
  { store, windows, recorded }: OfflineSource,
  table: Table,
  columns: readonly string[],
  at: () => string,
): (fields: string[]) => void {
  const missing = WANTED[table].filter((name) => !columns.includes(name));
  if (missing.length > 0)
    throw new UserError(`${at()}: the table ${table} has no column ${missing.join(', ')}`, {
      hint: 'the dump must be of the coordinator’s database',
      exitCode: EXIT.usage,
    });
  const places = WANTED[table].map((name) => columns.indexOf(name));
  const wrong = (why: string) =>
    new UserError(`${at()}: a row of ${table} ${why}`, {
      hint: 'is the dump whole, and as pg_dump wrote it?',
      exitCode: EXIT.usage,
    });
  const read = (fields: string[]): (string | null)[] => {
    if (fields.length !== columns.length)
      throw wrong(`has ${fields.length} of ${columns.length} fields`);
    return places.map((place) => copyField(fields[place]));
  };
  switch (table) {
    case 'submissions':
      return (fields) => {
        const [submittedAt, submitter, stateHash, parent, blockHash, verified, error] =
          read(fields);
        const submittedAtUs = timestampUs(submittedAt ?? '');
        if (submitter === null || Number.isNaN(submittedAtUs))
          throw wrong(`has ${submitter === null ? 'no submitter' : `the time "${submittedAt ?? 'null'}"`}`); // prettier-ignore
        store.add({
          submitter,
          submittedAtUs,
          stateHash,
          parent,
          blockHash,
          verified: verified === 't',
          error,
        });
      };
    case 'bot_logs':
      return (fields) => {
        const [files, start, end] = read(fields).map(Number);
        if ([files, start, end].some(Number.isNaN)) throw wrong('has times that are no numbers');
        // The initial row has no length.
        if (end > start)
          windows.push({ startSeconds: start, endSeconds: end, excluded: files < 0 });
      };
    case 'nodes':
      return (fields) => {
        const [key, score, percent] = read(fields);
        if (key !== null && score !== null && percent !== null)
          recorded.set(key, { points: Number(score), percent });
      };
  }
}
