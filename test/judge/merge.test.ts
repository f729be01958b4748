/** The results of several generators as one: the parts of a run are the run again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeBuckets, LatencyHistogram } from '../../results/histogram.ts';
import { judgeMerged } from '../../judge/merge/judge.ts';
import { mergeControl } from '../../judge/merge/control.ts';
import { mergeLooks } from '../../judge/merge/looks.ts';
import { mergePlans } from '../../judge/merge/plan.ts';
import { mergeRuns } from '../../judge/merge/merge.ts';
import { mergeProblems } from '../../judge/merge/parts.ts';
import { mergeLatencyFigures, mergeSamples } from '../../judge/merge/seconds.ts';
import { queueGrowth } from '../../judge/queue-growth.ts';
import type { Run } from '../../results/reader.ts';
import type { Plan, QueueFigures, SampleLine, Summary } from '../../results/types.ts';
import { randomOf, syntheticRun } from '../../bench/synthetic-run.ts';

const T0 = 1_767_323_045_000;

/** One request as a generator saw it. */
type Request = { second: number; answer: string; us: number; generator: number };

const requests = fc.array(
  fc.record({
    second: fc.integer({ min: 0, max: 6 }),
    answer: fc.constantFrom('200', '413', '429', '503', 'error:1050'),
    us: fc.oneof(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 1, max: 400_000_000 })),
    generator: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: 120 },
);

/** The seconds of what these requests are, as an aggregator would write them. */
function secondsOf(all: readonly Request[]): SampleLine[] {
  const firstSecond = Math.min(...all.map(({ second }) => second));
  return [...new Set(all.map(({ second }) => second))]
    .sort((a, b) => a - b)
    .map((second) => {
      const own = all.filter((request) => request.second === second);
      const [latency, felt] = [new LatencyHistogram(), new LatencyHistogram()];
      const answers: Record<string, number> = {};
      // Some 200 have another body, and 413 is what was expected.
      const accepted = own.filter(({ answer, us }) => answer === '200' && us % 3 > 0).length;
      const expected = accepted + own.filter(({ answer }) => answer === '413').length;
      for (const { answer, us } of own) {
        answers[answer] = (answers[answer] ?? 0) + 1;
        if (answer !== '200') continue;
        latency.record(us);
        felt.record(us + 70);
      }
      return {
        t: T0 + second * 1000,
        elapsedS: second - firstSecond,
        vus: 3 * new Set(own.map(({ generator }) => generator)).size,
        sent: own.length,
        answers,
        ...(accepted !== (answers['200'] ?? 0) && { accepted }),
        ...(expected !== accepted && { expected }),
        bytesSent: own.length * 1000,
        bytesReceived: own.length * 10,
        latency: latency.ofSecond(),
        felt: felt.ofSecond(),
      };
    });
}

test('split among generators and merged, seconds are those of the whole', () => {
  fc.assert(
    fc.property(requests, (all) => {
      const parts = [0, 1, 2, 3]
        .map((generator) => all.filter((request) => request.generator === generator))
        .filter((part) => part.length > 0);
      const merged = mergeSamples(parts.map(secondsOf));
      const whole = secondsOf(all);
      // Bytes of a histogram may be packed otherwise; what it holds may not.
      const held = (lines: SampleLine[]) =>
        lines.map((line) => ({
          ...line,
          latency: line.latency && { ...line.latency, hdr: decodeBuckets(line.latency.hdr) },
          felt: line.felt && { ...line.felt, hdr: decodeBuckets(line.felt.hdr) },
        }));
      assert.deepEqual(held(merged), held(whole));
    }),
    { numRuns: 60 },
  );
});

