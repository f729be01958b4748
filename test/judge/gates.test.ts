import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  defaultGatesOf,
  factsOfLoad,
  GATE_METRICS,
  type GateFacts,
  gateProblems,
  gateRules,
  GATES,
  judgeGates,
  parseGate,
  type GateFigures,
} from '../../judge/gates.ts';
import { generatorLimit } from '../../judge/generator-limit.ts';
import { NO_OTHER_EVIDENCE } from '../support/generator-facts.ts';
import type { LatencyFigures, LoadShape } from '../../results/types.ts';
import { shape } from '../support/run-scenario.ts';

const latency: LatencyFigures = {
  count: 100, meanMs: 20, minMs: 1, p50Ms: 18, p90Ms: 40, p95Ms: 52, p99Ms: 90, p999Ms: 120, maxMs: 130, hdr: '',
}; // prettier-ignore
const growth = (megabytes: number) => ({ bytesPerMinute: megabytes * 2 ** 20, overMs: 480_000 });
const look = {
  storage: 'x', complete: true, waitedMs: 0, readings: 1,
  classes: {
    right: 98, different: 1, missing: 1, sameSecond: 0, refusedStored: 2, unknownStored: 0, unknownNotStored: 0, foreign: 0,
    hostile: 0, retried: 0, doubles: 3, unreadable: 0,
  },
}; // prettier-ignore
const figures: GateFigures = {
  reconcile: { look },
  hostile: {
    rounds: 1, requests: 9, answers: {}, played: 9, asExpected: 7, unexpected: 2, cut: 0, cases: [],
  }, // prettier-ignore
  logs: { sources: ['backend.log'], lines: 9, errors: 3, allowed: 1, groups: [] },
  sent: 100,
  accepted: 99,
  answers: { '200': 99, '500': 1 },
  errorRate: 0.01,
  submissionsPerSecond: 10,
  acceptedPerSecond: 9.9,
  bytesSent: 1,
  bytesReceived: 1,
  latency,
  felt: { ...latency, p95Ms: 60 },
  failedIterations: 0,
  processes: {
    backend: {
      cpuCoresMean: 0.5,
      cpuCoresMax: 1,
      rssBytesMax: 200 * 2 ** 20,
      readings: 5,
      rssGrowth: growth(2),
    },
    k6: { cpuCoresMean: 1, cpuCoresMax: 1, rssBytesMax: 1, readings: 5, rssGrowth: growth(-0.5) },
    toolkit: {
      cpuCoresMean: 1,
      cpuCoresMax: 1,
      rssBytesMax: 1,
      readings: 5,
      rssGrowth: growth(0.5),
    },
  },
  schedule: {
    planned: 100,
    started: 98,
    late: 3,
    dropped: 2,
    droppedWhileFree: 0,
    onTimeShare: 0.95,
    keepingUpShare: 0.98,
    queue: { overMs: 40_000, inFlight: Array.from({ length: 40 }, () => 2) },
    latenessP99Ms: 12,
    toleranceMs: 10,
  },
  sinceIntended: { ...latency, p95Ms: 70 },
  retries: { '503': 3, 'error:1050': 1 },
  breakpoint: {
    rate: 300, low: 290, high: 310, end: 'precise', confirmedRate: 290, holdMs: 1, trials: [],
  }, // prettier-ignore
};
const nothing: GateFigures = {
  ...figures, reconcile: undefined, hostile: undefined, logs: undefined, breakpoint: undefined, sent: 0, accepted: 0, answers: {}, errorRate: null, submissionsPerSecond: null, acceptedPerSecond: null,
  latency: null, felt: null, processes: {}, schedule: null, sinceIntended: null,
}; // prettier-ignore

