/** All assertions, and how they are run: each by itself, whatever became of the others. Pure. */
import type { Evidence } from '../dump/evidence.ts';
import type { TableName } from '../dump/types.ts';
import type { Assertion, Finding, Need } from './assertion.ts';
import { Facts } from './facts.ts';
import { ANSWER_ASSERTIONS } from './answers.ts';
import { BATCH_ASSERTIONS } from './batches.ts';
import { BLOCK_ASSERTIONS } from './blocks.ts';
import { DISTURBED_ASSERTIONS } from './disturbed.ts';
import { SCORE_ASSERTIONS } from './scores.ts';
import { STORAGE_ASSERTIONS } from './storage.ts';
import { VERIFICATION_ASSERTIONS } from './verification.ts';

export const ASSERTIONS: readonly Assertion[] = [
  ...STORAGE_ASSERTIONS,
  ...BLOCK_ASSERTIONS,
  ...VERIFICATION_ASSERTIONS,
  ...BATCH_ASSERTIONS,
  ...SCORE_ASSERTIONS,
  ...DISTURBED_ASSERTIONS,
  ...ANSWER_ASSERTIONS,
];

/** `no data`: what it needs is not there, so nothing is claimed; `lacks` says what. */
export type Judged = Pick<Assertion, 'name' | 'title'> &
  (
    | ({ outcome: 'held' | 'failed' } & Omit<Finding, 'held'>)
    | { outcome: 'no data'; lacks: string[] }
  );

/** @param facts of this evidence, where others look at them, too */
export function judge(
  evidence: Evidence,
  assertions: readonly Assertion[] = ASSERTIONS,
  facts = new Facts(evidence),
): Judged[] {
  return assertions.map(({ name, title, needs, check }) => {
    const lacks = needs.filter((need) => !has(need, evidence, facts));
    if (lacks.length > 0) return { name, title, outcome: 'no data', lacks };
    const { held, ...finding } = check(evidence, facts);
    if (held === null) return { name, title, outcome: 'no data', lacks: [finding.note ?? 'data'] };
    return { name, title, outcome: held ? 'held' : 'failed', ...finding };
  });
}

const HAS: Record<
  Exclude<Need, `table ${string}`>,
  (evidence: Evidence, facts: Facts) => boolean
> = {
  'requests sent': ({ sent }) => sent.length > 0,
  'expected submitters': ({ head }) => head.expected.submitters.length > 0,
  'accepted submissions': ({ sent }) => sent.some(({ status }) => status === 200),
  'stored rows': ({ storages }) => [...storages.values()].some((rows) => rows.length > 0),
  'several storages': ({ storages }) => storages.size > 1,
  blocks: ({ blocks }) => blocks.size > 0,
  batches: (_, { batches }) => batches.length > 0,
  'times of batches': (_, { commits }) => commits.size > 1,
  'leaderboard answers': ({ leaderboard }) => leaderboard.length > 0,
  logs: ({ logs }) => logs.length > 0,
  'searched lines': ({ searchedLines }) => searchedLines > 0,
  'verifier calls': ({ events }) => events.some(({ kind }) => kind === 'mini-batch'),
  'an hourly limit': ({ head }) => head.hourlyLimit !== null,
  'a cutover': ({ head }) => head.cutoverMs !== null,
  disturbances: ({ events }) => events.some(({ kind }) => kind === 'disturbed'),
};

function has(need: Need, evidence: Evidence, facts: Facts): boolean {
  return need in HAS
    ? HAS[need as keyof typeof HAS](evidence, facts)
    : evidence.tables[need.slice('table '.length) as TableName] !== undefined;
}