test('merging is the same in any order and in any grouping', () => {
  fc.assert(
    fc.property(requests, (all) => {
      const part = (generator: number) =>
        secondsOf(all.filter((request) => request.generator === generator));
      const parts = [0, 1, 2, 3]
        .filter((generator) => all.some((request) => request.generator === generator))
        .map(part);
      const once = mergeSamples(parts);
      assert.deepEqual(mergeSamples([...parts].reverse()).map(plain), once.map(plain));
      if (parts.length < 2) return;
      assert.deepEqual(
        mergeSamples([mergeSamples(parts.slice(0, 1)), ...parts.slice(1)]).map(plain),
        once.map(plain),
      );
      assert.deepEqual(
        mergeSamples([mergeSamples(parts.slice(0, 2)), ...parts.slice(2)]).map(plain),
        once.map(plain),
      );
    }),
    { numRuns: 40 },
  );
});
const plain = ({ latency, felt, answers, ...line }: SampleLine) => ({
  ...line,
  answers: Object.entries(answers).sort(),
  buckets: [latency, felt].map((one) => one && decodeBuckets(one.hdr)),
});

test('latency figures of parts are those of all answers; mean and minimum stay exact', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.integer({ min: 1, max: 9_000_000 }), { minLength: 1, maxLength: 40 }), {
        minLength: 1,
        maxLength: 4,
      }),
      (parts) => {
        const of = (values: readonly number[]) => {
          const histogram = new LatencyHistogram();
          for (const us of values) histogram.record(us);
          return histogram.figures()!;
        };
        const { hdr, meanMs, ...merged } = mergeLatencyFigures([...parts.map(of), null])!;
        const { hdr: wholeHdr, meanMs: wholeMeanMs, ...whole } = of(parts.flat());
        assert.deepEqual(merged, whole);
        assert.deepEqual(decodeBuckets(hdr), decodeBuckets(wholeHdr));
        assert.ok(Math.abs(meanMs - wholeMeanMs) <= 1e-9 * wholeMeanMs);
      },
    ),
    { numRuns: 60 },
  );
  assert.equal(mergeLatencyFigures([null, undefined]), null);
});

test('of 100,000 values a percentile is off by less than 0.2 %, merged or not', () => {
  const random = randomOf(17);
  const normal = () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += random();
    return sum;
  };
  const distributions: Record<string, () => number> = {
    uniform: () => 1000 * random(),
    exponential: () => -40 * Math.log(1 - random()),
    'log-normal': () => 12 * Math.exp(0.8 * normal()),
    'two humps': () => (random() < 0.9 ? 5 + normal() / 4 : 800 + 50 * normal()),
    'a heavy tail': () => Math.min(3_000_000, 3 / (1 - random()) ** 1.2),
    'below a millisecond': () => 0.05 + 0.3 * random(),
  };
  for (const [name, draw] of Object.entries(distributions)) {
    const values = Float64Array.from({ length: 100_000 }, () => Math.max(0.001, draw()));
    const parts = [0, 1, 2].map((part) => {
      const histogram = new LatencyHistogram();
      for (let i = part; i < values.length; i += 3) histogram.record(values[i] * 1000);
      return histogram.figures();
    });
    const figures = mergeLatencyFigures(parts)!;
    values.sort();
    for (const [percentile, found] of [
      [50, figures.p50Ms],
      [90, figures.p90Ms],
      [95, figures.p95Ms],
      [99, figures.p99Ms],
      [99.9, figures.p999Ms],
      [100, figures.maxMs],
    ]) {
      const exact = values[Math.ceil((percentile * values.length) / 100 - 1e-6) - 1];
      // k6 gives whole microseconds: half of one is lost before the histogram sees it.
      const off = Math.max(0, Math.abs(found - exact) - 0.0005) / exact;
      assert.ok(off < 0.002, `${name}, p${percentile}: ${found} is not ${exact}`);
    }
  }
});

/** Two generators of one load: the same plan, machines of their own. */
function twoRuns(): [Run, Run] {
  const make = (number: number): Run => {
    const run = syntheticRun({ seconds: 12 + 2 * number, rate: 40 + 10 * number });
    const plan: Plan = {
      ...run.plan!,
      id: `part-${number}`,
      seed: `seed-${number}`,
      target: { url: 'http://10.0.0.1:8080/v1/submit', embedded: false },
      load: { ...run.plan!.load, durationMs: 12_000, vus: 100 * number },
      host: { ...run.plan!.host, cpu: `CPU ${number}` },
    };
    return {
      ...run,
      folder: `/runs/part-${number}`,
      plan,
      // Only the first sees the target's processes.
      resources: run.resources.filter(
        (line) => number === 1 || line.kind !== 'process' || line.name !== 'backend',
      ),
    };
  };
  return [make(1), make(2)];
}