/** For each figure a condition that holds and one that does not. */
const CASES: Record<string, [string, string]> = {
  p50: ['p50<=18ms', 'p50<18ms'],
  p90: ['p90<41ms', 'p90>40ms'],
  p95: ['p95<0.053s', 'p95<52ms'],
  p99: ['p99<1m', 'p99<=89.9ms'],
  'p99.9': ['p99.9<=120ms', 'p99.9<0.1s'],
  max: ['max<=130ms', 'max<130ms'],
  mean: ['mean<=20ms', 'mean>20ms'],
  'felt-p95': ['felt-p95<=60ms', 'felt-p95<60ms'],
  'error-rate': ['error-rate<=1%', 'error-rate<1%'],
  rate: ['rate>=600/min', 'rate>10/s'],
  'accepted-rate': ['accepted-rate>=9.9', 'accepted-rate>=10/s'],
  'on-time': ['on-time>=95%', 'on-time>0.98'],
  'achieved-rate': ['achieved-rate>=98%', 'achieved-rate>98%'],
  'keeping-up': ['keeping-up>=98%', 'keeping-up>98%'],
  'queue-growth': ['queue-growth<=0%', 'queue-growth<0%'],
  'p95-since-intended': ['p95-since-intended<=70ms', 'p95-since-intended<70ms'],
  retries: ['retries<=4', 'retries<4'],
  accepted: ['accepted>=99', 'accepted>=100'],
  'stored-share': ['stored-share>=98%', 'stored-share>=98.1%'],
  missing: ['missing<=1', 'missing<=0'],
  'refused-stored': ['refused-stored<=2', 'refused-stored<=0'],
  doubles: ['doubles<=3', 'doubles<=0'],
  'failed-iterations': ['failed-iterations<=0', 'failed-iterations>=1'],
  'log-errors': ['log-errors<=3', 'log-errors<=2'],
  'hostile-unexpected': ['hostile-unexpected<=2', 'hostile-unexpected<=1'],
  breakpoint: ['breakpoint>=300/s', 'breakpoint>300/s'],
  'backend-memory': ['backend-memory<=200MB', 'backend-memory<0.1GB'],
  'backend-memory-growth': ['backend-memory-growth<=2MB/min', 'backend-memory-growth<119MB/h'],
  'k6-memory-growth': ['k6-memory-growth<0KB/min', 'k6-memory-growth>0MB/min'],
  'toolkit-memory-growth': ['toolkit-memory-growth<513KB/min', 'toolkit-memory-growth<0.01GB/h'],
  'backend-cpu': ['backend-cpu<=0.5', 'backend-cpu<0.5'],
};

test('every figure has a gate that passes, one that fails, and no data without a measurement', () => {
  assert.deepEqual(Object.keys(CASES), Object.keys(GATE_METRICS));
  for (const [pass, fail] of Object.values(CASES)) {
    const states = (from: GateFigures) =>
      judgeGates(gateRules([pass, fail], []), from).map(({ state }) => state);
    assert.deepEqual(states(figures), ['pass', 'fail'], pass);
    assert.deepEqual(states(nothing), ['no data', 'no data'], pass);
  }
});

test('few starts prove nothing: what may be chance fails no gate on time, what the target held up does', () => {
  const seen = { ...figures.schedule!, dropped: 0 };
  const gateOf = (gate: string, schedule: Partial<typeof seen>) => {
    const whole = { ...seen, ...schedule };
    whole.onTimeShare = (whole.started - whole.late) / whole.planned;
    return judgeGates(gateRules([gate], []), { ...figures, schedule: whole })[0];
  };
  const of = (planned: number, late: number, more: Partial<typeof seen> = {}) => {
    const { state, isChance = false } = gateOf('on-time>=99%', { planned, started: planned, late, ...more }); // prettier-ignore
    return isChance ? 'chance' : state;
  };
  assert.deepEqual([of(25, 0), of(25, 1), of(25, 2)], ['pass', 'chance', 'fail']);
  assert.deepEqual([of(3, 1), of(10, 1), of(10, 2)], ['chance', 'chance', 'fail']);
  assert.deepEqual([of(500, 5), of(500, 8), of(500, 9)], ['pass', 'chance', 'fail']);
  assert.deepEqual([of(30_000, 300), of(30_000, 320), of(30_000, 340)], ['pass', 'chance', 'fail']);
  // It never came, or no VU was free: those too, each by whose doing it is.
  assert.deepEqual([of(25, 0, { started: 24 }), of(25, 0, { started: 23 })], ['chance', 'fail']);
  assert.equal(of(25, 0, { started: 24, dropped: 1, droppedWhileFree: 1 }), 'chance');
  assert.equal(of(25, 0, { started: 24, dropped: 1 }), 'fail');
  assert.equal(of(25, 1, { lateWhileBusy: 1 }), 'fail');
  // Who wants all of them gets all of them; the figure stays what was seen, and a limit from above is judged by it.
  const one = { planned: 25, started: 25, late: 1 };
  assert.equal(gateOf('on-time>=100%', one).state, 'fail');
  assert.equal(gateOf('on-time>=99.9%', one).state, 'fail');
  assert.equal(gateOf('on-time>=99%', one).value, 96);
  assert.deepEqual(gateOf('on-time<96.5%', one), { name: 'on-time<96.5%', state: 'pass', value: 96, limit: 96.5, unit: '%' }); // prettier-ignore
});

