/** `verify fs`: submissions as a backend stores them, their blocks in a folder beside; a line each. */
import { basename, join, resolve } from 'node:path';
import { readRegularFile } from '../../system/regular-file.ts';
import { isBlockHash, readSubmissionName } from '../storage/layout.ts';
import { resultFields, type SubmissionJson, type Verdict } from './answer.ts';
import { parseObject, submissionOfFile } from './submission-json.ts';
import type { Submission, Verifier } from './verifier.ts';

/** What the original says of a file that it cannot use; it ends then, here the others go on. */
const NO_METADATA = 'Fail to load metadata';

/** More than a backend takes, as bytes and as base64. */
const MOST_BYTES = 150_000_000;

/** Without them an object is no submission. */
const NEEDED = ['submitter', 'created_at', 'block_hash'] as const;

export type FileAnswer = { line: string; isUnreadable: boolean; isCheckable: boolean };

/** @param blockDir of `<block hash>.dat` @param cwd relative paths are meant from here */
export async function verifyFile(
  file: string,
  { blockDir, cwd, verifier }: { blockDir: string; cwd: string; verifier: Verifier },
): Promise<FileAnswer> {
  const text = await textOf(resolve(cwd, file));
  const metadata = text === null ? null : parseObject(text);
  if (metadata === null || !NEEDED.every((name) => typeof metadata[name] === 'string'))
    return {
      line: JSON.stringify({ file, error: NO_METADATA }),
      isUnreadable: true,
      isCheckable: true,
    };
  const { block_hash: hash } = metadata;
  const block: Submission['block'] =
    typeof hash === 'string' && isBlockHash(hash)
      ? await readRegularFile(join(blockDir, `${hash}.dat`), { what: 'the block', maxBytes: MOST_BYTES }).catch(() => 'unreadable' as const) // prettier-ignore
      : 'unreadable';
  const verdict = await verifier.verify(submissionOfFile(metadata, block));
  return {
    line: JSON.stringify(lineOf(file, metadata, verdict)),
    isUnreadable: false,
    isCheckable: verdict.verified,
  };
}

/** null: no file that can be read. */
const textOf = (path: string): Promise<string | null> =>
  readRegularFile(path, { what: 'the file', maxBytes: MOST_BYTES }).then(
    (bytes) => bytes.toString('utf8'),
    () => null,
  );

/** The original's fields, of which submitted_at is the file's created_at where its name does not say more; then ours. */
function lineOf(file: string, metadata: SubmissionJson, verdict: Verdict): SubmissionJson {
  const named = readSubmissionName(basename(file));
  const { submitter, created_at: createdAt } = metadata;
  const head = {
    submitted_at: named?.submittedAt ?? createdAt ?? null,
    submitter: submitter ?? null,
  };
  const { state_hash, parent, height, slot, verified, checks } = resultFields(verdict);
  const { error } = verdict;
  return error === null
    ? { ...head, state_hash, parent, height, slot, verified, checks }
    : { ...head, error, checks };
}