function workAt(run: Run, beganMs: number, ms: number): void {
  Object.assign(run.summary!, { loadMs: ms, loadBeganMs: beganMs, loadEndedMs: beganMs + ms });
}

test('counts add, rates and shares are taken anew', () => {
  const runs = twoRuns();
  const [a, b] = runs.map(({ summary }) => summary!.figures);
  workAt(runs[0], T0, 12_000);
  workAt(runs[1], T0 + 500, 13_000);
  runs[1].summary!.figures.started = b.sent + 9;
  assert.deepEqual(mergeProblems(runs), []);
  const { summary, plan, samples, reconcile } = mergeRuns(runs, 'both');
  const { figures } = summary;
  assert.equal(figures.sent, a.sent + b.sent);
  assert.equal(figures.accepted, a.accepted + b.accepted);
  assert.equal(figures.started, a.sent + b.sent + 9);
  // Starts over the longest of the two times; that one set out half a second later is no lower rate.
  assert.equal(figures.submissionsPerSecond, (figures.sent + 9) / 13);
  assert.equal(figures.acceptedPerSecond, figures.accepted / 13);
  assert.equal(summary.loadMs, 13_000);
  assert.deepEqual([summary.loadBeganMs, summary.loadEndedMs], [T0, T0 + 13_500]);
  assert.equal(figures.latency!.count, a.latency!.count + b.latency!.count);
  assert.equal(figures.latency!.maxMs, Math.max(a.latency!.maxMs, b.latency!.maxMs));
  assert.equal(samples.length, 16);
  assert.equal(
    samples.reduce((sum, line) => sum + line.sent, 0),
    figures.sent,
  );
  assert.deepEqual([plan.load.vus, plan.seed, plan.id], [300, 'seed-1 + seed-2', 'both']);
  assert.equal(reconcile!.accepted, a.accepted + b.accepted);
  assert.equal(summary.interrupted, false);
});

test('each generator keeps its own processes; a target that both see counts once', () => {
  const [first, second] = twoRuns();
  const names = (runs: Run[]) => Object.keys(mergeRuns(runs, 'x').summary.figures.processes).sort();
  assert.deepEqual(names([first, second]), [
    'backend',
    'g1:k6',
    'g1:toolkit',
    'g2:k6',
    'g2:toolkit',
  ]);
  assert.deepEqual(mergeRuns([first, second], 'x').summary.notes, [
    'the machines differ: the figures of whole machines are those of generator 1',
  ]);
  const sameMachine: Run = { ...second, plan: { ...second.plan!, host: first.plan!.host } };
  const withBackend: Run = { ...sameMachine, resources: syntheticRun({ seconds: 12 }).resources };
  const both = mergeRuns([first, withBackend], 'x');
  assert.equal(both.summary.figures.processes.backend.readings, 15);
  assert.deepEqual(both.summary.notes, []);
  const elsewhere: Run = { ...withBackend, plan: second.plan };
  assert.ok(names([first, elsewhere]).includes('g2:backend'));
});

test('schedules add, their percentile comes from all starts', () => {
  const runs = twoRuns();
  const lateness = (ms: number) => {
    const histogram = new LatencyHistogram();
    for (let i = 1; i <= 100; i++) histogram.record(ms * 10 * i);
    return histogram.figures();
  };
  runs.forEach(({ summary }, i) => {
    summary!.figures.lateness = lateness(i + 1);
    summary!.figures.schedule = {
      planned: 100,
      started: 90 + i,
      late: 10,
      dropped: 5,
      droppedWhileFree: 1,
      onTimeShare: 0.8,
      keepingUpShare: 1 - i / 2,
      latenessP99Ms: 1,
      toleranceMs: 10,
    };
  });
  const { schedule } = mergeRuns(runs, 'x').summary.figures;
  assert.equal(schedule!.onTimeShare, (181 - 20) / 200);
  assert.deepEqual(
    [schedule!.planned, schedule!.dropped, schedule!.keepingUpShare],
    [200, 10, 0.75],
  );
  // Of 200 starts the 198th: 1.98 ms of the second generator, whose starts are twice as late.
  assert.ok(Math.abs(schedule!.latenessP99Ms! - 1.96) < 0.03, String(schedule!.latenessP99Ms));
});

