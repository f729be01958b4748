/** `npm run stack -- leaderboard`: the embedded leaderboard API in the foreground, until Ctrl-C. */
import { once } from 'node:events';
import { startLeaderboard } from '../../stack/leaderboard/server.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { URL_WORDS } from '../../system/postgres.ts';
import { EXIT } from '../../user-error.ts';
import type { Command } from '../command.ts';
import { DATABASE, databaseOf, required } from '../database-options.ts';

export const stackLeaderboard: Command = {
  name: 'stack leaderboard',
  summary: 'Answer the leaderboard’s API over the coordinator’s tables, in the foreground.',
  options: [
    DATABASE,
    {
      name: 'host',
      type: 'text',
      argument: 'ADDRESS',
      default: '127.0.0.1',
      env: 'API_HOST',
      help: 'address to listen on; anything but loopback is open to the network',
    },
    {
      name: 'port',
      type: 'integer',
      argument: 'N',
      default: '5000',
      env: 'API_PORT',
      min: 0,
      max: 65535,
      help: 'port, 0 for any free one',
    },
    {
      name: 'retries',
      type: 'integer',
      argument: 'N',
      default: '3',
      env: 'DB_RETRY_ATTEMPTS',
      min: 1,
      help: 'attempts to connect to the database before an answer of 500',
    },
    {
      name: 'faithful',
      type: 'flag',
      env: 'LEADERBOARD_FAITHFUL',
      help: 'answer as the original does: 200 with -1 where a query fails',
    },
  ],
  async run({ values, env, stdout }) {
    const database = databaseOf(
      required(
        values.database as string | undefined,
        '--database is missing: where are the tables?',
        'npm run stack -- leaderboard --database postgres://USER@HOST/DATABASE',
      ),
      env,
      '--database',
    );
    const leaderboard = await startLeaderboard({
      database,
      words: URL_WORDS,
      host: values.host as string,
      port: values.port as number,
      attempts: values.retries as number,
      faithful: values.faithful === true,
      log: (line) => void stdout.write(`leaderboard ${line}\n`),
    });
    stdout.write(`leaderboard: ${leaderboard.url}/uptimescore/; Ctrl-C stops\n`);
    const interrupts = listenForInterrupts();
    try {
      if (!interrupts.first.aborted) await once(interrupts.first, 'abort');
      await leaderboard.stop();
      return EXIT.passed;
    } finally {
      interrupts.stop();
    }
  },
};
