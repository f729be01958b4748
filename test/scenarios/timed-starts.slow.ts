/** Starts with a time each, with the real k6: sent when due, again after a failure; and fleet and replay from the outside. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { RunningK6 } from '../../load/k6/run.ts';
import { corpusSource, makeK6Plan } from '../../load/k6/plan.ts';
import { timedShape } from '../../load/shape.ts';
import { figuresOf } from '../../load/k6/figures.ts';
import { endOf } from '../support/load-end.ts';
import { mostWithin } from '../../load/schedule.ts';
import { projectRoot } from '../../paths.ts';
import type {
  FleetLine,
  FleetNetwork,
  FleetSubmission,
  Plan,
  Reconcile,
  Summary,
  TimedStarts,
} from '../../results/types.ts';
import { WITH_PICTURES } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { makeFakeCorpus } from '../support/fake-corpus.ts';
import { k6Path } from '../support/k6.ts';
import { type Behaviour, httpAnswer, runScenario, startTarget } from '../support/run-scenario.ts';
import { scratchFolder } from '../support/scratch.ts';

const OK = '{"status":"ok"}';

async function run(call: {
  offsets: readonly number[];
  behaviour: Behaviour;
  vus?: number;
  retry?: TimedStarts['retry'];
  onStarted?: (running: RunningK6) => void;
}) {
  const { offsets, behaviour, vus, retry, onStarted } = call;
  const offsetsMs = Uint32Array.from(offsets);
  const load = timedShape(
    {
      scenario: 'fleet',
      vus: vus ?? 1,
      vusChosen: vus !== undefined,
      durationMs: 3000,
      think: { minMs: 0, maxMs: 0 },
      requestTimeoutMs: 2000,
      seed: 's',
      network: 'testnet',
      producers: null,
    },
    {
      offsetsMs,
      durationMs: 3000,
      timed: { of: 'fleet', speedup: 1, peakPerSecond: mostWithin(offsetsMs, 1000), ...(retry && { retry }) }, // prettier-ignore
    },
  );
  const folder = scratchFolder();
  const corpus = makeFakeCorpus(folder, { count: offsets.length, templateBytes: [700, 900] });
  const arrivals: number[] = [];
  const target = await startTarget((socket, request, n) => {
    arrivals.push(Date.now());
    behaviour(socket, request, n);
  });
  const plan = makeK6Plan({
    url: target.url,
    load,
    source: corpusSource(folder, corpus.index),
    seed: 's',
    offsetsPath: join(folder, 'offsets.bin'),
  });
  const result = await runScenario({
    bundle: 'fleet',
    plan,
    folder,
    offsetsMs,
    ...(onStarted && { onStarted }),
  });
  await target.stop();
  const { aggregator } = result;
  return { ...result, load, corpus, arrivals, figures: figuresOf(aggregator, endOf(aggregator)), requests: target.requests }; // prettier-ignore
}

describe('starts with a time each', { concurrency: 2 }, () => {
  test('each submission once, in order, none before its time', async () => {
    const offsets = [0, 0, 0, 200, 205, 700, 1500, 1500, 1501, 2400];
    const { end, figures, requests, corpus, aggregator, arrivals } = await run({
      offsets,
      behaviour: (socket) => socket.write(httpAnswer(200, OK)),
    });
    assert.equal(end.outcome, 'finished', end.sentence);
    const bodies = requests.map(({ body }) => body.toString('latin1'));
    const expected = offsets.map((_, i) => corpus.bodyOf(i).toString('latin1'));
    assert.deepEqual([...bodies].sort(), [...expected].sort());
    const beganMs = aggregator.startMs!;
    offsets.forEach((offset, i) => {
      const arrived = arrivals[bodies.indexOf(expected[i])];
      assert.ok(
        arrived >= beganMs + offset,
        `submission ${i} came ${beganMs + offset - arrived} ms early`,
      );
    });
    const { planned, started, dropped } = figures.schedule!;
    assert.deepEqual([planned, started, dropped], [10, 10, 0]);
    assert.equal(figures.sinceIntended!.count, 10);
    assert.equal(figures.retries, undefined);
  });

  test('after a failure the same again, until it is taken', async () => {
    const failures = new Map<string, number>();
    // The same in each run: it follows from the count and the sizes.
    const fake = makeFakeCorpus(scratchFolder(), { count: 3, templateBytes: [700, 900] });
    const failuresOf = new Map(
      [2, 1, 0].map((most, i) => [fake.bodyOf(i).toString('latin1'), most]),
    );
    const { figures, aggregator, corpus, requests, end, lines } = await run({
      offsets: [0, 50, 100],
      retry: { everyMs: 300, withinMs: 2500 },
      behaviour(socket, { body }) {
        const key = body.toString('latin1');
        const failed = failures.get(key) ?? 0;
        // The first fails twice, by status and by a closed connection; the others once, and not at all.
        const most = failuresOf.get(key)!;
        if (failed >= most) return void socket.write(httpAnswer(200, OK));
        failures.set(key, failed + 1);
        if (failed === 1) socket.destroy();
        else socket.write(httpAnswer(503, '{}'));
      },
    });
    assert.equal(end.outcome, 'finished', end.sentence);
    assert.deepEqual(figures.answers, { '200': 3 });
    assert.equal(figures.retries!['503'], 2);
    assert.equal(
      Object.values(figures.retries!).reduce((sum, count) => sum + count, 0),
      3,
    );
    assert.equal(requests.length, 6);
    // What is sent again is the same, byte for byte.
    const first = requests.filter(({ body }) => body.equals(corpus.bodyOf(0)));
    assert.equal(first.length, 3);
    assert.deepEqual(
      [0, 1, 2].map((i) => aggregator.table.retriesOf(i)),
      [2, 1, 0],
    );
    assert.equal(
      lines.reduce((sum, { retries = 0 }) => sum + retries, 0),
      3,
    );
    assert.ok(figures.sinceIntended!.maxMs >= 600, 'the pauses are part of the wait');
    assert.deepEqual(aggregator.inFlight(), []);
  });

  test('retries are bounded: by their time, by the end of the load, and by a stop', async () => {
    const always: Behaviour = (socket) => socket.write(httpAnswer(503, '{}'));
    const retry = { everyMs: 400, withinMs: 1000 };
    const bounded = await run({ offsets: [0, 2500], retry, behaviour: always });
    assert.deepEqual(bounded.figures.answers, { '503': 2 });
    // At 0, 400 and 800 ms; then at 2,500 and, before the end of the load at 3,000, once more at 2,900.
    const retries = bounded.figures.retries!['503'];
    assert.ok(retries >= 1 && retries <= 3, `${retries} retries`);
    assert.equal(bounded.requests.length, 2 + retries);

    // Stopped while it waits: the failure is its answer, and nothing is unknown.
    let stop: () => void = () => undefined;
    const stopped = await run({
      offsets: [0],
      retry: { everyMs: 2500, withinMs: 10_000 },
      behaviour(socket) {
        socket.write(httpAnswer(503, '{}'));
        setTimeout(() => stop(), 200);
      },
      onStarted: (running) => (stop = () => running.stop()),
    });
    assert.deepEqual(stopped.figures.answers, { '503': 1 });
    assert.equal(stopped.figures.retries, undefined);
    assert.deepEqual(stopped.aggregator.inFlight(), []);
    assert.equal(stopped.requests.length, 1);
  });

  test('attempts are counted, and an answer that ends it is not asked again', async () => {
    const retry = {
      everyMs: 50,
      withinMs: 10_000,
      attempts: 3,
      endedBy: [200, 400, 401, 411, 413],
    };
    const refuse = (status: number): Behaviour => (socket) => void socket.write(httpAnswer(status, '{}')); // prettier-ignore
    const tried = async (status: number) => {
      const { requests, aggregator } = await run({
        offsets: [0],
        retry,
        behaviour: refuse(status),
      });
      return [requests.length, aggregator.table.answerOf(0)!.class];
    };
    for (const status of [400, 401, 411, 413]) assert.deepEqual(await tried(status), [1, String(status)]); // prettier-ignore
    for (const status of [429, 500, 503]) assert.deepEqual(await tried(status), [3, String(status)]); // prettier-ignore
  });

  test('too few VUs: late, none lost, and said to be the target’s', async () => {
    const { figures, end } = await run({
      offsets: [0, 0, 0, 0, 0, 0],
      vus: 2,
      behaviour: (socket) => void setTimeout(() => socket.write(httpAnswer(200, OK)), 300),
    });
    assert.equal(end.outcome, 'finished', end.sentence);
    const { planned, started, late, lateWhileBusy } = figures.schedule!;
    assert.deepEqual([planned, started], [6, 6]);
    assert.ok(late >= 4 && lateWhileBusy! >= 4, `${late} late, ${lateWhileBusy} while busy`);
    assert.equal(figures.accepted, 6);
  });
});

const json = <T>(...path: string[]): T => JSON.parse(readFileSync(join(...path), 'utf8')) as T;

async function runLoad(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const results = scratchFolder();
  const { exitCode, stdout, stderr } = await runHere(
    ['load', '--port', '0', '--results', results, ...args],
    { K6_BIN: await k6Path(), ...env },
  );
  assert.equal(exitCode, 0, stdout + stderr);
  const folder = join(results, readdirSync(results)[0]);
  return {
    folder,
    stdout,
    plan: json<Plan>(folder, 'plan.json'),
    summary: json<Summary>(folder, 'summary.json'),
    reconcile: json<Reconcile>(folder, 'reconcile.json'),
    report: readFileSync(join(folder, 'report.md'), 'utf8'),
  };
}

/** Whether a busy machine keeps the pace is not what is tested. */
const ANY_PACE = ['--gate', 'on-time>=0%'];

