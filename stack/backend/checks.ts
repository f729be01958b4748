/**
 * What happens to the body of a submission, from decoding to the hourly limit, in the original's order and with its answers; then,
 * unless the backend is faithful to the original, the limit of one submission per submitter and second.
 * Source: uptime-service-backend, src/delegation_backend/submit.go; observed on it: test/vectors/backend-answers.json.
 */
import { encode } from '../../mina/base58check.ts';
import type { CreatedAt } from '../../mina/created-at.ts';
import type { Signer } from '../../mina/signer.ts';
import {
  parseSubmission,
  signedFields,
  type Submission,
  SubmissionError,
  tokenBytes,
} from '../../mina/submission.ts';
import { signedRest, signedStart, signedText } from '../../mina/submission-text.ts';
import type { BlockCache, KnownBlock } from './block-cache.ts';
import type { CheckPool } from './check-pool.ts';
import type { KnownKeys } from './known-keys.ts';
import type { HourlyLimiter } from './rate-limit.ts';
import type { SecondTable } from './second-table.ts';
import { type SignatureQuestion, type SignatureRule, signatureFault } from './signature-check.ts';
import type { AcceptedSubmission } from '../storage/storage.ts';

/** Status and body, as they go to the submitter; `retryAfterS`: header Retry-After, in seconds; `contentType`: where it is not text. */
export type Answer = { status: number; body: string; retryAfterS?: number; contentType?: string };

const refusal = (status: number, message: string): Answer => ({
  status,
  body: JSON.stringify({ error: message }),
});

export const ANSWERS = {
  ok: { status: 200, body: '{"status":"ok"}' },
  noLength: { status: 411, body: '' },
  tooLong: { status: 413, body: '' },
  unreadable: refusal(400, 'Error reading the body'),
  undecodable: refusal(400, 'Error decoding payload'),
  incomplete: refusal(400, "One of required fields wasn't provided"),
  future: refusal(400, 'Field created_at is a timestamp in future'),
  badSignature: refusal(401, 'Invalid signature'),
  tooMany: refusal(429, 'Too many requests per hour'),
  /** Not of the original, which says 200 to both of these. */
  sameSecond: { ...refusal(429, 'Only one submission per second is kept'), retryAfterS: 1 },
  /** Later than now, because this second is used up. */
  notKept: { ...refusal(503, 'The submission could not be stored'), retryAfterS: 1 },
  /** Also not of the original: its body came too slowly while others had no room. */
  noRoom: { ...refusal(503, 'Too many submissions are under way'), retryAfterS: 1 },
  broken: refusal(500, 'Unexpected server error'),
} as const satisfies Record<string, Answer>;

export const notRegistered = (submitter: string): Answer =>
  refusal(401, `Submitter is not registered: ${submitter}`);

const NAMES = new Map<Answer, string>(
  Object.entries(ANSWERS).map(([name, answer]) => [
    answer,
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  ]),
);
/** For figures: `ok`, `bad_signature` …; {@link notRegistered} makes a new one each time. */
export const answerName = (answer: Answer): string => NAMES.get(answer) ?? 'not_registered';

/** A created_at may be this much ahead of the backend's clock. */
const AHEAD_MS = 5 * 60 * 1000;

/** Exact to the nanosecond, which milliseconds since 1970 in one double are not. */
function isAfter({ seconds, nanoseconds }: CreatedAt, limitMs: number): boolean {
  const wholeMs = seconds * 1000 + Math.floor(nanoseconds / 1e6);
  return wholeMs > limitMs || (wholeMs === limitMs && nanoseconds % 1e6 > 0);
}

export type Checks = SignatureRule & {
  /** Hashes, and where there is no `pool` also checks signatures. */
  signer: Signer;
  /** Threads that check signatures; null: this one does. */
  pool: CheckPool | null;
  /** Asked anew for each submission; null: everyone is let in. */
  whitelist: () => ReadonlySet<string> | null;
  limiter: HourlyLimiter;
  /** null: several submissions of one submitter within a second are let in, as the original does. */
  seconds: SecondTable | null;
  blocks: BlockCache;
  keys: KnownKeys;
  /** The wall clock, milliseconds since 1970. */
  nowMs: () => number;
};

export type Refused = { refused: Answer; why: string; accepted?: undefined };
/** `countedAt`: its time in the limiter. */
export type Judgement =
  { accepted: AcceptedSubmission; countedAt: number; refused?: undefined } | Refused;

/** A submission that has passed what comes before its signature. */
export type Examined = {
  submission: Submission<KnownBlock>;
  /** When it was taken. */
  nowMs: number;
  /** null: signatures are not checked. */
  question: SignatureQuestion | null;
  refused?: undefined;
};

