/** Every figure of docs/performance.md has a benchmark that is there, and every benchmark stands in it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BENCHES, LONG_BENCHES } from '../../cli/commands/bench.ts';
import { projectRoot } from '../../paths.ts';

const page = readFileSync(join(projectRoot, 'docs', 'performance.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .slice(1); // the head

test('the table of docs/performance.md names all benchmarks, and no other', () => {
  const named = new Set(rows.map((row) => /^\| `([^`]+)`/.exec(row)![1]));
  assert.deepEqual([...named].sort(), Object.keys(BENCHES).sort());
});

test('Locust reads a payload for each request, as the load test of the program does', () => {
  const text = readFileSync(join(projectRoot, 'bench', 'peers', 'locustfile.py'), 'utf8');
  const [beforehand, ofEach] = text.split('def submit(self)');
  assert.doesNotMatch(beforehand, /open\(|json\.load/);
  assert.match(
    ofEach,
    /with open\(.+random\.choice.+\) as file:\s+payload = json\.load\(file\)\s+self\.client\.post\("\/v1\/submit", json=payload\)/,
  );
});

test('every benchmark can be loaded', async () => {
  for (const [name, load] of Object.entries({ ...BENCHES, ...LONG_BENCHES }))
    assert.equal(typeof (await load()).bench, 'function', name);
  for (const name of Object.keys(LONG_BENCHES)) assert.match(page, new RegExp(`bench -- ${name}`));
});
