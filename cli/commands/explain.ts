/** `npm run explain -- --producer B62… [--batch TIME]`: why a block producer has a point, or none. One page, from storage and tables alone. */
import {
  type BatchFacts,
  explainProducer,
  lastBatchEnd,
  neededSupporters,
  type ProducerFacts,
  type Reason,
  type RowFacts,
} from '../../stack/coordinator/explain.ts';
import { ERROR_CLASSES } from '../../stack/coordinator/error-class.ts';
import { MOST_WEIGHT, UNREACHED } from '../../stack/coordinator/scoring.ts';
import { miniBatchOf, utcSeconds } from '../../stack/coordinator/window.ts';
import { decode } from '../../mina/base58check.ts';
import { openStorageReader } from '../../stack/storage/storage-url.ts';
import type { StoredSubmission } from '../../stack/storage/storage.ts';
import { openPool, postgresName, statementProblem, URL_WORDS } from '../../system/postgres.ts';
import { countOf } from '../../results/units.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';
import { CUTOVER, DATABASE, databaseOf, isTime, required, secondsOf } from '../database-options.ts';

const DAY_SECONDS = 86_400;

export const explain: Command = {
  name: 'explain',
  summary:
    'Explain why a block producer has a point in a batch, or none: stored, verified, selected, shortlisted. The database is only read.',
  prints: 'its result',
  options: [
    {
      name: 'producer',
      type: 'text',
      argument: 'B62…',
      help: 'public key of the block producer',
      check: (text) =>
        /^B62\w+$/.test(text) ? null : `must be a public key, B62…, but is "${text}"`,
    },
    DATABASE,
    {
      name: 'batch',
      type: 'text',
      argument: 'TIME',
      check: isTime,
      help: 'the batch in which this moment lies, closely (default: all batches of the last --days, in short)',
    },
    {
      name: 'days',
      type: 'integer',
      argument: 'N',
      default: '90',
      min: 1,
      max: 36_500,
      help: 'so many days before the last batch',
    },
    {
      name: 'mini-batches',
      type: 'integer',
      argument: 'N',
      default: '5',
      env: 'MINI_BATCH_NUMBER',
      min: 1,
      help: 'parts of a batch that are verified side by side',
    },
    {
      name: 'storage',
      type: 'text',
      argument: 'URL',
      help: 'with --batch: the other storage of the backend (filesystem, S3, Cassandra), to see which of two in one second each keeps',
    },
    CUTOVER,
    { name: 'json', type: 'flag', help: 'all facts as one JSON object' },
  ],
  async run({ values, env, stdout }) {
    const key = required(
      values.producer as string | undefined,
      '--producer is missing: whose points?',
      'npm run explain -- --producer B62… --database postgres://USER@HOST/DATABASE',
    );
    const config = databaseOf(
      required(
        values.database as string | undefined,
        '--database is missing: where are the tables?',
        'npm run explain -- --producer B62… --database postgres://USER@HOST/DATABASE',
      ),
      env,
      '--database',
    );
    const batch = secondsOf(values, 'batch');
    if (values.storage !== undefined && batch === null)
      throw new UserError('--storage has no effect without --batch', {
        hint: 'name the batch, or leave it out',
        exitCode: EXIT.usage,
      });
    const cutover = secondsOf(values, 'cutover');
    const pool = await openPool(config, URL_WORDS, { connections: 1, statementMs: 300_000 });
    let facts: ProducerFacts;
    try {
      const client = await pool.connect();
      try {
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        const last = await lastBatchEnd(client);
        if (last === null)
          throw new UserError(`bot_logs of ${postgresName(config)} holds no batch yet`, {
            hint: 'has the coordinator run?',
            exitCode: EXIT.noData,
          });
        facts = await explainProducer(client, key, {
          fromSeconds: batch ?? last - (values.days as number) * DAY_SECONDS,
          toSeconds: batch ?? last,
          cutoverMs: cutover === null ? null : cutover * 1000,
          closely: batch !== null,
        });
      } finally {
        client.release(true);
      }
    } catch (error) {
      throw error instanceof UserError
        ? error
        : statementProblem(error, config, 'could not be read');
    } finally {
      await pool.end();
    }
    if (batch !== null && facts.batches.length === 0)
      throw new UserError(`no batch holds ${utcSeconds(batch)}`, {
        hint: 'bot_logs has the batches; is the time in UTC?',
        exitCode: EXIT.noData,
      });
    const others =
      values.storage === undefined
        ? null
        : await othersOf(values.storage as string, env, key, facts.batches);
    if (values.json === true)
      stdout.write(`${JSON.stringify({ ...facts, otherStorage: others })}\n`);
    else
      stdout.write(
        `${batch === null ? overview(facts) : closely(facts, values['mini-batches'] as number, others)}\n`,
      );
    return EXIT.passed;
  },
};

type Other = { storage: string; keeps: string; entries: StoredSubmission[] };

async function othersOf(
  url: string,
  env: NodeJS.ProcessEnv,
  key: string,
  batches: readonly BatchFacts[],
): Promise<Other> {
  const reader = await openStorageReader(url, env);
  const entries: StoredSubmission[] = [];
  try {
    for (const { window } of batches)
      for await (const rows of reader.submissions({
        from: window.startSeconds,
        to: window.endSeconds,
      }))
        for (const row of rows) if (!('fault' in row) && row.submitter === key) entries.push(row);
  } finally {
    await reader.close();
  }
  return { storage: reader.name, keeps: reader.keeps, entries };
}

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
function overview(facts: ProducerFacts): string {
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

function closely(facts: ProducerFacts, miniBatches: number, others: Other | null): string {
  return [
    ...head(facts),
    ...facts.batches.flatMap((batch) => ['', ...batchLines(batch, miniBatches, others)]),
  ].join('\n');
}

function batchLines(batch: BatchFacts, miniBatches: number, others: Other | null): string[] {
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
function otherLines({ rows }: BatchFacts, { storage, keeps, entries }: Other): string[] {
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
