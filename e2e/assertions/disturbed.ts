/** The assertion about a run that was disturbed on purpose: points follow from what was sent, and who was disturbed lost just what it had to. Pure. */
import type { Evidence } from '../dump/evidence.ts';
import type { DisturbedFields } from '../dump/types.ts';
import { microsecondsOf } from '../dump/times.ts';
import { type Assertion, Faults, found } from './assertion.ts';
import { byBatch, nameOf, ofBatch } from './batches.ts';
import { type Batch, type Facts, SECOND_US, type Submission } from './facts.ts';
import { recomputeBatch, type Recomputed } from './recompute.ts';

type SentState = { submission: Submission; us: number; stateHash: string; parent: string };

/** Accepted submissions with the states of their blocks, and when the server took them: no row says which of them count. */
function acceptedStates({ head, blocks }: Evidence, facts: Facts): SentState[] {
  const { rows } = facts.matched(head.verifiedIn);
  const states: SentState[] = [];
  for (const submission of facts.submissions.values()) {
    const state = blocks.get(submission.sent.block_hash)?.state ?? null;
    if (!submission.isAccepted || state === null) continue;
    const [row] = rows.get(submission.id) ?? [];
    const { sent_ms: sentMs } = submission.sent;
    const us = row === undefined ? Math.floor(sentMs / 1000) * SECOND_US : microsecondsOf(row.submitted_at!); // prettier-ignore
    states.push({ submission, us, stateHash: state.stateHash, parent: state.parent });
  }
  return states;
}

const disturbedOf = ({ events }: Evidence): DisturbedFields[] =>
  events.flatMap(({ kind, fields }) => (kind === 'disturbed' ? [fields as DisturbedFields] : []));

const scoreAsSent: Assertion = {
  name: 'score-as-sent',
  title:
    'in a run that was disturbed, points are those that follow from what was sent and accepted, and who was disturbed lost what it had to and no more',
  needs: ['disturbances', 'requests sent', 'blocks', 'batches', 'table points_summary', 'table nodes'], // prettier-ignore
  check(evidence, facts) {
    const { head, tables } = evidence;
    const faults = new Faults();
    const keys = new Map((tables.nodes ?? []).map(({ id, block_producer_key: key }) => [id, key ?? ''])); // prettier-ignore
    const summaries = byBatch(tables.points_summary ?? []);
    const states = acceptedStates(evidence, facts);
    const disturbed = disturbedOf(evidence);
    const counts = { batches: 0, due: 0, 'without a point': 0 };
    let previous: Recomputed['shortlist'] = new Map();
    for (const { batch } of facts.countedBatches) {
      const within = states.filter(
        ({ us }) => us >= batch.startSeconds * SECOND_US && us < batch.endSeconds * SECOND_US,
      );
      const { shortlist } = recomputeBatch(
        within.map(({ submission: { sent }, stateHash, parent }) => ({ submitter: sent.submitter, stateHash, parent })), // prettier-ignore
        previous,
      );
      if (head.coordinator.keepsPrevious) previous = shortlist;
      const due = new Set(within.filter(({ stateHash }) => shortlist.has(stateHash)).map(({ submission }) => submission.sent.submitter)); // prettier-ignore
      const scored = new Set((summaries.get(batch.botLogId) ?? []).map(({ node_id: id }) => keys.get(id) ?? '')); // prettier-ignore
      counts.batches++;
      counts.due += due.size;
      for (const submitter of due)
        if (!scored.has(submitter))
          faults.add(() => ({ what: `no point in the batch ${nameOf(batch)}, and what it sent is worth one`, submitter, ...ofBatch(batch) })); // prettier-ignore
      for (const submitter of scored)
        if (!due.has(submitter))
          faults.add(() => ({ what: `a point in the batch ${nameOf(batch)}, and nothing that it sent is worth one`, submitter, ...ofBatch(batch) })); // prettier-ignore
      for (const one of disturbed.filter(
        ({ fromMs, untilMs }) =>
          fromMs <= batch.startSeconds * 1000 && batch.endSeconds * 1000 <= untilMs,
      ))
        for (const submitter of one.submitters) {
          const sent = within.filter(({ submission }) => submission.sent.submitter === submitter).length; // prettier-ignore
          const isScored = scored.has(submitter);
          if (!isScored) counts['without a point']++;
          const problem = problemOf(one, { sent, isScored, refusals: refusalsOf(submitter, batch, facts) }); // prettier-ignore
          if (problem !== null)
            faults.add(() => ({ what: `${one.name}, ${nameOf(batch)}: ${problem}`, submitter, ...ofBatch(batch) })); // prettier-ignore
        }
    }
    return found(faults, { disturbances: disturbed.length, ...counts });
  },
};

/** Of its requests in that time those that were answered 401. */
const refusalsOf = (
  submitter: string,
  { startSeconds, endSeconds }: Batch,
  { submissions }: Facts,
): number =>
  [...submissions.values()].filter(
    ({ sent, attempts }) =>
      sent.submitter === submitter &&
      sent.sent_ms >= startSeconds * 1000 &&
      sent.sent_ms < endSeconds * 1000 &&
      attempts.some(({ status }) => status === 401),
  ).length;

/** @param seen accepted submissions of the batch, whether it has a point, how many were refused for their signature */
export function problemOf(
  { expected }: Pick<DisturbedFields, 'expected'>,
  { sent, isScored, refusals }: { sent: number; isScored: boolean; refusals: number },
): string | null {
  switch (expected) {
    case 'nothing accepted':
      return sent > 0 ? `${sent} submissions were accepted, and it was to be silent` : null;
    case 'refused':
      return sent > 0
        ? `${sent} submissions were accepted, and its signatures were wrong`
        : refusals === 0
          ? 'none of its submissions was refused with 401'
          : null;
    case 'nothing lost':
      return isScored ? null : 'it has no point';
    case 'no point':
      return sent === 0 ? 'none of its submissions was accepted' : isScored ? 'it has a point' : null; // prettier-ignore
  }
}

export const DISTURBED_ASSERTIONS: readonly Assertion[] = [scoreAsSent];
