/** The words of `--fault`, its times, and what a run must have for each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FAULTS } from '../../faults/index.ts';
import { type AskedFault, MOST_TURNS, needProblems, parseFault, scheduleProblems, turnsOf } from '../../faults/schedule.ts'; // prettier-ignore
import { durationText } from '../../system/duration.ts';

const asked = (text: string): AskedFault => {
  const parsed = parseFault(text);
  assert.ok(!('problems' in parsed), JSON.stringify(parsed));
  return parsed;
};
const problemsOf = (text: string): string[] => {
  const parsed = parseFault(text);
  assert.ok('problems' in parsed, text);
  return parsed.problems;
};

test('each fault can be asked for as its example says, and names are unique', () => {
  assert.equal(new Set(FAULTS.map(({ name }) => name)).size, FAULTS.length);
  for (const fault of FAULTS) {
    const text = fault.value === undefined ? fault.name : `${fault.name}=${fault.value.example}`;
    assert.equal(asked(`${text}@20s+10s`).fault, fault);
  }
});

test('what was written is what is asked for', () => {
  const { value, atMs, forMs, times, everyMs } = asked(' reset=5%@10s+5s*3/20s ');
  assert.deepEqual([value, atMs, forMs, times, everyMs], ['5%', 10_000, 5000, 3, 20_000]);
  assert.deepEqual(
    turnsOf([asked('stall@1m'), asked('reset=5%@10s+5s*3/20s')], 90_000).map(({ text, fromMs, untilMs }) => [text, fromMs, untilMs]),
    [
      ['reset=5%@10s+5s*3/20s', 10_000, 15_000],
      ['reset=5%@10s+5s*3/20s', 30_000, 35_000],
      ['reset=5%@10s+5s*3/20s', 50_000, 55_000],
      ['stall@1m', 60_000, 90_000],
    ],
  ); // prettier-ignore
  const [whole] = turnsOf([asked('latency=50ms')], 7000);
  assert.deepEqual([whole.fromMs, whole.untilMs], [0, 7000]);
});

test('all that is wrong with the words is said at once', () => {
  for (const [text, ...problems] of [
    ['latencyy=1s', /but is "latencyy=1s" \(did you mean latency\?\)$/],
    ['slow=1s', /must begin with one of latency, bandwidth/],
    ['latency', /latency must have a value, such as latency=200ms/],
    ['latency=fast@soon+ever', /beginning after @/, /length after \+/, /time of at most 1h/],
    ['latency=300ms-100ms', /two such as 100ms-300ms/],
    ['latency=1s@5s*3/20s', /must say for how long: @5s\+10s\*3\/20s/],
    ['stall=1s', /stall has no value, but is given "1s"/],
    ['stall@1s+10s*3/10s', /must end before it comes again/],
    ['stall@1s+1s*1/10s', /must come 2 to 200 times/],
    ['stall@1s+5ms', /of at least 100ms/],
    ['reset=0%', /more than 0 %/],
    ['reset=101%', /more than 0 %/],
    ['status=200', /status from 400 to 599/],
    ['status=503:', /may have a share/],
    ['bandwidth=1MB', /bandwidth from/],
    ['stall@1s+1s@2s', /must be NAME\[=VALUE\]/],
    ['', /must begin with one of/],
  ] as [string, ...RegExp[]][]) {
    const found = problemsOf(text);
    assert.equal(found.length, problems.length, `${text}: ${found.join(' | ')}`);
    for (const problem of problems) assert.ok(found.some((one) => problem.test(one)), `${text}: ${found.join(' | ')}`); // prettier-ignore
  }
});

test('any text is either a fault or has problems, and a fault is what its parts say', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'latency=stall@+*/0123456789ms.%-: '), maxLength: 40 }), (text) => {
      const parsed = parseFault(text);
      if ('problems' in parsed) assert.ok(parsed.problems.length > 0);
    }),
  ); // prettier-ignore
  const ms = fc.integer({ min: 100, max: 100_000 });
  fc.assert(
    fc.property(ms, ms, fc.integer({ min: 2, max: 9 }), ms, (at, length, times, gap) => {
      const text = `stall@${durationText(at)}+${durationText(length)}*${times}/${durationText(length + gap)}`;
      const one = asked(text);
      const endMs = at + (times - 1) * (length + gap) + length;
      const turns = turnsOf([one], endMs);
      assert.equal(turns.length, times);
      assert.equal(turns.at(-1)!.untilMs, endMs);
      assert.deepEqual(scheduleProblems([one], endMs), []);
      assert.equal(scheduleProblems([one], endMs - 1).length, 1);
    }),
  );
});

test('faults outside the load, and faults that would undo each other, are refused', () => {
  const of = (...texts: string[]) => scheduleProblems(texts.map(asked), 60_000);
  assert.deepEqual(of('latency=1s@10s+10s', 'bandwidth=1MB/s@15s+10s', 'backend-kill@12s+5s', 'latency=2s@20s+5s'), []); // prettier-ignore
  assert.match(of('stall@60s')[0], /begins at 60 s, and the load lasts 60 s/);
  assert.match(of('stall@50s+20s')[0], /would end at 70 s.*leave out its length/);
  assert.match(of('latency=1s@10s+20s', 'latency=2s@25s+5s')[0], /while latency=1s@10s\+20s is on until 30 s/); // prettier-ignore
  assert.match(of('backend-pause@10s+20s', 'backend-kill@25s+5s')[0], /undo each other/);
  assert.match(of('stall@1s+1s', 'stall@1s+1s')[0], /given twice/);
  assert.equal(of('stall@60s', 'refuse@61s').length, 2);
  const many = scheduleProblems(
    Array.from({ length: 2 }, () => asked('stall@1s+1s*150/2s')),
    1e9,
  );
  assert.match(many[0], new RegExp(`300 turns.*${MOST_TURNS}`));
});

test('what a run has not is said in a sentence', () => {
  const run = { isEmbedded: true, targets: [], hasProxy: false, platform: 'linux' as const };
  const of = (change: Partial<Parameters<typeof needProblems>[1]>, ...texts: string[]) =>
    needProblems(texts.map(asked), { ...run, ...change });
  const all = FAULTS.map(({ name, value }) => (value === undefined ? name : `${name}=${value.example}`)); // prettier-ignore
  assert.deepEqual(of({}, ...all), []);
  const foreign = { isEmbedded: false, targets: ['http://127.0.0.1:1'] };
  assert.deepEqual(
    of(foreign, ...all).map((text) => /^--fault (\S+) needs the embedded backend/.exec(text)?.[1]),
    ['backend-pause', 'backend-kill', 'backend-stop', 'disk-full'],
  );
  const https = { isEmbedded: false, targets: ['https://backend.example'] };
  assert.deepEqual(of(https, 'latency=1s', 'stall', 'refuse', 'reset', 'bandwidth=1MB/s'), []);
  assert.equal(of(https, 'reset=5%', 'cut', 'status=503').length, 3);
  assert.match(of({ ...foreign, hasProxy: true }, 'stall')[0], /--proxy leads another way/);
  assert.match(of({ ...foreign, targets: ['http://[::1]:8080'] }, 'stall')[0], /IPv6 address/);
  assert.match(of({ platform: 'darwin' }, 'disk-full')[0], /only Linux/);
  assert.match(of({ platform: 'win32' }, 'backend-pause')[0], /Windows/);
});
