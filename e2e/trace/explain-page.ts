/** Why a block producer has a point in a batch, or none, as lines for people: what `npm run explain` prints. Pure. */
import { decode } from '../../mina/base58check.ts';
import { countOf } from '../../results/units.ts';
import { ERROR_CLASSES } from '../../stack/coordinator/error-class.ts';
import { type BatchFacts, neededSupporters, type ProducerFacts, type Reason, type RowFacts } from '../../stack/coordinator/explain.ts'; // prettier-ignore
import { MOST_WEIGHT, UNREACHED } from '../../stack/coordinator/scoring.ts';
import { miniBatchOf, utcSeconds } from '../../stack/coordinator/window.ts';
import type { StoredSubmission } from '../../stack/storage/storage.ts';

/** What another storage has of the same producer and time. */
export type OtherStorage = { storage: string; keeps: string; entries: StoredSubmission[] };

const WORDS: Record<Reason, string> = {
  point: 'it has a point',
  credited: 'it has a point that was credited afterwards: no row of it counts',
  'batch excluded': 'the batch was excluded: it is no survey, and nobody has a point',
  'batch never counted': 'the batch was never counted: no row of bot_logs has this time',
  'nothing stored': 'no row was stored',
  refused: 'every row was refused by the verifier',
  'not verified': 'no row was verified',
  'state not shortlisted': 'its rows are verified, but their states are not shortlisted',
  'counted too late':
    'its row counts today, but was not there, or not verified, when the batch was counted',
};

/** A slip of the pen is likelier than a stranger. */
function noKey(key: string): string {
  try {
    decode('publicKey', key);
    return '';
  } catch {
    return '; nor is it a public key: look for a slip in it';
  }
}

const head = ({ key, node, surveys, withPoint }: ProducerFacts): string[] => [
  `Block producer ${key}`,
  node === null
    ? `is not known to the coordinator: it never had a row that counted${noKey(key)}`
    : `has score ${node.score ?? 'none'} (${node.percent ?? '–'} %) in the table nodes${
        node.applicationStatus === true
          ? ''
          : '; application_status is not true, so the leaderboard’s list leaves it out'
      }`,
  `Looked at: ${countOf(surveys, 'survey')}, ${withPoint} with a point`,
];

const SHOWN = 5;

/** All batches in short: how often for which reason, and the last of each. */
export function explainInShort(facts: ProducerFacts): string {
  const byReason = new Map<string, BatchFacts[]>();
  for (const batch of facts.batches) {
    const name = reasonName(batch);
    byReason.set(name, [...(byReason.get(name) ?? []), batch]);
  }
  const lines = [...byReason]
    .sort(([, a], [, b]) => b.length - a.length)
    .flatMap(([name, batches]) => [
      `${String(batches.length).padStart(6)}  ${name}`,
      ...(batches[0].reason === 'point'
        ? []
        : [
            `        last: ${batches
              .slice(-SHOWN)
              .map(({ window }) => utcSeconds(window.startSeconds))
              .join(', ')}`,
          ]),
    ]);
  return [...head(facts), '', ...lines, '', 'One of them closely: --batch TIME'].join('\n');
}

/** Refusals by their class: one of them may be the node's fault. */
function reasonName({ reason, rows }: BatchFacts): string {
  if (reason !== 'refused') return WORDS[reason];
  const classes = new Set(
    rows.flatMap(({ verdict }) => (typeof verdict === 'object' ? [verdict.class] : [])),
  );
  return `${WORDS.refused}: ${[...classes].join(', ')}`;
}

/** Each batch with its rows. */
export function explainClosely(
  facts: ProducerFacts,
  miniBatches: number,
  others: OtherStorage | null,
): string {
  return [
    ...head(facts),
    ...facts.batches.flatMap((batch) => ['', ...batchLines(batch, miniBatches, others)]),
  ].join('\n');
}