test('gate and generator agree about late starts: what fails the gate is the generator’s limit', () => {
  for (const planned of [5, 25, 100, 501, 30_000])
    for (const late of [0, 1, 2, 5, 9, 60, 340].filter((count) => count <= planned)) {
      const schedule = { ...figures.schedule!, planned, started: planned, late, dropped: 0, queue: undefined, onTimeShare: 1 - late / planned }; // prettier-ignore
      const [gate] = judgeGates(gateRules(['on-time>=99%'], []), { ...figures, schedule });
      for (const cpu of [undefined, { host: 0.99, k6: 0.02, others: 0.75 }]) {
        const limit = generatorLimit({
          ...NO_OTHER_EVIDENCE,
          ...{ schedule, allowedMisses: 0.01, generator: { ...(cpu && { cpu }) }, answerP50Ms: 5 },
        });
        assert.equal(gate.state === 'fail', limit !== null, `${late} of ${planned}`);
      }
    }
});

test('a log of which nothing was read proves no absence of errors', () => {
  const stateOf = (logs: GateFigures['logs']) =>
    judgeGates(gateRules(['log-errors<=0'], []), { ...figures, logs })[0].state;
  const read = {
    sources: ['backend.log', 'journal:x'],
    lines: 9,
    errors: 0,
    allowed: 0,
    groups: [],
  };
  assert.equal(stateOf(read), 'pass');
  assert.equal(stateOf({ ...read, errors: 1 }), 'fail');
  assert.equal(stateOf({ ...read, lines: 0 }), 'no data');
  assert.equal(stateOf({ ...read, unread: ['journal:x'] }), 'no data');
  assert.equal(stateOf(undefined), 'no data');
});

test('values and limits are shown in the unit that people use', () => {
  const [share, time, memory] = judgeGates(
    gateRules(['error-rate<5%', 'p95<2s', 'backend-memory<1GB'], []),
    figures,
  );
  assert.deepEqual(share, { name: 'error-rate<5%', state: 'pass', value: 1, limit: 5, unit: '%' });
  assert.deepEqual([time.value, time.limit, time.unit], [52, 2000, 'ms']);
  assert.deepEqual([memory.value, memory.limit, memory.unit], [200, 1024, 'MB']);
});

test("a user's gate replaces the default of the same figure, others are added", () => {
  assert.deepEqual(
    gateRules(['error-rate <= 50 %', 'p95<1s']).map(({ expression }) => expression),
    ['failed-iterations<=0', 'error-rate<=50%', 'p95<1s'],
  );
});

test('an open model must keep its schedule, a closed one has none', () => {
  const open = shape({ executor: 'constant-arrival-rate', rate: { starts: 5, timeUnitMs: 1000 } });
  const of = (load: LoadShape, more: Pick<GateFacts, 'hostile' | 'search' | 'soak' | 'storage'>) =>
    defaultGatesOf(factsOfLoad(load, { ...more, watched: true, log: true }));
  const plain = { hostile: false, search: false, soak: false, storage: null } as const;
  assert.deepEqual(of(open, plain).slice(2), ['on-time>=99%']);
  assert.deepEqual(of(shape({}), plain), ['error-rate<=1%', 'failed-iterations<=0']);
  assert.deepEqual(of(shape({}), { ...plain, hostile: true }).slice(2), ['hostile-unexpected<=0']);
});

test('what is no gate is refused with a reason', () => {
  for (const [text, reason] of [
    ['', /such as "p95<800ms"/],
    ['p95', /such as/],
    ['p95=800ms', /such as/],
    ['p95<-1ms', /such as/],
    ['p96<1ms', /knows no figure "p96"; use one of p50, /],
    ['constructor<1', /knows no figure "constructor"/],
    ['p95<800', /must give p95 in ms, s, m, but is "p95<800"/],
    ['p95<8%', /must give p95 in ms/],
    ['error-rate<=1', /with its % sign: error-rate<=1%, but is "error-rate<=1"/],
    ['error-rate<=5', /error-rate<=5%/],
    ['on-time>=1', /on-time>=1%/],
    ['accepted>5/s', /must give accepted as a plain number/],
    [
      'k6-memory-growth<1MB',
      /must give k6-memory-growth in MB\/min, KB\/min, GB\/min, MB\/h, GB\/h/,
    ],
  ] as const) {
    const rule = parseGate(text);
    assert.ok('problem' in rule, text);
    assert.match(rule.problem, reason);
  }
});

test('any text is a rule or has a problem', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), (text) => {
      const rule = parseGate(text);
      assert.ok('problem' in rule || Number.isFinite(rule.limit));
    }),
  );
});

test('a share below 1 needs no % sign', () => {
  assert.deepEqual(parseGate('on-time>=0.95'), { expression: 'on-time>=0.95', metric: 'on-time', operator: '>=', limit: 0.95 }); // prettier-ignore
  assert.ok(!('problem' in parseGate('error-rate<=0')));
});

