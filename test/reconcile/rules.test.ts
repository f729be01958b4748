/** The rules of reconciliation one by one, on rows made up for each; and the looks while the load runs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AnswerTable } from '../../reconcile/answer-table.ts';
import { type GateFigures, gateRules, judgeGates, REPLAY_STORED_GATES } from '../../judge/gates.ts';
import { lossesOf } from '../../judge/reasons.ts';
import { LiveLook } from '../../reconcile/live.ts';
import { type LookOutcome, lookIntoStorage } from '../../reconcile/look.ts';
import { OUTCOME, outcomesOf } from '../../reconcile/outcomes.ts';
import { SendTimes } from '../../reconcile/send-times.ts';
import { SentIndex } from '../../reconcile/sent-index.ts';
import { blockHashOf, type SentBody, type SentSubmissions } from '../../reconcile/sent.ts';
import type { ReconcileClasses, ReconcileLiveLine, StorageLook } from '../../results/types.ts';
import { CODE } from '../../scenarios/lib/reports.ts';
import type { StorageReader, StoredSubmission } from '../../stack/storage/storage.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';

const folder = scratchFolder();

const T0 = 1_767_225_600;
const BLOCK = Buffer.from('a block');
const HASH = blockHashOf(BLOCK);
const text = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

/** One body by its submitter, sent at `at` s; `answer` a report's code, null: in flight. */
type Sent = { by: string; at: number; lasts?: number; answer?: number | null; body?: number };
const TAKEN = 200 | CODE.expected;

const bodyOf = (by: string): SentBody => ({
  submitter: by,
  createdAt: T0,
  peerId: `peer of ${by}`,
  template: 0,
});

const rowOf = (
  by: string,
  at: number,
  changes: Partial<StoredSubmission> = {},
): StoredSubmission => ({
  where: `${text(T0 + at)}-${by}`,
  submittedAt: text(T0 + at),
  createdAt: text(T0),
  submitter: by,
  blockHash: HASH,
  peerId: `peer of ${by}`,
  snarkWork: null,
  graphqlControlPort: 0,
  builtWithCommitSha: '',
  ...changes,
});

const readerOf = (
  rows: () => (StoredSubmission | { where: string; fault: string })[],
): StorageReader => ({
  name: 'rows',
  keeps: 'first',
  // eslint-disable-next-line @typescript-eslint/require-await
  async *submissions({ from, to }) {
    yield rows().filter((row) => {
      if ('fault' in row) return true;
      const second = Date.parse(row.submittedAt) / 1000;
      return second >= from && second < to;
    });
  },
  close: () => Promise.resolve(),
});

/** Bodies are those of the submitters; `body` of a submission is its place among them. */
function sentOf(
  sent: readonly Sent[],
  fresh: boolean,
  snarkWork: string | null = null,
): SentSubmissions {
  const names = [...new Set(sent.map(({ by }) => by))];
  const places = new Map(names.map((name, place) => [name, place]));
  return {
    count: names.length,
    templates: [
      {
        blockHash: HASH,
        snarkWork,
        graphqlControlPort: 0,
        builtWithCommitSha: '',
        fresh,
        block: () => BLOCK,
      },
    ],
    bodyOf: (index) => places.get(sent[index].by)!,
    chunks: () => [names.map(bodyOf)],
    close: () => undefined,
  };
}

function sideOf(sent: readonly Sent[]): { answers: AnswerTable; times: SendTimes } {
  const answers = new AnswerTable();
  const times = new SendTimes(1);
  sent.forEach(({ at, lasts = 0.01, answer = TAKEN }, i) => {
    const beganMs = (T0 + at) * 1000;
    answers.report(i, CODE.begun);
    times.begun(i, beganMs);
    if (answer === null) return;
    answers.report(i, answer);
    times.ended(i, beganMs + lasts * 1000);
  });
  return { answers, times };
}

