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

export type Recording = {
  /** @returns where the bytes stand */
  addBytes(bytes: Buffer): number;
  /** Resolves when it is written, with its bytes. @throws Error if it cannot be */
  addRequest(request: RequestNote): Promise<void>;
  addAnswer(answer: AnswerNote): void;
  /** More waits for the disk than should. */
  readonly isFull: boolean;
  /** Calls `action` when that is over, at once where it is not so. */
  whenRoom(action: () => void): void;
};
