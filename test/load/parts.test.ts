/** Sizes and kinds: what the words mean, what is wrong with them, and how submissions are drawn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryNote } from '../../load/memory-limit.ts';
import { hasPart, hostileRateOf, parseMix, parseSizes, partFigures } from '../../load/parts.ts';
import type { LoadRequest } from '../../load/request.ts';
import { definitionOf } from '../../load/scenarios/index.ts';
import { UNPACED_RATE } from '../../load/volume.ts';
import { planSubmissions, type CorpusPlan } from '../../producers/corpus-plan.ts';
import { LatencyHistogram } from '../../results/histogram.ts';

test('sizes are decimal, in their order, and over is one byte too many', () => {
  assert.deepEqual(parseSizes('17.5KB, 1mb,50MB,over,2000'), [
    { name: '17.5KB', bytes: 17_500 },
    { name: '1mb', bytes: 1_000_000 },
    { name: '50MB', bytes: 50_000_000 },
    { name: 'over', bytes: 50_000_001 },
    { name: '2000', bytes: 2000 },
  ]);
});

test('all that is wrong with sizes is told', () => {
  const problems = (text: string) => (parseSizes(text) as { problems: string[] }).problems;
  assert.match(problems('1GB')[0], /whole sizes such as 17KB.*but has "1GB"/);
  assert.match(problems('1.00001KB')[0], /whole sizes/);
  assert.match(problems('')[0], /but has ""/);
  assert.match(problems('51MB')[0], /from 1000 bytes to 50MB.*but has "51MB"/);
  assert.match(problems('999')[0], /from 1000 bytes/);
  assert.deepEqual(problems('1MB,1000KB'), ['has 1000KB twice']);
  assert.equal(problems('x,51MB,2KB,2KB').length, 3);
});

test('kinds and weights', () => {
  assert.deepEqual(parseMix('load=8, big-blocks=0.5,hostile=1'), [
    { kind: 'load', weight: 8 },
    { kind: 'big-blocks', weight: 0.5 },
    { kind: 'hostile', weight: 1 },
  ]);
  const problems = (text: string) => (parseMix(text) as { problems: string[] }).problems;
  assert.match(problems('laod=1')[0], /has "laod" \(did you mean load\?\)/);
  for (const text of ['load', 'load=0', 'load=-1', 'load=1=2', 'load=x'])
    assert.match(problems(text)[0], /a weight above 0, such as load=8/, text);
  assert.deepEqual(problems('load=1,load=2'), ['has load twice']);
  assert.deepEqual(problems('hostile=1'), ['has hostile alone: that is --scenario hostile']);
  assert.equal(problems('a=1,b=0,load').length, 4);
});

test('hostile requests get their share of all that is sent', () => {
  const mix = parseMix('load=6,replay=2,hostile=2') as never;
  const request = { mix };
  assert.equal(hostileRateOf(request, 100, 7), 25);
  assert.equal(hostileRateOf(request, null, 7), 7);
  assert.equal(hostileRateOf({}, 100, 7), 7);
  assert.ok(hasPart(request, 'hostile') && hasPart(request, 'replay'));
  assert.ok(!hasPart({}, 'hostile') && !hasPart({}, 'replay'));
});

test('without think time fewer large bodies are prepared', () => {
  const unpacedRate = (scenario: string, request: Partial<LoadRequest>) =>
    definitionOf(scenario).unpacedRate!(request as LoadRequest, UNPACED_RATE);
  const sizes = parseSizes('1MB,50MB') as never;
  assert.equal(definitionOf('load').unpacedRate, undefined);
  assert.equal(unpacedRate('big-blocks', { sizes }), Math.ceil(4e9 / 25.5e6));
  const tenth = parseMix('load=9,big-blocks=1') as never;
  assert.equal(unpacedRate('mixed', { sizes, mix: tenth }), Math.ceil(4e9 / 2.55e6));
  const none = parseMix('load=9') as never;
  assert.equal(unpacedRate('mixed', { sizes, mix: none }), UNPACED_RATE);
});

test('memory beyond the machine is said', () => {
  const machine = { totalBytes: 2e9, limitBytes: null };
  assert.equal(memoryNote(1e9, machine), null);
  assert.match(memoryNote(3e9, machine)!, /may use 2861 MB, but this machine has 1907 MB.*--vus/);
  assert.match(
    memoryNote(1e9, { totalBytes: 2e9, limitBytes: 5e8 })!,
    /may use 954 MB, but the control group of this process is limited to 477 MB.*--vus/,
  );
});

const drawn = (change: Partial<CorpusPlan>, chunk = 100): number[] =>
  [
    ...planSubmissions(
      {
        count: 20_000,
        producers: 10,
        templates: [3, 1, 1, 1, 1].map((weight) => ({ weight, hasSnarkWork: false })),
        mix: [
          { weight: 7, templates: [0, 1], order: 'by weight' },
          { weight: 2.5, templates: [2, 3], order: 'sequence' },
          { weight: 0.5, templates: [4], order: 'sequence' },
        ],
        seed: 'mix',
        createdAt: { startSeconds: 1, perSecond: 1 },
        ...change,
      },
      chunk,
    ),
  ].flatMap(({ templates }) => [...templates]);

test('kinds are drawn by weight, in a kind by weight or one after the other', () => {
  const all = drawn({});
  const share = (...of: number[]) => all.filter((one) => of.includes(one)).length / all.length;
  // Five standard deviations of a binomial distribution.
  const near = (found: number, wanted: number) =>
    assert.ok(
      Math.abs(found - wanted) < 5 * Math.sqrt((wanted * (1 - wanted)) / all.length),
      `${found} of ${wanted}`,
    );
  near(share(0, 1), 0.7);
  near(share(0), 0.7 * 0.75);
  near(share(4), 0.05);
  const inTurn = all.filter((one) => one === 2 || one === 3);
  assert.ok(inTurn.every((one, i) => one === 2 + (i % 2)));
});

test('the same seed draws the same, whatever the chunks and the count; another one does not', () => {
  const all = drawn({});
  assert.deepEqual(drawn({}, 7), all);
  assert.deepEqual(drawn({ count: 500 }), all.slice(0, 500));
  assert.notDeepEqual(drawn({ seed: 'other' }), all);
});

test('a size that was never sent has no speed and no latency; hostile is no group of its own judging', () => {
  const empty = { sent: 0, accepted: 0, expected: 0, answers: {}, bytesSent: 0 };
  const latency = new LatencyHistogram();
  latency.record(100_000);
  latency.record(300_000);
  const full = { sent: 2, accepted: 2, expected: 2, answers: { 200: 2 }, bytesSent: 2e6 };
  const groups = ['a', 'b'].map((name) => ({ name, bodyBytes: 1e6, expectedStatus: 200 }));
  const hostile = { requests: 3, answers: { 200: 1, 400: 2 } } as never;
  const [a, b, c] = partFigures(
    groups,
    [
      { ...full, latency },
      { ...empty, latency: new LatencyHistogram() },
    ],
    { weight: 1, figures: hostile },
  );
  assert.equal(Math.round(a.bytesPerSecond! / 1e5), 50);
  assert.equal(a.latency!.count, 2);
  assert.deepEqual([b.bytesPerSecond, b.latency], [null, null]);
  assert.deepEqual([c.sent, c.accepted, c.expected], [3, 1, null]);
});
