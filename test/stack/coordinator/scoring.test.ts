/** Scoring against a second implementation that is written for being read, on thousands of random batches; and its limits by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  isSelected,
  type PreviousState,
  scoreBatch,
  type ScoredRow,
  UNREACHED,
} from '../../../stack/coordinator/scoring.ts';
import { pandasTimes } from '../../../stack/coordinator/window.ts';
import { thorough } from '../../support/thorough.ts';

type Naive = { weights: Record<string, number>; selected: string[]; points: number[] };

const unique = <T>(values: readonly T[]): T[] => values.filter((v, i) => values.indexOf(v) === i);
const supportersOf = (rows: readonly ScoredRow[], state: string): number =>
  unique(rows.filter(({ stateHash }) => stateHash === state).map(({ submitter }) => submitter))
    .length;

function selectedOf(rows: readonly ScoredRow[]): string[] {
  const producers = unique(rows.map(({ submitter }) => submitter)).length;
  // The original's own numbers: a float, rounded to two digits.
  const needed = Math.round(producers * 0.05 * 100) / 100;
  return unique(rows.map(({ stateHash }) => stateHash!)).filter(
    (state) => supportersOf(rows, state) >= needed,
  );
}

/** Steps up the parents within the batch to the nearest selected state. */
function naiveAlone(rows: readonly ScoredRow[]): Naive {
  const selected = selectedOf(rows);
  const states = unique(rows.map(({ stateHash }) => stateHash!));
  const weights: Record<string, number> = {};
  for (const state of states) {
    let reached = [state];
    let weight = 0;
    while (!reached.some((one) => selected.includes(one)) && weight <= states.length) {
      reached = unique(
        rows
          .filter(({ stateHash }) => reached.includes(stateHash!))
          .map(({ parent }) => parent!)
          .filter((parent) => states.includes(parent)),
      );
      weight++;
    }
    weights[state] = weight > states.length ? UNREACHED : weight;
  }
  return resultOf(rows, weights, selected);
}

/** With a previous batch: the original's walk, step by step. */
function naiveWalk(rows: readonly ScoredRow[], previous: readonly PreviousState[]): Naive {
  const selected = selectedOf(rows);
  const rowsWith = (state: string) => rows.filter(({ stateHash }) => stateHash === state).length;
  const states = unique(rows.map(({ stateHash }) => stateHash!));
  const before = previous.map(({ stateHash }) => stateHash);
  const nodes = unique([...states, ...before]);
  const edges = unique(
    [
      ...rows
        .map(({ parent, stateHash }) => [parent!, stateHash!])
        .filter(([p]) => nodes.includes(p)),
      ...previous
        .map(({ parent, stateHash }) => [parent, stateHash])
        .filter(([p]) => before.includes(p)),
    ].map((edge) => edge.join(' ')),
  ).map((edge) => edge.split(' '));
  const weights = Object.fromEntries(
    nodes.map((node) => [
      node,
      selected.includes(node)
        ? 0
        : (previous.find(({ stateHash }) => stateHash === node)?.weight ?? UNREACHED),
    ]),
  );
  const queue = [...before, ...[...selected].sort((a, b) => rowsWith(b) - rowsWith(a))];
  const visited = queue.slice(0, 1);
  while (queue.length > 0) {
    const head = queue.shift()!;
    for (const [, child] of edges.filter(([parent]) => parent === head)) {
      if (visited.includes(child)) continue;
      const above = edges.filter(([, to]) => to === child).map(([parent]) => weights[parent] + 1);
      weights[child] = Math.min(weights[child], ...above);
      visited.push(child);
      queue.push(child);
    }
  }
  return resultOf(rows, weights, selected);
}

/** The least weight of any way, by going over all edges until nothing changes. */
function naiveSettled(rows: readonly ScoredRow[], previous: readonly PreviousState[]): Naive {
  const selected = selectedOf(rows);
  const known = new Map(previous.map(({ stateHash, weight }) => [stateHash, weight]));
  const states = unique([...rows.map(({ stateHash }) => stateHash!), ...known.keys()]);
  const weights = Object.fromEntries(
    states.map((state) => [state, selected.includes(state) ? 0 : (known.get(state) ?? UNREACHED)]),
  );
  const edges = [
    ...rows.map(({ parent, stateHash }) => [parent!, stateHash!]),
    ...previous.filter(({ parent }) => known.has(parent)).map((one) => [one.parent, one.stateHash]),
  ].filter(([parent]) => states.includes(parent));
  for (let changed = true; changed;) {
    changed = false;
    for (const [parent, child] of edges)
      if (weights[parent] < UNREACHED && weights[parent] + 1 < weights[child]) {
        weights[child] = weights[parent] + 1;
        changed = true;
      }
  }
  return resultOf(rows, weights, selected);
}