test('queues add part by part; where one is missing or of another length, none is known', () => {
  const runs = twoRuns();
  const queues: QueueFigures[] = [
    { overMs: 60_000, inFlight: Array.from({ length: 40 }, (_, part) => part) },
    { overMs: 60_900, inFlight: Array<number>(40).fill(2), errors: Array<number>(40).fill(1) },
  ];
  const merged = (second: QueueFigures | undefined) => {
    runs.forEach(({ summary }, i) => {
      const queue = [queues[0], second][i];
      summary!.figures.schedule = {
        ...{ planned: 600, started: 600, late: 0, dropped: 0, droppedWhileFree: 0 },
        ...{ onTimeShare: 1, latenessP99Ms: 1, toleranceMs: 10 },
        ...(queue && { queue }),
      };
    });
    return mergeRuns(runs, 'x').summary.figures.schedule!.queue;
  };
  const queue = merged(queues[1])!;
  assert.equal(queue.overMs, 60_900);
  assert.deepEqual([queue.inFlight[0], queue.inFlight[39], queue.errors?.[7]], [2, 41, 1]);
  assert.ok(queueGrowth({ planned: 1200, queue })!.requests > 20);
  assert.equal(merged(undefined), undefined);
  assert.equal(merged({ ...queues[1], overMs: 70_000 }), undefined);
  assert.equal(merged({ ...queues[1], inFlight: [1, 2, 3] }), undefined);
});

test('a part that was killed counts with its samples, and the whole is not complete', () => {
  const [first, second] = twoRuns();
  const { summary, reasons } = mergeRuns(
    [first, { ...second, summary: null, reconcile: null }],
    'x',
  );
  assert.equal(summary.figures.sent, first.summary!.figures.sent + second.summary!.figures.sent);
  assert.deepEqual(reasons, [{ kind: 'broken', words: 'did not end by itself', generator: 2 }]);
});

test('a log that both follow counts once, embedded backends have one each', () => {
  const runs = twoRuns();
  runs.forEach(({ summary, logs }, i) => {
    summary!.logs = {
      sources: ['journal:uptime'],
      lines: 10 + i,
      records: 9 + i,
      errors: 2 + i,
      allowed: 0,
      caused: 1,
      warnings: 4,
      ...(i === 1 && { unread: ['container:x'] }),
      warningGroups: [],
      groups: [
        {
          shape: 'lost <n>',
          level: 'error',
          count: 2 + i,
          allowed: false,
          firstAt: `2026-01-02T03:04:0${6 - i}.000Z`,
          lastAt: `2026-01-02T03:04:0${7 + i}.000Z`,
          example: 'lost 1',
        },
      ],
    };
    logs.push({ t: T0, shape: 'lost <n>', count: 2 + i });
  });
  const once = mergeRuns(runs, 'x');
  assert.deepEqual([once.summary.logs!.errors, once.logs.length], [3, 1]);
  for (const run of runs)
    run.plan = { ...run.plan!, target: { url: 'http://127.0.0.1:1/', embedded: true } };
  const both = mergeRuns(runs, 'x');
  const { errors, caused, warnings, records, unread } = both.summary.logs!;
  assert.deepEqual([errors, caused, warnings, records], [5, 2, 8, 19]);
  assert.deepEqual(unread, ['container:x']);
  assert.deepEqual(
    both.summary.logs!.groups.map(({ count, firstAt, lastAt }) => [count, firstAt, lastAt]),
    [[5, '2026-01-02T03:04:05.000Z', '2026-01-02T03:04:08.000Z']],
  );
});

