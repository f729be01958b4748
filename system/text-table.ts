/**
 * Tables that people make: a list of one column, CSV with commas, semicolons, tabs or bars, with quotes or without, in
 * UTF-8 or UTF-16. csv-parse reads the cells; what separates them is found by what is looked for in them.
 */
import { CsvError, parse } from 'csv-parse/sync';

export type TableRow = {
  /** From 1: where the row ends. */
  line: number;
  /** Without white space and quotes around them. */
  cells: string[];
};

export type Table = { rows: TableRow[]; problem?: { line: number; text: string } };

/** Text of a file: UTF-16 by its byte order mark or by the zero bytes of its ASCII, else UTF-8. Without a mark. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    bytes.length < 2
      ? 'utf-8'
      : (first === 0xff && second === 0xfe) || (first !== 0 && second === 0)
        ? 'utf-16le'
        : (first === 0xfe && second === 0xff) || (first === 0 && second !== 0)
          ? 'utf-16be'
          : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

const DELIMITERS = [',', ';', '\t', '|'] as const;
const LOOKED_AT_CHARACTERS = 200_000;
const LINE_BREAK = /\r\n|\n|\r/;

/**
 * @param wanted what a cell that is looked for consists of, e.g. `/B62\w+/`; decides what separates cells
 * @returns rows that are not empty; lines that begin with # are skipped
 */
export function readTable(text: string, wanted: RegExp): Table {
  if (!/[",;\t|]/.test(text)) return { rows: readLines(text) };
  try {
    const records = parse(text, {
      delimiter: delimiterOf(text, wanted),
      record_delimiter: ['\r\n', '\n', '\r'],
      comment: '#',
      comment_no_infix: true,
      info: true,
      ltrim: true,
      rtrim: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return {
      rows: records
        .map(({ record, info }) => ({ line: info.lines, cells: record }))
        .filter(({ cells }) => cells.some((cell) => cell !== '') && !cells[0].startsWith('#')),
    };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // Its own words quote what stands there, which may be a key.
    const line = typeof error.lines === 'number' ? error.lines : 1;
    const text =
      error.code === 'CSV_QUOTE_NOT_CLOSED'
        ? 'a quote that was opened in or before this line is not closed'
        : 'a cell begins with a quote, but does not end with it';
    return { rows: [], problem: { line, text } };
  }
}

/** A list of a million lines needs no CSV parser. */
function readLines(text: string): TableRow[] {
  const rows: TableRow[] = [];
  text.split(LINE_BREAK).forEach((line, i) => {
    const cell = line.trim();
    if (cell !== '' && !cell.startsWith('#')) rows.push({ line: i + 1, cells: [cell] });
  });
  return rows;
}

/** What separates most of the wanted cells from others; a comma where there is none. */
function delimiterOf(text: string, wanted: RegExp): string {
  const start = text.slice(0, LOOKED_AT_CHARACTERS);
  let best = { delimiter: ',', count: 0 };
  for (const delimiter of DELIMITERS) {
    const side = delimiter === '|' ? '\\|' : delimiter;
    const cell = new RegExp(
      `(?<=^|${side})[ "]*(?:${wanted.source})[ "]*(?=${side}|$)`,
      `gm${wanted.flags.includes('i') ? 'i' : ''}`,
    );
    const count = start.match(cell)?.length ?? 0;
    if (count > best.count) best = { delimiter, count };
  }
  return best.delimiter;
}
