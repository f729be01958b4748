/** The decision of each scenario, from facts that are made up: no file is read, nothing is started. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPLAY_STORED_GATES, STORED_GATES } from '../../judge/gates.ts';
import { decide, isFed } from '../../load/decide.ts';
import { describeDecision } from '../../load/dry-run.ts';
import { SCENARIOS } from '../../load/scenarios/index.ts';
import type { Payload } from '../../producers/payloads.ts';
import { factsOf, jobOf } from '../support/job.ts';

const TARGET = [{ url: 'http://127.0.0.1:1', weight: 1 }];

const payload = (createdAtMs: number): Payload => ({
  name: `${createdAtMs}.json`,
  path: '/nowhere',
  sizeBytes: 20_000,
  block: { start: 0, end: 10 },
  snarkWork: undefined,
  graphqlControlPort: 0n,
  builtWithCommitSha: '',
  createdAtMs,
  contentHash: '',
});
const recording = (count: number): Payload[] =>
  Array.from({ length: count }, (_, i) => payload((count - i) * 100));
const bodiesOf = (payloads: readonly Payload[]) =>
  payloads.map(({ sizeBytes }) => ({ bytes: sizeBytes, snarkWorkBytes: 0, weight: 1 }));

/** Words with which each scenario can be decided. */
const wordsOf = (name: string): string[] => [
  '--scenario',
  name,
  ...(name === 'replay' ? ['--payloads', '/nowhere'] : []),
];

test('the same job and facts give the same decision, and neither is changed', () => {
  for (const { name } of SCENARIOS) {
    const payloads = name === 'replay' ? recording(3) : null;
    const facts = factsOf({ payloads });
    const job = jobOf(wordsOf(name));
    const before = JSON.stringify([job.request, facts.bodies]);
    assert.deepEqual(decide(job, facts), decide(job, facts), name);
    assert.equal(JSON.stringify([job.request, facts.bodies]), before, name);
    assert.ok(decide(job, facts).estimate.k6MemoryBytes > 1e6, name);
  }
});

const sourceOf = (args: string[], payloads: Payload[] | null = null) => {
  const { source, producers, backend, hostilePerSecond } = decide(
    jobOf(args),
    factsOf({ payloads }),
  );
  return [source.kind, source.isFed, producers, backend?.hourlyLimit, backend?.faithful, hostilePerSecond]; // prettier-ignore
};

test('where submissions come from, who signs them, and what is let through', () => {
  const replay = ['--scenario', 'replay', '--payloads', '/nowhere'];
  const no = 2 ** 31 - 1;
  for (const [args, ...want] of [
    [['--scenario', 'smoke'], 'signed', false, 1, 120, false, null],
    [['--scenario', 'load'], 'signed', false, 1000, 120, false, null],
    [['--scenario', 'soak'], 'signed', true, 18_306, 120, false, null],
    [['--scenario', 'hostile'], 'signed', false, 1000, 120, false, 20],
    [['--scenario', 'fleet'], 'network', false, 15, 3600, false, null],
    [['--scenario', 'big-blocks'], 'parts', false, 1000, 120, false, null],
    [['--scenario', 'mixed', '--mix', 'load=1,replay=1', '--payloads', '/x'], 'parts', false, 1000, no, true, null],
    [replay, 'recorded', false, 0, no, true, null],
    [[...replay, '--submitters', 'random'], 'by others', false, 1000, 120, false, null],
  ] as [string[], ...unknown[]][])
    assert.deepEqual(sourceOf(args, args[1] === 'replay' ? recording(3) : null), want, args.join(' ')); // prettier-ignore
});

