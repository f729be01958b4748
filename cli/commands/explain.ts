/** `npm run explain -- --producer B62… [--batch TIME]`: why a block producer has a point, or none. One page, from storage and tables alone. */
import { explainClosely, explainInShort, type OtherStorage } from '../../e2e/trace/explain-page.ts';
import { type BatchFacts, explainProducer, lastBatchEnd, type ProducerFacts } from '../../stack/coordinator/explain.ts'; // prettier-ignore
import { utcSeconds } from '../../stack/coordinator/window.ts';
import { openStorageReader } from '../../stack/storage/storage-url.ts';
import type { StoredSubmission } from '../../stack/storage/storage.ts';
import { openPool, postgresName, statementProblem, URL_WORDS } from '../../system/postgres.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';
import {
  CUTOVER,
  DATABASE,
  databaseOf,
  isTime,
  MINI_BATCHES,
  required,
  secondsOf,
} from '../database-options.ts';

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
    MINI_BATCHES,
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
        `${batch === null ? explainInShort(facts) : explainClosely(facts, values['mini-batches'] as number, others)}\n`,
      );
    return EXIT.passed;
  },
};

async function othersOf(
  url: string,
  env: NodeJS.ProcessEnv,
  key: string,
  batches: readonly BatchFacts[],
): Promise<OtherStorage> {
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
