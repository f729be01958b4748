/** The sample stream, from hand-written bytes: what counts where, cut anywhere, late, broken, and how exact. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatencyHistogram } from '../../../results/histogram.ts';
import { figuresOfSamples } from '../../../results/figures.ts';
import { figuresOf } from '../../../load/k6/figures.ts';
import { endOf } from '../../support/load-end.ts';
import { SampleAggregator, type AggregatorOptions } from '../../../load/k6/samples.ts';
import { scheduleOf } from '../../../load/schedule.ts';
import { answerCode, CODE, packReport } from '../../../scenarios/lib/reports.ts';
import { shape } from '../../support/run-scenario.ts';

const HEADER = 'metric_name,timestamp,metric_value,status,extra_tags,metadata\n';
const T0 = 1_767_323_045_000;

const row = (metric: string, t: number, value: number, status = ''): string =>
  `${metric},${Math.round(t * 1000)},${value.toFixed(6)},${status},,\n`;

const reported = (t: number, index: number, code: number): string =>
  row('submission', t, packReport(index, code));

/** The rows of one request, in k6's order. */
const request = (t: number, status: string, durationMs: number, aroundMs = [0, 0, 0]): string =>
  row('http_reqs', t, 1, status) +
  row('http_req_duration', t, durationMs, status) +
  row('http_req_blocked', t, aroundMs[0], status) +
  row('http_req_connecting', t, aroundMs[1], status) +
  row('http_req_tls_handshaking', t, aroundMs[2], status) +
  row('http_req_sending', t, 0.1, status) +
  row('http_req_waiting', t, durationMs, status) +
  row('http_req_receiving', t, 0.1, status);

const accepted = answerCode(200, 0, true);

/** Figures of a whole load. */
const figuresIn = (text: string) => {
  const { aggregator } = aggregate(text);
  return figuresOf(aggregator, endOf(aggregator));
};