async function reconciled(
  sent: readonly Sent[],
  rows: (StoredSubmission | { where: string; fault: string })[],
  more: {
    fresh?: boolean;
    others?: string[];
    reader?: Partial<StorageReader>;
    retries?: number;
    snarkWork?: string;
  } = {},
): Promise<LookOutcome> {
  const { answers, times } = sideOf(sent);
  for (let n = 0; n < (more.retries ?? 0); n++) {
    answers.retry(0, 1050);
    answers.retry(0, CODE.begun);
  }
  return lookIntoStorage({
    storage: 'rows',
    open: () => Promise.resolve({ ...readerOf(() => rows), ...more.reader }),
    sent: sentOf(sent, more.fresh ?? true, more.snarkWork),
    answers,
    times,
    lease: 1,
    others: new Set(more.others),
    beganMs: T0 * 1000,
    endedMs: (T0 + 100) * 1000,
    folder,
    waitMs: 0,
    signal: new AbortController().signal,
    clock: {
      nowMs: () => performance.now(),
      sleep: () => Promise.resolve(),
      wallMs: () => (T0 + 100) * 1000,
    },
  });
}

/** The classes that count anything. */
const counted = ({ look }: LookOutcome): Partial<ReconcileClasses> =>
  Object.fromEntries(Object.entries(look.classes!).filter(([, count]) => count > 0));

describe('one submission', () => {
  const cases: [string, Sent[], ReturnType<typeof rowOf>[], Partial<ReconcileClasses>][] = [
    ['right', [{ by: 'a', at: 1.5 }], [rowOf('a', 1)], { right: 1 }],
    ['missing', [{ by: 'a', at: 1.5 }], [], { missing: 1 }],
    [
      'dropped for the same second',
      [
        { by: 'a', at: 1.2 },
        { by: 'a', at: 1.6 },
      ],
      [rowOf('a', 1)],
      { right: 1, sameSecond: 1 },
    ],
    [
      'missing, because the other one of its submitter has another second',
      [
        { by: 'a', at: 1.2 },
        { by: 'a', at: 3.2 },
      ],
      [rowOf('a', 1)],
      { right: 1, missing: 1 },
    ],
    [
      'a slow answer leaves several seconds open',
      [
        { by: 'a', at: 5.2 },
        { by: 'a', at: 1.2, lasts: 6 },
      ],
      [rowOf('a', 5)],
      { right: 1, sameSecond: 1 },
    ],
    [
      'in flight and stored',
      [{ by: 'a', at: 1, answer: null }],
      [rowOf('a', 1)],
      { unknownStored: 1 },
    ],
    ['in flight and not stored', [{ by: 'a', at: 1, answer: null }], [], { unknownNotStored: 1 }],
    ['timed out', [{ by: 'a', at: 1, answer: 1050 }], [], { unknownNotStored: 1 }],
    [
      'answered by a gateway',
      [{ by: 'a', at: 1, answer: 504 }],
      [rowOf('a', 1)],
      { unknownStored: 1 },
    ],
    ['refused', [{ by: 'a', at: 1, answer: 429 }], [], {}],
    [
      'refused and stored',
      [{ by: 'a', at: 1, answer: 429 }],
      [rowOf('a', 1)],
      { refusedStored: 1 },
    ],
    ['a double', [{ by: 'a', at: 1.5 }], [rowOf('a', 1), rowOf('a', 2)], { right: 1, doubles: 1 }],
    [
      'foreign only within the run',
      [{ by: 'a', at: 1.5 }],
      [rowOf('a', 1), rowOf('z', 50), rowOf('z', 102), rowOf('z', -2)],
      { right: 1, foreign: 1 },
    ],
    [
      'of another run of the same producers, not an altered one',
      [{ by: 'a', at: 1.5 }],
      [rowOf('a', -200, { createdAt: text(T0 - 200) })],
      { missing: 1 },
    ],
    [
      'two parts of the identity wrong: another one',
      [{ by: 'a', at: 1.5 }],
      [rowOf('a', 1, { peerId: 'x', createdAt: text(T0 + 9) })],
      { foreign: 1, sameSecond: 1 },
    ],
  ];
  for (const [name, sent, rows, expected] of cases)
    test(name, async () => assert.deepEqual(counted(await reconciled(sent, rows)), expected));

  test('what the run itself sent within a second of another one of the submitter is its own doing', async () => {
    const twice = (at: number) => [
      { by: 'a', at: 1.2 },
      { by: 'a', at, lasts: 6 },
    ];
    const near = await reconciled(twice(1.6), [rowOf('a', 1)]);
    assert.equal(near.look.ownPairs, 1);
    assert.equal(
      near.look.examples!.find(({ class: name }) => name === 'same second')!.own_pair,
      true,
    );
    assert.match(near.notes.join('\n'), /^1 of those of the same second is no loss of the target: .*; more producers keep them apart$/m); // prettier-ignore
    // Sent seconds apart: that both fell into one second of the target is the target's, or nobody's.
    const slow = await reconciled([{ by: 'a', at: 5.2 }, { by: 'a', at: 1.2, lasts: 6 }], [rowOf('a', 5)]); // prettier-ignore
    assert.deepEqual(counted(slow), { right: 1, sameSecond: 1 });
    assert.equal(slow.look.ownPairs, undefined);
    // One that nothing explains stays missing.
    const lost = await reconciled([...twice(1.6), { by: 'b', at: 3 }], [rowOf('a', 1)]);
    assert.deepEqual([counted(lost).missing, lost.look.ownPairs], [1, 1]);
    const recorded = await reconciled(twice(1.6), [rowOf('a', 1)], { fresh: false });
    assert.doesNotMatch(recorded.notes.join('\n'), /more producers/);
  });

  test('of the hostile sender', async () => {
    const outcome = await reconciled([{ by: 'a', at: 1 }], [rowOf('a', 1), rowOf('h', 2)], {
      others: ['h'],
    });
    assert.deepEqual(counted(outcome), { right: 1, hostile: 1 });
  });

  test('stored at both of its attempts', async () => {
    const rows = [rowOf('a', 1), rowOf('a', 7)];
    const sent = [{ by: 'a', at: 1, lasts: 7 }];
    assert.deepEqual(counted(await reconciled(sent, rows, { retries: 1 })), {
      right: 1,
      retried: 1,
    });
    assert.deepEqual(counted(await reconciled(sent, rows)), { right: 1, doubles: 1 });
  });
});