test('which loads are fed', () => {
  const fed = (scenario: string, submissions: number, rate: number | null = 2000, live = false) =>
    isFed(
      SCENARIOS.find(({ name }) => name === scenario)!.source(jobOf().request),
      { submissions, highestRatePerSecond: rate },
      live,
    );
  assert.ok(fed('soak', 10));
  assert.ok(fed('arrival', 1_000_001));
  assert.ok(!fed('arrival', 1_000_000));
  // What would be signed for longer than 5 s begins at once, where handing it out costs little, and nobody looks beside it.
  assert.deepEqual(
    [
      fed('arrival', 186_001, 500),
      fed('arrival', 186_000, 500),
      fed('arrival', 186_001, 501),
      fed('arrival', 186_001, null),
      fed('arrival', 186_001, 500, true),
      fed('load', 300_000, 167),
      fed('hostile', 300_000, 167),
    ],
    [true, false, false, false, false, true, false],
  );
  assert.ok(!fed('replay', 1e9));
  assert.ok(!fed('fleet', 1e9));
});

test('the default gate of a storage that is looked into: a replay as recorded may lose what no storage can hold', () => {
  const gatesOf = (args: string[], storage: string | null, targets = TARGET) =>
    decide(
      jobOf(args, { storage, targets }),
      factsOf({ payloads: args[1] === 'replay' ? recording(3) : null }),
    )
      .gates.map(({ expression }) => expression)
      .filter((text) => [...STORED_GATES, ...REPLAY_STORED_GATES].some((one) => one === text));
  const replay = ['--scenario', 'replay', '--payloads', '/x'];
  const mixed = ['--scenario', 'mixed', '--mix', 'load=1,replay=1', '--payloads', '/x'];
  assert.deepEqual(gatesOf([], 'file:///a'), STORED_GATES);
  assert.deepEqual(gatesOf(replay, 'file:///a'), REPLAY_STORED_GATES);
  assert.deepEqual(gatesOf(mixed, 'file:///a'), REPLAY_STORED_GATES);
  assert.deepEqual(gatesOf([...replay, '--submitters', 'random'], 'file:///a'), STORED_GATES);
  assert.deepEqual(gatesOf([], null, []), STORED_GATES);
  for (const args of [[], replay]) assert.deepEqual(gatesOf(args, null), []);
});

test('gates of the scenarios: growth of a watched soak of half an hour, keeping up in a search, hostile answers', () => {
  const added = (args: string[], change = {}) =>
    decide(jobOf(args, { targets: TARGET, ...change }), factsOf())
      .gates.map(({ expression }) => expression)
      .slice(2);
  const soak = (duration: string, targetPid: number | null) =>
    added(['--scenario', 'soak', '--duration', duration], { targetPid }).slice(1);
  assert.deepEqual(soak('30m', 1), ['backend-memory-growth<=1MB/min']);
  assert.deepEqual(soak('30m', null), []);
  assert.deepEqual(soak('29m', 1), []);
  assert.deepEqual(added(['--duration', '1h'], { targetPid: 1 }), []);
  assert.deepEqual(added(['--scenario', 'breakpoint']), ['on-time>=99%', 'queue-growth<=0.2%']);
  assert.deepEqual(added(['--scenario', 'hostile']), ['hostile-unexpected<=0']);
});

test('what the embedded backend is told by the environment is followed, and said', () => {
  const { backend, notes, producers } = decide(
    jobOf(['--scenario', 'fleet']),
    factsOf({ backendSwitches: { REQUESTS_PER_PK_HOURLY: '7', VERIFY_SIGNATURE_DISABLED: '1' } }),
  );
  assert.deepEqual(backend, { hourlyLimit: 7, faithful: false, checksSignatures: false });
  assert.match(notes.join(), /REQUESTS_PER_PK_HOURLY=7, VERIFY_SIGNATURE_DISABLED=1/);
  assert.doesNotMatch(notes.join(), /times --speedup/);
  assert.equal(producers, 15);
  const fleet = decide(jobOf(['--scenario', 'fleet']), factsOf());
  assert.match(fleet.notes.join(), /takes 3600 submissions .* the 120 of the real one, times --speedup/); // prettier-ignore
  const few = decide(jobOf(), factsOf({ backendSwitches: { REQUESTS_PER_PK_HOURLY: '3' } }));
  assert.ok(few.producers > decide(jobOf(), factsOf()).producers);
});

