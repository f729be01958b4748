/** Assertions about what the backend answered and what its storages hold. Pure. */
import { microsecondsOf, wholeSeconds } from '../dump/times.ts';
import type { SentRow, StoredRow } from '../dump/types.ts';
import { type Assertion, type Example, Faults, found } from './assertion.ts';
import { type Facts, SECOND_US, type Submission } from './facts.ts';

const HOUR_MS = 3_600_000;
/** Of the answer ANSWERS.sameSecond, stack/backend/checks.ts. */
const SAME_SECOND = 'one submission per second';

const ofSubmission = ({ id, sent }: Submission): Pick<Example, 'submission' | 'submitter'> => ({
  submission: id,
  submitter: sent.submitter,
});

const acceptedStoredOnce: Assertion = {
  name: 'accepted-stored-once',
  title: 'every accepted submission is in each storage once',
  needs: ['accepted submissions'],
  check({ head }, facts) {
    const faults = new Faults();
    let accepted = 0;
    for (const { isAccepted } of facts.submissions.values()) if (isAccepted) accepted++;
    const counts: Record<string, number> = { accepted };
    for (const { name } of head.storages) {
      const { rows, missing } = facts.matched(name);
      for (const submission of missing)
        faults.add(() => ({ what: `accepted, and not in ${name}`, ...ofSubmission(submission) }));
      let doubled = 0;
      for (const [id, stored] of rows) {
        const submission = facts.submissions.get(id)!;
        // An attempt without an answer may have been stored, and so may the next one.
        if (stored.length <= Math.max(1, submission.mayBeStored)) continue;
        doubled++;
        faults.add(() => ({
          what: `${stored.length} times in ${name}: ${stored.map(({ where }) => where).join(', ')}`,
          ...ofSubmission(submission),
        }));
      }
      counts[`missing in ${name}`] = missing.length;
      counts[`more than once in ${name}`] = doubled;
    }
    return found(faults, counts);
  },
};

const sameSecondPairs: Assertion = {
  name: 'same-second-pairs',
  title:
    'of two submissions of one submitter in one second none is lost, or, where that is allowed, the one that the storage is known to drop',
  needs: ['accepted submissions', 'stored rows'],
  check({ head }, facts) {
    const faults = new Faults();
    const counts: Record<string, number> = { submissions: facts.submissions.size };
    for (const { name, keeps } of head.storages) {
      const { displaced, submissionOf } = facts.matched(name);
      counts[`lost in ${name}`] = displaced.size;
      for (const [id, row] of displaced) {
        const lost = facts.submissions.get(id)!;
        const kept = submissionOf.get(row)!;
        const isKnown = head.allowed.sameSecondLoss && mayHaveKept(keeps, kept, lost);
        if (isKnown) continue;
        faults.add(() => ({
          what: `accepted, and ${name} holds another one of that second instead, submission ${kept.id} (${row.where})`,
          ...ofSubmission(lost),
        }));
      }
    }
    return found(
      faults,
      counts,
      head.allowed.sameSecondLoss ? 'the loss of one of a pair is allowed' : undefined,
    );
  },
};

/** Whether `kept` may have come first (last) of the two: their requests may overlap. */
function mayHaveKept(keeps: 'first' | 'last', kept: Submission, lost: Submission): boolean {
  const [first, last] = keeps === 'first' ? [kept, lost] : [lost, kept];
  return first.sent.sent_ms <= (last.attempts.at(-1)!.answered_ms ?? Infinity);
}

const storedAsSent: Assertion = {
  name: 'stored-as-sent',
  title: 'every stored row can be read, was sent, and has the fields and the second of a request',
  needs: ['requests sent', 'stored rows'],
  check({ head, storages }, facts) {
    const faults = new Faults();
    const counts: Record<string, number> = {};
    for (const { name } of head.storages) {
      const { unreadable, foreign, submissionOf } = facts.matched(name);
      let different = 0;
      for (const row of storages.get(name) ?? []) {
        const submission = submissionOf.get(row);
        if (submission === undefined) continue;
        const fields = differencesOf(row, submission);
        if (fields.length === 0) continue;
        different++;
        faults.add(() => ({
          what: `${row.where} in ${name} differs in ${fields.join(', ')}`,
          ...ofSubmission(submission),
        }));
      }
      for (const row of unreadable)
        faults.add(() => ({ what: `${row.where} in ${name}: ${row.fault!}` }));
      for (const row of foreign)
        faults.add(() => ({
          what: `${row.where} in ${name} was not sent${nearest(row, facts)}`,
          submitter: row.submitter!,
        }));
      counts[`rows in ${name}`] = storages.get(name)?.length ?? 0;
      counts[`unreadable in ${name}`] = unreadable.length;
      counts[`not sent, in ${name}`] = foreign.length;
      counts[`different in ${name}`] = different;
    }
    return found(faults, counts);
  },
};