function aggregate(text: string, change: Partial<AggregatorOptions> = {}, chunkBytes = Infinity) {
  const aggregator = new SampleAggregator({
    lease: 1,
    count: Infinity,
    expectedStatus: 200,
    ...change,
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes)
    aggregator.push(bytes.subarray(at, Math.min(bytes.length, at + chunkBytes)));
  aggregator.end();
  return { aggregator, lines: aggregator.takeSeconds() };
}

test('one request: each figure where it belongs', () => {
  const { aggregator, lines } = aggregate(
    HEADER +
      reported(T0 + 5, 0, CODE.begun) +
      request(T0 + 17, '200', 12.345678, [1, 0.5, 0.25]) +
      reported(T0 + 18, 0, accepted) +
      row('data_sent', T0 + 18, 46_500) +
      row('data_received', T0 + 18, 90) +
      row('iteration_duration', T0 + 18, 20) +
      row('iterations', T0 + 18, 1) +
      row('vus', T0 + 900, 3) +
      row('vus_max', T0 + 900, 7),
  );
  assert.equal(lines.length, 1);
  const { latency, felt, ...line } = lines[0];
  assert.deepEqual(line, {
    t: T0,
    elapsedS: 0,
    vus: 3,
    started: 1,
    sent: 1,
    answers: { 200: 1 },
    bytesSent: 46_500,
    bytesReceived: 90,
  });
  assert.equal(latency!.count, 1);
  assert.equal(latency!.max, 12.346);
  assert.equal(latency!.p50, 12.346);
  assert.equal(felt!.max, 14.096);
  assert.deepEqual(aggregator.totals, {
    sent: 1,
    accepted: 1,
    expected: 1,
    retries: {},
    answers: { 200: 1 },
    otherBody: 0,
    failedIterations: 0,
    resent: 0,
    beyondPlan: 0,
    bytesSent: 46_500,
    bytesReceived: 90,
    vusMax: 3,
    httpRequests: 1,
    firstEndMs: T0 + 18,
    lastEndMs: T0 + 18,
    faultyLines: 0,
    standstillMs: 0,
  });
  assert.deepEqual(aggregator.inFlight(), []);
  assert.equal(figuresOf(aggregator, endOf(aggregator)).submissionsPerSecond, 1000 / 13);
});

test("a feeder's requests count nowhere, and neither do the bytes of its answers", () => {
  const own = request(T0 + 17, '200', 12, [1, 0.5, 0.25]) + reported(T0 + 18, 0, accepted);
  const fed = request(T0 + 3, '299', 3, [5, 0.5, 0.25]);
  const rest = row('data_received', T0 + 18, 400) + row('data_received', T0 + 1500, 300);
  const text = HEADER + fed + reported(T0 + 5, 0, CODE.begun) + own + rest;
  const feeder = { status: 299, answerBytes: 340 };
  const { aggregator, lines } = aggregate(text, { feeder, bodyBytesOf: () => 1000 });
  const { totals } = aggregator;
  assert.equal(totals.httpRequests, 1);
  assert.equal(totals.sent, 1);
  assert.deepEqual(totals.answers, { 200: 1 });
  assert.equal(aggregator.latency.count, 1);
  assert.equal(aggregator.felt.count, 1);
  assert.equal(totals.bytesReceived, 360);
  assert.deepEqual(lines.map(({ bytesReceived }) => bytesReceived), [60, 300]); // prettier-ignore
  // k6 may tell of the bytes a second later: none goes below 0, and none is lost.
  const late = aggregate(HEADER + fed + row('data_received', T0, 100) + own + rest, { feeder });
  assert.equal(late.aggregator.totals.bytesReceived, 100 + 700 - 340);
  assert.ok(late.lines.every(({ bytesReceived }) => bytesReceived >= 0));
  // Without a feeder such an answer is one like any other.
  assert.equal(aggregate(text).aggregator.totals.httpRequests, 2);
});

test('answers by class; only expected ones have a latency', () => {
  const codes = [
    ['200', accepted],
    ['200', answerCode(200, 0, false)],
    ['401', answerCode(401, 0, false)],
    ['0', answerCode(0, 1212, false)],
    ['0', answerCode(0, 1050, false)],
    ['0', answerCode(0, 0, false)],
    ['200', accepted],
  ] as const;
  const text = codes
    .map(([status, code], i) => request(T0 + i, status, 10 + i) + reported(T0 + i, i, code))
    .join('');
  const { aggregator, lines } = aggregate(HEADER + text, {
    count: 5,
    bodyBytesOf: (i) => 1000 + i,
  });
  const { totals } = aggregator;
  // A line says what its answers by class do not.
  assert.deepEqual(
    [lines[0].answers['200'], lines[0].accepted, lines[0].expected],
    [3, 2, undefined],
  );
  assert.equal(figuresOfSamples(lines, []).errorRate, 5 / 7);
  assert.deepEqual(totals.answers, {
    200: 3,
    401: 1,
    'error:1000': 1,
    'error:1050': 1,
    'error:1212': 1,
  });
  assert.equal(totals.accepted, 2);
  assert.equal(totals.otherBody, 1);
  assert.equal(totals.resent, 2);
  assert.equal(totals.bytesSent, 7 * 1000 + 21);
  assert.equal(aggregator.latency.count, 3);
  assert.deepEqual(aggregator.table.answerOf(3), { class: 'error:1212', expected: false, accepted: false }); // prettier-ignore
  assert.deepEqual(aggregator.table.answerOf(6), { class: '200', expected: true, accepted: true }); // prettier-ignore
  assert.equal(aggregator.table.answerOf(7), null);
  const figures = figuresOf(aggregator, endOf(aggregator));
  assert.equal(figures.errorRate, 5 / 7);
  // Seven began within the six milliseconds from the first sample to the last answer.
  assert.equal(figures.submissionsPerSecond, 7000 / 6);
  assert.equal(figures.latency!.minMs, 10);
});

test('an expected status that is not 200', () => {
  const text = request(T0, '413', 5) + request(T0, '200', 7) + request(T0, '41', 9);
  const { aggregator } = aggregate(HEADER + text, { expectedStatus: 413 });
  assert.equal(aggregator.latency.count, 1);
  assert.equal(aggregator.latency.figures()!.maxMs, 5);
});

test('in flight: the first of each open lease without an answer, and nothing else', () => {
  const begun = (index: number) => reported(T0, index, CODE.begun);
  const answered = (...indices: number[]) =>
    indices.map((index) => reported(T0, index, accepted)).join('');
  const { aggregator } = aggregate(
    HEADER +
      (begun(0) + answered(0, 1, 2, 3)) + // done
      (begun(4) + answered(4, 5)) + // 6 is under way
      begun(8) + // 8 is
      (begun(12) + answered(12) + reported(T0, 13, CODE.leaseEnded)) + // ended in time
      (begun(16) + answered(16, 17) + reported(T0, 18, CODE.threw)) + // gave up
      reported(T0, 20, CODE.threw), // never begun
    { lease: 4 },
  );
  assert.deepEqual(aggregator.inFlight(), [6, 8]);
  assert.equal(aggregator.totals.sent, 9);
  assert.equal(aggregator.totals.failedIterations, 2);
});

test('indices beyond 2^32, and pages that were never seen', () => {
  const index = 2 ** 33 + 5;
  const { aggregator } = aggregate(HEADER + reported(T0, 200_000, accepted), {});
  assert.equal(aggregator.table.length, 200_001);
  assert.equal(aggregator.table.answerOf(100_000), null);
  assert.equal(Math.floor(packReport(index, accepted) / 4096), index);
  assert.equal(packReport(index, accepted) % 4096, accepted);
  assert.equal(Number(packReport(2 ** 40, 4095).toFixed(6)), 2 ** 52 + 4095);
});

test('the same rows, cut anywhere, give the same lines', () => {
  const seconds = [0, 0, 1, 1, 4, 4, 5, 9];
  const text =
    HEADER +
    seconds
      .map(
        (s, i) =>
          request(T0 + s * 1000 + i, '200', i + 1) + reported(T0 + s * 1000 + i, i, accepted),
      )
      .join('');
  const whole = aggregate(text);
  assert.equal(whole.aggregator.totals.sent, seconds.length);
  for (const size of [1, 2, 7, 64, 1000]) {
    const cut = aggregate(text, {}, size);
    assert.deepEqual(cut.lines, whole.lines, `in pieces of ${size}`);
    assert.deepEqual(cut.aggregator.totals, whole.aggregator.totals);
  }
});

test('seconds come in order and without a gap, each once, when their second of grace is over', () => {
  const aggregator = new SampleAggregator({ lease: 1, count: 9, expectedStatus: 200 });
  const push = (text: string) => aggregator.push(Buffer.from(text));
  push(HEADER + reported(T0 + 999, 0, accepted));
  push(reported(T0 + 1500, 1, accepted));
  assert.deepEqual(aggregator.takeSeconds(), []);
  push(reported(T0 + 900, 2, accepted)); // late, within the grace
  push(row('vus', T0 + 2000, 1));
  assert.deepEqual(
    aggregator.takeSeconds().map(({ t, sent }) => [t, sent]),
    [[T0, 2]],
  );
  push(reported(T0 + 100, 3, accepted)); // too late: counts in the oldest open second
  push(row('vus', T0 + 5000, 1));
  aggregator.end();
  const rest = aggregator.takeSeconds();
  assert.deepEqual(
    rest.map(({ elapsedS, sent, latency }) => [elapsedS, sent, latency]),
    [
      [1, 2, null],
      [2, 0, null],
      [3, 0, null],
      [4, 0, null],
      [5, 0, null],
    ],
  );
  assert.deepEqual(aggregator.takeSeconds(), []);
});

test('whatever the times are, the lines add up to the totals', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 60 }), (times) => {
      const text = times
        .map((t, i) => request(T0 + t, '200', 1 + i) + reported(T0 + t, i, accepted))
        .join('');
      const { aggregator, lines } = aggregate(HEADER + text);
      assert.equal(
        lines.reduce((sum, { sent }) => sum + sent, 0),
        times.length,
      );
      assert.equal(
        lines.reduce((sum, { latency }) => sum + (latency?.count ?? 0), 0),
        times.length,
      );
      const merged = new LatencyHistogram();
      for (const { latency } of lines) if (latency) merged.addEncoded(latency.hdr);
      assert.equal(merged.count, times.length);
      const p99 = aggregator.latency.percentileMs(99);
      assert.ok(Math.abs(merged.percentileMs(99) - p99) <= 0.002 * p99);
      lines.forEach(({ elapsedS }, i) => assert.equal(elapsedS, i));
    }),
    { numRuns: 40 },
  );
});

