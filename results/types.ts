/**
 * The result folder's format: the plain objects in its files. Format version 1.
 * Times are UTC; `t` is milliseconds since 1970; durations carry their unit in the name.
 */

/** A value of an option, and where it came from. */
export type OptionValue = {
  value: string | number | boolean | null;
  /** Each of them, where an option was given several times. */
  values?: string[];
  source: 'flag' | 'environment' | 'file' | 'scenario' | 'default';
};

/** `plan.json`: everything decided before the first submission is sent. */
export type Plan = {
  format: 1;
  /** Name of the run's folder, e.g. `2026-01-02T03-04-05Z-load`. */
  id: string;
  scenario: string;
  /** RFC 3339. */
  plannedAt: string;
  options: Record<string, OptionValue>;
  seed: string;
  target: {
    /** The first, where there are several. */
    url: string;
    embedded: boolean;
    /** Where there are several: each submission goes to one of them, by its share of the weights. */
    targets?: { url: string; weight: number }[];
  };
  transport?: TransportFacts;
  load: LoadShape;
  corpus: {
    submissions: number;
    producers: number;
    /** Bodies of different content (blocks, with or without snark work). */
    templates: number;
    meanBodyBytes: number;
    maxBodyBytes: number;
    network: 'testnet' | 'mainnet';
  };
  estimate: {
    /** null where only the target's speed limits it (no think time). */
    submissions: number | null;
    /** Highest expected rate; null where only the target's speed limits it (no think time). */
    peakRatePerSecond: number | null;
    bytesSent: number | null;
    k6MemoryBytes: number;
    /** Of sending, when answers take no time. */
    durationMs: number;
  };
  versions: { toolkit: string; node: string; k6: string; platform: string };
  /** What the run must meet, as expressions, e.g. `p95<800ms`; absent: an older toolkit planned it. */
  gates?: string[];
  /** Of a run in a CI job: what was checked out, and the job's page; absent: its environment named neither. */
  ci?: CiFacts;
  /** Charts of the run's scenario, beside those of every report; absent: none. */
  pictures?: string[];
  /** What is made to go wrong on purpose (`--fault`), turn by turn in the order of their beginning; absent: nothing. */
  faults?: PlannedFault[];
  /** Facts of the machine that generates the load (systeminformation). */
  host: Record<string, string | number | null>;
  /** Of a merged run: what it was made of, so that none of it is counted twice. */
  parts?: PlanPart[];
};

export type CiFacts = { commit?: string; url?: string };

/** One of the runs that a merged run was made of. */
export type PlanPart = Pick<Plan, 'id' | 'plannedAt' | 'host'>;

/** How requests reach the target; no secret is in it. */
export type TransportFacts = {
  /** null: HTTP/2 where the target offers it over TLS, else 1.1. */
  http: '1.1' | '2' | null;
  /** Without the name and the password in it. */
  proxy: string | null;
  /** Paths of files. */
  ca: string | null;
  clientCertificate: string | null;
  insecureSkipTlsVerify: boolean;
  /** What the user added. */
  headers: Record<string, string>;
  /** Names of the headers whose values are secret. */
  secretHeaders: string[];
  /** X-Forwarded-For holds an address of this network for each producer; null: it is not sent. */
  forwardedNetwork: string | null;
};

/** What became of the submissions for one of several targets. */
export type TargetFigures = {
  url: string;
  weight: number;
  sent: number;
  accepted: number;
  answers: Record<AnswerClass, number>;
};

/** What came of the submissions of one size or one kind. */
export type PartFigures = {
  /** `64KB`, `over`; or `load`, `big-blocks`, `replay`, `hostile`. */
  name: string;
  /** Of a size: bytes of each body. */
  bodyBytes?: number;
  /** Of a kind: its weight in the mix. */
  weight?: number;
  sent: number;
  accepted: number;
  /** Answered as expected. Of `hostile` null: there a case is what is expected (HostileFigures). */
  expected: number | null;
  answers: Record<AnswerClass, number>;
  /** Of whole bodies; one that is answered 413 is not sent. */
  bytesSent: number;
  /** Over its expected answers, without the warm-up; null: there were none. */
  latency: Pick<LatencyFigures, 'count' | 'meanMs' | 'p50Ms' | 'p95Ms' | 'maxMs'> | null;
  /** How fast one of its bodies went, answer included: mean size over mean time; null: no body was sent whole. */
  bytesPerSecond: number | null;
};

/** How the load runs; `executor` is k6's own word. */
export type LoadShape = {
  executor:
    | 'constant-vus'
    | 'shared-iterations'
    | 'ramping-vus'
    | 'constant-arrival-rate'
    | 'ramping-arrival-rate';
  /** VUs at work at once, at most; in an open model all of them stand ready from the start. */
  vus: number;
  /** For `shared-iterations`: how many submissions in all; null when `durationMs` ends the run. */
  iterations: number | null;
  durationMs: number;
  /** Think time after each answer, uniform between the two; both 0 for none. */
  think: { minMs: number; maxMs: number };
  /** How long one request may take. */
  requestTimeoutMs: number;
  /** How long k6 waits at the end for requests under way; at least the request timeout. */
  gracefulStopMs: number;
  /** Of an arrival-rate executor: starts per `timeUnitMs` at the beginning, a whole number as k6 wants it. */
  rate?: { starts: number; timeUnitMs: number };
  /** Of a ramping executor: straight from the target before (at first: 0 VUs, `startVus`, or `rate`) to its own. */
  stages?: Stage[];
  /** Of `ramping-vus`: VUs at the beginning. */
  startVus?: number;
  /** Requests that ended within this time after the start have no say in the latency figures; absent: 0. */
  warmUpMs?: number;
  /**
   * The pace is changed while the load runs (`control.ndjson`): each submission waits for its turn. With a `rate` it is an open model that
   * begins at it; without, VUs at their own pace, with a rate that was asked for as its bound. The executor is `constant-vus`.
   */
  steered?: {
    /** Of an open model: the highest rate that may be asked for. */ mostPerSecond?: number;
  };
  /** An open model in which each start has a time of its own; the executor is `shared-iterations`. */
  timed?: TimedStarts;
};