function differencesOf(row: StoredRow, { sent, attempts }: Submission): string[] {
  const fields: string[] = [];
  if ((row.graphql_control_port ?? 0) !== (sent.graphql_control_port ?? 0))
    fields.push('graphql_control_port');
  if ((row.built_with_commit_sha ?? '') !== (sent.built_with_commit_sha ?? ''))
    fields.push('built_with_commit_sha');
  // The verifier empties it.
  if (row.verified === undefined && row.snark_work !== sent.snark_work) fields.push('snark_work');
  const second = Math.floor(microsecondsOf(row.submitted_at!) / SECOND_US);
  const isOfRequest = attempts.some(
    ({ sent_ms: sentMs, answered_ms: answeredMs = Infinity }) =>
      Math.floor(sentMs / 1000) <= second && second <= Math.floor(answeredMs / 1000),
  );
  if (!isOfRequest) fields.push('submitted_at, which is in no request’s time');
  return fields;
}

/** Which field keeps a row from being one that was sent. */
function nearest(row: StoredRow, { submissions }: Facts): string {
  const fields = ['submitter', 'created_at', 'block_hash', 'peer_id'] as const;
  const valueOf = (one: SentRow | StoredRow, field: (typeof fields)[number]): string =>
    field === 'created_at' ? wholeSeconds(one.created_at!) : one[field]!;
  for (const { id, sent } of submissions.values()) {
    const others = fields.filter((field) => valueOf(row, field) !== valueOf(sent, field));
    if (others.length === 1) return `: it is submission ${id} but for its ${others[0]}`;
  }
  return '';
}

const storagesAgree: Assertion = {
  name: 'storages-agree',
  title: 'all storages hold the same submissions, but for pairs of one second',
  needs: ['several storages', 'stored rows'],
  check({ head, storages }, facts) {
    const faults = new Faults();
    const keyOf = (row: StoredRow): string =>
      `${row.submitter!} ${wholeSeconds(row.submitted_at!)}`;
    // Not by what they hold: of a pair they keep different ones, which is the matter of another assertion.
    const keys = head.storages.map(({ name }) => ({
      name,
      rows: new Map(
        (storages.get(name) ?? [])
          .filter(({ fault }) => fault === undefined)
          .map((row) => [keyOf(row), row] as const),
      ),
    }));
    const counts: Record<string, number> = {};
    for (const { name, rows } of keys) {
      counts[`rows in ${name}`] = rows.size;
      for (const other of keys)
        if (other.name !== name)
          for (const [key, row] of rows) {
            if (other.rows.has(key)) continue;
            const submission = facts.matched(name).submissionOf.get(row);
            faults.add(() => ({
              what: `${row.where} of ${name} is not in ${other.name}`,
              submitter: row.submitter!,
              ...(submission !== undefined && { submission: submission.id }),
            }));
          }
    }
    return found(faults, counts);
  },
};

const hourlyLimit: Assertion = {
  name: 'hourly-limit',
  title:
    'no submitter has more accepted submissions in any hour than the limit, and none is refused below it',
  needs: ['an hourly limit', 'requests sent'],
  check({ head, sent }) {
    const faults = new Faults();
    const limit = head.hourlyLimit!;
    const bySubmitter = new Map<string, { accepted: SentRow[]; limited: SentRow[] }>();
    for (const row of sent) {
      if (row.status !== 200 && !isLimited(row)) continue;
      let of = bySubmitter.get(row.submitter);
      if (of === undefined) bySubmitter.set(row.submitter, (of = { accepted: [], limited: [] }));
      (row.status === 200 ? of.accepted : of.limited).push(row);
    }
    let most = 0;
    let refused = 0;
    for (const { accepted, limited } of bySubmitter.values()) {
      accepted.sort((a, b) => a.sent_ms - b.sent_ms);
      // Between request and answer: the least and the most that an hour of the server can hold.
      let first = 0;
      accepted.forEach((row, i) => {
        while (accepted[first].sent_ms <= endOf(row) - HOUR_MS) first++;
        most = Math.max(most, i - first + 1);
        if (i - first + 1 === limit + 1)
          faults.add(() => ({
            what: `${limit + 1} accepted within an hour, of ${limit} that may be`,
            submission: row.id,
            submitter: row.submitter,
          }));
      });
      for (const row of limited) {
        refused++;
        const within = accepted.filter(
          (one) => endOf(one) > row.sent_ms - HOUR_MS && one.sent_ms < endOf(row),
        ).length;
        if (within < limit)
          faults.add(() => ({
            what: `refused with 429 after ${within} accepted ones, of ${limit} that may be`,
            submission: row.id,
            submitter: row.submitter,
          }));
      }
    }
    return found(faults, { limit, 'most in an hour': most, 'refused with 429': refused });
  },
};