test('a replay counts entries of equal bodies, and none of an earlier replay', async () => {
  const sent = [1, 2, 3, 3.5, 9].map((at) => ({ by: 'a', at: at + 0.1 }));
  const rows = [-200, 1, 2, 3].map((at) => rowOf('a', at));
  const outcome = await reconciled(sent, rows, { fresh: false });
  // The one of 3.5 s lost its second; that of 9 s is not there.
  assert.deepEqual(counted(outcome), { right: 3, sameSecond: 1, missing: 1 });
  assert.deepEqual(outcome.look.examples!.map(({ class: name, index }) => [name, index]).sort(), [
    ['missing', 4],
    ['same second', 3],
  ]);
});

test('a replay to a clock that differs: what its second may explain is not missing for certain', async () => {
  // All of one second and of the next came to the same two seconds of a clock that is 1.5 s ahead.
  const sent = [1, 1.2, 2, 2.2, 7].map((at) => ({ by: 'a', at: at + 0.1 }));
  const rows = [2, 3].map((at) => rowOf('a', at));
  const outcome = await reconciled(sent, rows, { fresh: false });
  assert.deepEqual(counted(outcome), { right: 2, sameSecond: 2, missing: 1 });
});

test('where nothing at all is stored, the question about the clock names what is allowed', async () => {
  for (const [fresh, allowed] of [
    [true, /clock within 5 min of/],
    [false, /clock within 2 s of/],
  ] as const) {
    const { notes } = await reconciled([{ by: 'a', at: 1 }], [], { fresh });
    assert.match(notes.join('\n'), allowed);
  }
});

