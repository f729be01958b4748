/**
 * Reads a recording (format.ts): the submissions in it, in the order in which they came, as payloads that lie in its bodies.bin. What
 * a recorder that was ended by force left behind is taken as far as it is whole.
 */
import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { parseSubmission, type Submission, SubmissionError } from '../../mina/submission.ts';
import { LineCutter } from '../../system/lines.ts';
import { openRegularFile, readRegularFile } from '../../system/regular-file.ts';
import { EXIT, UserError } from '../../user-error.ts';
import {
  type RecordedRequest,
  recordedRequest,
  RECORDING_FILES,
  RECORDING_FORMAT,
  recordingHead,
  type RecordingHead,
} from './format.ts';

/** A request that is a submission, with its bytes. */
export type RecordedSubmission = {
  request: RecordedRequest;
  body: Buffer;
  submission: Submission;
};

export const isRecording = (folder: string): boolean =>
  existsSync(join(folder, RECORDING_FILES.head));

export const bodiesPath = (folder: string): string => join(folder, RECORDING_FILES.bodies);

const MAX_HEAD_BYTES = 1024 * 1024;
/** A month of a thousand requests a second would be smaller. */
const MAX_FILE_BYTES = Number.MAX_SAFE_INTEGER;
/** Go and Node take heads of a megabyte; as JSON they may be six times as long. */
const LONGEST_LINE = 16 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

const SUBMIT = /^(?:https?:\/\/[^/?]*)?(?:\/[^?]*)?\/v1\/submit(?:\?|$)/;

/** @throws UserError (exit 2) for a head of another program, or of a later format */
async function readHead(folder: string): Promise<RecordingHead> {
  const path = join(folder, RECORDING_FILES.head);
  const bytes = await readRegularFile(path, {
    what: 'the head of the recording',
    maxBytes: MAX_HEAD_BYTES,
  });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    value = undefined;
  }
  const read = recordingHead.safeParse(value);
  if (read.success) return read.data;
  const { format } = (value ?? {}) as { format?: unknown };
  throw new UserError(
    typeof format === 'number' && format > RECORDING_FORMAT
      ? `the recording ${folder} has format ${format}, and this version reads ${RECORDING_FORMAT}`
      : `${path} is no head of a recording`,
    {
      hint: 'a recording is a folder that "npm run stack -- record --out" has written',
      exitCode: EXIT.usage,
    },
  );
}

/** How often each thing was found, for the sentences. */
type Found = { others: number; unreadable: number; cut: number; missing: number; isTorn: boolean };

/**
 * Calls `take` for each submission, one after another.
 * @returns sentences about what is in the recording and was not taken
 * @throws UserError (exit 2) if there is no recording, or not one submission in it
 */
export async function readRecording(
  folder: string,
  take: (found: RecordedSubmission) => void,
): Promise<string[]> {
  const head = await readHead(folder);
  const found: Found = { others: 0, unreadable: 0, cut: 0, missing: 0, isTorn: false };
  let taken = 0;
  const bodies = await openRegularFile(bodiesPath(folder), {
    what: 'the bodies of the recording',
    maxBytes: MAX_FILE_BYTES,
  });
  try {
    for await (const line of linesOf(join(folder, RECORDING_FILES.requests), found)) {
      const request = requestOf(line);
      if (request === null) {
        found.missing++;
        continue;
      }
      if (request.method !== 'POST' || !SUBMIT.test(request.target)) {
        found.others++;
        continue;
      }
      if (request.body.cut) {
        found.cut++;
        continue;
      }
      const body = await bodyOf(request, bodies);
      if (body === null) {
        found.missing++;
        continue;
      }
      try {
        const submission = parseSubmission(body);
        take({ request, body, submission });
        taken++;
      } catch (error) {
        if (!(error instanceof SubmissionError)) throw error;
        found.unreadable++;
      }
    }
  } finally {
    await bodies.close();
  }
  const notes = notesOf(folder, head, found, taken);
  if (taken > 0) return notes;
  throw new UserError(
    [`the recording ${folder} holds no whole submission`, ...notes.slice(0, 1)].join(': '),
    {
      hint: 'record again: point producers or a load at "npm run stack -- record", and end it with Ctrl-C',
      exitCode: EXIT.usage,
    },
  );
}

const counted = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;

function notesOf(folder: string, head: RecordingHead, found: Found, taken: number): string[] {
  const notes: string[] = [];
  const wasCut = head.end === undefined || head.end.lost > 0 || found.missing > 0 || found.isTorn;
  if (wasCut) {
    const gone = found.missing + (found.isTorn ? 1 : 0);
    notes.push(
      `the recording ${folder} was cut off: ${counted(taken, 'submission is', 'submissions are')} whole` +
        (gone === 0 ? '' : `, and ${counted(gone, 'request is', 'requests are')} not and left out`),
    );
  }
  const left = [
    ...(found.others > 0 ? [`${found.others} that are no POST to /v1/submit`] : []),
    ...(found.unreadable > 0 ? [`${found.unreadable} whose bodies are no submissions`] : []),
    ...(found.cut > 0 ? [`${found.cut} that the sender broke off, or that were too large`] : []),
  ];
  if (left.length > 0)
    notes.push(`requests of the recording ${folder} that are not used: ${left.join(', ')}`);
  return notes;
}

/** Whole lines; what stands behind the last line end is a part of one. */
async function* linesOf(path: string, found: Found): AsyncGenerator<string> {
  const file = await openRegularFile(path, {
    what: 'the requests of the recording',
    maxBytes: MAX_FILE_BYTES,
  });
  try {
    const cutter = new LineCutter(LONGEST_LINE);
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) break;
      yield* cutter.push(chunk.subarray(0, bytesRead));
    }
    found.isTorn = cutter.end() !== null;
  } finally {
    await file.close();
  }
}

/** @returns null for a line that is none, as a disk leaves it that lost its power */
function requestOf(line: string): RecordedRequest | null {
  try {
    const read = recordedRequest.safeParse(JSON.parse(line));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}

/** @returns null if the bytes are not there, or not those that were recorded */
async function bodyOf({ body }: RecordedRequest, file: FileHandle): Promise<Buffer | null> {
  const bytes = await readPieces(file, body.pieces);
  return bytes?.length === body.bytes && crc32(bytes) === body.crc32 ? bytes : null;
}

/** The bytes of a body. @returns null if the file ends before them */
export async function readPieces(
  file: FileHandle,
  pieces: readonly (readonly [number, number])[],
): Promise<Buffer | null> {
  const whole = Buffer.allocUnsafe(pieces.reduce((sum, [, bytes]) => sum + bytes, 0));
  let filled = 0;
  for (const [offset, bytes] of pieces)
    for (let read = 0; read < bytes;) {
      const { bytesRead } = await file.read(whole, filled, bytes - read, offset + read);
      if (bytesRead === 0) return null;
      read += bytesRead;
      filled += bytesRead;
    }
  return whole;
}