test('a clock that jumps by a year does not fill the disk with empty seconds', () => {
  const year = 365 * 86_400_000;
  const { lines } = aggregate(
    HEADER + reported(T0, 0, accepted) + reported(T0 + year, 1, accepted),
  );
  assert.deepEqual(
    lines.map(({ t, sent }) => [t, sent]),
    [
      [T0, 1],
      [T0 + year, 1],
    ],
  );
});

test('a last line that was cut is dropped and counted, and a broken one does not hide its neighbours', () => {
  const whole = HEADER + reported(T0, 0, accepted);
  const cut = aggregate(whole + reported(T0, 1, accepted).slice(0, 20));
  assert.equal(cut.aggregator.totals.sent, 1);
  assert.equal(cut.aggregator.totals.faultyLines, 1);
  const broken = aggregate(
    `${whole}submission,17x,4096.0,,,\nsubmission\n\n` +
      reported(T0, 0, accepted) + // a duplicate
      reported(T0, 1, accepted),
  );
  assert.equal(broken.aggregator.totals.sent, 2);
  assert.equal(broken.aggregator.totals.faultyLines, 4);
});

test('a request whose rows are cut in two has no latency, and the next one has its own', () => {
  const rows = request(T0, '200', 10, [5, 5, 5]).split('\n');
  const head = `${rows.slice(0, 3).join('\n')}\n`;
  const { aggregator } = aggregate(HEADER + head + request(T0, '200', 2, [1, 0, 0]));
  assert.equal(aggregator.latency.count, 1);
  assert.equal(aggregator.felt.figures()!.maxMs, 3);
});

