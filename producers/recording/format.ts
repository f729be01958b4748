/**
 * A recording: what `npm run stack -- record` was sent, byte for byte, and what was answered. A folder of four files, which only grow:
 *
 *     recording.json     the head: format, start, and, once it ended in order, the end with its counts
 *     bodies.bin         bytes of bodies, in pieces; a request says where its own lie
 *     requests.ndjson    one JSON object a request, in the order in which their last byte came
 *     answers.ndjson     one JSON object an answer, by the number of its request
 *
 * A request is written before its answer goes out: its bytes first, then its line. So whatever ends the recorder, all that was
 * answered is there, and only the last line can be a part of one. Types and names alone.
 */
import * as z from 'zod';

export const RECORDING_FILES = {
  head: 'recording.json',
  bodies: 'bodies.bin',
  requests: 'requests.ndjson',
  answers: 'answers.ndjson',
} as const;

export const RECORDING_FORMAT = 1;

const count = z.int().nonnegative();

/** Bytes of bodies.bin: where they begin, and how many they are. */
const piece = z.tuple([count, count]);
export type Piece = z.infer<typeof piece>;

const body = z.object({
  bytes: count,
  /** One after another they are the body. Of several pieces only where bodies came in turns. */
  pieces: z.array(piece),
  /** CRC-32 (IEEE) of these bytes. */
  crc32: count,
  /** The sender broke off, or there were more bytes than a backend takes: these are the first. */
  cut: z.literal(true).optional(),
});
export type RecordedBody = z.infer<typeof body>;

/** In their order, as they were written, but for the values of secrets. */
const headers = z.array(z.tuple([z.string(), z.string()]));

export const recordedRequest = z.object({
  /** From 1, in the order in which requests began. */
  n: z.int().positive(),
  /** When its head was there: RFC 3339 in UTC, milliseconds. */
  at: z.string(),
  method: z.string(),
  /** The request target as it came, but for the values of secrets. */
  target: z.string(),
  httpVersion: z.string(),
  /** Of the sender: `address:port`. */
  from: z.string(),
  headers,
  body,
});
export type RecordedRequest = z.infer<typeof recordedRequest>;

/** Of an answer the body is text where it is short UTF-8, else in bodies.bin. */
export type RecordedAnswer = {
  n: number;
  /** Milliseconds from the head of the request to the last byte of the answer. */
  ms: number;
  /** null: the sender went before there was one. */
  status: number | null;
  reason?: string;
  headers?: [string, string][];
  text?: string;
  body?: RecordedBody;
  /** Who answered: the recorder itself, or what it forwards to. */
  by: 'recorder' | 'target';
  /** Why the target gave no whole answer. */
  error?: string;
};

export const recordingHead = z.object({
  format: z.literal(RECORDING_FORMAT),
  kind: z.literal('recording'),
  startedAt: z.string(),
  /** Where requests went; null: the recorder answered them. */
  forward: z.string().nullable(),
  /** Absent: the recorder did not end in order. */
  end: z
    .object({
      at: z.string(),
      requests: count,
      bodyBytes: count,
      answers: z.record(z.string(), count),
      /** Requests that could not be written. */
      lost: count,
    })
    .optional(),
});
export type RecordingHead = z.infer<typeof recordingHead>;
