/**
 * What a batch gives, computed straight from the definition, so that it shares no line with the coordinator that it judges: slower, and short.
 *
 *     n          = distinct submitters of the batch's rows that count
 *     supporters = distinct submitters that sent a state
 *     selected   : 20 * supporters >= n
 *     weight     = steps from a state up its parents within the batch to the nearest selected one (0: it is selected itself)
 *     shortlist  : weight <= 2; each row of such a state is a point
 *
 * With the states that the batch before shortlisted, where a coordinator keeps them: they begin with the weight that they had.
 * Source: o1-labs/uptime-service-validation at 4a46a1e, as its behaviour was observed on 6,000 random batches. Pure.
 */

/** A row that counts. */
export type CountingRow = { submitter: string; stateHash: string | null; parent: string | null };
/** Weight by state; its parents. */
export type Shortlist = Map<string, { weight: number; parents: Set<string | null> }>;
export type Recomputed = {
  producers: number;
  states: number;
  selected: number;
  shortlist: Shortlist;
};

const SHARE = 20;
const MOST_STEPS = 2;

export function recomputeBatch(
  rows: readonly CountingRow[],
  previous: Shortlist = new Map(),
): Recomputed {
  const producers = new Set(rows.map(({ submitter }) => submitter)).size;
  const senders = new Map<string, Set<string>>();
  const parents = new Map<string, Set<string | null>>();
  for (const { submitter, stateHash, parent } of rows) {
    if (stateHash === null) continue;
    senders.set(stateHash, (senders.get(stateHash) ?? new Set()).add(submitter));
    parents.set(stateHash, (parents.get(stateHash) ?? new Set()).add(parent));
  }
  for (const [state, { parents: of }] of previous) if (!parents.has(state)) parents.set(state, of);

  const isSelected = (state: string): boolean =>
    SHARE * (senders.get(state)?.size ?? -1) >= producers;
  const weightOf = (state: string, steps: number): number => {
    if (isSelected(state)) return 0;
    let weight = previous.get(state)?.weight ?? Infinity;
    if (steps > 0)
      for (const parent of parents.get(state) ?? [])
        if (parent !== null && parents.has(parent))
          weight = Math.min(weight, weightOf(parent, steps - 1) + 1);
    return weight;
  };
  const shortlist: Shortlist = new Map();
  let selected = 0;
  for (const state of senders.keys()) {
    if (isSelected(state)) selected++;
    const weight = weightOf(state, MOST_STEPS);
    if (weight <= MOST_STEPS) shortlist.set(state, { weight, parents: parents.get(state)! });
  }
  return { producers, states: senders.size, selected, shortlist };
}

export type ScoredBatch = {
  startSeconds: number;
  endSeconds: number;
  isSurvey: boolean;
  /** Nodes with a point. */
  nodes: readonly number[];
};
export type Score = { score: number; percent: string };

const DAY_SECONDS = 86_400;

/** trunc(100 * score / surveys, 2). */
export function truncatedPercent(score: number, surveys: number): string {
  const hundredths = String(Math.trunc((score * 10_000) / surveys)).padStart(3, '0');
  return `${hundredths.slice(0, -2)}.${hundredths.slice(-2)}`;
}

/**
 * Scores at moments in time: in how many of the batches that lie within the days before (both ends belong to it) a node had a point. A node
 * without one keeps the score that it had; one that never had one has none.
 * @param batches in the order of time @param moments in seconds, ascending
 * @returns of each moment the scores by node
 */
export function* scoresAt(
  batches: readonly ScoredBatch[],
  moments: readonly number[],
  days: number,
): Generator<{ atSeconds: number; scores: ReadonlyMap<number, Score> }> {
  const points = new Map<number, number>();
  const scores = new Map<number, Score>();
  let surveys = 0;
  let [came, left] = [0, 0];
  const add = ({ isSurvey, nodes }: ScoredBatch, sign: 1 | -1): void => {
    // An excluded batch has no points either: its rows of the summary are gone.
    if (isSurvey) surveys += sign;
    for (const node of nodes) points.set(node, (points.get(node) ?? 0) + sign);
  };
  for (const atSeconds of moments) {
    while (came < batches.length && batches[came].endSeconds <= atSeconds) add(batches[came++], 1);
    while (left < came && batches[left].startSeconds < atSeconds - days * DAY_SECONDS)
      add(batches[left++], -1);
    for (const [node, score] of points)
      if (score > 0) scores.set(node, { score, percent: truncatedPercent(score, surveys) });
    yield { atSeconds, scores };
  }
}
