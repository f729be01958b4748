/** What an option is: one row of a table that feeds parser, checks, help, docs and the editor's schema. */

/** How an option's text is read; `duration` gives milliseconds (`90s`, `1m30s`, `500ms`, `2h`). */
export type OptionType =
  'flag' | 'integer' | 'number' | 'duration' | 'text' | 'path' | 'url' | 'choice';

export type OptionSpec = {
  /** Long name without the dashes, e.g. `allow-remote`. */
  name: string;
  type: OptionType;
  /** Shown in help after the name, e.g. `N`, `DIR`. Flags have none. */
  argument?: string;
  /** As the user would write it, so help and parser share it; absent: no default. */
  default?: string;
  /** Environment variable that sets it where the flag is absent. */
  env?: string;
  min?: number;
  max?: number;
  choices?: readonly string[];
  /** Of a text: a further check. @returns what is wrong, to stand after the name; null: nothing */
  check?: (text: string) => string | null;
  /** Of a text: values that an editor may suggest. */
  examples?: readonly string[];
  /** Of a path: whether a text is one; others are left as they are. */
  isPath?: (text: string) => boolean;
  /** May be given several times; the value is then a list of texts. */
  repeatable?: boolean;
  /** The name it had once: whoever writes that is shown the new one. */
  formerly?: string;
  /** Heading under which the help lists it; absent: `Options`. */
  group?: string;
  help: string;
};

/** Parsed and checked options by long name; a flag is true or false, an absent option undefined. */
export type OptionValues = Record<string, string | number | boolean | string[] | undefined>;