test('--hourly-limit says how many producers a load has, and what the embedded backend lets through', () => {
  // 30,000 submissions in a minute, of which at most half of 4 may be of one producer: with hardly any allowed, each has one.
  const args = ['--scenario', 'arrival', '--rate', '500/s'];
  const few = [...args, '--hourly-limit', '4'];
  const of = (words: string[], change = {}, facts = {}) => {
    const { backend, producers, notes } = decide(jobOf(words, change), factsOf(facts));
    return [backend?.hourlyLimit, producers, notes.length];
  };
  assert.deepEqual(of(args), [120, 3000, 0]);
  const [, many] = of(few, { targets: TARGET });
  assert.ok((many as number) >= 30_000, `${many}`);
  assert.deepEqual(of(few), [4, many, 0]);
  assert.deepEqual(of(args, { targets: TARGET }), [undefined, 3000, 0]);
  // It is closer than the variable, which then decides nothing and is not said to.
  const env = { backendSwitches: { REQUESTS_PER_PK_HOURLY: '7' } };
  assert.deepEqual([of(few, {}, env)[0], of(few, {}, env)[2]], [4, 0]);
  assert.deepEqual([of(args, {}, env)[0], of(args, {}, env)[2]], [7, 1]);
});

test('130,000 payloads and as many starts are no matter', () => {
  const payloads = recording(130_000);
  const facts = factsOf({ payloads, bodies: bodiesOf(payloads) });
  const words = ['--scenario', 'replay', '--payloads', '/nowhere'];
  const timed = decide(jobOf([...words, '--timing', 'recorded']), facts);
  assert.equal(timed.offsetsMs!.length, 130_000);
  assert.equal(timed.volume.submissions, 130_000);
  assert.equal(timed.meanBodyBytes, 20_000);
  assert.equal(timed.corpusBytes, 130_000 * 20_000);
  const plain = decide(jobOf(words), facts);
  assert.match(describeDecision(jobOf(words), plain, 130_000).join('\n'), /of 130,000 recorded bodies/); // prettier-ignore
});

test('too little memory, or disk, is seen before anything is done', () => {
  const small = factsOf({ memory: { totalBytes: 64e9, limitBytes: 1e8 }, freeBytes: 1e6 });
  const { notes, stored } = decide(jobOf(['--scenario', 'soak']), small);
  assert.match(notes.join(), /control group of this process is limited to 95 MB/);
  assert.ok(stored!.bytes > 1e9 && stored!.freeBytes === 1e6);
  const lines = describeDecision(jobOf(['--scenario', 'soak']), decide(jobOf(['--scenario', 'soak']), small), 1); // prettier-ignore
  assert.match(lines.join('\n'), /^storage .* but only .* left there$/m);
  assert.match(lines.join('\n'), /^note .*control group/m);
  const given = decide(jobOf(['--scenario', 'soak'], { targets: TARGET }), small);
  assert.equal(given.stored, null);
});

test('bodies are weighed as they are drawn', () => {
  const bodies = [
    { bytes: 1000, snarkWorkBytes: 0, weight: 3 },
    { bytes: 5000, snarkWorkBytes: 4000, weight: 1 },
  ];
  assert.equal(decide(jobOf(), factsOf({ bodies })).meanBodyBytes, 2000);
});

test('a network whose payloads have no snark work says so', () => {
  const bodies = [{ bytes: 1000, snarkWorkBytes: 0, weight: 1 }];
  const { notes } = decide(jobOf(['--scenario', 'fleet']), factsOf({ bodies }));
  assert.match(notes.join(), /all submissions go without/);
  assert.doesNotMatch(decide(jobOf(), factsOf({ bodies })).notes.join(), /go without/);
});

test('pictures: those of the scenario beside those of every load', () => {
  assert.deepEqual(decide(jobOf(['--scenario', 'fleet']), factsOf()).pictures, ['fleet']);
  assert.deepEqual(decide(jobOf(), factsOf()).pictures, []);
});
