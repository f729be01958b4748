/** What a command is: a table of options and a function. The table feeds parser, checks, help and README. */
import type { OptionValue } from '../results/types.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';

export type CommandCall = {
  values: OptionValues;
  sources: Record<string, OptionValue['source']>;
  operands: string[];
  /** Where the user stands: relative operands are meant from here (options of type path are resolved already). */
  cwd: string;
  /** Absent: the process's own. */
  stdin?: NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  stderr: NodeJS.WritableStream;
  env: NodeJS.ProcessEnv;
};

export type Command = {
  name: string;
  summary: string;
  /** Operands in help, e.g. `FILE…`; absent: none allowed. */
  operands?: string;
  /** An option with two values, `--ab URL_A URL_B`: the second one stands as the only operand, and only beside it. */
  pair?: string;
  options: readonly OptionSpec[];
  /**
   * `its result`: what it writes to standard output is what it is for, so a reader that went away ends it, and an output that
   * cannot be written is a failure; a function says it of each call (a dry run). Absent: it does more than print, and goes on.
   */
  prints?: 'its result' | ((call: Pick<CommandCall, 'values' | 'operands'>) => boolean);
  /** Its `--config` holds more than its options: the command reads it itself. */
  readsConfig?: true;
  /** First operands that are commands of their own, each with its options: `stack fill`. */
  parts?: Record<string, () => Promise<Command>>;
  /** Defaults by the value of the option `scenario`; they come before the table's own. */
  presets?: Record<string, Record<string, string>>;
  /** @returns the exit code. @throws UserError for what the user can mend */
  run(call: CommandCall): Promise<number>;
};
