/** Which producer submits what, and when: everything about submission i but its signature. Pure but for the random stream. */
import { RandomStream } from './random.ts';

export type CorpusPlan = {
  count: number;
  producers: number;
  /** Integer weight of each template; where all have a `tip`, that decides instead. */
  templates: readonly { weight: number; hasSnarkWork: boolean; tip?: TipTime | undefined }[];
  /** Each submission's kind is drawn by weight, and then one of its templates; undefined: all are of one kind. */
  mix?: readonly MixPart[] | undefined;
  /** Share of submissions with snark work, 0 to 1; undefined: as the weights have it. */
  snarkWorkShare?: number | undefined;
  seed: string;
  createdAt: CreatedAtRule;
};

export type MixPart = {
  /** Above 0, in proportion to the others. */
  weight: number;
  /** Their places in the list of all. */
  templates: readonly number[];
  /** One after the other, from the first again after the last; or by the weights of the templates. */
  order: 'sequence' | 'by weight';
};

/** When a template's block is a tip of its chain, and who submits it then. */
export type TipTime = {
  /** Any slot count: only differences matter. */
  fromSlot: number;
  /** It is no tip any more from here on. Blocks of one `fromSlot` share it, and the next ones begin there. */
  toSlot: number;
  /**
   * The maker once, when the block appears; then the others. `all`: one template serves both. `stayed`: those who did not go with a hard
   * fork, a share of all submissions from then on.
   */
  by: 'maker' | 'others' | 'all' | 'stayed';
};

/**
 * created_at of submission i is startSeconds + floor(i / perSecond), in whole seconds since 1970. A load
 * that sends i no earlier than that (it starts at startSeconds or later and is no faster than perSecond)
 * never sends a time in the future. `Infinity`: all have the time of the start.
 */
export type CreatedAtRule = { startSeconds: number; perSecond: number };

/** created_at of submission `index`, in seconds since 1970. */
export const createdAtOf = ({ startSeconds, perSecond }: CreatedAtRule, index: number): number =>
  startSeconds + Math.floor(index / perSecond);

/** Entry i is of submission i; what is absent follows from the seed. */
export type GivenSubmissions = {
  /** Indices of the body templates. */
  templates?: Uint32Array;
  /** Places in the fleet. */
  producers?: Uint32Array;
  /** Seconds since 1970. */
  createdAt?: Uint32Array;
};

/** The chunks of a plan with what is given in its place. */
export function* withGiven(
  chunks: Iterable<PlannedChunk>,
  given: GivenSubmissions,
): Generator<PlannedChunk> {
  for (const chunk of chunks) {
    const { first, producers } = chunk;
    const part = (list: Uint32Array | undefined) => list?.slice(first, first + producers.length);
    yield {
      first,
      templates: part(given.templates) ?? chunk.templates,
      producers: part(given.producers) ?? producers,
      createdAt: part(given.createdAt) ?? chunk.createdAt,
    };
  }
}

/** Part of a plan: entry k is of submission first + k. */
export type PlannedChunk = {
  first: number;
  /** Index of the body template. */
  templates: Uint32Array;
  /** Index of the producer in the fleet. */
  producers: Uint32Array;
  /** Seconds since 1970. */
  createdAt: Uint32Array;
};

/**
 * The plan in order, in chunks of `chunkSize` (the last may be shorter).
 *
 * Producers come in rounds, each once a round. The seed deals them into two halves; each round is the first
 * half shuffled, then the second half shuffled. So two submissions of one producer are at least
 * {@link distanceOf} apart, N on average, and a window of M submissions has at most {@link mostInWindow} of one producer.
 */
export function* planSubmissions(plan: CorpusPlan, chunkSize: number): Generator<PlannedChunk> {
  const order = new RandomStream(plan.seed, 'order');
  const round = Uint32Array.from({ length: plan.producers }, (_, i) => i);
  order.shuffle(round);
  const half = Math.ceil(plan.producers / 2);
  const nextTemplate =
    plan.mix !== undefined
      ? mixChooser(plan, plan.mix)
      : plan.templates.some(({ tip }) => tip !== undefined)
        ? tipChooser(plan)
        : templateChooser(plan);

  for (let first = 0; first < plan.count; first += chunkSize) {
    const size = Math.min(chunkSize, plan.count - first);
    const chunk: PlannedChunk = {
      first,
      templates: new Uint32Array(size),
      producers: new Uint32Array(size),
      createdAt: new Uint32Array(size),
    };
    for (let k = 0; k < size; k++) {
      const place = (first + k) % plan.producers;
      if (place === 0) {
        order.shuffle(round, 0, half);
        order.shuffle(round, half);
      }
      chunk.producers[k] = round[place]!;
      chunk.templates[k] = nextTemplate();
      chunk.createdAt[k] = createdAtOf(plan.createdAt, first + k);
    }
    yield chunk;
  }
}

/**
 * Every draw of a kind takes one number of a stream of its own, so the kind of submission i follows from the seed and i.
 * @returns a function that chooses a template for the next submission, by the seed
 */
function mixChooser(
  { templates, seed }: Pick<CorpusPlan, 'templates' | 'seed'>,
  mix: readonly MixPart[],
): () => number {
  const random = new RandomStream(seed, 'kind');
  const sum = mix.reduce((total, { weight }) => total + weight, 0);
  const kinds = mix.map(({ templates: places, order }, kind): (() => number) => {
    if (order === 'by weight') {
      const choose = templateChooser({
        templates: places.map((place) => templates[place]),
        seed: `${seed}\0${kind}`,
      });
      return () => places[choose()];
    }
    let next = 0;
    return () => places[next++ % places.length];
  });
  return () => {
    let ticket = (random.next() / 2 ** 32) * sum;
    let kind = 0;
    while (kind < mix.length - 1 && ticket >= mix[kind].weight) ticket -= mix[kind++].weight;
    return kinds[kind]();
  };
}