test('what is no part of one load is refused, with each reason', () => {
  const [first, second] = twoRuns();
  const plan = second.plan!;
  const problemsOf = (change: Partial<Run>) => mergeProblems([first, { ...second, ...change }]);
  const cases: [Partial<Run>, RegExp][] = [
    [{ plan: { ...plan, scenario: 'soak' } }, /scenario differs: "load" in run 1, "soak" in run 2/],
    [{ plan: { ...plan, target: { ...plan.target, url: 'http://other/' } } }, /target differs/],
    [{ plan: { ...plan, load: { ...plan.load, durationMs: 1 } } }, /duration differs/],
    [{ plan: { ...plan, load: { ...plan.load, warmUpMs: 9 } } }, /warm-up differs/],
    [{ plan: { ...plan, corpus: { ...plan.corpus, network: 'mainnet' } } }, /network differs/],
    [{ plan: null }, /has no plan\.json/],
    [{ samples: [] }, /has no samples/],
    [{ samples: second.samples.map((line) => ({ ...line, t: line.t + 1e7 })) }, /same time/],
    [{ plan: first.plan }, /are the same run/],
  ];
  for (const [change, expected] of cases) {
    const problems = problemsOf(change);
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      `${String(expected)}: ${problems.join('; ')}`,
    );
  }
  assert.deepEqual(
    problemsOf({ plan: { ...plan, load: { ...plan.load, vus: 7 }, seed: 'x' } }),
    [],
  );
});

test('hostile cases add up case by case', () => {
  const runs = twoRuns();
  const hostile: NonNullable<Summary['hostile']> = {
    rounds: 1,
    requests: 4,
    answers: { '400': 4 },
    played: 4,
    asExpected: 3,
    unexpected: 1,
    cut: 0,
    cases: [
      {
        name: 'not-json',
        check: 4,
        what: 'x',
        expected: '400',
        played: 4,
        asExpected: 3,
        unexpected: 1,
        cut: 0,
        requests: 4,
        examples: ['a', 'b'],
      },
    ],
  };
  for (const { summary } of runs) summary!.hostile = structuredClone(hostile);
  const merged = mergeRuns(runs, 'x').summary.hostile!;
  assert.deepEqual([merged.played, merged.answers['400'], merged.cases.length], [8, 8, 1]);
  assert.deepEqual([merged.cases[0].unexpected, merged.cases[0].examples], [2, ['a', 'b', 'a']]);
});

test('the parts are judged by their reasons, whatever their sentences say', () => {
  const runs = twoRuns();
  runs[0].summary!.verdict = {
    passed: false,
    exitCode: 4,
    sentence: 'words that nobody reads',
    reasons: [
      { kind: 'generator-limited', cause: 'quota', words: 'its CPU quota held k6 back' },
      { kind: 'gate', name: 'p95<1ms', state: 'fail', value: 9, unit: 'ms' },
    ],
  };
  const judge = () => judgeMerged(mergeRuns(runs, 'x'), runs);
  const { verdict } = judge();
  assert.equal(verdict.exitCode, 4);
  assert.deepEqual(verdict.reasons![0], {
    kind: 'generator-limited', cause: 'quota', words: 'its CPU quota held k6 back', generator: 1,
  }); // prettier-ignore
  assert.match(
    verdict.sentence,
    /^GENERATOR-LIMITED: generator 1: its CPU quota held k6 back; this/,
  );
  // The gate of the part is judged over the sums: its own outcome does not stand.
  assert.ok(
    !verdict.reasons!.some((reason) => reason.kind === 'gate' && reason.name === 'p95<1ms'),
  );
  const broken = { kind: 'broken' as const, words: 'the backend ended' };
  runs[1].summary!.verdict = { passed: false, exitCode: 5, sentence: 'x', reasons: [broken] };
  assert.equal(judge().verdict.exitCode, 5);
  assert.match(judge().verdict.sentence, /^BROKEN: generator 2: the backend ended; /);
});

