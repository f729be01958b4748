/**
 * Which test files share a process, and in which order the processes start.
 *
 * To start node and to load what a room imports takes some tenths of a second of CPU: more than most files need for their tests. So the quick
 * files run one after another in few processes. Alone stay a file with hooks of its own (node would run them around all files of
 * the process), one that says so with a line `// In a process of its own: WHY`, and one that takes long.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COSTS } from './costs.mjs';

const HOOKS = /import \{[^}]*\b(?:before|after|beforeEach|afterEach)\b[^}]*\} from 'node:test'/;
const OWN = /^\/\/ In a process of its own: \S/m;
/** CPU seconds: enough that the start is small beside it, and little enough that all cores have work until the end. */
const GROUP_S = 10;
/** CPU seconds beside which the start is small. */
const LONG_S = 6;
/** Of a file that nobody wrote down. */
const USUAL_S = 0.7;

/** @typedef {{ name: string, files: string[], seconds: number }} Group `seconds` as written down, to order by */

/**
 * @param files paths from the root, sorted: neighbours import the same
 * @param share false: each file has a process of its own
 * @returns {Group[]} those that take longest first: what begins last should end soon
 */
export function groupsOf(files, { root, share }) {
  const groups = [];
  /** The group that has room left. */
  let open = null;
  for (const file of files) {
    const seconds = COSTS[file] ?? USUAL_S;
    const text = readFileSync(join(root, file), 'utf8');
    if (!share || seconds >= LONG_S || HOOKS.test(text) || OWN.test(text)) {
      groups.push({ files: [file], seconds });
      continue;
    }
    if (open === null || open.seconds + seconds > GROUP_S) {
      open = { files: [], seconds: 0 };
      groups.push(open);
    }
    open.files.push(file);
    open.seconds += seconds;
  }
  return groups
    .map((group) => ({ ...group, name: nameOf(group.files) }))
    .sort((a, b) => b.seconds - a.seconds);
}

/** As a table shows it. */
const nameOf = (files) =>
  files.length === 1 ? files[0] : `${files[0]} to ${files.at(-1)} (${files.length} files)`;
