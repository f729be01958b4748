/** Ramps, open models and spikes with the real k6: what is due is sent or counted, whatever the target does. */
import assert from 'node:assert/strict';
import { NO_OTHER_EVIDENCE } from '../support/generator-facts.ts';
import { describe, test } from 'node:test';
import { allowedMisses, generatorLimit } from '../../judge/generator-limit.ts';
import { gateRules } from '../../judge/gates.ts';
import { corpusSource, makeK6Plan } from '../../load/k6/plan.ts';
import type { LoadRequest } from '../../load/request.ts';
import { loadShape } from '../support/scenario.ts';
import { volumeOf } from '../../load/volume.ts';
import { figuresOf } from '../../load/k6/figures.ts';
import { endOf } from '../support/load-end.ts';
import { makeFakeCorpus } from '../support/fake-corpus.ts';
import { httpAnswer, runScenario, startTarget, type Behaviour } from '../support/run-scenario.ts';
import { scratchFolder } from '../support/scratch.ts';

const OK = '{"status":"ok"}';
const accept: Behaviour = (socket) => socket.write(httpAnswer(200, OK));
const second = (starts: number) => ({ starts, timeUnitMs: 1000 });

const request = (change: Partial<LoadRequest>): LoadRequest => ({
  scenario: 'arrival',
  vus: 4,
  durationMs: 2000,
  think: { minMs: 0, maxMs: 0 },
  requestTimeoutMs: 2000,
  seed: 'open',
  network: 'testnet',
  producers: null,
  ...change,
});

async function run(change: Partial<LoadRequest>, behaviour: Behaviour = accept) {
  const load = loadShape(request(change));
  const volume = volumeOf(load);
  const folder = scratchFolder();
  const corpus = makeFakeCorpus(folder, { count: volume.submissions, templateBytes: [700] });
  const target = await startTarget(behaviour);
  const plan = makeK6Plan({
    url: target.url,
    load,
    source: corpusSource(folder, corpus.index),
    seed: 'open',
  });
  const { aggregator, lines, end } = await runScenario({ bundle: load.executor === 'constant-arrival-rate' ? 'arrival' : load.rate ? 'spike' : 'ramp', plan, folder }); // prettier-ignore
  await target.stop();
  assert.equal(end.outcome, 'finished', end.sentence);
  assert.equal(aggregator.totals.resent, 0);
  assert.deepEqual(aggregator.inFlight(), []);
  return {
    load,
    volume,
    figures: figuresOf(aggregator, endOf(aggregator)),
    lines,
    received: target.requests.length,
  };
}

