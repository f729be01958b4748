/** An error that is the user's to mend: one sentence with the cause, one hint, one exit code. */

/** The exit codes of every command; scripts and schedules depend on them (README.md). */
export const EXIT = {
  passed: 0,
  usage: 2,
  noData: 3,
  generatorLimited: 4,
  broken: 5,
  gateFailed: 99,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * Thrown for what the user can mend. `message` is one sentence with cause and value, without a final
 * stop; `hint` says what to do next. `exitCode` is what the process ends with.
 */
export class UserError extends Error {
  readonly hint: string;
  readonly exitCode: ExitCode;

  constructor(
    message: string,
    options: { hint: string; exitCode?: ExitCode; cause?: unknown } = { hint: '' },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? EXIT.broken;
  }
}
