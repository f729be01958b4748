/** What a load sent as lines of sent.ndjson, so that the same assertions judge it that judge a network. Pure. */
import { utcText } from '../../mina/created-at.ts';
import type { SentLoad } from '../../reconcile/sent-load.ts';
import type { SentBody, SentTemplate } from '../../reconcile/sent.ts';
import { describeAnswer } from '../../results/answers.ts';
import type { SentRow } from '../dump/types.ts';

/** Of a load no node is known: a producer is one. */
const NODE = 'load';

/**
 * A row for each request whose beginning is known, in the order of the submissions. Of one that was sent again the earlier
 * attempts have failed at times that nobody kept: they stand with the beginning of the first.
 * @param firstId of submission 0
 */
export async function* sentRows(
  { sent, answers, times, lease }: SentLoad,
  firstId: number,
): AsyncGenerator<SentRow> {
  const bodies: SentBody[] = [];
  const one = interner();
  for await (const chunk of sent.chunks())
    for (const { submitter, peerId, ...rest } of chunk)
      bodies.push({ ...rest, submitter: one(submitter), peerId: one(peerId) });
  const underWay = new Set(answers.inFlight(lease));
  const length = [...underWay].reduce((most, index) => Math.max(most, index + 1), answers.length);
  for (let index = 0; index < length; index++) {
    const answer = answers.answerOf(index);
    if (answer === null && !underWay.has(index)) continue;
    const body = bodies[sent.bodyOf(index)];
    const endMs = times.endOf(index);
    const sentMs = times.beginOf(index) ?? endMs;
    if (body === undefined || sentMs === null) continue;
    const row = rowOf(firstId + index, body, sent.templates[body.template], sentMs);
    const retries = answers.retriesOf(index);
    for (let attempt = 1; attempt <= retries; attempt++) yield { ...row, attempt, status: 0 };
    yield {
      ...row,
      attempt: retries + 1,
      // Ends are rounded down.
      ...(endMs !== null && { answered_ms: endMs + 1 }),
      ...(answer !== null && statusOf(answer.class, answer.accepted)),
    };
  }
}

function rowOf(
  id: number,
  { submitter, createdAt, peerId }: SentBody,
  { blockHash, snarkWork, graphqlControlPort, builtWithCommitSha, era }: SentTemplate,
  sentMs: number,
): SentRow {
  return {
    id,
    attempt: 1,
    node: NODE,
    submitter,
    created_at: utcText(createdAt),
    peer_id: peerId,
    block_hash: blockHash,
    ...(graphqlControlPort !== 0 && { graphql_control_port: graphqlControlPort }),
    ...(builtWithCommitSha !== '' && { built_with_commit_sha: builtWithCommitSha }),
    snark_work: snarkWork !== null,
    era: era ?? 'unknown',
    sent_ms: sentMs,
  };
}

/** A 200 that is not the backend's is no acceptance. */
function statusOf(answer: string, accepted: boolean): Pick<SentRow, 'status' | 'message'> {
  const status = Number(answer);
  return Number.isInteger(status) && (status !== 200 || accepted)
    ? { status }
    : { status: 0, message: describeAnswer(answer) };
}

/** Texts that come again and again are held once. */
function interner(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const same = known.get(text);
    if (same !== undefined) return same;
    known.set(text, text);
    return text;
  };
}
