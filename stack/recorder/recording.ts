/**
 * What the recorder hands over to be written; the shapes are those of the recording's files (producers/recording/format.ts), which
 * this room doesn't know. Types alone.
 */

export type BodyNote = {
  bytes: number;
  /** Offset and length of each piece. */
  pieces: [number, number][];
  crc32: number;
  /** These are the first bytes only. */
  cut?: true;
};

export type RequestNote = {
  n: number;
  at: string;
  method: string;
  target: string;
  httpVersion: string;
  from: string;
  headers: [string, string][];
  body: BodyNote;
};

export type AnswerNote = {
  n: number;
  ms: number;
  status: number | null;
  reason?: string;
  headers?: [string, string][];
  text?: string;
  body?: BodyNote;
  by: 'recorder' | 'target';
  error?: string;
};

/** Each call returns when it is done. */
export type Recording = {
  /** @returns where the bytes stand. @throws Error if they cannot be written */
  addBytes(bytes: readonly Buffer[]): number;
  /** @throws Error if it cannot be written */
  addRequest(request: RequestNote): void;
  /** @throws Error if it cannot be written */
  addAnswer(answer: AnswerNote): void;
};
