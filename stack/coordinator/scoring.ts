/**
 * Which states of a batch score, and with which weight: the coordinator's selection, graph and walk. Pure.
 *
 * n is the number of block producers that sent a counting row (verified, without an error). A state is *selected* when at least 5 % of them sent
 * it: round(n * 0.05, 2) supporters, which for every n up to 200,000 is 20 * supporters >= n. Selected states have weight 0; a child of a
 * state of the batch has at most its parent's weight + 1; up to weight 2 a state is *shortlisted*, and each of its rows is a point.
 * Source: o1-labs/uptime-service-validation at 4a46a1e, uptime_service_validation/coordinator/helper.py (filter_state_hash_percentage,
 * create_graph, apply_weights, bfs).
 */

/** What the scoring looks at of a row that counts; rows come newest first, as the original reads them. */
export type ScoredRow = {
  submitter: string;
  /** null: the verifier left none, so the row can score nothing. */
  stateHash: string | null;
  parent: string | null;
};

/** A state that the previous batch shortlisted. */
export type PreviousState = { stateHash: string; parent: string; weight: number };

/**
 * `settled`: a state's weight is the least that any way to it gives. `as the original`: no state is visited twice, in the order of the queue. Without
 * previous states both give the same; with them the second depends on the order in which the database returned them.
 */
export type Walk = 'settled' | 'as the original';

/** A state of the batch. */
export type StateScore = {
  stateHash: string;
  /** Of the newest row with this state. */
  parent: string | null;
  /** Distinct block producers that sent it. */
  supporters: number;
  selected: boolean;
  /** {@link UNREACHED}: no way leads to it. */
  weight: number;
  shortlisted: boolean;
};

export type BatchScore = {
  /** n: distinct block producers of the counting rows. */
  producers: number;
  /** Each state of the batch once, in the order of its newest row. */
  states: StateScore[];
  /** Places of the rows that are points, ascending. */
  points: number[];
  /** 5 % of nobody, and nothing before: the original stops here with "list index out of range". */
  nothingSelected: boolean;
};

export const UNREACHED = 9999;
export const MOST_WEIGHT = 2;
/** One of so many producers is 5 %. */
const SHARE = 20;

export const isSelected = (supporters: number, producers: number): boolean =>
  SHARE * supporters >= producers;

/** @param previous states of the batch before, in the order of the database; empty: the batch stands alone */
export function scoreBatch(
  rows: readonly ScoredRow[],
  previous: readonly PreviousState[] = [],
  walk: Walk = 'settled',
): BatchScore {
  const producerOf = new Numbering();
  const stateOf = new Numbering();
  /** Of the rows: a state's number, -1: none. */
  const stateOfRow = new Int32Array(rows.length);
  const producerOfRow = new Int32Array(rows.length);
  rows.forEach(({ submitter, stateHash }, i) => {
    producerOfRow[i] = producerOf.number(submitter);
    stateOfRow[i] = stateHash === null ? -1 : stateOf.number(stateHash);
  });
  const producers = producerOf.names.length;
  const batchStates = stateOf.names.length;
  for (const { stateHash } of previous) stateOf.number(stateHash);

  const graph = new Graph(stateOf.names.length);
  const parents: (string | null)[] = [];
  const supporters = new Int32Array(batchStates);
  const rowsOf = new Int32Array(batchStates);
  const seen = new Set<number>();
  rows.forEach(({ parent }, i) => {
    const state = stateOfRow[i];
    if (state === -1) return;
    if (state === parents.length) parents.push(parent);
    rowsOf[state]++;
    const pair = state * producers + producerOfRow[i];
    if (!seen.has(pair)) {
      seen.add(pair);
      supporters[state]++;
    }
    const from = parent === null ? undefined : stateOf.find(parent);
    if (from !== undefined) graph.addEdge(from, state);
  });
  const previousStates = new Set(previous.map(({ stateHash }) => stateHash));
  for (const { stateHash, parent } of previous)
    if (previousStates.has(parent)) graph.addEdge(stateOf.find(parent)!, stateOf.find(stateHash)!);

  const weights = new Int32Array(stateOf.names.length).fill(UNREACHED);
  for (const { stateHash, weight } of previous) weights[stateOf.find(stateHash)!] = weight;
  const selected: number[] = [];
  for (let state = 0; state < batchStates; state++)
    if (isSelected(supporters[state], producers)) {
      selected.push(state);
      weights[state] = 0;
    }
  const nothingSelected = selected.length === 0 && previous.length === 0;
  if (walk === 'settled') settle(graph, weights);
  else {
    // The most frequent first, as pandas' value_counts orders them.
    selected.sort((a, b) => rowsOf[b] - rowsOf[a]);
    const queue = previous.map(({ stateHash }) => stateOf.find(stateHash)!);
    walkOnce(graph, weights, [...queue, ...selected]);
  }

  const isChosen = new Set(selected);
  const states = parents.map((parent, state): StateScore => ({
    stateHash: stateOf.names[state],
    parent,
    supporters: supporters[state],
    selected: isChosen.has(state),
    weight: weights[state],
    shortlisted: weights[state] <= MOST_WEIGHT,
  }));
  const points: number[] = [];
  stateOfRow.forEach((state, row) => {
    if (state !== -1 && weights[state] <= MOST_WEIGHT) points.push(row);
  });
  return { producers, states, points, nothingSelected };
}

/** Each name has a number, from 0. */
class Numbering {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.names.push(name) - 1;
      this.#numbers.set(name, number);
    }
    return number;
  }

  find(name: string): number | undefined {
    return this.#numbers.get(name);
  }
}

/** Edges from parents to children, each once, in the order in which they came. */
class Graph {
  readonly children: number[][];
  readonly parents: number[][];

  constructor(states: number) {
    this.children = Array.from({ length: states }, () => []);
    this.parents = Array.from({ length: states }, () => []);
  }

  addEdge(parent: number, child: number): void {
    // A state has one parent, unless somebody sends nonsense: the list is short.
    if (this.parents[child].includes(parent)) return;
    this.parents[child].push(parent);
    this.children[parent].push(child);
  }
}

/** Every weight becomes the least that a parent's weight + 1 gives: all states of a weight before those of the next. */
function settle({ children }: Graph, weights: Int32Array): void {
  const waiting: number[][] = [];
  weights.forEach((weight, state) => {
    if (weight < UNREACHED) (waiting[weight] ??= []).push(state);
  });
  for (let weight = 0; weight < waiting.length; weight++)
    for (const state of waiting[weight] ?? []) {
      if (weights[state] !== weight) continue;
      for (const child of children[state])
        if (weight + 1 < weights[child]) {
          weights[child] = weight + 1;
          (waiting[weight + 1] ??= []).push(child);
        }
    }
}

/** bfs() of the original: only the queue's first counts as visited at first. */
function walkOnce({ children, parents }: Graph, weights: Int32Array, queue: number[]): void {
  const visited = new Set(queue.slice(0, 1));
  for (let head = 0; head < queue.length; head++)
    for (const child of children[queue[head]]) {
      if (visited.has(child)) continue;
      for (const parent of parents[child])
        weights[child] = Math.min(weights[child], weights[parent] + 1);
      visited.add(child);
      queue.push(child);
    }
}
