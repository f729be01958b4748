/**
 * The result folder's format: the plain objects in its files. Format version 1.
 * Times are UTC; `t` is milliseconds since 1970; durations carry their unit in the name.
 */

/** A value of an option, and where it came from. */
export type OptionValue = {
  value: string | number | boolean | null;
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
  /** Facts of the machine that generates the load (systeminformation). */
  host: Record<string, string | number | null>;
};

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
};

/** `target`: VUs, or starts per `timeUnitMs` of the shape's rate; a duration of 0 is a jump. */
export type Stage = { durationMs: number; target: number };

/**
 * An answer's class: the HTTP status as text ("200", "401"), or why there was none, as
 * `error:<k6 error code>` (1050 request timeout, 1210 dial, 1211 dial timeout, 1212 refused, 1220 reset …;
 * k6 docs, "Error codes").
 */
export type AnswerClass = string;

/** One line of `samples.ndjson`: all requests that ended within one second. */
export type SampleLine = {
  /** Start of the second. */
  t: number;
  /** Whole seconds since the load began. */
  elapsedS: number;
  /** Virtual users at work at the end of this second, as k6 reports; null if it did not. */
  vus: number | null;
  sent: number;
  answers: Record<AnswerClass, number>;
  /** Iterations that threw instead of finishing: a fault of the generator, not an answer. */
  failedIterations?: number;
  /** Open models: submissions that began later than intended, beyond the tolerance; absent: none. */
  late?: number;
  /** Open models: starts that never came, as k6 counts them (`dropped_iterations`); absent: none. */
  dropped?: number;
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
export type ResourceLine = ProcessReading | HostReading | ResourceNote;

/** A process tree (root and all descendants), summed. */
export type ProcessReading = {
  t: number;
  kind: 'process';
  /** `backend`, `k6`, `toolkit` (this Node process) or the name the user gave. */
  name: string;
  rootPid: number;
  processes: number;
  /** Time since the previous reading of this tree: what the CPU and I/O figures are taken over. */
  intervalMs?: number;
  /** Difference of two readings over the time between them; 1 = one core busy. */
  cpuCores?: number;
  /** The same as a share of all cores of the machine, 0 to 100. */
  cpuPercentOfMachine?: number;
  rssBytes?: number;
  threads?: number;
  openFiles?: number;
  /** Bytes from and to storage (not the page cache) since the previous reading, per second. */
  readBytesPerSecond?: number;
  writeBytesPerSecond?: number;
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
  stored: number | null;
  missing: number | null;
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
  /** (started - late) / planned, 0 to 1; null when nothing was due. */
  onTimeShare: number | null;
  /** 99th percentile of how much later than intended the submissions began; null when none did. */
  latenessP99Ms: number | null;
  toleranceMs: number;
};

/** Mean and peak of one watched process over the load. */
export type ProcessFigures = {
  cpuCoresMean: number | null;
  cpuCoresMax: number | null;
  rssBytesMax: number | null;
  readings: number;
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
  cases: HostileCaseFigures[];
};

/** `summary.json`. */
export type Summary = {
  format: 1;
  id: string;
  scenario: string;
  startedAt: string;
  endedAt: string;
  /** From the first to the last request's end. */
  loadMs: number;
  interrupted: boolean;
  figures: {
    sent: number;
    accepted: number;
    answers: Record<AnswerClass, number>;
    /** Share of requests without the expected answer, 0 to 1; null when nothing was sent. */
    errorRate: number | null;
    submissionsPerSecond: number | null;
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
    /** Expected answers within the warm-up, which the latencies leave out; absent: there was none. */
    warmUpAnswers?: number;
  };
  /** Of a load on several targets, in the order of the options. */
  targets?: TargetFigures[];
  /** Of the scenario `hostile`. */
  hostile?: HostileFigures;
  gates: Gate[];
  /** What to know when reading the figures: a backend that died, a monitor that failed, a cut sample stream. */
  notes: string[];
  verdict: { passed: boolean; exitCode: number; sentence: string };
};