const resultOf = (
  rows: readonly ScoredRow[],
  weights: Record<string, number>,
  selected: string[],
): Naive => ({
  // Far ones: 9999, and steps beyond it in the original's walk.
  weights: Object.fromEntries(
    unique(rows.map(({ stateHash }) => stateHash!)).map((state) => [
      state,
      Math.min(weights[state], UNREACHED),
    ]),
  ),
  selected: [...selected].sort(),
  points: rows.flatMap(({ stateHash }, i) => (weights[stateHash!] <= 2 ? [i] : [])),
});

function ours(...args: Parameters<typeof scoreBatch>): Naive {
  const { states, points } = scoreBatch(...args);
  return {
    weights: Object.fromEntries(states.map(({ stateHash, weight }) => [stateHash, weight])),
    selected: states
      .filter(({ selected }) => selected)
      .map(({ stateHash }) => stateHash)
      .sort(),
    points,
  };
}

/** A tree of blocks with forks and gaps, producers that follow its tip, laggards, and some that send what nobody else does. */
const batches = fc
  .record({
    producers: fc.integer({ min: 1, max: 70 }),
    blocks: fc.integer({ min: 1, max: 14 }),
    rows: fc.integer({ min: 1, max: 160 }),
    /** Each block's parent: so many blocks back, 1 being a chain. */
    back: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 14, maxLength: 14 }),
    choices: fc.infiniteStream(fc.nat(9999)),
    spread: fc.integer({ min: 1, max: 14 }),
  })
  .map(({ producers, blocks, rows, back, choices, spread }) => {
    const next = (limit: number): number => (choices.next().value as number) % limit;
    const parentOf = (block: number): string => `s${block - back[block % back.length]}`;
    return Array.from({ length: rows }, (): ScoredRow => {
      // Most at the tip, some behind: a square makes small numbers frequent.
      const behind = Math.floor((next(spread) * next(spread)) / spread);
      const block = Math.max(0, blocks - 1 - behind);
      const lone = next(12) === 0;
      return {
        submitter: `p${next(producers)}`,
        stateHash: lone ? `s${block}x${next(4)}` : `s${block}`,
        parent: lone ? `s${block}` : parentOf(block),
      };
    });
  });
/** What a batch before may have left: a piece of the chain, in any order, with weights that its own walk may have given. */
const previousStates = fc
  .record({
    blocks: fc.uniqueArray(fc.integer({ min: 0, max: 13 }), { minLength: 0, maxLength: 10 }),
    weights: fc.infiniteStream(fc.integer({ min: 0, max: 2 })),
  })
  .map(({ blocks, weights }): PreviousState[] =>
    blocks.map((block) => ({
      stateHash: `s${block}`,
      parent: `s${block - 1}`,
      weight: weights.next().value as number,
    })),
  );

const runs = { numRuns: thorough ? 20_000 : 2000 };

test('a batch alone scores as the rule says, by either walk', () => {
  let [unselected, unreached, large] = [0, 0, 0];
  fc.assert(
    fc.property(batches, (rows) => {
      const naive = naiveAlone(rows);
      assert.deepEqual(ours(rows), naive);
      assert.deepEqual(ours(rows, [], 'as the original').points, naive.points);
      unselected += Object.keys(naive.weights).length - naive.selected.length;
      unreached += rows.length - naive.points.length;
      if (unique(rows.map(({ submitter }) => submitter)).length > 20) large++;
    }),
    runs,
  );
  // The batches are such that the rules matter.
  assert.ok(
    unselected > 500 && unreached > 100 && large > 300,
    `${unselected} ${unreached} ${large}`,
  );
});

test('with previous states each walk is its own rule', () => {
  fc.assert(
    fc.property(batches, previousStates, (rows, previous) => {
      const walked = ours(rows, previous, 'as the original');
      const settled = ours(rows, previous);
      const naive = naiveWalk(rows, previous);
      assert.deepEqual(
        {
          ...walked,
          weights: Object.fromEntries(
            Object.entries(walked.weights).map(([state, w]) => [state, Math.min(w, UNREACHED)]),
          ),
        },
        naive,
      );
      assert.deepEqual(settled, naiveSettled(rows, previous));
      // No way is lost by settling.
      assert.ok(walked.points.every((point) => settled.points.includes(point)));
    }),
    runs,
  );
});

