/** Assertions about what the verifier wrote. Pure. */
import { ERA_NAMES } from '../../mina/eras.ts';
import { errorClassOf, type ErrorClass } from '../../stack/coordinator/error-class.ts';
import { timeOfMs } from '../dump/times.ts';
import type { Evidence } from '../dump/evidence.ts';
import type { DumpHead, MiniBatchFields } from '../dump/types.ts';
import { type Assertion, cannotJudge, type Example, Faults, found } from './assertion.ts';
import type { Facts, VerifiedRow } from './facts.ts';

const exampleOf = (
  { head }: Evidence,
  facts: Facts,
  { row }: VerifiedRow,
  what: string,
): Example => {
  const submission = facts.matched(head.verifiedIn).submissionOf.get(row);
  return {
    what: `${row.where}: ${what}`,
    submitter: row.submitter!,
    ...(submission !== undefined && { submission: submission.id }),
  };
};

const allVerified: Assertion = {
  name: 'all-verified',
  title: 'every stored row of a batch is verified, or refused with a reason',
  needs: ['stored rows', 'batches'],
  check(evidence, facts) {
    const faults = new Faults();
    const counts = { rows: 0, verified: 0, refused: 0 };
    for (const { rows } of facts.windows)
      for (const one of rows) {
        counts.rows++;
        if (one.row.validation_error) counts.refused++;
        else if (one.row.verified === true) counts.verified++;
        else faults.add(() => exampleOf(evidence, facts, one, 'neither verified nor refused'));
      }
    return found(faults, counts);
  },
};

const statesRight: Assertion = {
  name: 'states-right',
  title: 'state hash, parent, height and slot of every verified row are those of its block',
  needs: ['stored rows', 'blocks'],
  check(evidence, facts) {
    const faults = new Faults();
    const counts = { rows: 0, 'block not there': 0 };
    for (const one of facts.rows) {
      const { row } = one;
      const isRefused = Boolean(row.validation_error);
      // A refused row has none, or the right ones.
      if (row.verified !== true || (isRefused && !row.state_hash)) continue;
      counts.rows++;
      const state = evidence.blocks.get(row.block_hash!)?.state ?? null;
      if (state === null) {
        counts['block not there']++;
        continue;
      }
      const wanted = { state_hash: state.stateHash, parent: state.parent, height: state.height, slot: state.slot }; // prettier-ignore
      for (const [field, value] of Object.entries(wanted)) {
        const has = row[field as keyof typeof wanted] ?? null;
        if (has !== value)
          faults.add(
            () =>
            exampleOf(evidence, facts, one, `${field} is ${String(has)}, and its block says ${value}`), // prettier-ignore
          );
      }
    }
    return counts.rows === counts['block not there']
      ? cannotJudge('verified rows whose block is there')
      : found(faults, counts);
  },
};

/** An assertion about one class of the verifier's errors. */
function noRefusal(
  name: string,
  title: string,
  errorClass: ErrorClass,
  isExpected: (evidence: Evidence, row: VerifiedRow) => boolean = () => false,
): Assertion {
  return {
    name,
    title,
    needs: ['stored rows', 'batches'],
    check(evidence, facts) {
      const faults = new Faults();
      const counts = { rows: 0, refused: 0, expected: 0 };
      const isAllowed = evidence.head.allowed.errorClasses.includes(errorClass);
      for (const one of facts.rows) {
        counts.rows++;
        const { validation_error: error } = one.row;
        if (!error || errorClassOf(error) !== errorClass) continue;
        counts.refused++;
        if (isExpected(evidence, one)) counts.expected++;
        else if (!isAllowed) faults.add(() => exampleOf(evidence, facts, one, error));
      }
      return found(faults, counts, isAllowed ? `${errorClass} is allowed here` : undefined);
    },
  };
}

const noSokRefusal = noRefusal(
  'no-sok-refusal',
  'no submission is refused for the digest of its snark work, which is the node’s fault and not the producer’s',
  'sok-mismatch',
);
const proofsAccepted = noRefusal(
  'proofs-accepted',
  'no proof is refused, but those of blocks of the other era',
  'proof',
  ({ head, blocks }, { row, us }) => {
    const era = blocks.get(row.block_hash!)?.state?.era;
    return head.cutoverMs !== null && era !== undefined && era !== eraOfTime(head, us / 1000);
  },
);
const blocksDecoded = noRefusal(
  'blocks-decoded',
  'no block is refused as undecodable that this project’s decoder reads',
  'block-undecodable',
  ({ blocks }, { row }) => {
    const block = blocks.get(row.block_hash!);
    return block !== undefined && block.isRight && block.state === null;
  },
);
const errorsKnown = noRefusal(
  'errors-known',
  'no submission is refused with an error that nobody knows',
  'unknown',
);

