/** Lines of a file, a piece at a time: what is read was never in memory as a whole. */
import { type FileHandle, open } from 'node:fs/promises';

const PIECE_BYTES = 1 << 19;
const NEWLINE = 0x0a;

export type Piece = {
  /** Whole lines, without the last line end. */
  text: string;
  /** Of its first line in the file, where the file was read from its beginning. */
  lineNumber: number;
  /** The last line has its line end; false only at the end of a file that was cut. */
  complete: boolean;
};

/** @param part as of {@link bytePiecesOf} */
export async function* piecesOf(path: string, part?: FilePart): AsyncGenerator<Piece> {
  let lineNumber = 1;
  for await (const { bytes, complete } of bytePiecesOf(path, part)) {
    const text = bytes.toString('utf8', 0, complete ? bytes.length - 1 : bytes.length);
    yield { text, lineNumber, complete };
    if (complete) lineNumber += linesIn(text);
  }
}

/** Begins behind the first line end at or behind `from`, unless it is 0; no line that begins behind `to`. */
export type FilePart = { from?: number; to?: number };

/** The lines of a file as bytes, with their line ends: what asks for the next piece lets it write over this one. */
export async function* bytePiecesOf(
  path: string,
  { from = 0, to = Infinity }: FilePart = {},
): AsyncGenerator<{ bytes: Buffer; complete: boolean }> {
  const file = await open(path);
  try {
    let position = from === 0 ? 0 : await behindNewline(file, from - 1);
    const end = to === Infinity ? Infinity : await behindNewline(file, to - 1);
    // One buffer for all: a new one for each piece costs more than its reading.
    let buffer = Buffer.allocUnsafe(2 * PIECE_BYTES);
    let held = 0;
    while (position < end) {
      if (buffer.length - held < PIECE_BYTES) {
        const larger = Buffer.allocUnsafe(2 * buffer.length);
        buffer.copy(larger, 0, 0, held);
        buffer = larger;
      }
      const { bytesRead } = await file.read(buffer, held, Math.min(PIECE_BYTES, end - position), position); // prettier-ignore
      if (bytesRead === 0) break;
      position += bytesRead;
      held += bytesRead;
      const last = buffer.lastIndexOf(NEWLINE, held - 1);
      if (last === -1) continue;
      yield { bytes: buffer.subarray(0, last + 1), complete: true };
      buffer.copyWithin(0, last + 1, held);
      held -= last + 1;
    }
    if (held > 0) yield { bytes: buffer.subarray(0, held), complete: false };
  } finally {
    await file.close();
  }
}

export function linesIn(text: string): number {
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/** The byte behind the first line end at or behind `from`; the end of the file where there is none. */
async function behindNewline(file: FileHandle, from: number): Promise<number> {
  const piece = Buffer.alloc(1 << 14);
  for (let position = from; ;) {
    const { bytesRead } = await file.read(piece, 0, piece.length, position);
    if (bytesRead === 0) return position;
    const at = piece.subarray(0, bytesRead).indexOf(NEWLINE);
    if (at !== -1) return position + at + 1;
    position += bytesRead;
  }
}

/** The last part of a file as text, from the beginning of a line on. */
export async function tailOf(path: string, bytes: number): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - bytes);
    const piece = Buffer.alloc(size - from);
    await file.read(piece, 0, piece.length, from);
    return piece.toString('utf8', from === 0 ? 0 : piece.indexOf(NEWLINE) + 1);
  } finally {
    await file.close();
  }
}

/** Lines end in line ends alone, and those inside a string are escaped: many lines are one array of JSON, if they are right. @returns null: one of them is not */
export function parseTogether(text: string): unknown[] | null {
  try {
    const values = JSON.parse(`[${text.replaceAll('\n', ',')}]`) as unknown[];
    return values.length === linesIn(text) ? values : null;
  } catch {
    return null;
  }
}