/** All that comes before the signature: form, whitelist, time. */
export function examine(body: Uint8Array, checks: Checks): Examined | Refused {
  let submission: Submission<KnownBlock>;
  try {
    submission = parseSubmission(body, {
      block: (input, start) => checks.blocks.find(input, start),
      publicKey: (text) => checks.keys.find(text),
    });
  } catch (error) {
    if (!(error instanceof SubmissionError)) throw error;
    const refused = error.problem === 'decode' ? ANSWERS.undecodable : ANSWERS.incomplete;
    return { refused, why: error.message };
  }
  const { submitter, createdAt, submitterKey, signature } = submission;
  const whitelist = checks.whitelist();
  if (whitelist !== null && !whitelist.has(submitter))
    return { refused: notRegistered(submitter), why: `${submitter} is not in the whitelist` };
  const nowMs = checks.nowMs();
  if (isAfter(createdAt, nowMs + AHEAD_MS))
    return { refused: ANSWERS.future, why: `created_at ${createdAt.utc} is in the future` };
  if (checks.signatures === 'unchecked') return { submission, nowMs, question: null };
  const message = messageOf(submission, checks.signer);
  return { submission, nowMs, question: { publicKey: submitterKey, signature, message } };
}

/** BLAKE2b-256 of the signed text; of a known block's only what follows it is hashed. */
function messageOf(submission: Submission<KnownBlock>, signer: Signer): Uint8Array {
  const fields = signedFields(submission);
  const { knownBlock } = submission;
  return knownBlock === null
    ? signer.blake2b256(signedText(fields))
    : signer.blake2b256(signedRest(fields), knownBlock.start);
}

/** Known by now, or read and kept: by now its submitter has signed it. */
function blockOf(
  { body, block: { start, end, plain }, knownBlock }: Submission<KnownBlock>,
  { blocks, signer }: Checks,
): Pick<KnownBlock, 'bytes' | 'hash'> {
  const known = knownBlock ?? blocks.find(body, start);
  if (known !== null) return known;
  const bytes = tokenBytes(body, { start, end, plain });
  const token = body.subarray(start, end);
  const made = {
    token,
    plain,
    bytes,
    hash: encode('blockHash', signer.blake2b256(bytes)),
    start: signer.hashedStart(signedStart(token)),
  };
  blocks.add(made);
  return made;
}

/**
 * All that comes after the signature: limits, and the block.
 * @param fault what is wrong with the signature, null: nothing
 * @param remoteAddr what is stored as such
 * @returns what to store, or the answer and, for the log, the reason
 */
export function admit(
  { submission, nowMs }: Examined,
  fault: string | null,
  remoteAddr: string,
  checks: Checks,
): Judgement {
  const { submitter, createdAt } = submission;
  if (fault !== null) return { refused: ANSWERS.badSignature, why: `${submitter}: ${fault}` };
  const countedAt = checks.limiter.record(submitter);
  if (countedAt === null)
    return { refused: ANSWERS.tooMany, why: `${submitter} has used up its hour` };
  const submittedAt = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  if (checks.seconds !== null && !checks.seconds.take(submitter, submittedAt)) {
    checks.limiter.takeBack(submitter, countedAt);
    return { refused: ANSWERS.sameSecond, why: `${submitter} has had ${submittedAt}` };
  }
  checks.keys.add(submitter, submission.submitterKey);
  const block = blockOf(submission, checks);
  return {
    countedAt,
    accepted: {
      submittedAt,
      createdAt: createdAt.stored,
      submitter,
      blockHash: block.hash,
      block: block.bytes,
      peerId: submission.peerId,
      snarkWork: tokenText(submission),
      remoteAddr,
      graphqlControlPort: submission.graphqlControlPort,
      builtWithCommitSha: submission.builtWithCommitSha,
    },
  };
}

/** {@link examine}, signature and {@link admit} at once, on this thread. */
export function judge(body: Uint8Array, remoteAddr: string, checks: Checks): Judgement {
  const examined = examine(body, checks);
  if (examined.refused) return examined;
  const { question } = examined;
  const fault = question && signatureFault(question, checks, checks.signer);
  return admit(examined, fault, remoteAddr, checks);
}

function tokenText({ body, snarkWork }: Submission): string | null {
  if (snarkWork === null) return null;
  const { buffer, byteOffset } = body;
  // A token that passed the base64 check is ASCII.
  return Buffer.from(
    buffer,
    byteOffset + snarkWork.start,
    snarkWork.end - snarkWork.start,
  ).toString('latin1');
}