describe('blocks', () => {
  const sent = [{ by: 'a', at: 1 }];
  for (const [name, reader, rows, expected] of [
    ['right', { block: () => Promise.resolve(BLOCK) }, [rowOf('a', 1)], 'right'],
    ['not there', { block: () => Promise.resolve(null) }, [rowOf('a', 1)], 'different'],
    [
      'other bytes',
      { block: () => Promise.resolve(Buffer.from('A block')) },
      [rowOf('a', 1)],
      'different',
    ],
    ['beside the entry, right', {}, [rowOf('a', 1, { rawBlock: BLOCK })], 'right'],
    ['beside the entry, other', {}, [rowOf('a', 1, { rawBlock: Buffer.from('b') })], 'different'],
    ['left out though it is small', {}, [rowOf('a', 1, { rawBlock: null })], 'different'],
  ] as const)
    test(name, async () => {
      const outcome = await reconciled(sent, [...rows], { reader });
      assert.deepEqual(counted(outcome), { [expected]: 1 });
      assert.equal(outcome.look.blocksCompared, 1);
      if (expected === 'different') assert.ok('block' in outcome.look.examples![0].fields!);
    });
});

test('what this run stored has a size: its entries, and each block once; others count not', async () => {
  const sent = [
    { by: 'a', at: 1 },
    { by: 'b', at: 1 },
  ];
  const rows = [
    rowOf('a', 1, { bytes: 300 }),
    rowOf('b', 1, { bytes: 310 }),
    rowOf('x', 1, { bytes: 1000 }),
  ];
  const bare = await reconciled(sent, rows);
  assert.deepEqual(bare.size, { bytes: 610, submissions: 2 });
  const reader = { block: () => Promise.resolve(BLOCK) };
  const withBlock = await reconciled(sent, rows, { reader });
  assert.deepEqual(withBlock.size, { bytes: 610 + BLOCK.length, submissions: 2 });
  const silent = await reconciled(sent, [rowOf('a', 1)], { reader });
  assert.equal(silent.size, null);
});

describe('a verifier at work', () => {
  const verified = { isVerified: true, error: null, stateHash: '3N…' };
  const sent = [{ by: 'a', at: 1 }];
  const cases: [
    string,
    Partial<StoredSubmission>,
    Partial<ReconcileClasses>,
    [number?, number?],
  ][] = [
    ['has emptied snark work', { verification: verified }, { right: 1 }, [1, 0]],
    ['has emptied the block too', { verification: verified, rawBlock: null }, { right: 1 }, [1, 0]],
    [
      'has refused it',
      { verification: { isVerified: true, error: '(Pickles.verify dlog_check)', stateHash: null } },
      { right: 1 },
      [0, 1],
    ],
    ['has left snark work', { verification: verified, snarkWork: 'AAAA' }, { right: 1 }, [1, 0]],
    ['other snark work', { verification: verified, snarkWork: 'AAAB' }, { different: 1 }, []],
    ['another port', { verification: verified, graphqlControlPort: 1 }, { different: 1 }, []],
    [
      'another block beside it',
      { verification: verified, rawBlock: Buffer.from('b') },
      { different: 1 },
      [],
    ],
    ['has not been there, and snark work is gone', {}, { different: 1 }, []],
    ['has not been there, and the block is gone', { rawBlock: null }, { different: 1 }, []],
  ];
  for (const [name, changes, expected, counts] of cases)
    test(name, async () => {
      const outcome = await reconciled(sent, [rowOf('a', 1, changes)], { snarkWork: 'AAAA' });
      assert.deepEqual(counted(outcome), expected);
      assert.deepEqual(
        [outcome.look.verified, outcome.look.validationErrors],
        counts.length ? counts : [undefined, undefined],
      );
      // An emptied field is no difference to be shown.
      const [example] = outcome.look.examples!;
      if (name === 'another port')
        assert.deepEqual(Object.keys(example.fields!), ['graphql_control_port']);
    });

  test('what it emptied is not what a submission takes', async () => {
    const rows = [
      rowOf('a', 1, { bytes: 300, snarkWork: 'AAAA' }),
      rowOf('b', 1, { bytes: 20, verification: verified }),
    ];
    const two = [...sent, { by: 'b', at: 1 }];
    const { size } = await reconciled(two, rows, { snarkWork: 'AAAA' });
    assert.deepEqual(size, { bytes: 300, submissions: 1 });
  });
});

