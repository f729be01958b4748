/** junit.xml: its text, its escaping, and which case is an error, which a failure. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { projectRoot } from '../../paths.ts';
import { type Outcome, outcomeOf } from '../../report/outcome.ts';
import { printJunit } from '../../report/print-junit.ts';
import type { Gate, Summary } from '../../results/types.ts';
import { SYNTHETIC_RUNS, syntheticRun } from '../../bench/synthetic-run.ts';
import { type Element, parseXml } from '../support/xml.ts';

const GATES: Gate[] = [
  { name: 'p95<800ms', state: 'fail', value: 1200.5, limit: 800, unit: 'ms' },
  { name: 'error-rate<=1%', state: 'pass', value: 0.2, limit: 1, unit: '%' },
  { name: 'missing<=0', state: 'no data', value: null, limit: 0, unit: '' },
];
const judged = (change: Partial<Summary>): Outcome => {
  const run = syntheticRun({ seconds: 3 });
  return outcomeOf({ ...run, summary: { ...run.summary!, ...change } });
};

/** What Ant's schema and that of Jenkins' xUnit plugin have in common (see print-junit.ts). */
function checkSchema(root: Element): Element[] {
  assert.deepEqual([root.name, root.attributes, root.children.length], ['testsuites', {}, 1]);
  const [suite] = root.children;
  assert.equal(suite.name, 'testsuite');
  assert.deepEqual(Object.keys(suite.attributes).sort(), [
    'errors', 'failures', 'hostname', 'id', 'name', 'package', 'skipped', 'tests', 'time', 'timestamp',
  ]); // prettier-ignore
  assert.match(suite.attributes.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  for (const name of ['name', 'hostname', 'package']) assert.match(suite.attributes[name], /\S/);
  const [properties, ...rest] = suite.children;
  const cases = rest.slice(0, -2);
  assert.deepEqual(rest.slice(-2).map(({ name }) => name), ['system-out', 'system-err']); // prettier-ignore
  assert.deepEqual([properties.name, properties.attributes], ['properties', {}]);
  for (const one of properties.children) {
    assert.equal(one.name, 'property');
    assert.deepEqual(Object.keys(one.attributes), ['name', 'value']);
  }
  const decimal = /^\d+(\.\d+)?$/;
  assert.match(suite.attributes.time, decimal);
  for (const { name, attributes, children } of cases) {
    assert.equal(name, 'testcase');
    assert.deepEqual(Object.keys(attributes), ['name', 'classname', 'time']);
    assert.match(attributes.time, decimal);
    assert.ok(children.length <= 1);
    for (const one of children) {
      assert.match(one.name, /^(error|failure)$/);
      assert.deepEqual(Object.keys(one.attributes), ['message', 'type']);
      assert.deepEqual(one.children, []);
    }
  }
  const complaints = (word: string) =>
    cases.filter(({ children }) => children.some(({ name }) => name === word)).length;
  assert.equal(suite.attributes.tests, String(cases.length));
  assert.equal(suite.attributes.failures, String(complaints('failure')));
  assert.equal(suite.attributes.errors, String(complaints('error')));
  return cases;
}

const stateOf = ({ children }: Element): string => children[0]?.name ?? 'passed';
const statesOf = (outcome: Outcome): Record<string, string> =>
  Object.fromEntries(
    checkSchema(parseXml(printJunit(outcome))).map((one) => [one.attributes.name, stateOf(one)]),
  );

test('the text of a run with a gate of each state', () => {
  const text = printJunit(
    judged({
      gates: GATES,
      verdict: {
        passed: false,
        exitCode: 99,
        sentence: 'FAILED: p95<800ms does not hold (1,201 ms).',
        reasons: [{ kind: 'gate', name: 'p95<800ms', state: 'fail', value: 1200.5, unit: 'ms' }],
      },
    }),
  );
  const file = join(projectRoot, 'test/golden/junit.xml');
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'));
});

test('failed is a failure, no data an error, and observed value and limit are properties', () => {
  const outcome = judged({ gates: GATES });
  assert.deepEqual(statesOf(outcome), {
    'the run': 'passed',
    'p95<800ms': 'failure',
    'error-rate<=1%': 'passed',
    'missing<=0': 'error',
  });
  const properties = Object.fromEntries(
    parseXml(printJunit(outcome)).children[0].children[0].children.map(({ attributes }) => [attributes.name, attributes.value]),
  ); // prettier-ignore
  assert.equal(properties['p95<800ms observed'], '1200.5 ms');
  assert.equal(properties['p95<800ms limit'], '800 ms');
  assert.equal(properties['missing<=0 observed'], undefined);
  assert.equal(properties['missing<=0 limit'], '0');
});

test('a run that broke, proved nothing or was cut is not green, though all its gates are', () => {
  const gates = [GATES[1]];
  const passing = judged({ gates }).sentence;
  const of = (exitCode: number, reasons: Summary['verdict']['reasons']) =>
    statesOf(judged({ gates, verdict: { passed: false, exitCode, sentence: passing, reasons } }));
  for (const [exitCode, reason, state] of [
    [5, { kind: 'broken', words: 'the backend ended' }, 'error'],
    [3, { kind: 'no data', failedIterations: 0 }, 'error'],
    [4, { kind: 'generator-limited' }, 'error'],
    [130, { kind: 'interrupted' }, 'error'],
    [99, { kind: 'lowest rate failed', rate: 5, gates: [] }, 'failure'],
  ] as const)
    assert.equal(of(exitCode, [reason as never])['the run'], state, reason.kind);
  // Of a later toolkit, whose reasons this one does not know.
  assert.equal(of(99, [{ kind: 'cosmic rays' } as never])['the run'], 'error');
  assert.equal(of(99, [])['the run'], 'error');
});

test('a run without a summary is an error, from its first second on', () => {
  const killed = { ...SYNTHETIC_RUNS.usual(), summary: null };
  assert.deepEqual(statesOf(outcomeOf(killed)), { 'the run': 'error' });
  const began = { ...killed, samples: [], resources: [], plan: null, reconcile: null };
  assert.deepEqual(statesOf(outcomeOf(began)), { 'the run': 'error' });
});

test('whatever a user or a target writes comes back as it was, less what XML forbids', () => {
  // eslint-disable-next-line no-control-regex
  const allowed = (text: string) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, ''); // prettier-ignore
  const unit = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('<', '>', '&', '"', "'", ']]>', '<!--', '\u0000', '\ud800', '\udc00', '\ufffe', '\r\n', '\t', '😀'), // prettier-ignore
  );
  const text = fc.array(unit, { maxLength: 8 }).map((parts) => parts.join(''));
  const outcome = judged({});
  fc.assert(
    fc.property(text, text, text, (name, sentence, target) => {
      const gates: Gate[] = [{ name, state: 'fail', value: 2, limit: 1, unit: '' }];
      const xml = printJunit({ ...outcome, gates, sentence, target, scenario: 'load' });
      assert.doesNotMatch(xml, /\p{Surrogate}/u);
      const root = parseXml(xml);
      const [, one] = checkSchema(root);
      assert.equal(one.attributes.name, allowed(name));
      assert.equal(one.children[0].text, allowed(`${name}: observed 2, limit 1`));
      const values = root.children[0].children[0].children.map(({ attributes }) => attributes.value); // prettier-ignore
      assert.ok(values.includes(allowed(sentence)) && values.includes(allowed(target)));
    }),
    { numRuns: 300 },
  );
});

test('the strict reader of these tests refuses what is no XML', () => {
  for (const text of [
    '<a>&</a>',
    '<a b="<"/>',
    '<a><b></a></b>',
    '<a/><b/>',
    '<a b="1" b="2"/>',
    '<a>\u0001</a>',
    '<a>]]></a>',
    '<a b=1/>',
    'x<a/>',
    '<a>&nbsp;</a>',
  ])
    assert.throws(() => parseXml(text), /XML/, text);
  assert.deepEqual(parseXml('<a b="&#10;&lt;"> x</a>\n'), {
    name: 'a',
    attributes: { b: '\n<' },
    children: [],
    text: ' x',
  });
});