/** Where the times of the starts come from. */
/** Of a load in rounds; ms from its beginning. */
export type Round = {
  fromMs: number;
  stressFromMs: number;
  pauseFromMs: number;
  untilMs: number;
  /** Producers that send nothing in it. */
  stopped: number;
};

export type TimedStarts = {
  /** `fleet`: a simulated network (producers/network-plan.ts); `recorded`: the times of recorded requests; `rounds`: load/rounds.ts. */
  of: 'fleet' | 'recorded' | 'rounds';
  /** By what the network's time, or that of the recording, is divided. */
  speedup: number;
  /** Starts in the busiest second. */
  peakPerSecond: number;
  /**
   * A submission that failed is sent again `everyMs` after its answer, as it is, as long as no more than `withinMs` have passed since
   * it was due, and the load lasts. Absent: never.
   */
  retry?: {
    everyMs: number;
    withinMs: number;
    /** The first one counted; absent: as many as there is time for. */
    attempts?: number;
    /** Statuses after which nothing is sent again; absent: none but the right answer. */
    endedBy?: number[];
  };
  /** Of `rounds`. */
  rounds?: { basePerSecond: number; stressPerSecond: number; times: Round[] };
};

/** `target`: VUs, or starts per `timeUnitMs` of the shape's rate; a duration of 0 is a jump. */
export type Stage = { durationMs: number; target: number };

/**
 * An answer's class: the HTTP status as text ("200", "401"), or why there was none, as
 * `error:<k6 error code>` (1050 request timeout, 1210 dial, 1211 dial timeout, 1212 refused, 1220 reset …;
 * k6 docs, "Error codes").
 */
export type AnswerClass = string;

/** One line of `control.ndjson`: what was asked of a running load. A steerable one has its pace at the beginning as the first. */
export type ControlLine = {
  t: number;
  action: 'begin' | 'rate' | 'free' | 'pause' | 'resume' | 'stop';
  /** Submissions per second that were asked for before, and from now on; 0: none, in a pause; null: the VUs' own pace; absent: `stop`. */
  fromPerSecond?: number | null;
  toPerSecond?: number | null;
  /** Who asked: `terminal`, `console`; of the beginning `load`. */
  by: string;
};

/**
 * One line of `marks.ndjson`: what was done to the target, or happened to it, for a time. A line is written when it begins, and another of the same
 * `id` when it ends: of several the last counts (results/marks.ts).
 */
export type MarkLine = {
  id: string;
  kind: 'fault';
  /** In a few words, e.g. `storage refuses writes`. */
  label: string;
  /** ms since 1970. */
  fromMs: number;
  /** Absent: it had no end, or not yet. */
  toMs?: number;
  /** Of one that has ended: how many requests or connections it struck, where it picks them. */
  struck?: number;
  /** Why it could not be made, or not be undone. */
  problem?: string;
};

/** One time that a fault is to be on; ms after the load's beginning. The mark of turn n (from 0) has the id `fault-n`. */
export type PlannedFault = { fault: string; fromMs: number; untilMs: number };

/** What the load saw in a part of its time; answers count in the second in which they came. */
export type FaultWindow = {
  /** Seconds of samples. */
  seconds: number;
  sent: number;
  accepted: number;
  /** Answers that were not expected, and requests without one. */
  errors: number;
  /** Of expected answers; null: there was none. */
  p50Ms: number | null;
  p95Ms: number | null;
};

/** What one turn of a fault did to the load. */
export type FaultFigures = {
  /** As it was asked for, e.g. `latency=200ms@20s+10s`. */
  fault: string;
  /** `skipped`: the load ended before its time; `failed`: it could not be made, or not be undone. */
  state: 'done' | 'failed' | 'skipped';
  /** ms after the load's beginning, as they really were; null: it never was on, or never ended. */
  fromMs: number | null;
  untilMs: number | null;
  struck?: number;
  problem?: string;
  /** Up to 30 s before it, without another fault; null: there is no whole second. */
  before: FaultWindow | null;
  within: FaultWindow | null;
  /** From the recovery, or from its end where none was seen, up to 30 s, without another fault. */
  after: FaultWindow | null;
  /** From its end until errors and p95 were back where they had been; null: see `unrecovered`. */
  recoveryMs: number | null;
  /** Why there is no recovery time; absent: there is one. */
  unrecovered?: 'no seconds before' | 'not seen' | 'never on';
  /** Answered 200 within it, and not in the storage; absent: nobody looked. */
  lost?: number;
};