test('a latency without one expected answer is no data, whatever the histogram holds', () => {
  for (const text of ['p95<10s', 'felt-p95<10s', 'p95-since-intended<10s']) {
    const state = (change: Partial<GateFigures>) =>
      judgeGates(gateRules([text], []), { ...figures, ...change })[0].state;
    assert.equal(state({}), 'pass', text);
    assert.equal(state({ accepted: 0 }), 'no data', text);
    // Bodies that must be refused, and were.
    assert.equal(state({ accepted: 0, expected: 9 }), 'pass', text);
  }
});

test('a log of which not one line was read may be the wrong one: no data', () => {
  const state = (lines: number) =>
    judgeGates(gateRules(['log-errors<=0'], []), {
      ...figures,
      logs: { sources: ['journal:x'], lines, errors: 0, allowed: 0, groups: [] },
    })[0].state;
  assert.deepEqual([state(1), state(0)], ['pass', 'no data']);
});

test('hostile cases that were not run for want of keys in the whitelist: no data, but what failed has failed', () => {
  const state = (unexpected: number) =>
    judgeGates(gateRules(['hostile-unexpected<=0'], []), {
      ...figures,
      hostile: {
        ...figures.hostile!,
        unexpected,
        unlisted: { listed: 0, of: 34, command: 'npm run producers -- --for-hostile' },
      },
    })[0].state;
  assert.deepEqual([state(0), state(1)], ['no data', 'fail']);
});

const FACTS: GateFacts = factsOfLoad(shape({ durationMs: 600_000 }), {
  hostile: false, search: false, soak: false, watched: true, log: true, storage: 'signed',
}); // prettier-ignore

test('what is stored though it was refused, or stored twice, fails a load', () => {
  assert.deepEqual(defaultGatesOf(FACTS).slice(2), ['stored-share>=100%', 'refused-stored<=0', 'doubles<=0']); // prettier-ignore
  assert.deepEqual(defaultGatesOf({ ...FACTS, storage: 'recorded' }).slice(2), ['missing<=0', 'refused-stored<=0']); // prettier-ignore
});

/** For each need a gate that asks for it, and what a run lacks then. */
const LACKS: [string, Partial<GateFacts>, RegExp][] = [
  ['on-time>=99%', { isOpen: false }, /^on-time>=99% would have no data: .*open model/],
  ['keeping-up>=97%', { isConstantRate: false }, /no constant rate/],
  ['queue-growth<=1%', { isSteerable: true }, /may be changed while it runs/],
  ['retries<=0', { retries: false }, /sends nothing again/],
  ['missing<=0', { storage: null }, /--storage names it/],
  ['log-errors<=0', { log: false }, /--target-log names one/],
  ['hostile-unexpected<=0', { hostile: false }, /no hostile requests/],
  ['breakpoint>=5/s', { search: false }, /no search/],
  ['backend-cpu<1', { watched: false }, /--target-pid or --target-container/],
  ['backend-memory-growth<1MB/min', { watched: false }, /whose backend is watched/],
  ['k6-memory-growth<1MB/min', { durationMs: 60_000 }, /only in a load of 4 min 5 s or more/],
];

test('a gate on a figure that the run cannot have is refused before the load', () => {
  const all: GateFacts = {
    ...FACTS, isOpen: true, isConstantRate: true, retries: true, hostile: true, search: true,
  }; // prettier-ignore
  assert.deepEqual(
    gateProblems(
      LACKS.map(([text]) => text),
      all,
    ),
    [],
  );
  assert.deepEqual(gateProblems(['p95<1s', 'error-rate<5%', 'no gate'], FACTS), []);
  for (const [text, change, problem] of LACKS) {
    const [found, ...more] = gateProblems([text, 'p95<1s'], { ...all, ...change });
    assert.match(found, problem);
    assert.deepEqual(more, []);
  }
});

test('the table of gates has a sentence, units and places for each, for the docs', () => {
  assert.deepEqual(
    GATES.map(({ name }) => name),
    Object.keys(GATE_METRICS),
  );
  for (const { name, what, where } of GATES) {
    assert.match(what, /^[A-Z0-9].*[^.]\.$/, name);
    assert.notEqual(where, '', name);
  }
  const byName = new Map(GATES.map((row) => [row.name, row]));
  assert.deepEqual(byName.get('error-rate')!.defaults, [{ gate: 'error-rate<=1%', where: 'every load' }]); // prettier-ignore
  assert.deepEqual(byName.get('p95')!.defaults, []);
  assert.deepEqual(byName.get('rate')!.units, ['/s', '/min', '/h']);
  assert.equal(byName.get('log-errors')!.where, "loads that follow the target's log");
});
