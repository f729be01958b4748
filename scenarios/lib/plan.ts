/**
 * The plan of one run as k6 gets it: a JSON file, opened in k6's init code; its path is the only thing on the
 * command line (`-e PLAN=…`). Node writes it, the scenarios read it.
 * Pure (no I/O, no `k6/*`, no `node:*`), so both share it.
 */
import type { BodyTemplate } from '../../mina/envelope.ts';
import type { AddressBlock } from './forwarded.ts';

export type K6Plan = {
  format: 1;
  /** Where each body is posted, e.g. `http://127.0.0.1:8080/v1/submit`. */
  url: string;
  /** Where there are several targets: the one of each submission is {@link targetOf}; null: all go to `url`. */
  targets: K6Target[] | null;
  /** Sent with every request; `content-type` belongs here. Secret ones come in a file of their own (`-e SECRETS=…`). */
  headers: Record<string, string>;
  tls: {
    /** PEM files. */
    client: { certPath: string; keyPath: string } | null;
    insecureSkipVerify: boolean;
  };
  /** X-Forwarded-For: an address of this block for each producer (scenarios/lib/forwarded.ts); null: not sent. */
  forwarded: AddressBlock | null;
  load: K6Load;
  /** What counts as the expected answer. `body` null: any body. */
  expected: { status: number; body: string | null };
  /** Any integer: think times and the random order of payloads follow from it and the submission's index. */
  seed: number;
  /** Where each start has a time of its own: the file of these (scenarios/lib/timing.ts). Absolute, as all paths. */
  offsetsPath?: string;
  /**
   * Bodies that a VU may keep ready, in bytes; one is always kept. A body that is not kept is read again, which costs
   * 45 µs for 46 KB (measured, a third of a whole request).
   */
  bodyCacheBytes: number;
  source: CorpusSource | FeederSource | PayloadSource;
};

/** One of several targets: `url` as in K6Plan, and its share of the sum of all weights. */
export type K6Target = { url: string; weight: number };

/** The fields of results/types.ts LoadShape, and the lease. */
export type K6Load = {
  executor:
    | 'constant-vus'
    | 'shared-iterations'
    | 'ramping-vus'
    | 'constant-arrival-rate'
    | 'ramping-arrival-rate';
  vus: number;
  /** For `shared-iterations`: how many submissions in all. */
  iterations: number | null;
  durationMs: number;
  think: { minMs: number; maxMs: number };
  requestTimeoutMs: number;
  gracefulStopMs: number;
  rate?: { starts: number; timeUnitMs: number };
  stages?: { durationMs: number; target: number }[];
  startVus?: number;
  /** The pace is changed while the load runs: each submission waits for its turn at the feeder. */
  steered?: object;
  timed?: {
    of: 'fleet' | 'recorded' | 'rounds';
    speedup: number;
    peakPerSecond: number;
    retry?: { everyMs: number; withinMs: number; attempts?: number; endedBy?: number[] };
  };
  /** Submissions of one k6 iteration: {@link leaseOf}. */
  lease: number;
  /**
   * Of a lease of several: no submission is sent whose index is so far behind the highest one that may be under way. Two submissions of one
   * producer are farther apart ({@link leaseOf}); Infinity is null in JSON: nothing to keep.
   */
  leaseSpread?: number | null;
};

/** Signed submissions: mina/envelope.ts. All paths absolute: k6 takes a relative one from the script's folder. */
export type CorpusSource = {
  kind: 'corpus';
  bodiesPath: string;
  envelopesPath: string;
  /** Records in `envelopes.bin`. */
  count: number;
  templates: BodyTemplate[];
  /** All have the created_at of a recording, so a run before this one may have sent the very same. Absent: they are new. */
  recordedTimes?: true;
  /** Several nodes send with one key: an address belongs to a peer id. Absent: it belongs to a public key. */
  ofNodes?: true;
};

/** The same, but signed while the load runs: records come from a server on this machine (load/feeder/feeder.ts). */
export type FeederSource = {
  kind: 'feeder';
  bodiesPath: string;
  /** Submissions that it has to give. */
  count: number;
  /** `GET <url>/<first>/<n>` gives n records, with status {@link FEED_STATUS}. */
  url: string;
  templates: BodyTemplate[];
  /**
   * Each submission has its turn: `GET <url>/<first>/<n>/<ms>` waits for it so long at most, and gives records whose template is
   * {@link NOT_YET} where it has not come by then.
   */
  paced?: true;
};

/** In place of a template's index. */
export const NOT_YET = 0xffffffff;

/** Of the feeder's answers, and of no target's: k6's samples of these requests are told apart by it. */
export const FEED_STATUS = 299;

/** Recorded bodies, packed one after the other into one file, sent byte for byte. */
export type PayloadSource = {
  kind: 'payloads';
  bodiesPath: string;
  payloads: { offset: number; bytes: number }[];
  /** X-Forwarded-For of each payload, where it is sent. */
  forwarded?: string[];
  order: 'in order' | 'random';
};

