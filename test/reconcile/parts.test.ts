/** The parts of the comparison, each by itself: its laws and its edges. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ClockVotes, type RequestTimes } from '../../reconcile/clock.ts';
import { holdersOf } from '../../reconcile/holders.ts';
import { Foreign } from '../../reconcile/leftovers.ts';
import { TakenSeconds } from '../../reconcile/taken-seconds.ts';
import { Tally } from '../../reconcile/tally.ts';
import type { Entry } from '../../reconcile/entry.ts';
import { SentIndex } from '../../reconcile/sent-index.ts';
import type { ReconcileLine } from '../../results/types.ts';

const requests = fc.array(
  fc.tuple(fc.nat(60_000), fc.nat(3000), fc.double({ min: 0, max: 1, noNaN: true })),
  { minLength: 1, maxLength: 60 },
);

describe('the clock', () => {
  test('law: where nothing is lost or altered, the true difference is in the result', () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: -9_000_000, max: 9_000_000 }), (all, ahead) => {
        const votes = new ClockVotes();
        for (const [begin, lasts, taken] of all)
          votes.entry(Math.floor((begin + lasts * taken + ahead) / 1000), [begin, begin + lasts]);
        const [least, most] = votes.result()!;
        assert.ok(least <= ahead && ahead <= most, `${least} to ${most}, not ${ahead}`);
        assert.ok(
          most - least <= 1000 + all.reduce((low, [, lasts]) => Math.min(low, lasts), 3000),
        );
      }),
    );
  });

  test('law: a third of altered entries moves it by the time of a request and a second, at most', () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: -5000, max: 5000 }), (all, ahead) => {
        const votes = new ClockVotes();
        all.forEach(([begin, lasts, taken], i) => {
          const wrong = i % 3 === 2 ? (i % 2 === 0 ? 86_400 : -777 * i) : 0;
          const second = Math.floor((begin + lasts * taken + ahead) / 1000) + wrong;
          votes.entry(second, [begin, begin + lasts]);
        });
        const [least, most] = votes.result()!;
        assert.ok(least <= ahead + 4000 && most >= ahead - 4000, `${least} to ${most}`);
      }),
    );
  });

  test('a voter has one voice, however many of its ranges meet', () => {
    const votes = new ClockVotes();
    votes.anyOf(
      [
        [0, 10],
        [5, 8],
        [9, 20],
        [-90, -80],
      ],
      [-100, 100],
    );
    votes.anyOf([[200, 300]], [-100, 100]);
    assert.equal(votes.voters, 1);
    assert.deepEqual(votes.result(), [0, 20]);
    assert.deepEqual(votes.result(-85), [-90, -80]);
    votes.entry(0, [0, 1000]);
    assert.deepEqual(votes.result(), [0, 20]);
    assert.equal(new ClockVotes().result(), null);
  });

  test('130,000 voters', () => {
    const votes = new ClockVotes();
    // At any time of a second, so that its beginnings and ends are seen.
    for (let i = 0; i < 130_000; i++) {
      const at = i * 101;
      votes.entry(Math.floor(at / 1000), [at - 3, at + 4]);
    }
    const [least, most] = votes.result()!;
    assert.ok(least <= 0 && most >= 0 && most - least < 10, `${least} to ${most}`);
  });
});

describe('who holds the entries of a body', () => {
  const second = (s: number): RequestTimes => [s * 1000 + 100, s * 1000 + 200];
  test('each entry goes to the first to end of those under way then', () => {
    assert.deepEqual(
      holdersOf([0, 1, 2, 3], [5, 1], (i) => second([1, 3, 5, 5][i]), [0, 0]),
      [0, 2],
    );
    // The clock is 2 s ahead.
    assert.deepEqual(
      holdersOf([0, 1], [5], (i) => second([5, 3][i]), [2000, 2000]),
      [1],
    );
    // One that fits nobody goes to the first without; one of unknown times can be anyone's.
    assert.deepEqual(
      holdersOf([0, 1], [90], (i) => second(i), [0, 0]),
      [0],
    );
    assert.deepEqual(
      holdersOf([0, 1], [90], (i) => (i === 1 ? null : second(i)), [0, 0]),
      [1],
    );
  });

  test('law: as many as there are entries', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 30 }), fc.array(fc.nat(40)), (at, entries) => {
        const sends = at.map((_, i) => i);
        const held = holdersOf(sends, entries, (i) => second(at[i]), [0, 0]);
        assert.equal(held.length, Math.min(sends.length, entries.length));
        assert.equal(new Set(held).size, held.length);
      }),
    );
  });
});

test('taken seconds: the first of a submitter within a range, and none of another’s', () => {
  const taken = new TakenSeconds(100);
  for (let i = 0; i < 3000; i++) taken.add(i % 3, 100 + Math.floor(i / 3) * 2);
  taken.sort();
  assert.equal(taken.firstWithin(1, 100, 100), 100);
  assert.equal(taken.firstWithin(1, 101, 101), null);
  assert.equal(taken.firstWithin(1, 101, 108), 102);
  assert.equal(taken.firstWithin(2, 2099, 9_999_999), null);
  assert.equal(taken.firstWithin(3, 0, 9_999_999), null);
});

test('foreign entries beyond what is listed are counted, by their second', async () => {
  const lines: ReconcileLine[] = [];
  const index = await SentIndex.of({
    count: 0,
    templates: [],
    bodyOf: () => -1,
    chunks: () => [],
    close: () => undefined,
  });
  const tally = new Tally(
    index,
    () => null,
    (line) => lines.push(line),
  );
  const foreign = new Foreign();
  const entry = { submittedAt: 5, identity: { createdAt: 0 } } as Entry;
  for (let i = 0; i < 130_000; i++) foreign.add(entry);
  foreign.add({ ...entry, submittedAt: 9 });
  assert.equal(foreign.finish(5, 8, tally), 30_000);
  assert.deepEqual([tally.counts.foreign, lines.length], [130_000, 100_000]);
});
