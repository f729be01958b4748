/** `npm run stack -- coordinator`: the embedded coordinator in the foreground, until Ctrl-C. */
import { startCoordinator } from '../../stack/coordinator/coordinator.ts';
import { openCassandraSource } from '../../stack/coordinator/cassandra-source.ts';
import { programVerifier, serviceVerifier } from '../../stack/coordinator/given-verifier.ts';
import { type LogEntry, logLine } from '../../stack/coordinator/log.ts';
import { createCoordinatorSchema, initCoordinator } from '../../stack/coordinator/schema.ts';
import type { Verifier } from '../../stack/coordinator/verifier.ts';
import { utcSeconds } from '../../stack/coordinator/window.ts';
import { cassandraSubmissionsOf } from '../../stack/verifier/updater/config.ts';
import { BACKEND_WORDS as CASSANDRA_WORDS } from '../../system/cassandra.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import {
  openPool,
  type PostgresConfig,
  statementProblem,
  URL_WORDS,
} from '../../system/postgres.ts';
import { listProblems } from '../../system/problems.ts';
import { EXIT } from '../../user-error.ts';
import type { Command } from '../command.ts';
import {
  CUTOVER,
  DATABASE,
  databaseOf,
  isTime,
  KEEP_PREVIOUS,
  MINI_BATCHES,
  required,
  secondsOf,
  UPTIME_DAYS,
} from '../database-options.ts';