/** Neither a rate nor a time, a number or a think time limits it: only the target's answers. */
export const isUnpaced = ({
  executor,
  think,
  rate,
}: Pick<K6Load, 'executor' | 'think' | 'rate'>): boolean =>
  executor.endsWith('-vus') && think.maxMs === 0 && rate === undefined;

/**
 * How many submissions a plan has; an iteration with an index beyond them sends nothing. k6 may begin more than are due: on a machine that
 * stood still, timers of the rate and of the end are due at once, and it takes them in any order.
 * Infinity: bodies come again from the first on, as recorded ones do, and those of a corpus where only the target limits how
 * many are sent.
 */
export function submissionsOf({ load, source }: Pick<K6Plan, 'load' | 'source'>): number {
  if (source.kind === 'payloads') return Infinity;
  return source.kind === 'corpus' && isUnpaced(load) ? Infinity : source.count;
}

/** No more than this many submissions are leased at once over all VUs: the order of sending stays close to the index. */
const LEASED_AT_ONCE = 8000;
const LEASE = 32;

/** How far apart in the order of indices two submissions of one producer are, and how many are sent in a second at most. */
export type Apart = { submissions: number; perSecond: number };

/** Distance in the order that a lease may use up, so that what is left is still {@link SAFE_MS} of sending. */
const usable = ({ submissions, perSecond }: Apart): number =>
  submissions - (perSecond * SAFE_MS) / 1000;
/** Two submissions of a producer that begin so far apart cannot fall into the same second of the target. */
const SAFE_MS = 1000;

/**
 * How many consecutive submissions one k6 iteration sends. Reading a record costs k6 two asynchronous calls
 * (46 µs measured, a third of a whole request), so a load without think time reads several at once. With think
 * times, and where the executor sets the pace, each submission is an iteration of its own.
 *
 * A lease sends its last submission when the other VUs are a lease ahead, each of which may have begun one more: two leases of each VU, so
 * a third of the distance between two submissions of one producer is what all leases may hold. Where VUs differ (a request
 * that hangs) a lease ends early: {@link leaseSpreadOf}.
 * @param apart absent: nobody's submissions need to be apart
 */
export function leaseOf(load: Omit<K6Load, 'lease'>, apart?: Apart): number {
  if (load.executor !== 'constant-vus' || load.think.maxMs > 0 || load.steered) return 1;
  const atOnce = apart === undefined ? LEASED_AT_ONCE : Math.min(LEASED_AT_ONCE, usable(apart) / 3);
  return Math.min(LEASE, Math.max(1, Math.floor(atOnce / load.vus)));
}

/** See K6Plan load.leaseSpread. */
export const leaseSpreadOf = (apart: Apart | undefined): number | null =>
  apart === undefined ? null : Math.max(0, Math.floor(usable(apart)));

/** Keeps what is drawn for one purpose apart from what is drawn for another. */
const PURPOSES = { think: 0x2545f491, order: 0x6c8e9cf5, target: 0x1f83d9ab } as const;

/**
 * A uniform number from 0 (included) to 1 (excluded), the same on every machine for the same seed, purpose and
 * index: two rounds of MurmurHash3's 32-bit finalizer (aappleby/smhasher, src/MurmurHash3.cpp) over their sum.
 * Not for secrets.
 */
export function uniform(seed: number, purpose: keyof typeof PURPOSES, index: number): number {
  const high = Math.floor(index / 2 ** 32);
  let x = mix((seed | 0) + PURPOSES[purpose]);
  x = mix((x ^ (index | 0)) + 0x1b873593);
  x = mix((x ^ (high | 0)) + 0x38b34ae5);
  return (x >>> 0) / 2 ** 32;
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Think time after submission `index`, in milliseconds. */
export const thinkMs = ({ seed, load }: Pick<K6Plan, 'seed' | 'load'>, index: number): number =>
  load.think.minMs + (load.think.maxMs - load.think.minMs) * uniform(seed, 'think', index);

/**
 * How long submission `index` waits when it is a VU's first. The first ones (0 to vus - 1) spread evenly over
 * the mean think time, so the rate is from the start what it stays.
 */
export const staggerMs = ({ load }: Pick<K6Plan, 'load'>, index: number): number =>
  ((index % load.vus) / load.vus) * ((load.think.minMs + load.think.maxMs) / 2);

/** Which payload submission `index` sends. */
export function payloadOf(
  { seed }: Pick<K6Plan, 'seed'>,
  { payloads, order }: Pick<PayloadSource, 'order'> & { payloads: { length: number } },
  index: number,
): number {
  return order === 'random'
    ? Math.floor(uniform(seed, 'order', index) * payloads.length)
    : index % payloads.length;
}

/** @returns a function that gives the place in `targets` of submission `index`: by weight, the same for the same seed */
export function targetOf({
  seed,
  targets,
}: {
  seed: number;
  targets: readonly K6Target[];
}): (index: number) => number {
  let sum = 0;
  const ends = targets.map(({ weight }) => (sum += weight));
  return (index) => {
    const ticket = uniform(seed, 'target', index) * sum;
    let which = 0;
    while (which < ends.length - 1 && ticket >= ends[which]) which++;
    return which;
  };
}