/** One line of `samples.ndjson`: all requests that ended within one second. */
export type SampleLine = {
  /** Start of the second. */
  t: number;
  /** Whole seconds since the load began. */
  elapsedS: number;
  /** Virtual users at work at the end of this second, as k6 reports; null if it did not. */
  vus: number | null;
  sent: number;
  /** Submissions that began in this second; absent: not known. */
  started?: number;
  answers: Record<AnswerClass, number>;
  /** Answers 200 with the backend's body; absent: all answers 200. */
  accepted?: number;
  /** Answered as expected; absent: as many as were accepted. */
  expected?: number;
  /** Iterations that threw instead of finishing: a fault of the generator, not an answer. */
  failedIterations?: number;
  /** Open models: submissions that began later than intended, beyond the tolerance; absent: none. */
  late?: number;
  /** Open models: starts that never came, as k6 counts them (`dropped_iterations`); absent: none. */
  dropped?: number;
  /** Requests that failed and were sent again, which `sent` and `answers` do not count; absent: none. */
  retries?: number;
  bytesSent: number;
  bytesReceived: number;
  /** http_req_duration of expected answers (sending + waiting + receiving); null if there were none. */
  latency: LatencyOfSecond | null;
  /** The same with blocked + connecting + TLS: what a producer feels; null if there were none. */
  felt: LatencyOfSecond | null;
};

/** Percentiles in milliseconds, and the histogram itself so that seconds add exactly. */
export type LatencyOfSecond = {
  count: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  max: number;
  /** HDR histogram V2 (compressed, base64), values in microseconds, 3 significant digits. */
  hdr: string;
};

/** One line of `resources.ndjson`. A figure that could not be read is absent, never 0. */
export type ResourceLine = ProcessReading | HostReading | PostgresReading | ResourceNote;

/** A process tree (root and all descendants), a container, or the whole of another machine, summed. */
export type ProcessReading = {
  t: number;
  kind: 'process';
  /** `backend`, `k6`, `toolkit` (this Node process) or the name the user gave. */
  name: string;
  /** Of a container: its first process, as this machine numbers it; absent where it has none here. */
  rootPid?: number;
  processes?: number;
  /** Time since the previous reading of this tree: what the CPU and I/O figures are taken over. */
  intervalMs?: number;
  /** Difference of two readings over the time between them; 1 = one core busy. */
  cpuCores?: number;
  /** The same as a share of all cores of the machine, 0 to 100. */
  cpuPercentOfMachine?: number;
  /** Time that its threads were ready to run and waited for a processor, over the interval; 1 = one thread waited all the time. Linux. */
  waitedCores?: number;
  /** Of a container: what it is charged with less its inactive file cache, as `docker stats` shows. */
  rssBytes?: number;
  /** Of a container: the most it was ever charged with, file cache included. */
  memoryPeakBytes?: number;
  threads?: number;
  openFiles?: number;
  /** Bytes from and to storage (not the page cache) since the previous reading, per second. */
  readBytesPerSecond?: number;
  writeBytesPerSecond?: number;
  /** Of a container with a network of its own, loopback left out. */
  networkReceivedBytesPerSecond?: number;
  networkSentBytesPerSecond?: number;
  /** Of a container with a CPU limit: share of the limit's periods in which it was held back, 0 to 1. */
  throttledShare?: number;
};

export type HostReading = {
  t: number;
  kind: 'host';
  cores: number;
  cpuCores?: number;
  cpuPercentOfMachine?: number;
  memoryUsedBytes?: number;
  memoryTotalBytes?: number;
  load1?: number;
  /** All links but loopback; what passes two of them (a bridge and its card) counts once. */
  networkReceivedBytesPerSecond?: number;
  networkSentBytesPerSecond?: number;
  /** Where a target on this machine gets its load. */
  loopbackBytesPerSecond?: number;
};

/**
 * PostgreSQL's own figures (pg_stat_database) of one database. Rates are differences of two readings. The
 * monitor's own connection is not counted; its own one or two commits an interval are.
 */
export type PostgresReading = {
  t: number;
  kind: 'postgres';
  /** `HOST/DATABASE`. */
  name: string;
  /** Time since the previous reading: what the rates are taken over. */
  intervalMs?: number;
  /** To this database. */
  connections?: number;
  /** To all databases of the server. */
  serverConnections?: number;
  maxConnections?: number;
  commitsPerSecond?: number;
  rollbacksPerSecond?: number;
  /** Into tables of the user's; pieces of long values (TOAST) are no rows. */
  rowsInsertedPerSecond?: number;
  /** Blocks found in the server's buffers, of all that were asked for in the interval, 0 to 1. */
  blockHitShare?: number;
  /** In the interval. */
  deadlocks?: number;
  /** Bytes of sorts and hashes that did not fit into memory. */
  temporaryBytesPerSecond?: number;
  /** The whole database; read each 10 s, since it costs. */
  databaseBytes?: number;
  /** The table `submissions` with its indexes and TOAST; read each 10 s. */
  submissionsBytes?: number;
};

/** Something that happened to what is watched, e.g. a process that ended. */
export type ResourceNote = { t: number; kind: 'note'; name: string; text: string };

/** `reconcile.json`: counts by identity. `stored` is null until a storage is read. */
export type Reconcile = {
  format: 1;
  /** Submissions the corpus held for this run. */
  planned: number;
  /** Requests whose end k6 reported. */
  sent: number;
  answers: Record<AnswerClass, number>;
  /** Answered 200 with the backend's `{"status":"ok"}`. */
  accepted: number;
  /** Begun but not reported at the stop: the target may have stored them. */
  unknown: number;
  /** Submissions sent again because the load outran the corpus. */
  resent: number;
  /** Of all that was sent: found in the storage, right or not. null: no storage was read to its end. */
  stored: number | null;
  /** Accepted and not found in the storage, whatever the reason: `missing` and `sameSecond` of the look's classes. */
  notStored: number | null;
  /** Absent where no storage was to be looked at. */
  look?: StorageLook;
};

