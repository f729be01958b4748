/** A line for each action: when, from where, what, and what came of it; in a file of the results and at the terminal. */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const AUDIT_FILE = '.console-audit.ndjson';
/** Refused ones may come by the thousand, from a page that tries: so many a minute are written. */
const MOST_REFUSED = 20;
const TEXT_CHARACTERS = 300;

export type Action = {
  /** Address and origin of the request. */
  from: string;
  /** `start`, `stop`, `wiki`; of a refused request its method and path. */
  action: string;
  run: string | null;
  outcome: string;
};

export type Audit = { done(action: Action): void; refused(action: Action): void };

// eslint-disable-next-line no-control-regex
const clean = (text: string): string => text.replace(/[\u0000-\u001f\u007f]/g, '?').slice(0, TEXT_CHARACTERS); // prettier-ignore

/** No link is followed: a results folder of others must not have lines written elsewhere. @throws Error of node:fs */
function append(path: string, text: string): void {
  const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_RDWR } = constants;
  const file = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    // What a full disk took of an earlier line stays, and stands by itself: nothing of an audit is removed.
    const last = Buffer.alloc(1, '\n');
    const { size } = fstatSync(file);
    if (size > 0) readSync(file, last, 0, 1, size - 1);
    writeSync(file, last.toString('latin1') === '\n' ? text : `\n${text}`);
  } finally {
    closeSync(file);
  }
}

/** @param folder null: the results are shown and nothing is written into them, so the terminal alone has the lines */
export function auditOf(
  folder: string | null,
  say: (line: string) => void,
  now: () => Date = () => new Date(),
): Audit {
  let minute = 0;
  let refused = 0;
  const write = ({ from, action, run, outcome }: Action) => {
    const t = now().toISOString();
    const line = { t, from: clean(from), action: clean(action), run: run && clean(run), outcome: clean(outcome) }; // prettier-ignore
    try {
      if (folder !== null) append(join(folder, AUDIT_FILE), `${JSON.stringify(line)}\n`);
    } catch {
      // A folder that cannot be written: the terminal has the line.
    }
    say(`${t.slice(11, 19)} ${line.action}${line.run === null ? '' : ` ${line.run}`} from ${line.from}: ${line.outcome}`); // prettier-ignore
  };
  return {
    done: write,
    refused(action) {
      const current = Math.floor(now().getTime() / 60_000);
      if (current !== minute) [minute, refused] = [current, 0];
      if (refused++ < MOST_REFUSED) write(action);
    },
  };
}
