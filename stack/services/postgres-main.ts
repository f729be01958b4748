/**
 * The PostgreSQL of npm as a program: a process of its own that keeps its data in a folder, so that it can be ended, killed and started again.
 * SIGTERM and SIGINT end it in order. The server's log is this program's standard error.
 */
import { EXIT } from '../../user-error.ts';
import { runPostgres } from './postgres.ts';

const value = (name: string): string => {
  const found = process.env[name];
  if (found === undefined) throw new Error(`${name} is not set`);
  return found;
};

const server = await runPostgres({
  module: value('POSTGRES_SERVICE_MODULE'),
  folder: value('POSTGRES_SERVICE_FOLDER'),
  port: Number(value('POSTGRES_SERVICE_PORT')),
  password: value('POSTGRES_SERVICE_PASSWORD'),
  database: value('POSTGRES_SERVICE_DATABASE'),
  onLog: (text) => void process.stderr.write(text),
}).catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(EXIT.broken);
});
const stop = (): void => void server.stop().then(() => process.exit(EXIT.passed));
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