/** What a look into the target's storage after the load has shown. */
export type StorageLook = {
  /** Which storage, for people. */
  storage: string;
  /** The last reading came to its end; the figures are those of the last one that did. */
  complete: boolean;
  /** Why it could not be read, where it could not. */
  failure?: string;
  /** From the end of the load until the figures stood, and how often the storage was read. */
  waitedMs: number;
  readings: number;
  /** By how much the target's clock is ahead of the generator's; null: nothing to see it by. */
  clockAheadMs?: number | null;
  /** Different blocks whose bytes were compared with what was sent; null: this storage keeps none. */
  blocksCompared?: number | null;
  /** Absent unless a reading came to its end. */
  classes?: ReconcileClasses;
  /** The accepted ones by the era of their block; absent: of none is it known. */
  eras?: EraCounts[];
  /** Up to five lines of each class; the whole list is `reconcile.ndjson`. */
  examples?: ReconcileLine[];
  /**
   * Of those of the same second: how many the run itself sent less than a second from another one of the submitter, so that they are no loss of
   * the target. Absent: none.
   */
  ownPairs?: number;
  /** Foreign entries that are not in the list. */
  foreignNotListed?: number;
  /** Of the right ones: those that the verifier has verified. Absent: it has written nothing beside any of them. */
  verified?: number;
  /** Of the right ones: those beside which the verifier wrote an error. */
  validationErrors?: number;
  /** Why less was found than was accepted, as far as the look can see it. */
  reasons?: LookReason[];
};

export type LookReason =
  /** The target's clock is off by more than a look allows for, so it was repeated around that clock. */
  | { kind: 'clock'; aheadMs: number; allowedMs: number }
  /** Recorded bodies are stored at another time only: by an earlier replay, or the target's clock is off by as much. */
  | { kind: 'other time'; aheadMs: number; allowedMs: number; entries: number }
  /** Not one accepted submission is there: another storage, or a clock that is off by more than a day. */
  | { kind: 'nothing found'; allowedMs: number };

/**
 * accepted = right + different + missing + sameSecond. What makes each: reconcile/reconcile.ts.
 */
export type ReconcileClasses = {
  /** Accepted and stored, all fields and the block as they were sent. */
  right: number;
  /** Accepted and stored, something of it otherwise. */
  different: number;
  /** Accepted and not stored, and nothing explains it. */
  missing: number;
  /** Accepted and not stored: another one of its submitter was kept for the same second. */
  sameSecond: number;
  /** Answered otherwise than expected, and stored all the same. */
  refusedStored: number;
  /** In flight at the stop, without an answer, or answered by a gateway (502, 504). */
  unknownStored: number;
  unknownNotStored: number;
  /** Entries from the first request to the last answer that this run did not send. */
  foreign: number;
  /** Entries of the hostile sender. */
  hostile: number;
  /** Second entries of submissions that failed, were sent again, and were stored both times. */
  retried: number;
  /** Entries of one submission beyond the first. */
  doubles: number;
  /** Entries that cannot be read. */
  unreadable: number;
};

/** Accepted submissions of one era (`berkeley`, `mesa` …), by class. */
export type EraCounts = {
  era: string;
} & Pick<ReconcileClasses, 'right' | 'different' | 'missing' | 'sameSecond'>;

/** One line of `reconcile.ndjson`: something that is not "stored and right". */
export type ReconcileLine = {
  class:
    | 'different'
    | 'missing'
    | 'same second'
    | 'refused but stored'
    | 'unknown'
    | 'foreign'
    | 'double'
    | 'unreadable';
  /** Of the submission in this run; where equal ones were sent several times, one of them. */
  index?: number;
  submitter?: string;
  created_at?: string;
  block_hash?: string;
  /** Of the block. */
  era?: string;
  /** By the generator's clock, RFC 3339. */
  answered_at?: string;
  /** By the target's clock. */
  submitted_at?: string;
  /** The second of the submission that was kept instead, by the target's clock. */
  kept_at?: string;
  /** The run itself sent another one of the submitter less than a second before or after. */
  own_pair?: boolean;
  /** Of an unknown one. */
  stored?: boolean;
  /** Where the entry lies in the storage. */
  where?: string;
  /** What differs. */
  fields?: Record<string, { sent: string | number | null; stored: string | number | null }>;
  /** Why it cannot be read, or not be looked for. */
  fault?: string;
};

/** One line of `reconcile-live.ndjson`: a look into the storage while the load ran. */
export type ReconcileLiveLine = {
  t: number;
  accepted: number;
  stored: number;
  /** Accepted at least `olderThanMs` before the look began, and not there, whatever the reason. */
  notStored: number;
  olderThanMs: number;
  /** How long the look took, and the CPU time of the toolkit meanwhile. */
  tookMs: number;
  cpuMs: number;
};

export type GateState = 'pass' | 'fail' | 'no data';

export type Gate = {
  /** As the user reads it, e.g. `error rate < 1 %`. */
  name: string;
  state: GateState;
  /** What was observed; null when there was nothing to observe. */
  value: number | null;
  limit: number;
  unit: string;
  /** It passes though the figure misses its limit: by so few that it may be chance. Absent: no. */
  isChance?: boolean;
};

