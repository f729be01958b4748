/** Why a run is judged as it is: from counted facts to reasons, and which of them decides. Pure. */
import { ACCEPTED } from '../results/answers.ts';
import type { Gate, Reconcile, Summary, VerdictHint, VerdictReason } from '../results/types.ts';
import { EXIT, type ExitCode } from '../user-error.ts';

export type Facts = {
  figures: Summary['figures'];
  /** What broke, in the user's words, e.g. `the backend ended after 12 s (signal SIGKILL)`; empty: nothing. */
  broken: readonly string[];
  /** Accepted submissions that are not in the target's storage; absent or null: nobody knows. */
  missing?: number | null;
  interrupted: boolean;
  /** What was made to go wrong on purpose; absent or null: nothing was on. */
  faults?: FaultFacts | null;
  /** Why the generator was the bottleneck (judge/generator-limit.ts), with the name of the cause where it is known; null: it was not. */
  generatorLimit: string | { cause: string; sentence: string } | null;
};

/** Turns that were on, and the errors in their time. */
export type FaultFacts = { turns: number; errors: number; of: number };

/** @returns null: none of them was on */
export function faultFacts(
  figures: NonNullable<Summary['faults']>,
  { errors, of }: { errors: number; of: number },
): FaultFacts | null {
  const turns = figures.filter(({ fromMs }) => fromMs !== null).length;
  return turns === 0 ? null : { turns, errors, of };
}

/** Accepted submissions that the target lost: not those that the run itself sent too near to one another. @returns null: nobody knows */
export const lossesOf = ({
  notStored,
  look,
}: Pick<Reconcile, 'notStored' | 'look'>): number | null =>
  notStored === null ? null : notStored - (look?.ownPairs ?? 0);

/** The exit code of each kind, in the order of their weight; null: it explains, but decides nothing. */
const CODES: Readonly<Record<VerdictReason['kind'], ExitCode | null>> = {
  broken: EXIT.broken,
  interrupted: EXIT.interrupted,
  // What was lost is lost, however fast the generator was.
  'end to end': EXIT.gateFailed,
  'no data': EXIT.noData,
  'generator-limited': EXIT.generatorLimited,
  'lowest rate failed': EXIT.gateFailed,
  'not confirmed': EXIT.gateFailed,
  gate: EXIT.gateFailed,
  'end to end not judged': EXIT.noData,
  missing: null,
  faults: null,
  'most frequent error': null,
};
const ORDER = Object.keys(CODES);

/** What the first of `reasons` that decides says; without one the run has passed. Unknown kinds, of a later toolkit, decide nothing. */
export function decisionOf(reasons: readonly VerdictReason[]): {
  exitCode: ExitCode;
  kind: VerdictReason['kind'] | null;
} {
  for (const { kind } of inOrder(reasons)) {
    const exitCode = CODES[kind] ?? null;
    if (exitCode !== null) return { exitCode, kind };
  }
  return { exitCode: EXIT.passed, kind: null };
}

/** By weight; those of one kind stay in their order. */
export const inOrder = (reasons: readonly VerdictReason[]): VerdictReason[] =>
  [...reasons].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));

/** All that can be said against a run, whichever of it decides. */
export function reasonsOf(facts: Facts, gates: readonly Gate[]): VerdictReason[] {
  const { figures, broken, interrupted, generatorLimit, missing, faults = null } = facts;
  const error = mostFrequentError(figures);
  return inOrder([
    ...broken.map((words): VerdictReason => ({ kind: 'broken', words })),
    ...(interrupted ? [{ kind: 'interrupted' } as const] : []),
    ...(figures.sent === 0
      ? [{ kind: 'no data', failedIterations: figures.failedIterations } as const]
      : []),
    ...(generatorLimit === null ? [] : [limitReason(generatorLimit)]),
    ...reasonsOfGates(gates),
    ...(missing ? [{ kind: 'missing', count: missing } as const] : []),
    ...(faults === null ? [] : [{ kind: 'faults', ...faults } as const]),
    ...(error === null ? [] : [error]),
  ]);
}

const limitReason = (limit: NonNullable<Facts['generatorLimit']>): VerdictReason =>
  typeof limit === 'string'
    ? { kind: 'generator-limited', words: limit }
    : { kind: 'generator-limited', cause: limit.cause, words: limit.sentence };

export const reasonsOfGates = (gates: readonly Gate[]): VerdictReason[] =>
  gates.flatMap(({ name, state, value, unit }): VerdictReason[] =>
    state === 'pass' ? [] : [{ kind: 'gate', name, state, value, unit }],
  );

/**
 * The most frequent answer that was not expected, with the target's own words where it gave some. Where some bodies must be refused,
 * a status alone does not tell who was refused rightly: then only one that cannot be all expected is named.
 * @returns null: every answer was expected, or which were not cannot be told
 */
export function mostFrequentError({
  sent,
  accepted,
  expected = accepted,
  answers,
  refusals = [],
}: Summary['figures']): Extract<VerdictReason, { kind: 'most frequent error' }> | null {
  const errors = sent - expected;
  if (errors <= 0) return null;
  const mustRefuse = expected > accepted;
  const counts = Object.entries(answers)
    .map(([answer, count]) => [answer, answer === ACCEPTED ? count - accepted : count] as const)
    .filter(([answer, count]) => count > 0 && (!mustRefuse || answer.startsWith('error:')));
  if (counts.length === 0) return null;
  const [answer, count] = counts.reduce((most, one) => (one[1] > most[1] ? one : most));
  const text = refusals
    .filter((refusal) => refusal.answer === answer && refusal.text !== '')
    .sort((one, other) => other.count - one.count)
    .at(0)?.text;
  const hint = count === sent ? hintOf(answer, text) : undefined;
  return {
    kind: 'most frequent error',
    answer,
    count,
    of: errors,
    ...(text !== undefined && { text }),
    ...(hint !== undefined && { hint }),
  };
}

/** Words of the uptime backend (src/delegation_backend/submit.go), each of which has one usual cause where all are refused. */
const HINTS: readonly [answer: RegExp, text: RegExp, hint: VerdictHint][] = [
  [/^400$/, /timestamp in future/i, 'clock'],
  [/^401$/, /invalid signature/i, 'network'],
  [/^401$/, /not registered|whitelist/i, 'whitelist'],
  [/^(?:404|200|error:1212|error:110[01])$/, /^/, 'address'],
];

const hintOf = (answer: string, text = ''): VerdictHint | undefined =>
  HINTS.find(([ofAnswer, ofText]) => ofAnswer.test(answer) && ofText.test(text))?.[2];