function batchLines(batch: BatchFacts, miniBatches: number, others: OtherStorage | null): string[] {
  const { window, botLogId, filesProcessed, producers, counting, rows } = batch;
  const lines = [
    `Batch ${utcSeconds(window.startSeconds)} to ${utcSeconds(window.endSeconds)}${botLogId === null ? '' : `, bot_log ${botLogId}`}`,
    `  => ${reasonName(batch)}`,
  ];
  if (filesProcessed !== null && filesProcessed > -1)
    lines.push(`  counted then: ${countOf(filesProcessed, 'row')}`);
  if (producers !== null && counting !== null)
    lines.push(
      `  counting now: ${countOf(counting, 'row')} of ${countOf(producers, 'block producer')}; a state is selected with ${countOf(neededSupporters(producers), 'supporter')} (20 x supporters >= ${producers})`,
    );
  if (rows.length === 0)
    lines.push(
      '  sent, answered: not known from tables; the backend’s log has each request, and reconcile.ndjson those of a load',
    );
  for (const row of rows) lines.push('', ...rowLines(row, batch, miniBatches));
  if (others !== null) lines.push('', ...otherLines(batch, others));
  return lines;
}

const us = (value: number): string => utcSeconds(value / 1e6);

function rowLines(row: RowFacts, { window }: BatchFacts, miniBatches: number): string[] {
  const part = miniBatchOf(window, miniBatches, row.submittedAtUs / 1000)!;
  const lines = [
    `  Row of ${us(row.submittedAtUs)}`,
    `    sent       created_at ${row.createdAtUs === null ? 'is missing' : us(row.createdAtUs)}, block ${row.blockHash || 'not known'}`,
    '    stored     yes, so the backend took it; of two in one second this table has the first',
    `    picked     in mini-batch ${part + 1} of ${miniBatches}`,
    `    verified   ${verdictWords(row)}`,
  ];
  if (row.state === null) return lines;
  const { stateHash, parent, supporters, selected, weight, shortlisted } = row.state;
  const far = weight >= UNREACHED ? 'no way leads to it from a selected state' : `weight ${weight}`;
  return [
    ...lines,
    `    state      ${stateHash}, height ${row.height ?? 'not known'}, parent ${parent ?? 'none'}`,
    `    selected   ${selected ? 'yes' : 'no'}: ${countOf(supporters, 'supporter')}`,
    `    shortlist  ${shortlisted ? 'yes' : 'no'}: ${far} (up to ${MOST_WEIGHT} score)`,
  ];
}

function verdictWords({ verdict, era }: RowFacts): string {
  const rule = era === 'not known' ? 'which rule: give --cutover' : `by the rule of ${era}`;
  if (verdict === 'verified') return `yes, ${rule}`;
  if (verdict === 'not verified') return `no: nobody has verified it yet (${rule})`;
  const what =
    verdict.class === 'unknown' ? 'an error of no known class' : ERROR_CLASSES[verdict.class].what;
  return `refused, ${rule}: ${verdict.refused}\n               ${verdict.class}: ${what}`;
}

/** What the backend's other storage has for the same seconds. */
function otherLines({ rows }: BatchFacts, { storage, keeps, entries }: OtherStorage): string[] {
  const lines = [
    `  In ${storage}, which keeps the ${keeps} of two in one second: ${countOf(entries.length, 'entry', 'entries')}`,
  ];
  for (const { submittedAt, blockHash } of entries) {
    const row = rows.find(({ submittedAtUs }) => us(submittedAtUs) === submittedAt);
    if (row === undefined) lines.push(`    ${submittedAt}: stored there, and not in the table`);
    else if (row.blockHash !== blockHash)
      lines.push(
        `    ${submittedAt}: another block there (${blockHash}): two were sent in this second`,
      );
  }
  for (const { submittedAtUs } of rows)
    if (!entries.some(({ submittedAt }) => submittedAt === us(submittedAtUs)))
      lines.push(`    ${us(submittedAtUs)}: in the table, and not stored there`);
  return lines;
}
