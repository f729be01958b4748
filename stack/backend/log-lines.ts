/**
 * Lines of the log in the original's words and at its levels, so that what reads a backend's log reads this one's too.
 * Source: uptime-service-backend at a358915, src/delegation_backend/submit.go, postgres.go and aws_keyspaces.go.
 *
 * The original logs at level debug. Its lines of each submission (Received request, Successfully parsed, Saving, Successfully
 * processed) are of level info; here they come at LOG_LEVEL=debug only, as they are a kilobyte for each.
 */
import { encode } from '../../mina/base58check.ts';
import { MAX_BODY_BYTES } from '../../mina/limits.ts';
import { blockPath, submissionPath } from '../storage/layout.ts';
import type { AcceptedSubmission } from '../storage/storage.ts';
import { ANSWERS, type Answer } from './checks.ts';
import type { Log } from './log.ts';

const PREVIEW_BYTES = 200;
/** What the original has for a submitter that is not there: the key of 33 zero bytes. */
const NOBODY = encode('publicKey', new Uint8Array(33));
/** Where the submitter of a body stands that is no submission: at its end, or at its beginning. */
const LOOKED_AT_BYTES = 2048;

export function logRequest(
  log: Log,
  request: { method: string; path: string; remoteAddr: string; contentLength: number },
): void {
  if (!log.debugs) return;
  const { method, path, remoteAddr, contentLength } = request;
  log.info(
    `Received request: method=${method} path=${path} remote_addr=${remoteAddr} content_length=${contentLength}`,
  );
}

export const logNoLength = (log: Log): void => log.warn('Request missing Content-Length header');

export const logTooLarge = (log: Log, bytes: number): void =>
  log.warn(`Request payload too large: ${bytes} bytes (max: ${MAX_BODY_BYTES})`);

export const logCutBody = (log: Log): void =>
  log.debug("Error while reading /submit request's body: unexpected EOF");

/** @param why in our words: those of Go's JSON differ */
export function logRefusal(log: Log, answer: Answer, why: string, body: Uint8Array): void {
  if (log.debugs && answer !== ANSWERS.undecodable)
    log.info(`Successfully parsed submission from submitter: ${submitterIn(body)}`);
  if (answer === ANSWERS.undecodable) {
    const preview = Buffer.from(body.subarray(0, PREVIEW_BYTES)).toString('utf8');
    log.error(
      `Error while unmarshaling JSON of /submit request's body: ${why}, body preview: ${preview}`,
    );
  } else if (answer === ANSWERS.incomplete)
    log.warn(`Required fields validation failed for submitter: ${submitterIn(body)}`);
  else if (answer.status === 401 && answer !== ANSWERS.badSignature)
    log.warn(`Submitter not in whitelist: ${submitterIn(body)}`);
  else if (answer === ANSWERS.future)
    log.debug(`${why}: Field created_at is a timestamp in future`);
}

function submitterIn(body: Uint8Array): string {
  for (const part of [body.subarray(-LOOKED_AT_BYTES), body.subarray(0, LOOKED_AT_BYTES)]) {
    const text = Buffer.from(part.buffer, part.byteOffset, part.length).toString('latin1');
    const found = /"submitter"\s*:\s*"(B62[1-9A-HJ-NP-Za-km-z]{1,60})"/.exec(text);
    if (found) return found[1];
  }
  return NOBODY;
}

/** Before it is stored. */
export function logSaving(log: Log, submission: AcceptedSubmission): void {
  if (!log.debugs) return;
  const { submitter, blockHash, submittedAt } = submission;
  log.info(`Successfully parsed submission from submitter: ${submitter}`);
  log.info(
    `Saving submission for submitter ${submitter}: block_hash=${blockHash} ` +
      `meta_path=${submissionPath(submittedAt, submitter)} block_path=${blockPath(blockHash)}`,
  );
}

export function logProcessed(log: Log, { submitter }: AcceptedSubmission): void {
  if (log.debugs) log.info(`Successfully processed submission from ${submitter}`);
}

type Family = 'filesystem' | 's3' | 'keyspaces' | 'postgres' | null;

function familyOf(storage: string): Family {
  if (/^filesystem /.test(storage)) return 'filesystem';
  if (/^s3\b/i.test(storage)) return 's3';
  if (/^(cassandra|keyspaces)\b/i.test(storage)) return 'keyspaces';
  return /^postgres/i.test(storage) ? 'postgres' : null;
}

/** What the original says of a submission that it answers with 200 and did not keep. @param storage its name */
export function logLoss(
  log: Log,
  storage: string,
  { submitter, submittedAt }: AcceptedSubmission,
  error: Error,
): void {
  const { message } = error;
  switch (familyOf(storage)) {
    case 'filesystem':
      log.warn(
        `Error writing to file ${storage.slice('filesystem '.length)}/${submissionPath(submittedAt, submitter)}: ${message}`,
      );
      break;
    case 's3':
      log.warn(`S3Save: Error while saving metadata: ${message}`);
      break;
    case 'keyspaces':
      log.error(`KeyspaceSave: Error saving submission to Keyspaces: ${message}`);
      break;
    case 'postgres':
      log.error(`PostgreSQLSave: Error saving submission to PostgreSQL: ${message}`);
      break;
    case null:
      log.error(`${storage} did not keep a submission`, {
        submitter,
        submitted_at: submittedAt,
        error: message,
      });
  }
}

/** What the original says of a second submission of one second, which it answers with 200 and drops. */
export function logSameSecond(
  log: Log,
  storage: string,
  { submitter, submittedAt }: AcceptedSubmission,
): void {
  const family = familyOf(storage);
  if (family === 'filesystem')
    log.warn(
      `LocalFileSystemSave: file already exists: ${storage.slice('filesystem '.length)}/${submissionPath(submittedAt, submitter)}`,
    );
  else if (family === 'postgres')
    log.info(
      `PostgreSQLSave: Submission for submitter: ${submitter} at ${submittedAt} already exists`,
    );
}