export type LatencyFigures = {
  count: number;
  meanMs: number;
  minMs: number;
  p50Ms: number;
  p90Ms: number;
  p95Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
  /** HDR histogram V2, microseconds; histograms of several generators add exactly. */
  hdr: string;
};

/** How an open model kept its schedule. Every start that was due is on time, late, or never came. */
export type ScheduleFigures = {
  /** Starts due while the load ran. */
  planned: number;
  started: number;
  /** Began later than intended by more than `toleranceMs`. */
  late: number;
  /** k6's `dropped_iterations`: no VU was free at the time of the start. */
  dropped: number;
  /** Of these, dropped while at least a tenth of the VUs had nothing to do: the generator's own fault. */
  droppedWhileFree: number;
  /** Where each start has a time of its own: late ones for which no VU was free, since nearly all waited for answers. Absent: none. */
  lateWhileBusy?: number;
  /** (started - late) / planned, 0 to 1; null when nothing was due. */
  onTimeShare: number | null;
  /**
   * Of a constant rate: expected answers in the second half of the load's time over the starts due in it. Below 1, less what jitter
   * makes, requests queue: the target does not keep up.
   */
  keepingUpShare?: number;
  /** Of a constant rate that ran to its end. */
  queue?: QueueFigures;
  /** 99th percentile of how much later than intended the submissions began; null when none did. */
  latenessP99Ms: number | null;
  toleranceMs: number;
};

/** What was under way over the time of a load at a constant rate, in parts of equal length (results/queue-meter.ts). */
export type QueueFigures = {
  /** The load's own time. */
  overMs: number;
  /** Mean number of submissions begun and not answered in each part; starts that were dropped are among them, to the end. */
  inFlight: number[];
  /** Answers other than the expected one in each part; absent: none. */
  errors?: number[];
};

/** Mean and peak of one watched process over the load. */
export type ProcessFigures = {
  cpuCoresMean: number | null;
  cpuCoresMax: number | null;
  rssBytesMax: number | null;
  readings: number;
  /** Absent: the load was too short to tell (results/growth.ts). */
  rssGrowth?: MemoryGrowth;
};

/** Slope of a process's memory, without the two minutes in which it settles. */
export type MemoryGrowth = {
  bytesPerMinute: number;
  /** Between the first and the last reading that it is taken from. */
  overMs: number;
};

/** What came of one case of the `hostile` scenario (load/hostile/cases.ts). */
export type HostileCaseFigures = {
  name: string;
  /** Number of the backend's check, 1 to 10, or what lies below the checks. */
  check: number | 'http' | 'slow';
  what: string;
  /** The expected answers in words; empty if it was never played. */
  expected: string;
  /** How often it was played to its end: `asExpected` + `unexpected`. */
  played: number;
  asExpected: number;
  unexpected: number;
  /** Cut by the stop, or answered too late to be judged. */
  cut: number;
  /** Requests whose end was seen. */
  requests: number;
  /** What came instead and what should have, up to 3. */
  examples: string[];
  /** Why it was not played, or not every time. */
  notRun?: string;
};

/** What came of all hostile requests. They are no submissions of the load: `figures` of the summary does not count them. */
export type HostileFigures = {
  /** Whole rounds through all cases. */
  rounds: number;
  /** Requests whose end was seen: the sum of `answers`. */
  requests: number;
  /**
   * Beside the classes of k6: `error:closed` (the target ended the connection), `error:silent` (nothing came while it was held),
   * `error:dropped` (we reset it), `error:malformed` (what came is no HTTP).
   */
  answers: Record<AnswerClass, number>;
  played: number;
  asExpected: number;
  unexpected: number;
  cut: number;
  /**
   * Too few of the producers of these requests are in the target's whitelist, so some cases were not played; absent: enough are, or
   * nobody asked.
   */
  unlisted?: {
    listed: number;
    of: number;
    /** What prints their public keys. */
    command: string;
  };
  cases: HostileCaseFigures[];
};

/**
 * One line of `fleet.ndjson`, of the scenario `fleet`: the simulated network (one line, the first), its blocks, then submissions in
 * order of time. Times are milliseconds of the network's time from the beginning.
 */
export type FleetLine = FleetNetwork | FleetBlock | FleetSubmission;

export type FleetNetwork = {
  kind: 'network';
  /** Keys. */
  producers: number;
  /** That submit with these keys; absent in older files: one each. */
  nodes?: number;
  /** Of these many nodes the submissions are listed: all, or a part that is spread over the waves. */
  shown: number;
  submissions: number;
  /** Of the last era. */
  slotMs: number;
  /** From one cycle of a node to its next. */
  cycleMs: number;
  durationMs: number;
  /** Blocks and submissions up to then are listed. */
  shownMs: number;
  /** In order of time; one unless a hard fork was rehearsed. Absent in older files. */
  eras?: { era: string; fromMs: number; slotMs: number }[];
  /** When the old chain stopped, where a hard fork was rehearsed. */
  hardFork?: { from: string; transactionsEndMs: number; chainEndMs: number; genesisMs: number };
};

export type FleetBlock = {
  kind: 'block';
  /** Its number in this file. */
  block: number;
  height: number;
  /** From 0 at the beginning, and from 0 again at a hard fork's genesis; those before the beginning are below. */
  slot: number;
  era?: string;
  /** When its slot begins; absent in older files: slot * slotMs. */
  fromMs?: number;
  /** It lost against another block of its slot. */
  fork?: boolean;
  /** Submissions of it, and those of them that were accepted. */
  planned: number;
  accepted: number;
};