describe('every start is on time, late, or dropped', { concurrency: 2 }, () => {
  for (const [name, change, due] of [
    ['arrival', { rate: second(50) }, 100],
    ['arrival, few a minute', { rate: { starts: 90, timeUnitMs: 60_000 } }, 3],
    [
      'ramp by rate',
      {
        rate: second(0),
        stages: [
          { durationMs: 1000, target: 100 },
          { durationMs: 1000, target: 0 },
        ],
      },
      100,
    ],
    [
      'spike by rate',
      { rate: second(10), burst: { factor: 10, fromMs: 500, lengthMs: 1000 } },
      110,
    ],
  ] as const)
    test(name, async () => {
      const { volume, figures, received, lines } = await run(change as Partial<LoadRequest>);
      const { planned, started, dropped } = figures.schedule!;
      assert.ok(volume.submissions - due <= 1, `${volume.submissions} prepared`);
      // One start is due in the very moment of the end; a ramp sets out a little late and ends in time.
      assert.ok(planned <= due + 1 && planned >= due - 10, `${planned} planned`);
      assert.ok(started + dropped <= planned);
      assert.equal(figures.sent, started);
      assert.equal(received, started);
      assert.equal(figures.sinceIntended!.count, figures.accepted);
      assert.ok(figures.sinceIntended!.p50Ms >= figures.latency!.p50Ms);
      assert.equal(
        lines.reduce((sum, { late = 0 }) => sum + late, 0),
        figures.schedule!.late,
      );
    });

  test('a target that stalls: the rate goes on, and what found no VU is dropped and counted', async () => {
    // It answers the first ten, then nothing until its clients give up after 600 ms.
    const { load, figures, lines } = await run(
      { rate: second(100), vus: 20, vusChosen: true, requestTimeoutMs: 600 },
      (socket, _, n) => {
        if (n <= 10) socket.write(httpAnswer(200, OK));
      },
    );
    assert.equal(load.vus, 20);
    const schedule = figures.schedule!;
    const { planned, started, dropped, droppedWhileFree, onTimeShare } = schedule;
    assert.ok(dropped >= 20 && dropped < planned, `${dropped} of ${planned} dropped`);
    assert.ok(started >= 20 && started + dropped > planned / 2);
    assert.ok(onTimeShare! < 0.9);
    assert.equal(
      lines.reduce((sum, line) => sum + (line.dropped ?? 0), 0),
      dropped,
    );
    // The target's doing: not one was dropped while VUs had nothing to do, or the machine was too slow for any rule.
    assert.ok(droppedWhileFree < dropped / 2, `${droppedWhileFree} of ${dropped}`);
    const misses = allowedMisses(gateRules(['on-time>=99%'], []));
    const facts = { schedule: { ...schedule, late: 0, droppedWhileFree: 0, started: planned - dropped }, allowedMisses: misses }; // prettier-ignore
    assert.equal(generatorLimit({ ...facts, ...NO_OTHER_EVIDENCE }), null);
  });

  test('too few VUs for the time of an answer: what they cannot take is dropped', async () => {
    const { figures } = await run({ rate: second(40), vus: 4, vusChosen: true }, (socket) => {
      setTimeout(() => socket.write(httpAnswer(200, OK)), 200).unref();
    });
    // Four VUs of 200 ms and more: 20 a second at most.
    const { started, dropped, planned } = figures.schedule!;
    assert.ok(started <= 44 && started > 0, `${started}`);
    assert.ok(started + dropped > planned / 2 && dropped > 0);
    assert.ok(figures.latency!.minMs >= 199);
    assert.equal(figures.accepted, started);
  });
});

test('more starts than submissions: what lies beyond the plan sends nothing, and nothing again', async () => {
  const load = loadShape(request({ rate: second(50), durationMs: 1500 }));
  const folder = scratchFolder();
  const count = 30;
  const corpus = makeFakeCorpus(folder, { count, templateBytes: [700] });
  const target = await startTarget(accept);
  const source = corpusSource(folder, corpus.index);
  const plan = makeK6Plan({ url: target.url, load, source, seed: 'few' });
  const { aggregator, end } = await runScenario({ bundle: 'arrival', plan, folder });
  await target.stop();
  assert.equal(end.outcome, 'finished', end.sentence);
  const { totals } = aggregator;
  assert.deepEqual([totals.sent, totals.accepted, totals.resent], [count, count, 0]);
  assert.equal(totals.failedIterations, 0);
  assert.ok(totals.beyondPlan > 0, `${totals.beyondPlan}`);
  const bodies = target.requests.map(({ body }) => body.toString('latin1')).sort();
  assert.deepEqual(
    bodies,
    Array.from({ length: count }, (_, i) => corpus.bodyOf(i).toString('latin1')).sort(),
  );
  assert.equal(aggregator.table.length, count);
});

describe('VUs in stages', { concurrency: 2 }, () => {
  test('ramp: not one before its VU, none left out, no more than planned', async () => {
    const stages = [
      { durationMs: 1000, target: 10 },
      { durationMs: 1000, target: 10 },
      { durationMs: 500, target: 0 },
    ];
    const think = { minMs: 100, maxMs: 300 };
    const { load, volume, figures, received } = await run({ scenario: 'ramp', stages, think });
    assert.equal(load.executor, 'ramping-vus');
    assert.equal(figures.schedule, undefined);
    assert.ok(figures.sent > 0 && figures.sent <= volume.submissions);
    assert.equal(figures.accepted, figures.sent);
    assert.equal(received, figures.sent);
  });

  test('spike: the base load, ten times of it, and the base load again', async () => {
    const { load, figures, lines } = await run({
      scenario: 'spike',
      vus: 2,
      durationMs: 3000,
      burst: { factor: 10, fromMs: 1000, lengthMs: 1000 },
      think: { minMs: 50, maxMs: 50 },
    });
    assert.equal(load.vus, 20);
    assert.ok(figures.sent > 0 && figures.accepted === figures.sent);
    const most = Math.max(...lines.map(({ sent }) => sent));
    assert.ok(most > 2 * lines[0].sent, lines.map(({ sent }) => sent).join());
  });
});