describe('a clock that is off by more than is read around the run', () => {
  const sent = [1, 2.3, 3.6, 4.9].map((at, i) => ({ by: `p${i}`, at }));
  for (const aheadS of [3600, -25 * 3600, 420])
    test(`by ${aheadS} s: it is found, and said`, async () => {
      const rows = sent.map(({ by, at }) => rowOf(by, Math.floor(at + aheadS)));
      const outcome = await reconciled(sent, rows.slice(1));
      assert.deepEqual(counted(outcome), { right: 3, missing: 1 });
      const [reason] = outcome.look.reasons!;
      assert.ok(reason.kind === 'clock' && Math.abs(reason.aheadMs - aheadS * 1000) < 500);
      assert.ok(Math.abs(outcome.look.clockAheadMs! - aheadS * 1000) < 500);
      assert.match(outcome.notes.join('\n'), /the target's clock is .* (ahead of|behind) it/);
    });

  test('and where nothing is found, that is the reason', async () => {
    const { look } = await reconciled(sent, [rowOf('z', 3600)]);
    assert.deepEqual(look.reasons, [{ kind: 'nothing found', allowedMs: 300_000 }]);
    assert.equal(look.classes!.missing, 4);
    assert.equal((await reconciled(sent, [rowOf('p0', 1)])).look.reasons, undefined);
  });

  test('of recorded bodies it cannot be told from an earlier replay: both are named', async () => {
    const replay = [1, 2.3, 3.6, 4.9, 6.2].map((at) => ({ by: 'a', at }));
    const rows = replay.map(({ at }) => rowOf('a', Math.floor(at - 60)));
    const { look, notes } = await reconciled(replay, rows, { fresh: false });
    assert.equal(look.classes!.missing, 5);
    const [reason] = look.reasons!;
    assert.ok(reason.kind === 'other time' && reason.entries === 5 && reason.allowedMs === 2000);
    assert.ok(Math.abs(reason.aheadMs + 60_000) < 1000, `${reason.aheadMs}`);
    assert.match(notes.join('\n'), /an earlier replay left them, or the target's clock is off/);
  });
});

test('bodies that are the same are one group, whatever their template', async () => {
  const template = {
    blockHash: HASH,
    snarkWork: 'AA',
    graphqlControlPort: 0,
    builtWithCommitSha: '',
    fresh: false,
    block: () => BLOCK,
  };
  const templates = [
    template,
    { ...template },
    { ...template, snarkWork: 'AB' },
    { ...template, fresh: true },
  ];
  const index = await SentIndex.of({
    count: 5,
    templates,
    bodyOf: (i) => i,
    chunks: () => [
      [0, 1, 2, 3, 1].map((number, i) => ({ ...bodyOf(i === 4 ? 'b' : 'a'), template: number })),
    ],
    close: () => undefined,
  });
  assert.deepEqual([...index.groupOf], [0, 0, 1, 2, 3]);
  assert.equal(index.groups, 4);
});

test(
  '130,000 starts: fresh ones, a replay of one body, all under way at the stop, all foreign',
  slowOnly,
  async () => {
    const count = 130_000;

    const many = (of: (i: number) => Sent) => Array.from({ length: count }, (_, i) => of(i));
    const fresh = many((i) => ({ by: `p${i}`, at: (i % 97) + 0.5 }));
    const rows = fresh.map(({ by, at }) => rowOf(by, Math.floor(at)));
    assert.deepEqual(counted(await reconciled(fresh, rows)), { right: count });
    assert.deepEqual(counted(await reconciled(fresh, [])), { missing: count });
    const replay = many((i) => ({ by: 'a', at: (i / count) * 99 }));
    const kept = Array.from({ length: 99 }, (_, second) => rowOf('a', second));
    assert.deepEqual(counted(await reconciled(replay, kept, { fresh: false })), {
      right: 99,
      sameSecond: count - 99,
    });
    const waiting = many((i) => ({ by: `p${i}`, at: 1, answer: null }));
    assert.deepEqual(counted(await reconciled(waiting, [])), { unknownNotStored: count });
    const strangers = await reconciled([{ by: 'a', at: 1 }], rows);
    assert.deepEqual(counted(strangers), { foreign: count, missing: 1 });
  },
);

test('outcomes follow from answers; what is in flight beyond all reports is known, too', () => {
  const answers = new AnswerTable();
  answers.report(0, CODE.begun);
  answers.report(0, TAKEN);
  answers.report(1, 401);
  answers.report(2, 1212);
  assert.deepEqual(
    [...outcomesOf(answers, 4)],
    [OUTCOME.accepted, OUTCOME.refused, OUTCOME.unknown, OUTCOME.unknown],
  );
});

test('a storage that fails: no crash, no figures; an interrupt keeps the last whole reading', async () => {
  const failing = await reconciled([{ by: 'a', at: 1 }], [], {
    reader: {
      // eslint-disable-next-line require-yield, @typescript-eslint/require-await
      async *submissions() {
        throw new Error('no such table');
      },
    },
  });
  assert.equal(failing.stored, null);
  assert.equal(failing.look.failure, 'no such table');
  assert.equal(failing.look.classes, undefined);

  const stop = new AbortController();
  const sent = [{ by: 'a', at: 1 }];
  const outcome = await lookIntoStorage({
    storage: 'rows',
    open: () => Promise.resolve(readerOf(() => [])),
    sent: sentOf(sent, true),
    ...sideOf(sent),
    lease: 1,
    others: new Set(),
    beganMs: T0 * 1000,
    endedMs: (T0 + 100) * 1000,
    folder,
    waitMs: 3_600_000,
    signal: stop.signal,
    clock: {
      nowMs: () => 0,
      sleep: () => Promise.resolve(stop.abort()),
    },
  });
  assert.equal(outcome.notStored, 1);
  assert.deepEqual([outcome.look.readings, outcome.look.complete], [1, false]);
  assert.match(outcome.notes.join('\n'), /was interrupted/);
});

test('a storage that is back within the wait is read; one that is not is told with its hint', async () => {
  const sent = [{ by: 'a', at: 1 }];
  const look = (failures: number) => {
    let nowMs = 0;
    let opened = 0;
    return lookIntoStorage({
      storage: 'rows',
      open: () =>
        ++opened > failures
          ? Promise.resolve(readerOf(() => [rowOf('a', 1)]))
          : Promise.reject(new UserError('it is down', { hint: 'start it' })),
      sent: sentOf(sent, true),
      ...sideOf(sent),
      lease: 1,
      others: new Set(),
      beganMs: T0 * 1000,
      endedMs: (T0 + 100) * 1000,
      folder,
      waitMs: 10_000,
      signal: new AbortController().signal,
      clock: {
        nowMs: () => nowMs,
        sleep: (ms) => Promise.resolve(void (nowMs += ms)),
      },
    });
  };
  const back = await look(2);
  assert.deepEqual([back.stored, back.look.complete, back.look.waitedMs], [1, true, 1500]);
  assert.deepEqual(back.notes, []);
  const gone = await look(Infinity);
  assert.deepEqual(
    [gone.stored, gone.look.failure, gone.look.waitedMs],
    [null, 'it is down', 10_000],
  );
  assert.match(gone.notes.join(), /could not be read, .*: it is down \(start it\)$/);
});

test('stored-share is the share that is stored and right; without a look there is no data', () => {
  const rules = gateRules(['stored-share>=99%'], []);
  const classes = { right: 98, different: 1, missing: 1, sameSecond: 0 } as ReconcileClasses;
  const judge = (look?: { classes: ReconcileClasses }) =>
    judgeGates(rules, { ...(look && { reconcile: { look } }) } as GateFigures)[0];
  assert.deepEqual([judge({ classes }).state, judge({ classes }).value], ['fail', 98]);
  assert.equal(judge({ classes: { ...classes, right: 198 } }).state, 'pass');
  assert.equal(judge().state, 'no data');
});

test('what the run itself sent too near is no loss: not in the gate, not in the verdict', () => {
  const rules = gateRules(['stored-share>=100%'], []);
  const classes = { right: 90, different: 0, missing: 0, sameSecond: 10 } as ReconcileClasses;
  const judge = (ownPairs: number, change: Partial<ReconcileClasses> = {}) =>
    judgeGates(rules, {
      reconcile: { look: { classes: { ...classes, ...change }, ownPairs } },
    } as GateFigures)[0];
  assert.equal(judge(10).state, 'pass');
  assert.equal(judge(9).state, 'fail');
  assert.equal(judge(10, { missing: 1 }).state, 'fail');
  assert.equal(judge(10, { right: 0 }).state, 'no data');
  const look = { ownPairs: 10 } as StorageLook;
  assert.equal(lossesOf({ notStored: 12, look }), 2);
  assert.equal(lossesOf({ notStored: null, look }), null);
  assert.equal(lossesOf({ notStored: 3 }), 3);
});

test('the gate missing looks at what nothing explains, and has no data without a look', () => {
  const rules = gateRules(REPLAY_STORED_GATES, []);
  const classes = { right: 1, different: 0, missing: 0, sameSecond: 98 } as ReconcileClasses;
  const judge = (look?: { classes: ReconcileClasses }) =>
    judgeGates(rules, { ...(look && { reconcile: { look } }) } as GateFigures)[0];
  assert.equal(judge({ classes }).state, 'pass');
  assert.deepEqual(judge({ classes: { ...classes, missing: 3 } }), {
    name: 'missing<=0',
    state: 'fail',
    value: 3,
    limit: 0,
    unit: '',
  });
  assert.equal(judge().state, 'no data');
  assert.equal(judge({ classes: { ...classes, right: 0, sameSecond: 0 } }).state, 'no data');
});

test('looks during the load count what came since, once each', async () => {
  const sent = [0, 1, 2, 3].map((at) => ({ by: `p${at}`, at }));
  const rows: StoredSubmission[] = [rowOf('p0', 0), rowOf('p1', 1), rowOf('z', 200)];
  const ranges: number[] = [];
  const reader = readerOf(() => rows);
  const notes: string[] = [];
  const live = new LiveLook({
    everyMs: 3_600_000,
    open: () =>
      Promise.resolve({
        ...reader,
        submissions: (range, signal) => {
          ranges.push(range.from);
          return reader.submissions(range, signal);
        },
      }),
    sent: () => sentOf(sent, true),
    ...sideOf(sent),
    beganMs: T0 * 1000,
    folder,
    onNote: (note) => notes.push(note),
  });
  await live.look();
  assert.deepEqual([live.last!.accepted, live.last!.stored, live.last!.notStored], [4, 2, 2]);
  rows.push(rowOf('p2', 30));
  await live.look();
  await live.look();
  assert.deepEqual([live.last!.stored, live.last!.notStored], [3, 1]);
  assert.deepEqual(ranges, [T0 - 300, T0 - 14, T0 + 15]);
  await live.stop();
  const lines = readFileSync(join(folder, 'reconcile-live.ndjson'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as ReconcileLiveLine).stored),
    [2, 3, 3],
  );
  assert.deepEqual(notes, []);
});