export type FleetSubmission = {
  kind: 'submission';
  /** Place in the fleet. */
  producer: number;
  /** Of the picture, from 0: a node's. */
  row: number;
  /** Its node started together with another one of its producer: both send in the same second. */
  paired?: boolean;
  block: number;
  /** Of the block. */
  era?: string;
  /** When it was due. */
  atMs: number;
  /**
   * Why this block: its maker, or one for whom it is the tip, one who sees blocks late, one who lags behind, one who stayed on the old
   * chain at a hard fork.
   */
  as: 'maker' | 'tip' | 'late' | 'lagging' | 'stayed';
  snarkWork: boolean;
  /** The last one; null: not sent, or not answered. */
  answer: AnswerClass | null;
  accepted: boolean;
  /** How often it was sent again after a failure; absent: never. */
  retries?: number;
};

/** One trial of the scenario `breakpoint`: a load of its own at a constant rate, whose folder lies below `trials/`. */
export type BreakpointTrial = {
  folder: string;
  /** Submissions per second. */
  rate: number;
  /** `generator-limited`: k6 could not send that much, which says nothing about the target. */
  outcome: 'held' | 'failed' | 'generator-limited';
  /** Gates that did not hold. */
  failedGates: string[];
  /** Expected answers in the second half of the trial over the starts due in it; null: nothing was sent. */
  keepingUpShare: number | null;
  /** Growth of the queue beyond chance, over the starts (judge/queue-growth.ts); null: not known. Absent: of an older toolkit. */
  queueGrowth?: number | null;
  /** Starts that came, late or not, over those that were due; absent: not known. */
  begunShare?: number;
  /** The longer load after the search, at a rate that should hold: how long it was; absent: an ordinary trial. */
  confirmsForMs?: number;
  /** Of such a load that failed: when its queue began to grow, or its errors began, ms from its beginning; absent: not known. */
  troubleBeganMs?: number;
  errorRate: number | null;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  /** Mean CPU of the backend, in cores; null: not watched. */
  backendCores: number | null;
};

/** What the scenario `breakpoint` found. */
export type BreakpointFigures = {
  /** Highest rate at which the gates hold, submissions per second: the median of what is known; null: none was found, or no longer load confirmed it. */
  rate: number | null;
  /** It lies between these with 95 % probability (load/breakpoint/posterior.ts). */
  low: number | null;
  high: number | null;
  /** Around it the odds of a trial to hold change by a factor of e over this share of the rate; absent or null: not known. */
  blur?: number | null;
  /** Why the search ended. */
  end:
    'precise' | 'holds the highest' | 'fails the lowest' | 'generator-limited' | 'trials' | 'cut';
  /** Rate at which the last, longer load held; null: none did. */
  confirmedRate: number | null;
  /** The search came to its end, and no longer load held: the last that was tried. `throttlesAfterMs`: until then the target kept up. */
  notConfirmed?: { rate: number; throttlesAfterMs: number | null };
  holdMs: number;
  trials: BreakpointTrial[];
};

/**
 * One line of `logs.ndjson`: the errors, or warnings, of one shape in one second of the target's log; at most LINES_OF_A_SECOND
 * (monitor/logs/log-watch.ts) a second, the last of which sum up all other shapes.
 */
export type LogSecond = {
  /** Start of the second, by the time that the log itself gives. */
  t: number;
  /** As {@link LogShape} has it. */
  shape: string;
  count: number;
  /** The allow-list knows them, or the run itself causes them: they are no errors of the run. */
  allowed?: boolean;
  /** Absent: errors. */
  level?: 'warning';
};

/** A record of the target's log as it came: one of the last ones, of whatever severity. */
export type LogTailLine = {
  /** Which one of all records, from 1. */
  n: number;
  /** Ms since 1970: as its head says it, else when it was read. */
  t: number;
  /** Whose log: `backend.log`, `journal:UNIT`, `container:NAME`, a file. */
  source: string;
  /** Absent: nothing says that it is more than information. */
  level?: string;
  /** Its first lines as one, without secrets, cut. */
  text: string;
};

/** Errors, or warnings, in the target's log that differ in numbers, keys, hashes and addresses only. */
export type LogShape = {
  /** The message with placeholders for what differs, e.g. `dial tcp <address>: connection refused`. */
  shape: string;
  /**
   * `warning`, `error`, `critical`, `alert`, `emergency`, `fatal` or `panic`, as the format's own field says; `error`, `critical`, `fatal` or
   * `panic` where only its words do. Older folders: the line's own word in small letters.
   */
  level: string;
  /** Records, however many lines each has. */
  count: number;
  /** The allow-list knows them, or the run itself causes them. */
  allowed: boolean;
  /**
   * What is known of such messages of the program (load/target/known-messages.ts): `loss`: what was accepted is not kept, an
   * error whatever its level; `caused by the run`: e.g. what a hostile request must bring about. Absent: nothing.
   */
  means?: 'loss' | 'caused by the run';
  /** RFC 3339, by the time that the log itself gives. */
  firstAt: string;
  lastAt: string;
  /** One of the records, cut after some hundred characters, without secrets. */
  example: string;
};