/** @returns a function that chooses a template for the next submission, by the seed */
function templateChooser({
  templates,
  snarkWorkShare,
  seed,
}: Pick<CorpusPlan, 'templates' | 'snarkWorkShare' | 'seed'>): () => number {
  const random = new RandomStream(seed, 'template');
  const all = templates.map((_, i) => i);
  const chooserAmong = (indices: readonly number[]) => {
    const ends: number[] = [];
    for (const i of indices) ends.push((ends.at(-1) ?? 0) + templates[i].weight);
    const total = ends.at(-1) ?? 0;
    return () => {
      const ticket = random.below(total);
      let low = 0;
      for (let high = ends.length - 1; low < high;) {
        const middle = (low + high) >> 1;
        if (ticket < ends[middle]) high = middle;
        else low = middle + 1;
      }
      return indices[low];
    };
  };
  if (snarkWorkShare === undefined) return chooserAmong(all);
  const chooseWith = chooserAmong(all.filter((i) => templates[i].hasSnarkWork));
  const chooseWithout = chooserAmong(all.filter((i) => !templates[i].hasSnarkWork));
  return () => (random.next() < snarkWorkShare * 2 ** 32 ? chooseWith() : chooseWithout());
}

/** Of the submissions after a hard fork, those by nodes that stayed on the old chain. */
const STAYED_SHARE = 0.1;

/**
 * Goes through a chain once, in order of time: a block is submitted as long as it is a tip, so consecutive submissions share it, and
 * with a fork at most two of one slot are submitted side by side. The first of each block is its maker's.
 * @returns a function that chooses a template for the next submission, by the seed
 */
function tipChooser({ templates, seed, count }: CorpusPlan): () => number {
  const random = new RandomStream(seed, 'tip');
  const stays = new RandomStream(seed, 'stayed behind');
  type Step = TipTime & { makers: number[]; others: number[] };
  const steps = new Map<number, Step>();
  const stayed: { fromSlot: number; template: number }[] = [];
  templates.forEach(({ tip }, i) => {
    if (tip === undefined) throw new RangeError(`template ${i} is in no chain, but others are`);
    if (tip.by === 'stayed') {
      stayed.push({ fromSlot: tip.fromSlot, template: i });
      return;
    }
    const step = steps.get(tip.fromSlot) ?? { ...tip, makers: [], others: [] };
    steps.set(tip.fromSlot, step);
    if (tip.by !== 'others') step.makers.push(i);
    if (tip.by !== 'maker') step.others.push(i);
  });
  const inOrder = [...steps.values()].sort((a, b) => a.fromSlot - b.fromSlot);
  const start = inOrder[0].fromSlot;
  const span = inOrder.at(-1)!.toSlot - start;
  let at = -1;
  let next = 0;
  let makersLeft: number[] = [];
  return () => {
    const slot = start + (next++ * span) / count;
    const before = at;
    while (at < 0 || slot >= inOrder[at].toSlot) at++;
    if (at !== before) makersLeft = [...inOrder[at].makers];
    const { others } = inOrder[at];
    const old = stayed.find(({ fromSlot }) => slot >= fromSlot);
    if (old !== undefined && stays.next() < STAYED_SHARE * 2 ** 32) return old.template;
    return makersLeft.shift() ?? others[random.below(others.length)];
  };
}

/** How far apart two submissions of one of `producers` are at least, in the order of the plan. */
export const distanceOf = (producers: number): number => Math.floor(producers / 2) + 1;

/** How many of `submissions` in a row are of one of `producers` at most. */
export const mostInWindow = (submissions: number, producers: number): number =>
  Math.ceil(submissions / producers) + 1;

/** Enough, whatever the target: the real program has about 1,000 block producers. */
const LEAST_PRODUCERS = 1000;
/** At the highest rate two submissions of one producer are at least this far apart, twice as far on average. */
const LEAST_GAP_S = 3;

/**
 * How many producers a load needs so that neither limit of a backend stands in its way: submissions of one
 * producer in a rolling hour (at most half of `hourlyLimit` are used), and one stored submission per
 * producer and second (submissions of one producer stay {@link LEAST_GAP_S} s apart). At least 1,000.
 * @param peakRatePerSecond null where only the target's speed limits it: the mean rate is taken
 */
export function defaultProducers({
  submissions,
  peakRatePerSecond,
  durationMs,
  hourlyLimit,
}: {
  submissions: number;
  peakRatePerSecond: number | null;
  durationMs: number;
  hourlyLimit: number;
}): number {
  const rate = peakRatePerSecond ?? (submissions * 1000) / Math.max(durationMs, 1000);
  const inOneHour = Math.min(submissions, Math.ceil(rate * Math.min(durationMs / 1000, 3600)));
  const allowed = Math.floor(hourlyLimit / 2);
  // ceil(M/N) + 1 <= allowed. With hardly any allowed: one round has each once, and 2M producers keep
  // two submissions of one more than M apart.
  const forHour =
    allowed > 2 ? Math.ceil(inOneHour / (allowed - 1)) : Math.min(submissions, 2 * inOneHour);
  const forSecond = Math.min(submissions, Math.ceil(2 * LEAST_GAP_S * rate));
  return Math.max(LEAST_PRODUCERS, forHour, forSecond);
}
