/** What a GitHub job shows: summary, its charts, annotations; and the line for a chat. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ciFacts } from '../../load/ci-facts.ts';
import { jobSummary } from '../../report/describe.ts';
import { annotationsOf } from '../../report/github.ts';
import { type Outcome, outcomeOf } from '../../report/outcome.ts';
import { paragraph, table, type Page } from '../../report/page.ts';
import { printLine } from '../../report/print-line.ts';
import { printSummary } from '../../report/print-summary.ts';
import { reportToGithub } from '../../report/to-github.ts';
import type { Gate } from '../../results/types.ts';
import { scratchFolder } from '../support/scratch.ts';
import { SYNTHETIC_RUNS, syntheticRun } from '../../bench/synthetic-run.ts';

const chartsOf = (text: string): string[] =>
  [...text.matchAll(/^```mermaid\n([^`]*)\n```$/gm)].map(([, chart]) => chart);
const linesOf = (chart: string): number[][] =>
  [...chart.matchAll(/^ {4}line \[(.*)\]$/gm)].map(([, values]) => values.split(', ').map(Number));

test('verdict, gates, charts of the same seconds as the samples', () => {
  const run = syntheticRun({ seconds: 60 });
  const text = jobSummary(run);
  const [rate, p95, ...more] = chartsOf(text);
  assert.deepEqual(more, []);
  assert.match(rate, /^xychart-beta\n {4}title "/);
  assert.match(rate, /x-axis "seconds since the start" 0 --> 60$/m);
  assert.deepEqual(linesOf(rate), [run.samples.map(({ sent }) => sent)]);
  assert.deepEqual(linesOf(p95)[0].length, 60);
  const order = ['**PASSED', '## Gates', '## Over time', '## Answers'].map((part) => text.indexOf(part)); // prettier-ignore
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  assert.ok(!order.includes(-1), String(order));
});

test('a gate on p95 is a level line; a long run has at most 100 points; holes are said', () => {
  const run = syntheticRun({ seconds: 700, rate: 5, missing: (second) => second >= 300 && second < 330 }); // prettier-ignore
  const gate: Gate = { name: 'p95<800ms', state: 'pass', value: 40, limit: 800, unit: 'ms' };
  const text = jobSummary({ ...run, summary: { ...run.summary!, gates: [gate] } });
  const [rate, p95] = chartsOf(text).map(linesOf);
  assert.ok(rate[0].length > 30 && rate[0].length <= 100, String(rate[0].length));
  assert.ok(rate[0].every(Number.isFinite));
  assert.deepEqual(new Set(p95[1]), new Set([800]));
  assert.equal(p95[1].length, p95[0].length);
  assert.match(text, /\d+ of \d+ points have no data; the line goes straight over them\./);
});

test('a run of no second, and a killed one, have a summary too', () => {
  const killed = { ...SYNTHETIC_RUNS.usual(), summary: null };
  assert.match(jobSummary(killed), /NO VERDICT/);
  assert.equal(chartsOf(jobSummary(killed)).length, 2);
  const began = { ...killed, samples: [], resources: [], plan: null, reconcile: null };
  assert.match(jobSummary(began), /NO VERDICT/);
  assert.deepEqual(chartsOf(jobSummary(began)), []);
});

const bytesOf = (text: string): number => Buffer.byteLength(text);
test('at any limit: no more bytes, whole rows, a note, and no table without its line', () => {
  const page: Page = {
    title: 'A | page',
    sections: [
      { id: 'a', title: null, blocks: [paragraph('verdict ✅')] },
      {
        id: 'b',
        title: 'Rows',
        blocks: [
          table(
            ['Name', 'Count'],
            Array.from({ length: 40 }, (_, i) => [`é ${i}`, String(i)]),
          ),
        ],
      },
      { id: 'c', title: 'Chart', blocks: [{ kind: 'code', language: 'mermaid', text: 'a\nb\nc' }] },
    ],
  };
  const whole = printSummary(page);
  assert.doesNotMatch(whole, /left out/);
  assert.equal(printSummary(page, bytesOf(whole)), whole);
  for (let limit = 0; limit < bytesOf(whole); limit++) {
    const text = printSummary(page, limit);
    assert.ok(bytesOf(text) <= limit, `${bytesOf(text)} of ${limit}`);
    if (text === '') continue;
    assert.match(text, /\*\*Note:\*\* the rest was left out for its length.*\n$/);
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    for (const row of rows) assert.ok(whole.includes(`${row}\n`), row);
    assert.notEqual(rows.length, 1);
    assert.equal((text.match(/^```/gm) ?? []).length % 2, 0);
  }
  const huge = { ...page, sections: [{ id: 'x', title: null, blocks: [table(['a'], Array.from({ length: 60_000 }, (_, i) => [`${'x'.repeat(30)} ${i}`]))] }] }; // prettier-ignore
  const cut = bytesOf(printSummary(huge));
  assert.ok(cut <= 2 ** 20 && cut > 2 ** 20 - 200, String(cut));
});

const outcome = (change: Partial<Outcome>): Outcome => ({
  ...outcomeOf(syntheticRun({ seconds: 3 })),
  gates: [],
  ...change,
});
const failed = (name: string): Gate => ({ name, state: 'fail', value: 2, limit: 1, unit: '%' });

test('annotations are escaped as GitHub reads them', () => {
  const [line, ...more] = annotationsOf(
    outcome({ id: 'a:b,c%', gates: [failed('x\r\n::set-env name=A::b, 5%')] }),
  );
  assert.deepEqual(more, []);
  assert.equal(
    line,
    '::error title=a%3Ab%2Cc%25%3A gate x%0D%0A%3A%3Aset-env name=A%3A%3Ab%2C 5%25::x%0D%0A::set-env name=A::b, 5%25: observed 2 %25, limit 1 %25',
  );
});

test('what failed is an error, what says nothing of the target a warning, and ten of each at most', () => {
  const none: Gate = { name: 'g', state: 'no data', value: null, limit: 1, unit: '' };
  const levels = (change: Partial<Outcome>) => annotationsOf(outcome(change)).map((line) => /^::(\w+) /.exec(line)![1]); // prettier-ignore
  const faults = [{ words: 'x', kind: 'error' as const }];
  assert.deepEqual(levels({}), []);
  assert.deepEqual(levels({ gates: [{ ...failed('x'), state: 'pass' }] }), []);
  assert.deepEqual(levels({ gates: [failed('x'), none] }), ['error', 'error']);
  assert.deepEqual(levels({ exitCode: 5, faults }), ['error']);
  for (const exitCode of [4, 130, null])
    assert.deepEqual(levels({ exitCode, faults }), ['warning']);
  const many = annotationsOf(outcome({ gates: Array.from({ length: 30 }, (_, i) => failed(`g${i}`)) })); // prettier-ignore
  assert.equal(many.length, 10);
  assert.match(many[9], /::21 more; the report has them all$/);
});

test('one line for a chat, whatever stands in the sentence', () => {
  const line = printLine(outcome({ id: 'run-1', passed: false, sentence: 'FAILED: a\n\u202eb\u0000 c', ci: { url: 'https://x.example/1' } })); // prettier-ignore
  assert.match(line, /^❌ run-1: FAILED: a b c · p95 [\d.]+ ms · [\d,.]+ submissions\/s · https:\/\/x\.example\/1$/); // prettier-ignore
  assert.ok([...printLine(outcome({ sentence: '😀'.repeat(2000) }))].length <= 600);
});

test('the job gets its summary behind what is there, and a file that cannot be written is a note', async (t) => {
  const folder = scratchFolder(t);
  const path = join(folder, 'summary');
  const run = syntheticRun({ seconds: 3 });
  const gated = { ...run, summary: { ...run.summary!, gates: [failed('p95<1ms')] } };
  const lines: string[] = [];
  const report = (env: NodeJS.ProcessEnv) => reportToGithub(gated, env, (line) => lines.push(line));
  await report({});
  assert.deepEqual(lines, []);
  writeFileSync(path, 'first');
  await report({ GITHUB_STEP_SUMMARY: path, GITHUB_ACTIONS: 'true' });
  assert.equal(readFileSync(path, 'utf8'), `first\n${jobSummary(gated)}`);
  assert.equal(lines.length, 1);
  assert.match(lines[0], /^::error title=.*p95<1ms/);
  const full = 'x'.repeat(2 ** 20 - 20);
  writeFileSync(path, full);
  await report({ GITHUB_STEP_SUMMARY: path });
  assert.equal(readFileSync(path, 'utf8'), full);
  assert.match(lines[1], /^note: the job summary is full/);
  mkdirSync(join(folder, 'dir'));
  await report({ GITHUB_STEP_SUMMARY: join(folder, 'dir') });
  assert.match(lines[2], /^note: the job summary could not be written/);
});

test('commit and page of a CI job, where its environment names them rightly', () => {
  const env = {
    GITHUB_SHA: 'a'.repeat(40),
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'o/n.x',
    GITHUB_RUN_ID: '17',
  };
  assert.deepEqual(ciFacts(env), {
    ci: { commit: env.GITHUB_SHA, url: 'https://github.com/o/n.x/actions/runs/17' },
  });
  assert.deepEqual(ciFacts({}), {});
  assert.deepEqual(ciFacts({ ...env, GITHUB_SERVER_URL: 'javascript:alert(1)//' }), { ci: { commit: env.GITHUB_SHA } }); // prettier-ignore
  assert.deepEqual(ciFacts({ ...env, GITHUB_SHA: '<b>', GITHUB_RUN_ID: '' }), {});
});
