/** An entry of the storage beside what was sent: which fields agree, how a difference is shown. Pure. */
import type { ReconcileLine } from '../results/types.ts';
import type { StoredSubmission } from '../stack/storage/storage.ts';
import type { SentTemplate } from './sent.ts';
import type { Identity, SentIndex } from './sent-index.ts';

const MOST_SHOWN = 80;

/** An entry that is not right at first sight, without its block and with texts shared where they can be. */
export type Entry = {
  where: string;
  submittedAt: number;
  submitter: string;
  blockHash: string;
  peerId: string;
  snarkWork: string | null;
  graphqlControlPort: number;
  builtWithCommitSha: string;
  /** Whether the verifier has written its result, and so emptied snark work. */
  isWorkedOn: boolean;
  /** What is wrong with the block that the entry brings along. */
  blockFault: string | null;
  identity: Identity;
};

export type Fields = NonNullable<ReconcileLine['fields']>;

/** @param shared snark works that were sent: some kilobytes that many entries have in common */
export function entryOf(
  row: StoredSubmission,
  identity: Identity,
  submittedAt: number,
  blockFault: string | null,
  shared: ReadonlyMap<string, string>,
): Entry {
  const { where, submitter, blockHash, peerId, graphqlControlPort, builtWithCommitSha } = row;
  const { snarkWork } = row;
  return {
    where,
    submittedAt,
    submitter,
    blockHash,
    peerId,
    snarkWork: snarkWork && (shared.get(snarkWork) ?? shorten(snarkWork)),
    graphqlControlPort,
    builtWithCommitSha,
    isWorkedOn: row.verification !== undefined,
    blockFault,
    identity,
  };
}

/**
 * How the fields beside the identity agree: as they were sent; or but for snark work that the verifier has emptied (submission-updater,
 * src/postgres.go: one UPDATE sets `snark_work = NULL` beside its result); or not.
 */
export function agreementOf(
  row: StoredSubmission,
  template: SentTemplate,
): 'whole' | 'emptied' | null {
  if (
    row.graphqlControlPort !== template.graphqlControlPort ||
    row.builtWithCommitSha !== template.builtWithCommitSha
  )
    return null;
  if (row.snarkWork === template.snarkWork) return 'whole';
  return row.snarkWork === null && row.verification !== undefined ? 'emptied' : null;
}

/** In which fields an entry differs from what was sent. */
export function differencesOf(entry: Entry, group: number, index: SentIndex): Fields {
  const identity = index.identityOf(group);
  const template = index.templates[index.templateOf(group)];
  const fields: Fields = {};
  const compare = (name: string, sent: string | number | null, stored: string | number | null) => {
    if (sent !== stored) fields[name] = { sent: shown(sent), stored: shown(stored) };
  };
  compare('submitter', index.submitters.textOf(identity.submitter), entry.submitter);
  compare('created_at', timeText(identity.createdAt), timeText(entry.identity.createdAt));
  compare('block_hash', template.blockHash, entry.blockHash);
  compare('peer_id', index.peers.textOf(identity.peer), entry.peerId);
  if (entry.snarkWork !== null || !entry.isWorkedOn)
    compare('snark_work', template.snarkWork, entry.snarkWork);
  compare('graphql_control_port', template.graphqlControlPort, entry.graphqlControlPort);
  compare('built_with_commit_sha', template.builtWithCommitSha, entry.builtWithCommitSha);
  if (entry.blockFault !== null)
    fields.block = { sent: 'the bytes of its hash', stored: entry.blockFault };
  return fields;
}

const shorten = (text: string): string =>
  // Not a view of the long text, which would keep it in memory.
  text.length <= MOST_SHOWN ? text : Buffer.from(`${text.slice(0, MOST_SHOWN)}…`).toString();

const shown = (value: string | number | null): string | number | null =>
  typeof value === 'string' ? shorten(value) : value;

/** Whole seconds since 1970 as RFC 3339; what is no time becomes a word, for a storage may hold anything. */
export const timeText = (seconds: number): string => {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? 'no time' : `${date.toISOString().slice(0, 19)}Z`;
};
