import { UserError } from '../user-error.ts';

/**
 * What to throw where files could not be written to the folder that `--out` names.
 * @param what such as `the pictures` @param cause as it was caught: what no system call says is passed on as it is
 */
export function notWritten(what: string, out: string, cause: unknown): unknown {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === undefined) return cause;
  return new UserError(`${what} cannot be written to ${out}: ${message}`, {
    hint: 'check the folder and its rights, or give another one with --out',
    cause,
  });
}
