/**
 * Recorded request bodies (`--payloads DIR`): a folder of `*.json` files, or a recording (recording/format.ts). They stay on disk as
 * the bytes they are; what is kept of each is where its block and snark work stand.
 */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BODY_BYTES } from '../mina/limits.ts';
import { parseSubmission, SubmissionError, type Submission } from '../mina/submission.ts';
import { EXIT, UserError } from '../user-error.ts';
import { listProblems } from '../system/problems.ts';
import { openRegularFile, readRegularFile } from '../system/regular-file.ts';
import type { Piece } from './recording/format.ts';
import { bodiesPath, isRecording, readPieces, readRecording } from './recording/read.ts';

/** Half-open range of bytes in the file: a JSON string, quotes included. */
export type ByteRange = { start: number; end: number };

/** One request body, by reference. */
export type Payload = {
  /** Name of the file inside its folder; of a recording, which request it is. */
  name: string;
  path: string;
  /** Where its bytes lie in the file; absent: they are the whole file. */
  pieces?: readonly Piece[];
  /** When it came, where that was recorded: milliseconds since 1970. */
  receivedAtMs?: number;
  sizeBytes: number;
  block: ByteRange;
  /** Undefined when missing or null. */
  snarkWork: ByteRange | undefined;
  /** 0 when absent. */
  graphqlControlPort: bigint;
  /** Decoded; empty when absent. */
  builtWithCommitSha: string;
  /** Milliseconds since 1970. */
  createdAtMs: number;
  /** SHA-256 of all that a signature covers but created_at and peer_id, base64: equal for equal content. */
  contentHash: string;
};

export type PayloadFolder = {
  payloads: Payload[];
  /** What is in the folder and was left out, a sentence each. */
  notes: string[];
};

/**
 * Reads and checks every submission of a recording, in the order in which they came; else every `*.json` file of the folder (not of
 * the folders in it), in the order of their names.
 * @throws UserError (exit 2) that names each faulty file with its line, or the folder if it has none
 */
export async function readPayloadFolder(folder: string): Promise<PayloadFolder> {
  if (!isRecording(folder)) return { payloads: await readFiles(folder), notes: [] };
  const payloads: Payload[] = [];
  const path = bodiesPath(folder);
  const notes = await readRecording(folder, ({ request, body, submission }) => {
    payloads.push({
      ...payloadOf(`request ${request.n}`, path, body, submission),
      pieces: request.body.pieces,
      receivedAtMs: Date.parse(request.at),
    });
  });
  return { payloads, notes };
}

/** The payloads of {@link readPayloadFolder} alone. */
export const readPayloads = async (folder: string): Promise<Payload[]> =>
  (await readPayloadFolder(folder)).payloads;

async function readFiles(folder: string): Promise<Payload[]> {
  let names: string[];
  try {
    names = (await readdir(folder)).filter((name) => name.toLowerCase().endsWith('.json')).sort();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new UserError(`cannot read the payload folder ${folder} (${code ?? String(cause)})`, {
      hint: 'give --payloads a folder that holds recorded request bodies as *.json files, or a recording of "npm run stack -- record"',
      exitCode: EXIT.usage,
      cause,
    });
  }
  if (names.length === 0)
    throw new UserError(`the payload folder ${folder} holds no *.json file`, {
      hint: 'put at least one recorded request body (the JSON of a POST to /v1/submit) into it',
      exitCode: EXIT.usage,
    });
  const payloads: Payload[] = [];
  const problems: string[] = [];
  // One after another: a file may have 50 MB.
  for (const name of names) {
    const path = join(folder, name);
    try {
      const { size } = await stat(path);
      if (size > MAX_BODY_BYTES)
        throw new Fault(`has ${size} bytes; the backend takes ${MAX_BODY_BYTES} at most`, 1);
      payloads.push(readPayload(name, path, await readPayloadFile(path)));
    } catch (error) {
      if (error instanceof Fault) problems.push(`${path}:${error.line}: ${error.message}`);
      else if (error instanceof UserError) problems.push(error.message);
      else if ((error as NodeJS.ErrnoException).code !== undefined)
        problems.push(`${path}:1: cannot be read (${(error as NodeJS.ErrnoException).code})`);
      else throw error;
    }
  }
  listProblems(
    problems,
    'each file holds one request body: {"data":{"block","created_at","peer_id","snark_work"?},"submitter","signature"}',
  );
  return payloads;
}

/** @throws UserError for what is no file */
const readPayloadFile = (path: string): Promise<Buffer> =>
  readRegularFile(path, { what: 'the payload', maxBytes: MAX_BODY_BYTES });

/** @returns the whole body, byte for byte. @throws UserError if the file is gone or has changed its size */
export async function payloadBytes({ path, sizeBytes, pieces }: Payload): Promise<Buffer> {
  const read = pieces === undefined ? readPayloadFile(path) : readRecordedBody(path, pieces);
  const bytes = await read.catch((cause: Error) => {
    throw new UserError(`${cause.message} any more`, {
      hint: 'leave the payload folder as it is until the load has begun',
      cause,
    });
  });
  if (bytes.length !== sizeBytes)
    throw new UserError(`${path} had ${sizeBytes} bytes and now has ${bytes.length}`, {
      hint: 'leave the payload folder as it is until the load has begun',
    });
  return bytes;
}

/** @throws UserError for what is no file; fewer bytes where it has become shorter */
async function readRecordedBody(path: string, pieces: readonly Piece[]): Promise<Buffer> {
  const file = await openRegularFile(path, {
    what: 'the recording',
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  try {
    return (await readPieces(file, pieces)) ?? Buffer.alloc(0);
  } finally {
    await file.close();
  }
}

class Fault extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** @throws Fault with the first fault of the file */
function readPayload(name: string, path: string, bytes: Buffer): Payload {
  let submission: Submission;
  try {
    submission = parseSubmission(bytes);
  } catch (error) {
    if (error instanceof SubmissionError) throw new Fault(error.message, error.line);
    throw error;
  }
  return payloadOf(name, path, bytes, submission);
}

function payloadOf(name: string, path: string, bytes: Buffer, submission: Submission): Payload {
  const { block, snarkWork, graphqlControlPort, builtWithCommitSha, createdAt } = submission;
  const hash = createHash('sha256').update(bytes.subarray(block.start, block.end));
  hash.update('\0').update(snarkWork ? bytes.subarray(snarkWork.start, snarkWork.end) : '');
  hash.update(`\0${graphqlControlPort}\0${builtWithCommitSha}`);
  return {
    name,
    path,
    sizeBytes: bytes.length,
    block: { start: block.start, end: block.end },
    snarkWork: snarkWork === null ? undefined : { start: snarkWork.start, end: snarkWork.end },
    graphqlControlPort,
    builtWithCommitSha,
    createdAtMs: createdAt.seconds * 1000 + createdAt.nanoseconds / 1e6,
    contentHash: hash.digest('base64'),
  };
}
