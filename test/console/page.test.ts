/** The page without a browser: its form, its places, what it weighs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  isUsed,
  optionsOfTexts,
  problemsByOption,
  spawned,
  stagedFor,
  textsOfOptions,
} from '../../console/page/form.ts';
import { hrefOf, type Place, placeOf } from '../../console/page/place.ts';
import { clock, joinSteps, linePoints } from '../../console/page/series.ts';
import { load } from '../../cli/commands/load.ts';
import { SCENARIOS } from '../../load/scenarios/index.ts';
import { distFile } from '../../paths.ts';

test('the script is below 150 KB compressed, and names no other host', () => {
  const script = readFileSync(distFile('console.js'));
  const style = readFileSync(distFile('console.css'), 'utf8');
  const bytes = gzipSync(script, { level: 9 }).length;
  assert.ok(bytes < 150_000, `${bytes} bytes`);
  // Names of XML's languages are no addresses.
  const addresses = [...`${script.toString('utf8')}${style}`.matchAll(/https?:\/\/[\w.-]+/g)].map(([one]) => one); // prettier-ignore
  assert.deepEqual([...new Set(addresses)].filter((one) => !one.endsWith('www.w3.org')), []); // prettier-ignore
});

const SPECS = [
  { name: 'vus', type: 'integer', help: '' },
  { name: 'gate', type: 'text', repeatable: true, help: '' },
  { name: 'faithful', type: 'flag', help: '' },
] as const;

test('texts of the form become options, and options texts again', () => {
  const texts = { vus: ' 500 ', gate: 'p95<800ms\n\n rate>=10/s ', faithful: 'on', unknown: 'x' };
  const options = optionsOfTexts(texts, SPECS);
  assert.deepEqual(options, { vus: '500', gate: ['p95<800ms', 'rate>=10/s'], faithful: true });
  assert.deepEqual(optionsOfTexts(textsOfOptions(options), SPECS), options);
  assert.deepEqual(optionsOfTexts({ vus: '', faithful: '', gate: '  ' }, SPECS), {});
});

test('users and a spawn rate, as Locust asks for them, are stages of the scenario that has some', () => {
  const usual = (name: string) => (name === 'vus' ? '100' : '1m');
  const of = (texts: Record<string, string>, staged: string | null = 'ramp') => spawned(texts, staged, usual); // prettier-ignore
  const ramp = (stages: string) => ({ texts: { scenario: 'ramp', vus: '', duration: '', stages }, problem: null }); // prettier-ignore
  assert.deepEqual(of({ 'spawn-rate': '10' }), ramp('10s:100,50s:100'));
  assert.deepEqual(of({ 'spawn-rate': '4', vus: '10', duration: '5m' }), ramp('2s500ms:10,4m57s500ms:10')); // prettier-ignore
  // They would not all have come by the end.
  assert.deepEqual(of({ 'spawn-rate': '0.5', vus: '100' }), ramp('1m:30'));
  assert.deepEqual(of({ 'spawn-rate': '200' }), { texts: {}, problem: null }, 'all at once');
  assert.deepEqual(of({ vus: '7' }), { texts: { vus: '7' }, problem: null });
  assert.deepEqual(of({ 'spawn-rate': '10' }, null), { texts: {}, problem: null });
  // What is wrong with the users is said of the users.
  assert.deepEqual(of({ 'spawn-rate': '10', vus: 'x' }), { texts: { vus: 'x' }, problem: null });
  for (const wrong of ['0', '-1', 'many', 'Infinity'])
    assert.match(of({ 'spawn-rate': wrong }).problem!, /^must be users per second/);
  // Of a rate of submissions, and of other scenarios, it says nothing.
  const facts = {
    scenarios: SCENARIOS.map(({ name, summary, defaults }) => ({ name, summary, defaults, uses: [] })), // prettier-ignore
    options: [...load.options],
  };
  assert.equal(stagedFor({}, 'load', facts), 'ramp');
  assert.equal(stagedFor({ rate: '5/s' }, 'load', facts), null);
  assert.equal(stagedFor({}, 'soak', facts), null);
});

test('each problem stands at the option that it begins with', () => {
  const found = problemsByOption(['--vus must be a whole number', '--gate knows no figure "x"', '--vus: too many', 'nothing is chosen']); // prettier-ignore
  assert.deepEqual(found, {
    vus: ['must be a whole number', 'too many'],
    gate: ['knows no figure "x"'],
    '': ['nothing is chosen'],
  });
});

test('an option is shown where its scenario makes something of it, or no scenario names it', () => {
  const scenarios = [
    { name: 'load', summary: '', defaults: {}, uses: ['vus'] },
    { name: 'replay', summary: '', defaults: {}, uses: ['order'] },
  ];
  const shown = (scenario: string) => ['vus', 'order', 'target'].filter((name) => isUsed(name, scenario, { scenarios })); // prettier-ignore
  assert.deepEqual(shown('load'), ['vus', 'target']);
  assert.deepEqual(shown('replay'), ['order', 'target']);
  assert.deepEqual(shown('my own'), ['vus', 'order', 'target']);
});

test('a place is found again in its address', () => {
  const places: Place[] = [
    { view: 'runs' },
    { view: 'new' },
    { view: 'new', again: '2026-01-02T03-04-05Z-load' },
    { view: 'run', id: '2026-01-02T03-04-05Z-ab~runs~a b%/c' },
    { view: 'compare', base: 'a~b', run: 'c d' },
    { view: 'e2e' },
    { view: 'e2e-new' },
    { view: 'e2e-new', again: 'e2e~2026-01-02T03-04-05' },
    { view: 'e2e-run', id: 'e2e~2026-01-02T03-04-05' },
  ];
  for (const place of places) assert.deepEqual(placeOf(hrefOf(place)), place);
  for (const hash of ['', '#', '#/', '#/%', '#/nowhere/x', '#/compare/a'])
    assert.deepEqual(placeOf(hash), { view: 'runs' });
});

const step = (startS: number, value: number | null = 1) => ({
  startS,
  endS: startS + 1,
  cpu: value === null ? null : { mean: value, min: value, max: value },
  memory: null,
});

test('new steps take the place of old ones and stand behind them', () => {
  const before = [step(0), step(1), step(3)];
  assert.deepEqual(joinSteps(before, [step(1, 9), step(2), step(4)]).map(({ startS, cpu }) => [startS, cpu?.mean]), [[0, 1], [1, 9], [2, 1], [3, 1], [4, 1]]); // prettier-ignore
  assert.equal(joinSteps(before, []), before);
});

test('a line goes over a second without a reading, and breaks over a hole', () => {
  const points = linePoints([step(0), step(2), step(9), step(10, null)], 'cpu');
  assert.deepEqual(points.map(({ atS, value }) => [atS, value?.mean ?? null]), [[0.5, 1], [2.5, 1], [6, null], [9.5, 1]]); // prettier-ignore
  assert.deepEqual(linePoints([step(0)], 'memory'), []);
});

test('times as people read them', () => {
  assert.deepEqual([0, 65_000, 3_600_000, 7_265_400, -5].map(clock), ['0:00', '1:05', '1:00:00', '2:01:05', '0:00']); // prettier-ignore
});