/** What the target's log said while the load ran. */
export type LogFigures = {
  /** What was followed, e.g. `backend.log`, `journal:uptime`, `container:backend`. */
  sources: string[];
  /** What was asked for and gave not one line, so that it says nothing of errors; absent: none. */
  unread?: string[];
  /** Lines read, of any level. */
  lines: number;
  /** Records read, of any level: a stack trace belongs to its error. Absent in older folders. */
  records?: number;
  /** Records of level error or above, and losses, that neither the allow-list knows nor the run itself causes. */
  errors: number;
  /** The same that the allow-list knows. */
  allowed: number;
  /** The same that the run itself causes, e.g. by hostile bodies; absent in older folders: 0. */
  caused?: number;
  /** Records of level warning that are no losses; absent in older folders: not counted. */
  warnings?: number;
  /** Bytes that came faster than they may be read, and were passed over; absent: none. */
  skippedBytes?: number;
  /** Of errors, by count, those that are not allowed first. */
  groups: LogShape[];
  /** Of warnings; absent in older folders. */
  warningGroups?: LogShape[];
};

/** A figure with its 95 % confidence interval. */
export type Estimate = { value: number; low: number; high: number };

/** What a submission costs the target: results/cost.ts says how each is found. A figure that the data cannot tell is null. */
export type CostFigures = {
  /** Name of the readings. */
  target: string;
  /** Time with both readings and samples: what all figures are taken over. */
  seconds: number;
  /** Submissions that began in it; of older samples, that ended in it. */
  submissions: number;
  readings: number;
  /** All CPU over all submissions, the fixed cost included. */
  cpuMsPerSubmission: number | null;
  /** From the regression of CPU over submissions: cores at no load, and what each submission adds. */
  fixedCores: Estimate | null;
  cpuMsPerFurtherSubmission: Estimate | null;
  /** Share of the variation that the regression explains, 0 to 1. */
  r2: number | null;
  /** Readings were joined to stretches this long, so that chance alone does not look like a change of rate. */
  stretchSeconds: number | null;
  /** Bodies. */
  bytesInPerSubmission: number | null;
  bytesOutPerSubmission: number | null;
  /** What the target's processes wrote to storage. */
  bytesWrittenPerSubmission: number | null;
  /** What its storage holds afterwards. */
  bytesStoredPerSubmission: number | null;
  /** Written / body bytes. */
  writeAmplification: number | null;
  /** Growth of RSS. */
  memoryBytesPerSubmission: Estimate | null;
  memoryBytesPerVu: Estimate | null;
  /** Why a figure is null, by its name. */
  unknown: Record<string, string>;
};

/** Answers other than the expected one that say the same. */
export type Refusal = {
  answer: AnswerClass;
  /** The answer's own words, or k6's where there was no answer; '' where they are not known. */
  text: string;
  count: number;
};

/** What to look at where a load failed as a whole for one reason. */
export type VerdictHint = 'clock' | 'network' | 'whitelist' | 'address';

/**
 * One reason for a verdict: a kind and its figures. The sentence is made of them in judge/verdict-words.ts, and nowhere else.
 * `generator`: of a merged run, the number of the generator that it is true of, from 1.
 */
export type VerdictReason =
  /** Something that the run needs broke, e.g. `the backend ended with signal SIGKILL`. */
  | { kind: 'broken'; words: string; generator?: number }
  | { kind: 'interrupted'; generator?: number }
  /** Of a load through the whole program: what did not come out at the end of the chain, or was not to be judged. */
  | { kind: 'end to end'; words: string }
  | { kind: 'end to end not judged'; words: string }
  /** Not one submission was answered. */
  | { kind: 'no data'; failedIterations: number }
  /** `cause` by name, where it is known; `rate`: of a search, the lowest one that could not be sent. */
  | {
      kind: 'generator-limited';
      cause?: string;
      words?: string;
      rate?: number;
      generator?: number;
    }
  /** A gate that does not hold, or has nothing to look at. */
  | { kind: 'gate'; name: string; state: 'fail' | 'no data'; value: number | null; unit: string }
  /** Accepted submissions that the storage lacks. */
  | { kind: 'missing'; count: number }
  /** Faults were on on purpose: so many turns, and so many of the errors came in their time or before the load had recovered. */
  | { kind: 'faults'; turns: number; errors: number; of: number }
  /** The most frequent of the answers that were not expected; `text`: its own words; `of`: all that were not expected. */
  | {
      kind: 'most frequent error';
      answer: AnswerClass;
      count: number;
      of: number;
      text?: string;
      hint?: VerdictHint;
    }
  /** Of a search: the lowest rate already failed, or none near what was found held over a longer load. */
  | { kind: 'lowest rate failed'; rate: number; gates: string[] }
  | { kind: 'not confirmed'; rate?: number; throttlesAfterMs?: number };

/** The reasons stand in the order of their weight; the first one decides. None: nothing speaks against the run. */
export type Verdict = {
  passed: boolean;
  exitCode: number;
  sentence: string;
  /** Absent in files of a toolkit that did not keep them (results/migrations.ts fills them in). */
  reasons?: VerdictReason[];
};

/** What held the generator back, or kept it from its measuring; absent figures could not be read. */
export type GeneratorFigures = {
  /** Share of the time that k6's threads ran or were ready to run in which they waited for a processor, 0 to 1. */
  waitedShare?: number;
  /** Of the control group: periods in which it was held back by its CPU quota, of all periods of the load. */
  throttling?: { periods: number; throttled: number; quotaCores: number | null };
  /** Think times, and how many of them took more than `toleranceMs` too long. */
  thinkTimes?: { count: number; late: number; toleranceMs: number };
  /** How long k6 stood still as a whole (suspended, stopped), ms. */
  standstillMs?: number;
  /** Mean shares of the machine's processors over the load, 0 to 1. `others`: neither k6, the target nor this program. */
  cpu?: { host?: number; k6?: number; target?: number; others?: number };
};

