/** A coordinator that kills itself (SIGKILL) right after it has sent its n-th statement; bundled and run by crash.slow.ts. */
import pg from 'pg';
import { startCoordinator } from '../../../stack/coordinator/coordinator.ts';
import type { PostgresConfig } from '../../../system/postgres.ts';

const { database, untilSeconds, dieAt } = JSON.parse(process.env.CRASH_CHILD!) as {
  database: PostgresConfig;
  untilSeconds: number;
  dieAt: number | null;
};
let statements = 0;
// eslint-disable-next-line @typescript-eslint/unbound-method
const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
  const result = query.apply(this, args);
  if (++statements === dieAt) process.kill(process.pid, 'SIGKILL');
  return result;
} as typeof pg.Client.prototype.query;

void startCoordinator({ database, untilSeconds, log: () => undefined }).ended.then((end) =>
  process.stdout.write(end),
);