/** A 429 that is not of the embedded backend's storages: they keep one submission a second, and it says so. */
const isLimited = ({ status, message = '' }: SentRow): boolean =>
  status === 429 && !message.includes(SAME_SECOND);

const endOf = ({ sent_ms: sentMs, answered_ms: answeredMs }: SentRow): number =>
  answeredMs ?? sentMs;

const serverAnswers: Assertion = {
  name: 'server-answers',
  title: 'no more requests than allowed are answered with an error of the server, or not at all',
  needs: ['requests sent'],
  check({ head, sent }) {
    const failed = sent.filter(({ status = 0 }) => status === 0 || status >= 500);
    const faults = new Faults();
    const share = failed.length / sent.length;
    if (share > head.allowed.serverErrors)
      for (const { id, submitter, status = 0, message } of failed)
        faults.add(() => ({
          what: `${status === 0 ? 'no answer' : `answered ${status}`}${message === undefined ? '' : `: ${message}`}`,
          submission: id,
          submitter,
        }));
    return found(faults, { requests: sent.length, failed: failed.length });
  },
};

const refusedForCause: Assertion = {
  name: 'refused-for-cause',
  title: 'no expected submitter is refused',
  needs: ['requests sent'],
  check({ head, sent }, facts) {
    const expected = new Set(head.expected.submitters);
    const faults = new Faults();
    let refused = 0;
    for (const { id, submitter, status = 0, message, sent_ms: sentMs } of sent) {
      // 429 is the matter of another assertion.
      if (status < 300 || status >= 500 || status === 429) continue;
      refused++;
      if (expected.has(submitter) && facts.isExpected(submitter, sentMs, sentMs + 1))
        faults.add(() => ({
          what: `answered ${status}${message === undefined ? '' : `: ${message}`}`,
          submission: id,
          submitter,
        }));
    }
    return found(faults, { requests: sent.length, refused });
  },
};

const submittersAgree: Assertion = {
  name: 'submitters-agree',
  title:
    'the submitters are the same in what was accepted, in every storage, and, as far as their rows count, in the coordinator’s nodes, and none is unknown',
  needs: ['stored rows'],
  check(evidence, facts) {
    const { head, storages, tables } = evidence;
    const faults = new Faults();
    const accepted = new Set<string>();
    const stored = new Set(
      [...storages.values()].flatMap((rows) => rows.flatMap(({ submitter }) => submitter ?? [])),
    );
    for (const { isAccepted, mayBeStored, sent } of facts.submissions.values())
      if (isAccepted || (mayBeStored > 0 && stored.has(sent.submitter)))
        accepted.add(sent.submitter);
    // Of nodes of their own nobody knows what they sent: then the storages are compared with one another.
    const isKnown = facts.submissions.size > 0;
    const counts: Record<string, number> = isKnown ? { accepted: accepted.size } : {};
    const known = new Set(head.expected.submitters);
    if (known.size > 0)
      for (const submitter of stored)
        if (!known.has(submitter))
          faults.add(() => ({ what: 'is no block producer of this network', submitter }));
    const compare = (what: string, of: ReadonlySet<string>, wanted: ReadonlySet<string>): void => {
      counts[what] = of.size;
      for (const submitter of wanted)
        if (!of.has(submitter)) faults.add(() => ({ what: `not in ${what}`, submitter }));
      for (const submitter of of)
        if (!wanted.has(submitter))
          faults.add(() => ({ what: `in ${what}, where it does not belong`, submitter }));
    };
    for (const { name } of head.storages) {
      const rows = storages.get(name);
      // Recorded runs of a coordinator have its tables alone.
      if (rows === undefined && !isKnown) continue;
      compare(
        name,
        new Set((rows ?? []).flatMap(({ submitter }) => submitter ?? [])),
        isKnown ? accepted : stored,
      );
    }
    const { nodes } = tables;
    if (nodes !== undefined)
      compare(
        'nodes',
        new Set(nodes.flatMap(({ block_producer_key: key }) => key ?? [])),
        new Set(
          facts.countedBatches.flatMap(({ counting }) => counting.map(({ row }) => row.submitter!)),
        ),
      );
    return found(faults, counts);
  },
};

export const STORAGE_ASSERTIONS: readonly Assertion[] = [
  serverAnswers,
  refusedForCause,
  hourlyLimit,
  acceptedStoredOnce,
  sameSecondPairs,
  storedAsSent,
  storagesAgree,
  submittersAgree,
];
