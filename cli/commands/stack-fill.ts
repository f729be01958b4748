/** `npm run stack -- fill`: months of batches in an empty database, as mainnet's look, from a seed. */
import { countOf } from '../../results/units.ts';
import { fillHistory } from '../../stack/coordinator/fill/fill.ts';
import { EXIT } from '../../user-error.ts';
import type { Command } from '../command.ts';
import { DATABASE, databaseOf, isTime, required, secondsOf } from '../database-options.ts';

const DAY_SECONDS = 86_400;
const INTERVAL_SECONDS = 1200;

export const stackFill: Command = {
  name: 'stack fill',
  summary:
    'Fill an empty coordinator’s database with a history: submissions, batches, points and scores, the same for the same seed.',
  options: [
    DATABASE,
    {
      name: 'days',
      type: 'integer',
      argument: 'N',
      default: '90',
      min: 1,
      max: 3650,
      help: 'how long the history is',
    },
    {
      name: 'producers',
      type: 'integer',
      argument: 'N',
      default: '106',
      min: 1,
      max: 10_000,
      help: 'block producers; 106 as mainnet had them give 1.9 million rows in 90 days',
    },
    {
      name: 'end',
      type: 'text',
      argument: 'TIME',
      check: isTime,
      help: 'when it ends (default: the last full 20 minutes)',
    },
    { name: 'seed', type: 'integer', argument: 'N', default: '1', help: 'of all that is drawn' },
    {
      name: 'no-index',
      type: 'flag',
      help: 'without the index on submitted_at, as production was until 2026',
    },
  ],
  async run({ values, env, stdout, stderr }) {
    const database = databaseOf(
      required(
        values.database as string | undefined,
        '--database is missing: what is to be filled?',
        'npm run stack -- fill --database postgres://USER@HOST/DATABASE; the database must be empty',
      ),
      env,
      '--database',
    );
    const days = values.days as number;
    const batches = (days * DAY_SECONDS) / INTERVAL_SECONDS;
    const lastFull = Math.floor(Date.now() / 1000 / INTERVAL_SECONDS) * INTERVAL_SECONDS;
    const end = Math.floor(secondsOf(values, 'end') ?? lastFull);
    const startedMs = performance.now();
    let saidAtMs = startedMs;
    const counts = await fillHistory(
      database,
      {
        seed: values.seed as number,
        producers: values.producers as number,
        batches,
        startSeconds: end - days * DAY_SECONDS,
        intervalSeconds: INTERVAL_SECONDS,
      },
      {
        submittedAtIndex: values['no-index'] !== true,
        onProgress: (done) => {
          if (performance.now() - saidAtMs < 5000) return;
          saidAtMs = performance.now();
          stderr.write(`${done} of ${batches} batches\n`);
        },
      },
    );
    const rows = Object.entries(counts).map(([table, count]) => `${table} ${count}`);
    stdout.write(
      `filled ${countOf(days, 'day')} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${rows.join(', ')}\n`,
    );
    return EXIT.passed;
  },
};
