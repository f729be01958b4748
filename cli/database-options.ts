/** What the commands on the coordinator's database share: its URL, times, switches of scoring. */
import { type PostgresConfig, postgresConfigOf } from '../system/postgres.ts';
import { parseInstant } from '../system/instant.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import { EXIT, UserError } from '../user-error.ts';

export const isDatabaseUrl = (text: string): boolean => /^postgres(ql)?:/i.test(text);

/** @param name of the operand or option, for the message. @throws UserError (exit 2), which never repeats the text: it may hold a password */
export function databaseOf(text: string, env: NodeJS.ProcessEnv, name: string): PostgresConfig {
  if (!/^postgres(ql)?:\/\//i.test(text) || !URL.canParse(text))
    throw new UserError(`${name} must have the form postgres://USER@HOST[:PORT]/DATABASE`, {
      hint: 'the password belongs into PGPASSWORD, or a file named by PGPASSFILE',
      exitCode: EXIT.usage,
    });
  return postgresConfigOf(new URL(text), env);
}

/** What is wrong with the address of an option, to stand after its name; null: nothing. All of an input's problems come at once. */
export function databaseUrlProblem(text: string): string | null {
  if (!/^postgres(ql)?:\/\//i.test(text) || !URL.canParse(text))
    return 'must have the form postgres://USER@HOST[:PORT]/DATABASE';
  const { password, searchParams } = new URL(text);
  return password === '' && !searchParams.has('password')
    ? null
    : 'must not hold a password, which every user of this machine can read in the list of processes: set PGPASSWORD or PGPASSFILE';
}

/** Of an option of type text. */
export const isTime = (text: string): string | null =>
  isInTables(parseInstant(text))
    ? null
    : `must be a time such as 2026-09-03T15:08:48Z, but is "${text}"`;

/** created_at of a block goes up to 2106. */
const isInTables = (ms: number | null): boolean => ms !== null && ms >= 0 && ms < 2 ** 32 * 1000;

/** @returns seconds since 1970; null where the option is absent */
export const secondsOf = (values: OptionValues, name: string): number | null =>
  values[name] === undefined ? null : parseInstant(values[name] as string)! / 1000;

export const DATABASE: OptionSpec = {
  name: 'database',
  type: 'text',
  argument: 'URL',
  help: 'the coordinator’s database: postgres://USER@HOST[:PORT]/DATABASE; the password comes from PGPASSWORD or PGPASSFILE',
  check: databaseUrlProblem,
};

export const CUTOVER: OptionSpec = {
  name: 'cutover',
  type: 'text',
  argument: 'TIME',
  env: 'FORK_CUTOVER_TIME',
  check: isTime,
  help: 'the fork: rows from this time of the server on are of the new era',
};

export const UPTIME_DAYS: OptionSpec = {
  name: 'uptime-days',
  type: 'integer',
  argument: 'N',
  default: '90',
  env: 'UPTIME_DAYS_FOR_SCORE',
  min: 1,
  max: 36_500,
  help: 'days before the last batch that a score counts',
};

export const MINI_BATCHES: OptionSpec = {
  name: 'mini-batches',
  type: 'integer',
  argument: 'N',
  default: '5',
  env: 'MINI_BATCH_NUMBER',
  min: 1,
  help: 'parts of a batch that are verified side by side',
};

export const KEEP_PREVIOUS: OptionSpec = {
  name: 'keep-previous',
  type: 'flag',
  help: 'each batch builds on what the one before shortlisted, as the program’s documents mean it; the original stands alone but for the first batch after a start',
};

/** @throws UserError (exit 2) */
export function required<T>(value: T | undefined, message: string, hint: string): T {
  if (value === undefined) throw new UserError(message, { hint, exitCode: EXIT.usage });
  return value;
}