/** Which era the verifier of this time of the server is of. */
const eraOfTime = ({ eras }: DumpHead, ms: number): string | undefined =>
  eras.find(({ fromMs, untilMs }) => (fromMs ?? -Infinity) <= ms && ms < (untilMs ?? Infinity))
    ?.name;

const callsOf = ({ events }: Evidence): { endedMs: number; call: MiniBatchFields }[] =>
  events
    .filter(({ kind }) => kind === 'mini-batch')
    .map(({ at_ms: endedMs, fields }) => ({ endedMs, call: fields as MiniBatchFields }));

const isEra = (rule: string | undefined): boolean =>
  (ERA_NAMES as readonly string[]).includes(rule ?? '');

const ruleOfTime: Assertion = {
  name: 'rule-of-time',
  title:
    'each part of a batch is verified by the rule of its time: before the cutover the old era’s, from then on the new one’s',
  needs: ['verifier calls'],
  check(evidence) {
    const faults = new Faults();
    const calls = callsOf(evidence);
    const { head } = evidence;
    const ofEra = calls.filter(({ call }) => isEra(call.rule));
    if (ofEra.length === 0) return cannotJudge('verifier calls that say their rule');
    for (const { call } of ofEra) {
      const [first, last] = [eraOfTime(head, call.fromMs), eraOfTime(head, call.untilMs - 1)];
      const range = `${timeOfMs(call.fromMs)} to ${timeOfMs(call.untilMs)}`;
      if (first !== last)
        faults.add(() => ({ what: `${range} is verified in one call, across the cutover` }));
      else if (first !== undefined && call.rule !== first)
        faults.add(() => ({ what: `${range} is verified as ${call.rule!}, not as ${first}` }));
    }
    return found(faults, {
      calls: calls.length,
      'rule not known': calls.length - ofEra.length,
    });
  },
};

const verifierCovers: Assertion = {
  name: 'verifier-covers',
  title:
    'the calls of the verifier cover the time of every batch, and the last call of each part ended well',
  needs: ['verifier calls', 'batches'],
  check(evidence, facts) {
    const faults = new Faults();
    const calls = callsOf(evidence).sort((a, b) => a.call.fromMs - b.call.fromMs);
    const good = calls.filter(({ call }) => call.failure === undefined);
    let first = 0;
    for (const { batch } of facts.windows) {
      const [from, until] = [batch.startSeconds * 1000, batch.endSeconds * 1000];
      while (first < good.length && good[first].call.untilMs <= from) first++;
      let at = from;
      for (let i = first; i < good.length && good[i].call.fromMs <= at; i++)
        at = Math.max(at, good[i].call.untilMs);
      if (at < until)
        faults.add(() => ({
          what: `nothing was verified from ${timeOfMs(at)} on`,
          batch: { startSeconds: batch.startSeconds, endSeconds: batch.endSeconds },
        }));
    }
    return found(faults, { calls: calls.length, failed: calls.length - good.length });
  },
};

const forkRule: Assertion = {
  name: 'fork-rule',
  title:
    'at a hard fork each submission is judged by the rule of the time at which it was taken: blocks of that era count, those of the other are refused for their proof',
  needs: ['a cutover', 'stored rows', 'blocks'],
  check(evidence, facts) {
    const { head, blocks } = evidence;
    const faults = new Faults();
    const counts: Record<string, number> = {};
    const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1);
    for (const one of facts.rows) {
      const { row, us } = one;
      const era = blocks.get(row.block_hash!)?.state?.era;
      const rule = eraOfTime(head, us / 1000);
      if (era === undefined || rule === undefined || row.verified !== true) continue;
      const isRefused = row.validation_error
        ? errorClassOf(row.validation_error) === 'proof'
        : false;
      count(`${era} ${isRefused ? 'refused' : 'taken'} by the rule of ${rule}`);
      if (isRefused === (era !== rule)) continue;
      faults.add(
        () =>
        exampleOf(evidence, facts, one, `a block of ${era} at the time of ${rule} ${isRefused ? 'is refused' : 'is not refused for its proof'}`), // prettier-ignore
      );
    }
    return found(faults, counts);
  },
};

export const VERIFICATION_ASSERTIONS: readonly Assertion[] = [
  forkRule,
  allVerified,
  statesRight,
  noSokRefusal,
  proofsAccepted,
  blocksDecoded,
  errorsKnown,
  ruleOfTime,
  verifierCovers,
];