/** What became of a load in the whole program: backend, storage, verifier, coordinator, leaderboard. The dump that it was judged by lies in e2e/ of the run. */
/** How long after it was sent a submission reached each stage, over the time of sending. */
export type LagsOverTime = {
  /** When the first was sent, ms since 1970: all other times are since then. */
  beganMs: number;
  /** From the first submission to the last, in whole steps. */
  seconds: number;
  stepS: number;
  /** Ends of batches, and how long after its end each was committed; null: not known. */
  batches: { endS: number; countedAfterS: number | null }[];
  /** Steps without a submission that reached the stage are left out. */
  stages: { name: string; steps: { startS: number; endS: number; p50S: number; maxS: number }[] }[];
};

export type EndToEndFigures = {
  /** Name of the harness's run whose system it was, and whether it was made for this load alone. */
  system: string;
  isOwn: boolean;
  intervalSeconds: number;
  /** Of this load's submissions, five different counts: a 200 came back; it is in a storage; the verifier took it; its batch counted it; it has a point. */
  accepted: number;
  stored: number;
  verified: number;
  counted: number;
  scored: number;
  /** Batches that were counted, and the least and most seconds from the end of one until it was; null: not known. */
  batches: number;
  leastLagS: number | null;
  mostLagS: number | null;
  /** Since a submission was sent, in milliseconds; null: none reached that stage. */
  lags: {
    name: string;
    what: string;
    count: number;
    p50Ms: number | null;
    p95Ms: number | null;
    p99Ms: number | null;
    maxMs: number | null;
  }[];
  /** The same over time, for the picture; absent: of results from before it was kept. */
  lagsOverTime?: LagsOverTime;
  /** `found`: its counts in words, or what was lacking. */
  assertions: {
    name: string;
    title: string;
    outcome: 'held' | 'failed' | 'no data';
    found: string;
    examples: string[];
  }[];
};

/** `summary.json`. */
export type Summary = {
  format: 1;
  id: string;
  scenario: string;
  startedAt: string;
  endedAt: string;
  /** The load's own time: from its beginning to its planned end, or to its stop if that came first. */
  loadMs: number;
  /** Beginning and end of that time, ms since 1970; absent or null: not known. */
  loadBeganMs?: number | null;
  loadEndedMs?: number | null;
  /** First and last end of a request, ms since 1970; absent or null: not known. */
  firstEndMs?: number | null;
  lastEndMs?: number | null;
  interrupted: boolean;
  figures: {
    /** Requests whose end is known. */
    sent: number;
    /** Submissions that were begun, those under way at a stop among them; absent: as many as `sent`. */
    started?: number;
    accepted: number;
    /** Answered as expected, where that is another number than `accepted`: a body over the limit must be refused. */
    expected?: number;
    answers: Record<AnswerClass, number>;
    /** Share of requests without the expected answer, 0 to 1; null when nothing was sent. */
    errorRate: number | null;
    /** Starts over the load's own time, accepted or not. */
    submissionsPerSecond: number | null;
    /** Accepted submissions over the same time; absent: not known. */
    acceptedPerSecond?: number | null;
    bytesSent: number;
    bytesReceived: number;
    latency: LatencyFigures | null;
    felt: LatencyFigures | null;
    failedIterations: number;
    processes: Record<string, ProcessFigures>;
    /** Of an open model; absent or null: the scenario has no schedule. */
    schedule?: ScheduleFigures | null;
    /** Of an open model: from the intended start to the answer, of expected answers: what a producer on its own clock waits. */
    sinceIntended?: LatencyFigures | null;
    /** Of an open model: how much later than intended the submissions began; histograms of several generators add. */
    lateness?: LatencyFigures | null;
    /** Expected answers within the warm-up, which the latencies leave out; absent: there was none. */
    warmUpAnswers?: number;
    /**
     * Requests that failed and were sent again, by their answers: `sent` and `answers` count the last answer of each submission.
     * Absent: none.
     */
    retries?: Record<AnswerClass, number>;
    /** What other answers than the expected one said, the most frequent first, at most 20; absent: none came. */
    refusals?: Refusal[];
    generator?: GeneratorFigures;
  };
  /** Of a load on several targets, in the order of the options. */
  targets?: TargetFigures[];
  /** Of `big-blocks`, in the order of the sizes. */
  sizes?: PartFigures[];
  /** Of `mixed`, in the order of the kinds. */
  kinds?: PartFigures[];
  /** Of `hostile`, and of `mixed` with hostile requests. */
  hostile?: HostileFigures;
  /** What was made to go wrong on purpose, and what it did; absent: nothing was. */
  faults?: FaultFigures[];
  /** Of the scenario `breakpoint`; the other figures are those of its last load, at the rate that was found. */
  breakpoint?: BreakpointFigures;
  /** Absent: the target's processes were not watched. */
  cost?: CostFigures;
  /** Absent: no log of the target was followed. */
  logs?: LogFigures;
  /** Absent: only the backend was loaded. */
  e2e?: EndToEndFigures;
  gates: Gate[];
  /** What to know when reading the figures: a backend that died, a monitor that failed, a cut sample stream. */
  notes: string[];
  verdict: Verdict;
};
