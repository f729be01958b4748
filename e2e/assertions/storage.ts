/** Assertions about what the backend accepted and what its storages hold. Pure. */
import { type Assertion, Faults, found } from './assertion.ts';

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
      for (const { id, sent } of missing)
        faults.add(() => ({
          what: `accepted, and not in ${name}`,
          submission: id,
          submitter: sent.submitter,
        }));
      let doubled = 0;
      for (const [id, stored] of rows) {
        const submission = facts.submissions.get(id)!;
        if (stored.length <= Math.max(1, submission.mayBeStored)) continue;
        doubled++;
        faults.add(() => ({
          what: `${stored.length} times in ${name}: ${stored.map(({ where }) => where).join(', ')}`,
          submission: id,
          submitter: submission.sent.submitter,
        }));
      }
      counts[`missing in ${name}`] = missing.length;
      counts[`more than once in ${name}`] = doubled;
    }
    return found(faults, counts);
  },
};

export const STORAGE_ASSERTIONS: readonly Assertion[] = [acceptedStoredOnce];