export const stackCoordinator: Command = {
  name: 'stack coordinator',
  summary:
    'Count batches of submissions and score block producers, in the foreground. Rows are verified by what --verifier says, else by somebody else. SUBMISSION_STORAGE=CASSANDRA: submissions lie there (variables of the updater).',
  options: [
    DATABASE,
    {
      name: 'interval',
      type: 'duration',
      default: '20m',
      min: 1000,
      help: 'length of a batch, in whole seconds (SURVEY_INTERVAL_MINUTES of the original)',
    },
    {
      name: 'grace',
      type: 'duration',
      min: 0,
      help: 'pause between the end of a batch and its count (default: a tenth of the interval; with --faithful 2 minutes)',
    },
    MINI_BATCHES,
    {
      name: 'verifier',
      type: 'text',
      argument: 'URL|PROGRAM',
      env: 'COORDINATOR_VERIFIER',
      help: 'what verifies the rows of a mini-batch: the URL of the verifier of a stack, or a program that is called with start and end (default: somebody else does)',
    },
    UPTIME_DAYS,
    {
      name: 'retries',
      type: 'integer',
      argument: 'N',
      default: '3',
      env: 'RETRY_COUNT',
      min: 0,
      help: 'attempts more at once; after them the original ends, and this one pauses and goes on',
    },
    {
      name: 'late-batches',
      type: 'integer',
      argument: 'N',
      min: 0,
      help: 'earlier batches in which rows that came late are counted (default: 3)',
    },
    KEEP_PREVIOUS,
    CUTOVER,
    {
      name: 'faithful',
      type: 'flag',
      env: 'COORDINATOR_FAITHFUL',
      help: 'do as the original does: lose a batch on an SQL error, end where no state is selected, never count late rows',
    },
    {
      name: 'start',
      type: 'text',
      argument: 'TIME',
      check: isTime,
      help: 'where the first batch begins, if the tables hold none yet (default with --create-tables: now)',
    },
    {
      name: 'until',
      type: 'text',
      argument: 'TIME',
      check: isTime,
      help: 'end after the last batch that ends by then (default: never)',
    },
    {
      name: 'create-tables',
      type: 'flag',
      help: 'make what is missing of the tables; for a database of your own',
    },
    {
      name: 'no-index',
      type: 'flag',
      help: 'with --create-tables: without the index on submitted_at, as production was until 2026',
    },
  ],
  async run({ values, sources, env, stdout }) {
    const faithful = values.faithful === true;
    const interval = values.interval as number;
    listProblems(
      [
        ...(interval % 1000 === 0 ? [] : ['--interval must be whole seconds']),
        ...(faithful && values['keep-previous'] === true
          ? [
              '--keep-previous and --faithful exclude each other: the original keeps the previous selection after a start only',
            ]
          : []),
        ...(faithful && sources['late-batches'] === 'flag'
          ? ['--late-batches has no effect with --faithful: the original never counts late rows']
          : []),
        ...(values['no-index'] === true && values['create-tables'] !== true
          ? ['--no-index has no effect without --create-tables']
          : []),
      ],
      'leave one of them out; see npm run stack -- coordinator --help',
    );
    const database = databaseOf(
      required(
        values.database as string | undefined,
        '--database is missing: where are the tables?',
        'npm run stack -- coordinator --database postgres://USER@HOST/DATABASE',
      ),
      env,
      '--database',
    );
    const elsewhere = cassandraSubmissionsOf(env);
    await prepare(database, {
      createTables: values['create-tables'] === true,
      submittedAtIndex: values['no-index'] !== true,
      startSeconds: secondsOf(values, 'start'),
    });
    const cutover = secondsOf(values, 'cutover');
    const log = (entry: LogEntry): void => void stdout.write(logLine(entry, Date.now()));
    const source =
      elsewhere === null ? null : await openCassandraSource(elsewhere, CASSANDRA_WORDS);
    const running = startCoordinator({
      database,
      source,
      faithful,
      intervalSeconds: interval / 1000,
      graceMs: values.grace as number | undefined,
      miniBatches: values['mini-batches'] as number,
      uptimeDays: values['uptime-days'] as number,
      retries: values.retries as number,
      ...(values['late-batches'] === undefined
        ? {}
        : { lateBatches: values['late-batches'] as number }),
      keepsPrevious: values['keep-previous'] === true,
      cutoverMs: cutover === null ? null : cutover * 1000,
      untilSeconds: secondsOf(values, 'until') ?? undefined,
      ...(values.verifier !== undefined && {
        verifier: verifierBy(values.verifier as string, env, log),
      }),
      log,
    });
    const interrupts = listenForInterrupts();
    interrupts.first.addEventListener('abort', () => void running.stop());
    try {
      await running.ready;
      stdout.write(`the coordinator counts batches of ${interval / 1000} s; Ctrl-C stops\n`);
      const end = await running.ended;
      stdout.write(`the coordinator ended: ${end}\n`);
      // "retries used up" has status 0 in the original, too.
      return EXIT.passed;
    } finally {
      interrupts.stop();
      await source?.close();
    }
  },
};

const verifierBy = (
  text: string,
  env: NodeJS.ProcessEnv,
  log: (entry: LogEntry) => void,
): Verifier =>
  /^https?:\/\//.test(text)
    ? serviceVerifier(text.replace(/\/+$/, ''))
    : programVerifier(
        text.split(' ').filter((word) => word !== ''),
        env,
        (line) => log({ level: 'info', text: `verifier: ${line}` }),
      );

async function prepare(
  database: PostgresConfig,
  call: { createTables: boolean; submittedAtIndex: boolean; startSeconds: number | null },
): Promise<void> {
  const { createTables, submittedAtIndex, startSeconds } = call;
  const start = startSeconds ?? (createTables ? Math.floor(Date.now() / 1000) : null);
  if (!createTables && start === null) return;
  const pool = await openPool(database, URL_WORDS, { connections: 1, statementMs: 600_000 });
  const client = await pool.connect();
  try {
    if (createTables) await createCoordinatorSchema(client, { submittedAtIndex });
    if (start !== null) await initCoordinator(client, start);
  } catch (error) {
    throw statementProblem(
      error,
      database,
      `could not be made ready${start === null ? '' : ` from ${utcSeconds(start)} on`}`,
    );
  } finally {
    client.release(true);
    await pool.end();
  }
}