describe('from the outside, against the embedded backend', { concurrency: 2 }, () => {
  test('fleet: each producer every 15 minutes, each block from 3 of 15 producers and its maker', async () => {
    const quiet = ['--fork-share', '0', '--late-share', '0', '--lagging-share', '0'];
    const { folder, plan, summary, reconcile, report, stdout } = await runLoad([
      '--scenario', 'fleet', '--era', 'berkeley', '--speedup', '300', '--duration', '9s', ...quiet, ...ANY_PACE,
    ], WITH_PICTURES); // prettier-ignore
    // Three cycles of 15 minutes in nine seconds, and a maker in each slot but for what comes after the end.
    const planned = plan.load.iterations!;
    assert.ok(planned >= 56 && planned <= 60, String(planned));
    assert.equal(summary.figures.accepted, planned);
    assert.equal(reconcile.sent, planned);
    assert.deepEqual(reconcile.look?.eras, [
      { era: 'berkeley', right: planned, different: 0, missing: 0, sameSecond: 0 },
    ]);
    assert.match(report, /\| berkeley +\| +\d+ \|/);
    assert.match(stdout, /takes 36000 submissions of a producer in an hour/);
    const lines = readFileSync(join(folder, 'fleet.ndjson'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as FleetLine);
    const network = lines[0] as FleetNetwork;
    assert.deepEqual([network.producers, network.shown, network.cycleMs], [15, 15, 900_000]);
    const blocks = lines.filter((line) => line.kind === 'block');
    blocks.forEach(({ height, slot, era, fromMs, accepted, planned }, i) => {
      // The first is from before the beginning: the tip of the first wave.
      assert.deepEqual([slot, era, fromMs], [i - 1, 'berkeley', (i - 1) * 180_000]);
      assert.equal(height, blocks[0].height + i);
      assert.equal(accepted, planned);
    });
    for (const { planned } of blocks.slice(1, -2)) assert.equal(planned, 4);
    const times = new Map<number, number[]>();
    for (const { producer, atMs, accepted, answer, as } of lines.filter(
      (line): line is FleetSubmission => line.kind === 'submission',
    )) {
      assert.deepEqual([accepted, answer], [true, '200']);
      if (as === 'maker') continue;
      times.set(producer, [...(times.get(producer) ?? []), atMs]);
    }
    assert.equal(times.size, 15);
    for (const own of times.values()) {
      // The last one of a maker may be set apart to after the end.
      assert.ok(own.length === 3 || own.length === 2, String(own));
      for (let i = 1; i < own.length; i++)
        // Set apart from a maker's submission by a second of the backend, 330 s of this network.
        assert.ok(Math.abs(own[i] - own[i - 1] - 900_000) <= 62_000 + 330_000, String(own));
    }
    const pictures = ['fleet', 'throughput', 'latency', 'resources', 'distribution'];
    const files = pictures.flatMap((name) => [`${name}.png`, `${name}.svg`]);
    for (const name of files) assert.ok(readdirSync(folder).includes(name), name);
    assert.match(
      report,
      /the network's times, 300 times as fast[^]*!\[The fleet[^\]]*\]\(fleet\.png\)/,
    );
  });

  test('replay at recorded times, by others who sign anew', async () => {
    const payloads = join(scratchFolder(), 'payloads');
    mkdirSync(payloads);
    cpSync(join(projectRoot, 'producers', 'data'), payloads, { recursive: true });
    // The two lie 664 s apart.
    const { plan, summary } = await runLoad([
      '--scenario', 'replay', '--payloads', payloads, '--timing', 'recorded', '--time-factor', '400',
      '--submitters', 'random', '--producers', '3', ...ANY_PACE,
    ]); // prettier-ignore
    assert.equal(plan.load.durationMs, 1661);
    assert.deepEqual(plan.load.timed, { of: 'recorded', speedup: 400, peakPerSecond: 1 });
    assert.equal(plan.corpus.producers, 3);
    assert.equal(summary.figures.accepted, 2);
    assert.ok(summary.figures.schedule!.planned === 2);
  });

  test('replay with broken signatures: the embedded backend does not look at them', async () => {
    const payloads = join(scratchFolder(), 'payloads');
    mkdirSync(payloads);
    cpSync(join(projectRoot, 'producers', 'data'), payloads, { recursive: true });
    const { summary, plan, stdout, folder } = await runLoad([
      '--scenario', 'replay', '--payloads', payloads, '--submitters', 'random', '--signatures', 'broken',
      '--vus', '2', '--duration', '1s', '--think', '100ms', '--keep',
    ]); // prettier-ignore
    assert.ok(summary.figures.accepted > 0);
    assert.equal(summary.figures.accepted, summary.figures.sent);
    assert.equal(plan.corpus.producers, 1000);
    assert.match(stdout, /signatures are broken, so the embedded backend does not look at them/);
    // The same bodies come again with each run of the seed: what lies in a storage from before must not count as this run's.
    const { source } = json<{ source: object }>(join(folder, 'corpus'), 'k6-plan.json');
    assert.equal('recordedTimes' in source && source.recordedTimes, true);
  });
});

test('what makes no sense together is told at once', async () => {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'one.json'), '{}');
  for (const [args, ...problems] of [
    [['--scenario', 'fleet', '--era', 'berkeley', '--speedup', '800'], /--speedup must be at most 409, but is 800/],
    [['--scenario', 'fleet', '--speedup', '400'], /--speedup must be at most 204, but is 400/],
    [['--scenario', 'fleet', '--preset', 'mainnet', '--producers', '15', '--era', 'berkeley', '--speedup', '30'], /--preset mainnet means --producers 108, but --producers is 15/, /--preset mainnet means --era mesa, but --era is berkeley/],
    [['--scenario', 'fleet', '--block-size', '34KB-13KB'], /--block-size must be two sizes such as 13KB-34KB/],
    [['--scenario', 'fleet', '--stay-behind-share', '0.2'], /--stay-behind-share has no effect without --fork-at/],
    [['--scenario', 'fleet', '--fork-at', '40s', '--era', 'berkeley'], /--fork-at must lie within the load of 30 s, but is 40 s/, /--fork-at goes from Berkeley to Mesa, so --era berkeley/],
    [['--scenario', 'load', '--fork-at', '10s'], /--fork-at has no effect without --chain/],
    [['--scenario', 'load', '--chain', '20', '--fork-at', '2m'], /--fork-at must lie within the load of 60 s, but is 120 s/],
    [['--scenario', 'load', '--era', 'berkeley'], /--era has no effect without --chain: the recorded blocks go as they are/],
    [['--scenario', 'big-blocks', '--era', 'mesa'], /--era has no effect in the scenario big-blocks/],
    [['--scenario', 'fleet', '--era', 'preflight'], /--era must be .*mesa.*berkeley.*auto.*preflight/],
    [['--scenario', 'fleet', '--think', '1s', '--rate', '3/s', '--chain', '5'], /--think has no effect in the scenario fleet/, /--rate has/, /--chain has/],
    [['--scenario', 'fleet', '--fork-share', '2'], /--fork-share must be a number from 0 to 1, but is "2"/],
    [['--scenario', 'load', '--speedup', '3', '--timing', 'recorded'], /--speedup has no effect in the scenario load/, /--timing has no effect/],
    [['--scenario', 'replay', '--payloads', folder, '--time-factor', '2', '--signatures', 'broken', '--producers', '2'], /--time-factor has no effect in the scenario replay without --timing recorded/, /--signatures .* without --submitters random/, /--producers .* without --submitters random/],
    [['--scenario', 'replay', '--payloads', folder, '--timing', 'recorded', '--duration', '3s', '--order', 'random'], /--duration has no effect in the scenario replay with --timing recorded/, /--order .* with --timing recorded/],
    [['--scenario', 'load', '--gate', 'on-time>=1%'], /would have no data: .*open model/],
  ] as const) {
    const { exitCode, stderr } = await runHere(['load', ...args]);
    assert.equal(exitCode, 2, stderr);
    for (const problem of problems) assert.match(stderr, problem);
  } // prettier-ignore
});

test('a dry run of a day of 1,000 producers', async () => {
  const { exitCode, stdout } = await runHere([
    'load', '--scenario', 'fleet', '--producers', '1000', '--speedup', '60', '--duration', '24m', '--dry-run',
  ]); // prettier-ignore
  assert.equal(exitCode, 0, stdout);
  assert.match(stdout, /19\d{4} submissions in 1440 s at the network's times, 60 times as fast/);
  assert.match(stdout, /19\d{4} signed beforehand by 1,000 producers/);
  assert.match(stdout, /gates .*on-time>=99%/);
  assert.match(
    stdout,
    /era +new blocks of Mesa, since 2026-08-19T18:00Z: slots of 90 s, a cycle of 7.5 minutes/,
  );
});