test('5 %: one supporter up to 20 producers, two from 21, three from 41; as the rounded share for every n', () => {
  const least = (producers: number): number => {
    for (let supporters = 1; ; supporters++)
      if (isSelected(supporters, producers)) return supporters;
  };
  assert.deepEqual([1, 20, 21, 40, 41, 60, 61].map(least), [1, 1, 2, 2, 3, 3, 4]);
  for (let n = 1; n <= 20_000; n++) {
    const needed = Number((n * 0.05).toFixed(2));
    const supporters = Math.ceil(n / 20);
    assert.ok(supporters >= needed && isSelected(supporters, n), `${n}`);
    assert.ok(supporters - 1 < needed && !isSelected(supporters - 1, n), `${n}`);
  }
});

/** 30 producers on s10, and one alone on each of `states`. */
const withLone = (...states: [state: string, parent: string][]): ScoredRow[] => [
  ...Array.from({ length: 30 }, (_, i) => ({ submitter: `p${i}`, stateHash: 's10', parent: 's9' })),
  ...states.map(([stateHash, parent], i) => ({ submitter: `lone${i}`, stateHash, parent })),
];
const scoring = (rows: ScoredRow[]): string[] =>
  scoreBatch(rows)
    .states.filter(({ shortlisted }) => shortlisted)
    .map(({ stateHash }) => stateHash)
    .sort();

test('one and two ahead score, three ahead, behind and beyond a gap do not', () => {
  assert.deepEqual(
    scoring(withLone(['s11', 's10'], ['s12', 's11'], ['s13', 's12'], ['s9', 's8'], ['f', 's9'])),
    ['s10', 's11', 's12'],
  );
  assert.deepEqual(scoring(withLone(['s12', 's11'])), ['s10']);
});

test('the order of the previous states matters to the original, and not here', () => {
  const rows: ScoredRow[] = [
    ...Array.from({ length: 30 }, (_, i) => ({ submitter: `p${i}`, stateHash: 'B', parent: 'A' })),
    { submitter: 'lone', stateHash: 'D', parent: 'C' },
  ];
  const [a, b, c] = [
    { stateHash: 'A', parent: 'Z', weight: 0 },
    { stateHash: 'B', parent: 'A', weight: 1 },
    { stateHash: 'C', parent: 'B', weight: 2 },
  ];
  const scores = (previous: PreviousState[], walk?: 'as the original') =>
    scoreBatch(rows, previous, walk).states.find(({ stateHash }) => stateHash === 'D')!.weight;
  assert.equal(scores([a, b, c], 'as the original'), 2);
  assert.ok(scores([a, c, b], 'as the original') > 2);
  assert.ok(scores([c, a, b], 'as the original') > 2);
  for (const order of [
    [a, b, c],
    [a, c, b],
    [c, a, b],
  ])
    assert.equal(scores(order), 2);
});

test('nothing selected and nothing before: 21 producers, each on a state of its own', () => {
  const alone = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      submitter: `p${i}`,
      stateHash: `s${i}`,
      parent: 'z',
    }));
  assert.equal(scoreBatch(alone(20)).nothingSelected, false);
  const { nothingSelected, points, producers } = scoreBatch(alone(21));
  assert.deepEqual(
    { nothingSelected, points, producers },
    { nothingSelected: true, points: [], producers: 21 },
  );
  assert.equal(
    scoreBatch(alone(21), [{ stateHash: 'a', parent: 'b', weight: 0 }]).nothingSelected,
    false,
  );
});

test('a row without a state counts as a producer and scores nothing; one without a parent scores', () => {
  const { producers, points } = scoreBatch([
    { submitter: 'a', stateHash: null, parent: null },
    { submitter: 'b', stateHash: 's', parent: null },
  ]);
  assert.deepEqual({ producers, points }, { producers: 2, points: [1] });
});

test('times as pandas prints a column: as few digits as all of its times need', () => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000;
  const day = Date.UTC(2026, 0, 2) * 1000;
  assert.deepEqual(pandasTimes([day]), ['2026-01-02']);
  assert.deepEqual(pandasTimes([at, day]), ['2026-01-02 03:04:05', '2026-01-02 00:00:00']);
  assert.deepEqual(pandasTimes([at, at + 250_000]), [
    '2026-01-02 03:04:05.000',
    '2026-01-02 03:04:05.250',
  ]);
  assert.deepEqual(pandasTimes([at, at + 1]), [
    '2026-01-02 03:04:05.000000',
    '2026-01-02 03:04:05.000001',
  ]);
});
