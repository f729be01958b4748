/**
 * Submissions that come as a stream, answered in their order: a JSON array (as the original's `stdin`), or one a line for as long as somebody sends (`serve`).
 * Only so many are under way at once, and nothing is read while whoever reads the answers is behind.
 */
import { once } from 'node:events';
import { jsonArrayElements } from '../../system/json-array.ts';
import { LineCutter } from '../../system/lines.ts';
import { answerLine, resultFields, type SubmissionJson } from './answer.ts';
import { ERROR_TEXTS } from './error-texts.ts';
import { parseObject, submissionOfRow } from './submission-json.ts';
import type { Verifier } from './verifier.ts';

/** Under way at once: enough for all workers of proofs to be busy, few enough to stay within some megabytes. */
const UNDER_WAY = 64;
/** A submission with a block of 50 MB, in base64 and JSON. */
const LONGEST_LINE = 150_000_000;

export type StreamCounts = { answered: number; notCheckable: number; malformed: number };

/** A text that is to be answered, as bytes of JSON. */
type Source = AsyncIterable<string>;

export async function answerStream(
  texts: Source,
  verifier: Verifier,
  output: NodeJS.WritableStream,
): Promise<StreamCounts> {
  const counts: StreamCounts = { answered: 0, notCheckable: 0, malformed: 0 };
  const underWay: Promise<string>[] = [];
  const write = async (): Promise<void> => {
    const line = await underWay.shift()!;
    counts.answered++;
    if (!output.write(`${line}\n`)) await drained(output);
  };
  try {
    for await (const text of texts) {
      underWay.push(answer(text, verifier, counts));
      // Their faults show when their turn comes.
      underWay.at(-1)!.catch(() => undefined);
      if (underWay.length >= UNDER_WAY) await write();
    }
  } finally {
    // What came before a fault of the input is answered.
    while (underWay.length > 0) await write();
  }
  return counts;
}

/** An output that closed drains no more. */
async function drained(output: NodeJS.WritableStream): Promise<void> {
  const ended = new AbortController();
  const { signal } = ended;
  try {
    await Promise.race(
      ['drain', 'close', 'error'].map((name) => once(output, name, { signal }).catch(() => null)),
    );
  } finally {
    ended.abort();
  }
}

async function answer(text: string, verifier: Verifier, counts: StreamCounts): Promise<string> {
  const row = parseObject(text);
  if (row === null) {
    counts.malformed++;
    return JSON.stringify(malformed(text));
  }
  const verdict = await verifier.verify(submissionOfRow(row));
  if (!verdict.verified) counts.notCheckable++;
  return answerLine(row, verdict);
}

/** There is nothing to echo, but whoever counts lines finds as many as were sent. */
const malformed = (text: string): SubmissionJson => ({
  ...resultFields({
    facts: null,
    error: ERROR_TEXTS.undecodableBlock,
    verified: true,
    checks: {
      decoding: 'failed',
      consistency: 'not done',
      block_proof: 'not done',
      snark_work: 'not done',
      sok_digest: 'not done',
      snark_work_proof: 'not done',
      notes: [`the submission is no JSON object: ${text.slice(0, 100)}`],
    },
  }),
});

/** @throws JsonArrayError */
export async function* arrayTexts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const element of jsonArrayElements(chunks)) yield element.toString('utf8');
}

/** Lines that hold something. */
export async function* lineTexts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const cutter = new LineCutter(LONGEST_LINE);
  for await (const chunk of chunks)
    for (const line of cutter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)))
      if (line.trim() !== '') yield line;
  const last = cutter.end();
  if (last !== null && last.trim() !== '') yield last;
}