test('gates of the parts are judged over the sums, and those that every load has', () => {
  const runs = twoRuns();
  runs[0].summary!.gates = [
    { name: 'accepted>=1000000', state: 'pass', value: 2e6, limit: 1e6, unit: '' },
    { name: 'a gate of old words', state: 'pass', value: 1, limit: 1, unit: '' },
  ];
  const { gates, verdict } = judgeMerged(mergeRuns(runs, 'x'), runs);
  assert.deepEqual(
    gates.map(({ name, state }) => [name, state]),
    [
      ['error-rate<=1%', 'pass'],
      ['failed-iterations<=0', 'pass'],
      ['accepted>=1000000', 'fail'],
    ],
  );
  assert.equal(verdict.exitCode, 99);
});

/** Two generators of 10 s at 24.7/s each; the second one's clock, or its start, is `shiftMs` off. */
function shifted(shiftMs: number): [Run, Run] {
  const make = (shift: number, seed: string): Run => {
    const run = syntheticRun({ seconds: 10, rate: 24 });
    for (const line of run.samples) {
      line.t += shift;
      line.started = 25 - (line.elapsedS % 2);
    }
    for (const line of run.resources) line.t += shift;
    const started = run.samples.reduce((sum, line) => sum + line.started!, 0);
    run.summary!.figures.started = started;
    workAt(run, run.samples[0].t, 10_000);
    return { ...run, folder: `/runs/${seed}`, plan: { ...run.plan!, id: seed, seed } };
  };
  return [make(0, 'a'), make(shiftMs, 'b')];
}

test('clocks 6 s apart: together for 4 of 10 s, and the rate is that of the overlap', () => {
  const runs = shifted(6000);
  assert.deepEqual(mergeProblems(runs), []);
  const { notes, figures } = mergeRuns(runs, 'x').summary;
  assert.equal(figures.submissionsPerSecond, 49);
  assert.match(
    notes[0],
    /^the two generators were at work together only for 4 s of 10 s: by their clocks the last one began 6 s after the first, so their clocks are apart, or they were started apart; where they overlap they sent 49 submissions\/s/,
  );
  const apart = mergeRuns(shifted(300), 'x').summary;
  assert.deepEqual(apart.notes, []);
  assert.equal(apart.figures.submissionsPerSecond, 49);
});

test('200 s apart they are refused, with what each clock says', () => {
  const [problem, ...more] = mergeProblems(shifted(200_000));
  assert.deepEqual(more, []);
  assert.match(
    problem,
    /run 2 \(b\) and run 1 were not at work at the same time: by their clocks one worked from 03:04:05 to 03:04:15 UTC, the other from 03:07:25 to 03:07:35; their clocks are 3 min 20 s apart, or they were started/,
  );
});

test('a merged run and one of its parts would count twice', () => {
  const runs = twoRuns();
  const merged = mergeRuns(runs, 'both');
  const whole: Run = {
    ...runs[0], folder: '/runs/both', plan: merged.plan, samples: merged.samples, summary: judgeMerged(merged, runs),
  }; // prettier-ignore
  const of = (...all: Run[]) => mergeProblems(all).filter((problem) => /twice|same run/.test(problem)); // prettier-ignore
  assert.deepEqual(of(whole, runs[1]), [
    'run 1 and run 2 (part-2) both hold part-2, which would count twice',
  ]);
  assert.deepEqual(of(runs[0], whole).length, 1);
  assert.deepEqual(of(...runs), []);
  const third: Run = { ...runs[0], folder: '/runs/3', plan: { ...runs[0].plan!, id: 'part-3' } };
  assert.deepEqual(of(whole, third), []);
});

test("the target's words add up, most frequent first", () => {
  const runs = twoRuns();
  runs[0].summary!.figures.refusals = [
    { answer: '400', text: 'a', count: 2 },
    { answer: '401', text: 'a', count: 3 },
  ];
  runs[1].summary!.figures.refusals = [{ answer: '400', text: 'a', count: 4 }];
  assert.deepEqual(mergeRuns(runs, 'x').summary.figures.refusals, [
    { answer: '400', text: 'a', count: 6 },
    { answer: '401', text: 'a', count: 3 },
  ]);
});