test('other columns are refused, not misread', () => {
  assert.throws(
    () => aggregate('metric_name,timestamp,metric_value,error_code,status,extra_tags,metadata\n'),
    /k6 writes other columns: "metric_name,timestamp,metric_value,error_code/,
  );
});

test('nothing at all: no lines, no figures', () => {
  for (const text of ['', HEADER]) {
    const { aggregator, lines } = aggregate(text);
    assert.deepEqual(lines, []);
    const figures = figuresOf(aggregator, endOf(aggregator));
    assert.equal(figures.errorRate, null);
    assert.equal(figures.submissionsPerSecond, null);
    assert.equal(figures.latency, null);
  }
});

test('percentiles agree with an exact sort within 0.2 %', () => {
  // Log-normal latencies of 0.1 ms to minutes, by a fixed congruential sequence.
  let x = 12345;
  const random = () => (x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  for (const count of [1, 7, 15, 100, 10_000, 100_000]) {
    const histogram = new LatencyHistogram();
    const values: number[] = [];
    for (let i = 0; i < count; i++) {
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      const ms = Math.min(600_000, 50 * Math.exp(2 * normal));
      values.push(ms);
      histogram.record(ms * 1000);
    }
    values.sort((a, b) => a - b);
    for (const percentile of [50, 90, 95, 99, 99.9]) {
      const exact = values[Math.ceil(Math.round(percentile * count) / 100) - 1];
      const error = Math.abs(histogram.percentileMs(percentile) - exact) / exact;
      assert.ok(error <= 0.002, `p${percentile} of ${count}: ${error}`);
    }
    const figures = histogram.figures()!;
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    assert.ok(Math.abs(figures.meanMs - mean) < 0.001);
    assert.ok(Math.abs(figures.maxMs - values.at(-1)!) < 0.001);
    assert.ok(Math.abs(figures.minMs - values[0]) < 0.001);
    const copy = new LatencyHistogram();
    copy.addEncoded(figures.hdr);
    for (const percentile of [50, 90, 95, 99, 99.9]) {
      const error = copy.percentileMs(percentile) / histogram.percentileMs(percentile) - 1;
      assert.ok(Math.abs(error) <= 0.002);
    }
  }
});

test('an hour is the longest latency; a reset forgets everything', () => {
  const histogram = new LatencyHistogram();
  histogram.record(5e9);
  histogram.record(0);
  assert.equal(histogram.figures()!.maxMs, 3_600_000);
  assert.equal(histogram.figures()!.minMs, 0);
  histogram.reset();
  assert.equal(histogram.figures(), null);
  assert.equal(histogram.ofSecond(), null);
});

test('several targets: counts of each, which add up', () => {
  const codes = [accepted, 200, 401, answerCode(0, 1212, false), accepted, accepted];
  const text = codes.map((code, i) => reported(T0 + i, i, code)).join('');
  const { aggregator } = aggregate(HEADER + text, { targets: { count: 2, of: (i) => i % 2 } });
  assert.deepEqual(aggregator.byTarget(), [
    { sent: 3, accepted: 2, answers: { '200': 2, '401': 1 } },
    { sent: 3, accepted: 1, answers: { '200': 2, 'error:1212': 1 } },
  ]);
  const { sent, accepted: all, otherBody } = aggregator.totals;
  assert.deepEqual([sent, all, otherBody], [6, 3, 1]);
  assert.deepEqual(aggregate(HEADER + text).aggregator.byTarget(), []);
});

test('an open model: late and dropped starts by second, and the time since the intended start', () => {
  const load = shape({
    executor: 'constant-arrival-rate', durationMs: 2000, rate: { starts: 10, timeUnitMs: 1000 },
  }); // prettier-ignore
  const schedule = { schedule: scheduleOf(load)!, vus: 5 };
  const begun = (index: number, t: number) => reported(T0 + t, index, CODE.begun);
  const { aggregator, lines } = aggregate(
    HEADER +
      row('load_start', T0, T0) +
      begun(0, 0) +
      (request(T0 + 30, '200', 30) + reported(T0 + 30, 0, accepted)) +
      begun(1, 100) +
      (request(T0 + 120, '500', 20) + reported(T0 + 120, 1, answerCode(500, 0, false))) +
      begun(2, 260) +
      row('dropped_iterations', T0 + 300, 1) +
      begun(3, 1100) +
      (request(T0 + 1101, '200', 1) + reported(T0 + 1101, 3, accepted)) +
      (request(T0 + 1200, '200', 940) + reported(T0 + 1200, 2, accepted)),
    { schedule },
  );
  assert.deepEqual(
    lines.map(({ late, dropped }) => [late, dropped]),
    [
      [1, 1],
      [1, undefined],
    ],
  );
  const figures = figuresOf(aggregator, endOf(aggregator));
  assert.deepEqual(figures.schedule!.planned, 20);
  assert.deepEqual([figures.schedule!.started, figures.schedule!.late], [4, 2]);
  assert.equal(figures.sinceIntended!.count, 3);
  assert.equal(figures.sinceIntended!.maxMs, 1000); // due at 200, answered at 1200; its latency was 940
  assert.equal(figures.latency!.maxMs, 940);
  assert.equal(figuresIn(HEADER).schedule, undefined);
});

test('the warm-up: its answers count, its latencies do not', () => {
  const at = (t: number, i: number, ms: number) =>
    request(T0 + t, '200', ms) + reported(T0 + t, i, accepted);
  const text =
    HEADER + row('load_start', T0, T0) + at(999, 0, 900) + at(1999, 1, 800) + at(2000, 2, 7);
  const { aggregator, lines } = aggregate(text, { warmUpMs: 2000 });
  const figures = figuresOf(aggregator, endOf(aggregator));
  assert.deepEqual([figures.sent, figures.accepted, figures.warmUpAnswers], [3, 3, 2]);
  assert.equal(figures.latency!.count, 1);
  assert.equal(figures.latency!.maxMs, 7);
  assert.equal(figures.felt!.count, 1);
  // The seconds themselves are shown as they were.
  assert.deepEqual(
    lines.map(({ latency }) => latency!.max),
    [900, 800, 7],
  );
  assert.equal(figuresIn(text).warmUpAnswers, undefined);
  assert.equal(figuresIn(text).latency!.count, 3);
});

test('latencies of groups: by the tag, of the answer that the group expects; other tags do not matter', () => {
  const aggregator = new SampleAggregator({
    lease: 1,
    count: 9,
    expectedStatus: 200,
    bodyBytesOf: () => 50,
    groups: { expectedStatus: [200, 413], of: (index) => index % 2 },
  });
  const tagged = (t: number, status: string, ms: number, tags: string) =>
    request(t, status, ms).replaceAll(`,${status},,`, `,${status},${tags},`);
  aggregator.push(
    Buffer.from(
      HEADER +
        tagged(T0, '200', 5, 'group=0') +
        reported(T0, 0, accepted) +
        tagged(T0 + 1, '413', 7, 'a=b&group=1') +
        reported(T0 + 1, 1, answerCode(413, 0, true)) +
        tagged(T0 + 2, '413', 9, 'group=0') +
        reported(T0 + 2, 2, answerCode(413, 0, false)) +
        tagged(T0 + 3, '200', 11, 'group=1&c=d') +
        reported(T0 + 3, 3, CODE.taken) +
        tagged(T0 + 4, '200', 13, 'subgroup=0') +
        reported(T0 + 4, 4, accepted),
    ),
  );
  aggregator.end();
  const [first, second] = aggregator.byGroup();
  assert.equal(first.latency.count, 1);
  assert.equal(second.latency.count, 1);
  assert.ok(Math.abs(second.latency.figures()!.maxMs - 7) < 0.1);
  assert.deepEqual(
    [first.sent, first.accepted, first.expected, first.bytesSent],
    [3, 2, 2, 100], // a body that is refused as too large was not sent
  );
  assert.deepEqual([second.sent, second.accepted, second.expected], [2, 1, 1]);
  assert.deepEqual(first.answers, { '200': 2, '413': 1 });
  const { totals } = aggregator;
  assert.deepEqual([totals.accepted, totals.expected, totals.otherBody], [3, 3, 0]);
  // One was refused as it must be, another taken though it must not: the counts are alike and the sum says so, too.
  const lines = aggregator.takeSeconds();
  assert.equal(figuresOfSamples(lines, []).errorRate, 2 / 5);
});
