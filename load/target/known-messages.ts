/**
 * What is known of the uptime backend's log beyond its levels: o1-labs/uptime-service-backend at a358915, src/delegation_backend/submit.go. It
 * answers 200 whatever becomes of a submission, and writes a loss as a warning; what a bad request makes it write is an error.
 */
import type { KnownMessage } from '../../monitor/logs/log-watch.ts';

/** Submissions or blocks that were answered with 200 and are not kept. */
const LOSSES: readonly RegExp[] = [
  // S3Save: PutObject failed, of a submission's JSON as of a block; level warn.
  /^S3Save: Error while saving metadata: /,
  // LocalFileSystemSave: os.WriteFile failed (no space left on device, read-only file system …); level warn.
  /^Error writing to file /,
  // LocalFileSystemSave: os.MkdirAll failed; level error already, as are KeyspaceSave's and PostgreSQLSave's.
  /^LocalFileSystemSave: Error creating directories /,
  /^(?:KeyspaceSave|PostgreSQLSave): Error (?:preparing|saving) submission /,
];

/** Every load sends many submissions with one block, which is kept once; of a submission's own file the same line is a warning. */
const OF_EVERY_LOAD: readonly RegExp[] = [
  /^LocalFileSystemSave: file already exists: .*\bblocks\//,
];

/** Answers to what a hostile client sends. */
const OF_HOSTILE_REQUESTS: readonly RegExp[] = [
  // Level error.
  /^Error while unmarshaling JSON of \/submit request's body: /,
  // Level warn.
  /^Request missing Content-Length header/,
  /^Request payload too large: /,
  /^Required fields validation failed for submitter: /,
  /^Submitter not in whitelist: /,
];

/** @param isHostile hostile requests are sent beside the load: only then the run itself causes what they bring about */
export const knownMessages = (isHostile: boolean): KnownMessage[] => [
  ...LOSSES.map((pattern): KnownMessage => ({ pattern, means: 'loss' })),
  ...[...OF_EVERY_LOAD, ...(isHostile ? OF_HOSTILE_REQUESTS : [])].map((pattern): KnownMessage => ({
    pattern,
    means: 'caused by the run',
  })),
];