test('paces that were asked for add up, whoever changed them', () => {
  const { plan } = syntheticRun({ seconds: 2 });
  const steered = { ...plan!, load: { ...plan!.load, rate: { starts: 50, timeUnitMs: 1000 }, steered: { mostPerSecond: 400 } } }; // prettier-ignore
  const first = {
    plan: steered,
    control: [
      { t: T0, action: 'begin', fromPerSecond: 0, toPerSecond: 50, by: 'load' },
      { t: T0 + 3000, action: 'rate', fromPerSecond: 50, toPerSecond: 80, by: 'terminal' },
      { t: T0 + 9000, action: 'stop', by: 'console' },
    ],
  } as const;
  const second = {
    plan: steered,
    control: [
      { t: T0 + 200, action: 'begin', fromPerSecond: 0, toPerSecond: 50, by: 'load' },
      { t: T0 + 5000, action: 'pause', fromPerSecond: 50, toPerSecond: 0, by: 'console' },
      { t: T0 + 9500, action: 'stop', by: 'terminal' },
    ],
  } as const;
  const runs = [first, second].map((run) => ({ ...run, control: [...run.control] }));
  const words = (lines: ReturnType<typeof mergeControl>) =>
    lines.map(({ t, action, fromPerSecond, toPerSecond, by }) => [t - T0, action, fromPerSecond, toPerSecond, by]); // prettier-ignore
  assert.deepEqual(words(mergeControl(runs)), [
    [0, 'begin', undefined, 100, 'load'],
    [3000, 'rate', 100, 130, 'generator 1: terminal'],
    [5000, 'pause', 130, 80, 'generator 2: console'],
    [9000, 'stop', 80, 0, 'generator 1: console'],
    [9500, 'stop', undefined, undefined, 'generator 2: terminal'],
  ]);
  // One whose pace could not be changed counts with its plan; at the VUs' own pace nobody knows the sum.
  const fixed = { plan: steered };
  assert.deepEqual(words(mergeControl([fixed, runs[1]])).map(([, , , to]) => to), [100, 50, 50]); // prettier-ignore
  assert.equal(mergeControl([{ plan: plan! }, runs[1]])[0].toPerSecond, null);
  assert.deepEqual(mergeControl([fixed, fixed]), []);
  const stop = { t: T0 + 1, action: 'stop' as const, by: 'console' };
  assert.deepEqual(mergeControl([{ ...fixed, control: [stop] }, fixed]), [{ ...stop, by: 'generator 1: console' }]); // prettier-ignore
  assert.deepEqual(mergePlans([steered, steered], 'x').load.steered, { mostPerSecond: 800 });
  assert.equal(mergePlans([plan!, plan!], 'x').load.steered, undefined);
});

test('looks into the storage add up once each generator has looked, and not where one never did', () => {
  const look = (t: number, accepted: number, notStored = 0) => ({ t, accepted, stored: accepted - notStored, notStored, olderThanMs: 1000 + t, tookMs: t, cpuMs: 1 }); // prettier-ignore
  const [first, second] = [
    [look(10, 5), look(30, 50, 2)],
    [look(20, 7), look(40, 70, 3)],
  ];
  const merged = mergeLooks([{ live: first }, { live: second }]);
  assert.deepEqual(merged.map(({ t, accepted, stored, notStored }) => [t, accepted, stored, notStored]), [[20, 12, 12, 0], [30, 57, 55, 2], [40, 120, 115, 5]]); // prettier-ignore
  assert.deepEqual(merged.at(-1), { ...look(40, 120, 5), olderThanMs: 1040 });
  assert.deepEqual(mergeLooks([{ live: first }]), first);
  assert.deepEqual(mergeLooks([{ live: first }, {}]), []);
  const runs = [first, second].map((live, i) => ({ ...syntheticRun({ seconds: 3 }), folder: `/${i}`, live })); // prettier-ignore
  assert.deepEqual(mergeRuns(runs, 'both').live, merged);
});
