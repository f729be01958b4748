/** Files that comments and docs name are there: a name that outlives its file sends the reader astray. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../paths.ts';

const ROOMS = [
  ...['mina', 'scenarios', 'results', 'system', 'producers', 'stack', 'monitor', 'reconcile', 'judge'],
  ...['plots', 'report', 'load', 'nightly', 'e2e', 'console', 'cli', 'build', 'bench'],
  ...['examples', 'docs', 'test', '.'],
]; // prettier-ignore

/** Files that the reader makes, or that stand for any, and a text that only the compiler gets. */
const NO_FILES = [
  'scenarios/NAME.ts',
  'scenarios/mine.ts',
  'mina/wasm/unrolled.ts',
  'mina/wasm/paired.ts',
];

/** Texts for people: the whole of Markdown, the comments of a source. */
const textsOf = (file: string, content: string): string[] =>
  file.endsWith('.md')
    ? [content]
    : [...content.matchAll(/\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/[^\n]*/g)].map(([text]) => text);

const NAMED = /(?<![\w./{}*<-])((?:[\w.-]+\/)*[\w.-]+\.(?:tsx?|mjs))\b/g;

/**
 * @param files paths of all files, from the root
 * @returns what `content` of `file` names and is not there: a path from the root or from a folder above `file`; a bare
 * name may be that of any file
 */
function missingIn(file: string, content: string, files: ReadonlySet<string>): string[] {
  const bare = new Set([...files].map((path) => basename(path)));
  const above = dirname(file).split('/');
  const isThere = (path: string): boolean =>
    NO_FILES.includes(path) ||
    (!path.includes('/') && bare.has(path)) ||
    [...above, ''].some((_, i) => files.has(join(...above.slice(0, above.length - i), path)));
  return textsOf(file, content)
    .flatMap((text) => [...text.matchAll(NAMED)].map(([, path]) => path))
    .filter((path) => !isThere(path))
    .map((path) => `${file} names ${path}`);
}

function projectFiles(): Set<string> {
  const names = ROOMS.flatMap((room) =>
    readdirSync(join(projectRoot, room), { recursive: room !== '.', encoding: 'utf8' }).map(
      (name) => join(room, name),
    ),
  );
  return new Set(names.filter((name) => /\.(tsx?|mjs|md)$/.test(name)));
}

test('every source that a comment or a page names exists', () => {
  const files = projectFiles();
  assert.ok(files.size > 300, `only ${files.size} files found`);
  const missing = [...files]
    // What was, stands in the change log; what never was, below.
    .filter((file) => !['CHANGELOG.md', 'test/docs/paths.test.ts'].includes(file))
    .flatMap((file) => missingIn(file, readFileSync(join(projectRoot, file), 'utf8'), files));
  assert.deepEqual(missing, []);
});

test('the rule sees a file that is gone', () => {
  const files = new Set(['load/k6/run.ts', 'load/run.ts', 'mina/block.ts']);
  const missing = (file: string, content: string) => missingIn(file, content, files);
  assert.deepEqual(missing('load/x.ts', '/** As load/k6-run.ts does. */'), ['load/x.ts names load/k6-run.ts']); // prettier-ignore
  assert.deepEqual(missing('load/x.ts', 'const a = 1; // gone.ts'), ['load/x.ts names gone.ts']);
  assert.deepEqual(missing('docs/x.md', 'see `load/run.ts`, load/mix.ts.'), ['docs/x.md names load/mix.ts']); // prettier-ignore
  // From the root, from a folder above, by its bare name; code and other repositories' paths are no text of ours.
  const right =
    "import './no.ts'; // load/k6/run.ts, k6/run.ts, block.ts, src/delegation_backend/submit.go";
  assert.deepEqual(missing('load/x.ts', right), []);
});
