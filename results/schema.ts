/**
 * The shapes of a result folder's files, as zod checks them when a folder is read. The same shapes are the JSON Schemas beside this
 * file (`summary.schema.json` …), for programs in other languages; a test keeps shapes, schemas and types.ts in step.
 *
 * What a reader relies on is checked, and unknown fields pass, so that an older toolkit reads a newer run's additions. For
 * the same reason a word of a list that may grow (an executor, the end of a search) is checked as text only.
 */
import { z } from 'zod';
import { FORMAT } from './migrations.ts';
import type { VerdictReason } from './types.ts';

// Texts of descriptions stand in types.ts; here are only those that a reader of the JSON Schema cannot do without.
const count = z.number().int().min(0);
const counts = z
  .record(z.string(), count)
  .describe('count by HTTP status, or error:<k6 error code>');
const time = z.number().min(0).describe('ms since 1970');
const figure = z.number().optional();
const text = z.string();
const instant = z.string().describe('RFC 3339, UTC');
const hdr = z.string().describe('HDR histogram V2, compressed, base64; microseconds, 3 digits');

/** Any text for the reader, one of `known` for the type. */
const wordOf = <Word extends string>(...known: Word[]) =>
  z.string().meta({ examples: known }) as unknown as z.ZodType<Word, Word>;

const format = z.literal(FORMAT);

const secondLatency = z
  .looseObject({
    count,
    p50: z.number(),
    p90: z.number(),
    p95: z.number(),
    p99: z.number(),
    max: z.number(),
    hdr,
  })
  .describe('milliseconds');

export const sampleLine = z.looseObject({
  t: time,
  elapsedS: count,
  vus: z.number().min(0).nullable(),
  sent: count,
  started: count.optional(),
  answers: counts,
  accepted: count.optional(),
  expected: count.optional(),
  failedIterations: count.optional(),
  late: count.optional(),
  dropped: count.optional(),
  retries: count.optional(),
  bytesSent: z.number(),
  bytesReceived: z.number(),
  latency: secondLatency.nullable(),
  felt: secondLatency.nullable(),
});

const processReading = z.looseObject({
  t: time,
  kind: z.literal('process'),
  name: text,
  rootPid: figure,
  processes: figure,
  intervalMs: figure,
  cpuCores: figure,
  cpuPercentOfMachine: figure,
  waitedCores: figure,
  rssBytes: figure,
  memoryPeakBytes: figure,
  threads: figure,
  openFiles: figure,
  readBytesPerSecond: figure,
  writeBytesPerSecond: figure,
  networkReceivedBytesPerSecond: figure,
  networkSentBytesPerSecond: figure,
  throttledShare: figure,
});

const hostReading = z.looseObject({
  t: time,
  kind: z.literal('host'),
  cores: z.number(),
  cpuCores: figure,
  cpuPercentOfMachine: figure,
  memoryUsedBytes: figure,
  memoryTotalBytes: figure,
  load1: figure,
  networkReceivedBytesPerSecond: figure,
  networkSentBytesPerSecond: figure,
  loopbackBytesPerSecond: figure,
});

const postgresReading = z.looseObject({
  t: time,
  kind: z.literal('postgres'),
  name: text,
  intervalMs: figure,
  connections: figure,
  serverConnections: figure,
  maxConnections: figure,
  commitsPerSecond: figure,
  rollbacksPerSecond: figure,
  rowsInsertedPerSecond: figure,
  blockHitShare: figure,
  deadlocks: figure,
  temporaryBytesPerSecond: figure,
  databaseBytes: figure,
  submissionsBytes: figure,
});

/** A reader passes over lines of other kinds: a later toolkit may read more. */
export const resourceLine = z.discriminatedUnion('kind', [
  processReading,
  hostReading,
  postgresReading,
  z.looseObject({ t: time, kind: z.literal('note'), name: text, text }),
]);

export const controlLine = z.looseObject({
  t: time,
  action: wordOf('begin', 'rate', 'free', 'pause', 'resume', 'stop'),
  fromPerSecond: z.number().min(0).nullable().optional(),
  toPerSecond: z.number().min(0).nullable().optional(),
  by: text,
});

/** A reader passes over lines of other kinds. */
export const markLine = z.looseObject({
  id: text,
  kind: z.literal('fault'),
  label: text,
  fromMs: time,
  toMs: time.optional(),
  struck: count.optional(),
  problem: text.optional(),
});

const faultWindow = z.looseObject({
  seconds: count,
  sent: count,
  accepted: count,
  errors: count,
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
});

const faultFigures = z.looseObject({
  fault: text,
  state: wordOf('done', 'failed', 'skipped'),
  fromMs: z.number().nullable(),
  untilMs: z.number().nullable(),
  struck: count.optional(),
  problem: text.optional(),
  before: faultWindow.nullable(),
  within: faultWindow.nullable(),
  after: faultWindow.nullable(),
  recoveryMs: z.number().nullable(),
  unrecovered: wordOf('no seconds before', 'not seen', 'never on').optional(),
  lost: count.optional(),
});

export const logSecond = z.looseObject({
  t: time,
  shape: text,
  count,
  allowed: z.boolean().optional(),
  level: z.literal('warning').optional(),
});

export const logTail = z.object({
  format: z.literal(1),
  lines: z.array(z.looseObject({ n: count, t: time, source: text, level: text.optional(), text })),
});

export const reconcileLiveLine = z.looseObject({
  t: time,
  accepted: count,
  stored: count,
  notStored: count,
  olderThanMs: z.number(),
  tookMs: z.number(),
  cpuMs: z.number(),
});

/** A reader passes over lines of other kinds: a later toolkit may write more. */
export const fleetLine = z.discriminatedUnion('kind', [
  z.looseObject({
    kind: z.literal('network'),
    producers: count,
    nodes: count.optional(),
    shown: count,
    submissions: count,
    slotMs: z.number().positive(),
    cycleMs: z.number().positive(),
    durationMs: z.number().positive(),
    shownMs: z.number().positive(),
    eras: z
      .array(z.looseObject({ era: text, fromMs: z.number(), slotMs: z.number().positive() }))
      .optional(),
    hardFork: z
      .looseObject({
        from: text,
        transactionsEndMs: z.number(),
        chainEndMs: z.number(),
        genesisMs: z.number(),
      })
      .optional(),
  }),
  z.looseObject({
    kind: z.literal('block'),
    block: count,
    height: count,
    slot: z.number().int(),
    era: text.optional(),
    fromMs: z.number().optional(),
    fork: z.boolean().optional(),
    planned: count,
    accepted: count,
  }),
  z.looseObject({
    kind: z.literal('submission'),
    producer: count,
    row: count,
    paired: z.boolean().optional(),
    block: count,
    era: text.optional(),
    atMs: z.number().min(0),
    as: wordOf('maker', 'tip', 'late', 'lagging', 'stayed'),
    snarkWork: z.boolean(),
    answer: text.nullable(),
    accepted: z.boolean(),
    retries: count.optional(),
  }),
]);

const optionValue = z.looseObject({
  value: z.union([text, z.number(), z.boolean(), z.null()]),
  values: z.array(text).optional(),
  source: wordOf('flag', 'environment', 'file', 'scenario', 'default'),
});

const stage = z.looseObject({ durationMs: z.number(), target: z.number() });

const loadShape = z.looseObject({
  executor: wordOf(
    'constant-vus',
    'shared-iterations',
    'ramping-vus',
    'constant-arrival-rate',
    'ramping-arrival-rate',
  ),
  vus: z.number(),
  iterations: z.number().nullable(),
  durationMs: z.number(),
  think: z.looseObject({ minMs: z.number(), maxMs: z.number() }),
  requestTimeoutMs: z.number(),
  gracefulStopMs: z.number(),
  rate: z.looseObject({ starts: z.number(), timeUnitMs: z.number() }).optional(),
  stages: z.array(stage).optional(),
  startVus: figure,
  warmUpMs: figure,
  steered: z.looseObject({ mostPerSecond: figure }).optional(),
  timed: z
    .looseObject({
      of: wordOf('fleet', 'recorded', 'rounds'),
      speedup: z.number(),
      peakPerSecond: z.number(),
      retry: z
        .looseObject({
          everyMs: z.number(),
          withinMs: z.number(),
          attempts: count.optional(),
          endedBy: z.array(z.number()).optional(),
        })
        .optional(),
      rounds: z
        .looseObject({
          basePerSecond: z.number(),
          stressPerSecond: z.number(),
          times: z.array(
            z.looseObject({
              fromMs: z.number(),
              stressFromMs: z.number(),
              pauseFromMs: z.number(),
              untilMs: z.number(),
              stopped: z.number(),
            }),
          ),
        })
        .optional(),
    })
    .optional(),
});

const transport = z.looseObject({
  http: wordOf('1.1', '2').nullable(),
  proxy: text.nullable(),
  ca: text.nullable(),
  clientCertificate: text.nullable(),
  insecureSkipTlsVerify: z.boolean(),
  headers: z.record(text, text),
  secretHeaders: z.array(text),
  forwardedNetwork: text.nullable(),
});

const hostFacts = z.record(text, z.union([text, z.number(), z.null()]));

export const plan = z.looseObject({
  format,
  id: text,
  scenario: text,
  plannedAt: instant,
  options: z.record(text, optionValue),
  seed: text,
  target: z.looseObject({
    url: text,
    embedded: z.boolean(),
    targets: z.array(z.looseObject({ url: text, weight: z.number() })).optional(),
  }),
  transport: transport.optional(),
  load: loadShape,
  corpus: z.looseObject({
    submissions: z.number(),
    producers: z.number(),
    templates: z.number(),
    meanBodyBytes: z.number(),
    maxBodyBytes: z.number(),
    network: wordOf('testnet', 'mainnet'),
  }),
  estimate: z.looseObject({
    submissions: z.number().nullable(),
    peakRatePerSecond: z.number().nullable(),
    bytesSent: z.number().nullable(),
    k6MemoryBytes: z.number(),
    durationMs: z.number(),
  }),
  versions: z.looseObject({ toolkit: text, node: text, k6: text, platform: text }),
  gates: z.array(text).optional(),
  pictures: z.array(text).optional(),
  ci: z.looseObject({ commit: text.optional(), url: text.optional() }).optional(),
  faults: z
    .array(z.looseObject({ fault: text, fromMs: z.number(), untilMs: z.number() }))
    .optional(),
  host: hostFacts,
  parts: z.array(z.looseObject({ id: text, plannedAt: instant, host: hostFacts })).optional(),
});

export const reconcileLine = z.looseObject({
  class: wordOf(
    'different',
    'missing',
    'same second',
    'refused but stored',
    'unknown',
    'foreign',
    'double',
    'unreadable',
  ),
  index: figure,
  submitter: text.optional(),
  created_at: text.optional(),
  block_hash: text.optional(),
  era: text.optional(),
  answered_at: text.optional(),
  submitted_at: text.optional(),
  kept_at: text.optional(),
  own_pair: z.boolean().optional(),
  stored: z.boolean().optional(),
  where: text.optional(),
  fields: z
    .record(
      text,
      z.looseObject({
        sent: z.union([text, z.number(), z.null()]),
        stored: z.union([text, z.number(), z.null()]),
      }),
    )
    .optional(),
  fault: text.optional(),
});

const lookReason = z.union([
  z.looseObject({ kind: z.literal('clock'), aheadMs: z.number(), allowedMs: z.number() }),
  z.looseObject({
    kind: z.literal('other time'),
    aheadMs: z.number(),
    allowedMs: z.number(),
    entries: count,
  }),
  z.looseObject({ kind: z.literal('nothing found'), allowedMs: z.number() }),
]);

const storageLook = z.looseObject({
  storage: text,
  complete: z.boolean(),
  failure: text.optional(),
  waitedMs: z.number(),
  readings: count,
  clockAheadMs: z.number().nullable().optional(),
  blocksCompared: count.nullable().optional(),
  eras: z
    .array(
      z.looseObject({
        era: text,
        right: count,
        different: count,
        missing: count,
        sameSecond: count,
      }),
    )
    .optional(),
  classes: z
    .looseObject({
      right: count,
      different: count,
      missing: count,
      sameSecond: count,
      refusedStored: count,
      unknownStored: count,
      unknownNotStored: count,
      foreign: count,
      hostile: count,
      retried: count,
      doubles: count,
      unreadable: count,
    })
    .optional(),
  examples: z.array(reconcileLine).optional(),
  ownPairs: count.optional(),
  foreignNotListed: count.optional(),
  verified: count.optional(),
  validationErrors: count.optional(),
  reasons: z.array(lookReason).optional(),
});

export const reconcile = z.looseObject({
  format,
  planned: count,
  sent: count,
  answers: counts,
  accepted: count,
  unknown: count,
  resent: count,
  stored: count.nullable(),
  notStored: count.nullable(),
  look: storageLook.optional(),
});

const latencyFigures = z.looseObject({
  count,
  meanMs: z.number(),
  minMs: z.number(),
  p50Ms: z.number(),
  p90Ms: z.number(),
  p95Ms: z.number(),
  p99Ms: z.number(),
  p999Ms: z.number(),
  maxMs: z.number(),
  hdr,
});

const scheduleFigures = z.looseObject({
  planned: count,
  started: count,
  late: count,
  dropped: count,
  droppedWhileFree: count,
  lateWhileBusy: count.optional(),
  onTimeShare: z.number().nullable(),
  keepingUpShare: figure,
  queue: z
    .looseObject({
      overMs: z.number(),
      inFlight: z.array(z.number()),
      errors: z.array(z.number()).optional(),
    })
    .optional(),
  latenessP99Ms: z.number().nullable(),
  toleranceMs: z.number(),
});

const processFigures = z.looseObject({
  cpuCoresMean: z.number().nullable(),
  cpuCoresMax: z.number().nullable(),
  rssBytesMax: z.number().nullable(),
  readings: z.number(),
  rssGrowth: z.looseObject({ bytesPerMinute: z.number(), overMs: z.number() }).optional(),
});

const targetFigures = z.looseObject({
  url: text,
  weight: z.number(),
  sent: count,
  accepted: count,
  answers: counts,
});

const hostileFigures = z.looseObject({
  rounds: count,
  requests: count,
  answers: counts,
  played: count,
  asExpected: count,
  unexpected: count,
  cut: count,
  unlisted: z
    .looseObject({ listed: count, of: count, command: text })
    .describe(
      'producers of these requests that the whitelist of the target has, where they are too few',
    )
    .optional(),
  cases: z.array(
    z.looseObject({
      name: text,
      check: z.union([z.number(), wordOf('http', 'slow')]),
      what: text,
      expected: text,
      played: count,
      asExpected: count,
      unexpected: count,
      cut: count,
      requests: count,
      examples: z.array(text),
      notRun: text.optional(),
    }),
  ),
});

const estimate = z
  .looseObject({ value: z.number(), low: z.number(), high: z.number() })
  .describe('with its 95 % confidence interval')
  .nullable();

const costFigures = z.looseObject({
  target: text,
  seconds: z.number(),
  submissions: z.number(),
  readings: count,
  cpuMsPerSubmission: z.number().nullable(),
  fixedCores: estimate,
  cpuMsPerFurtherSubmission: estimate,
  r2: z.number().nullable(),
  stretchSeconds: z.number().nullable(),
  bytesInPerSubmission: z.number().nullable(),
  bytesOutPerSubmission: z.number().nullable(),
  bytesWrittenPerSubmission: z.number().nullable(),
  bytesStoredPerSubmission: z.number().nullable(),
  writeAmplification: z.number().nullable(),
  memoryBytesPerSubmission: estimate,
  memoryBytesPerVu: estimate,
  unknown: z.record(text, text).describe('why a figure is null, by its name'),
});

const logGroup = z.looseObject({
  shape: text,
  level: text,
  count,
  allowed: z.boolean(),
  means: z.enum(['loss', 'caused by the run']).optional(),
  firstAt: instant,
  lastAt: instant,
  example: text,
});

const logFigures = z.looseObject({
  sources: z.array(text),
  unread: z.array(text).optional(),
  lines: count,
  records: count.optional(),
  errors: count,
  allowed: count,
  caused: count.optional(),
  warnings: count.optional(),
  skippedBytes: count.optional(),
  groups: z.array(logGroup),
  warningGroups: z.array(logGroup).optional(),
});

const gate = z.looseObject({
  name: text,
  state: z.enum(['pass', 'fail', 'no data']),
  value: z.number().nullable(),
  limit: z.number(),
  unit: text,
  isChance: z.boolean().optional(),
});

const breakpointFigures = z.looseObject({
  rate: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  blur: z.number().nullish(),
  end: wordOf(
    'precise',
    'holds the highest',
    'fails the lowest',
    'generator-limited',
    'trials',
    'cut',
  ),
  confirmedRate: z.number().nullable(),
  notConfirmed: z
    .looseObject({ rate: z.number(), throttlesAfterMs: z.number().nullable() })
    .optional(),
  holdMs: z.number(),
  trials: z.array(
    z.looseObject({
      folder: text,
      rate: z.number(),
      outcome: wordOf('held', 'failed', 'generator-limited'),
      failedGates: z.array(text),
      keepingUpShare: z.number().nullable(),
      queueGrowth: z.number().nullish(),
      begunShare: z.number().optional(),
      confirmsForMs: z.number().optional(),
      troubleBeganMs: z.number().optional(),
      errorRate: z.number().nullable(),
      p50Ms: z.number().nullable(),
      p95Ms: z.number().nullable(),
      p99Ms: z.number().nullable(),
      backendCores: z.number().nullable(),
    }),
  ),
});

const groupFigures = z.looseObject({
  name: text,
  bodyBytes: z.number().optional(),
  weight: z.number().optional(),
  sent: count,
  accepted: count,
  expected: count.nullable(),
  answers: counts,
  bytesSent: z.number(),
  latency: z
    .looseObject({
      count,
      meanMs: z.number(),
      p50Ms: z.number(),
      p95Ms: z.number(),
      maxMs: z.number(),
    })
    .nullable(),
  bytesPerSecond: z.number().nullable(),
});

const share = z.number().optional();

const generatorFigures = z.looseObject({
  waitedShare: share,
  throttling: z
    .looseObject({ periods: count, throttled: count, quotaCores: z.number().nullable() })
    .optional(),
  thinkTimes: z.looseObject({ count, late: count, toleranceMs: z.number() }).optional(),
  standstillMs: z.number().optional(),
  cpu: z.looseObject({ host: share, k6: share, target: share, others: share }).optional(),
});
/** One shape for all kinds: a later toolkit may have more of them, and more figures. */
const verdictReason = z
  .looseObject({
    kind: wordOf<VerdictReason['kind']>(
      'broken',
      'interrupted',
      'end to end',
      'end to end not judged',
      'no data',
      'generator-limited',
      'gate',
      'missing',
      'faults',
      'most frequent error',
      'lowest rate failed',
      'not confirmed',
    ),
    words: text.optional(),
    generator: count.optional(),
    failedIterations: count.optional(),
    cause: text.optional(),
    rate: figure,
    throttlesAfterMs: figure,
    name: text.optional(),
    state: wordOf('fail', 'no data').optional(),
    value: z.number().nullable().optional(),
    unit: text.optional(),
    count: count.optional(),
    of: count.optional(),
    turns: count.optional(),
    errors: count.optional(),
    answer: text.optional(),
    text: text.optional(),
    hint: wordOf('clock', 'network', 'whitelist', 'address').optional(),
    gates: z.array(text).optional(),
  })
  .describe('a kind and its figures') as unknown as z.ZodType<VerdictReason, VerdictReason>;

const endToEnd = z.looseObject({
  system: text,
  isOwn: z.boolean(),
  intervalSeconds: z.number(),
  accepted: count,
  stored: count,
  verified: count,
  counted: count,
  scored: count,
  batches: count,
  leastLagS: z.number().nullable(),
  mostLagS: z.number().nullable(),
  lags: z.array(
    z.looseObject({
      name: text,
      what: text,
      count,
      p50Ms: z.number().nullable(),
      p95Ms: z.number().nullable(),
      p99Ms: z.number().nullable(),
      maxMs: z.number().nullable(),
    }),
  ),
  lagsOverTime: z
    .looseObject({
      beganMs: z.number(),
      seconds: z.number(),
      stepS: z.number(),
      batches: z.array(z.looseObject({ endS: z.number(), countedAfterS: z.number().nullable() })),
      stages: z.array(
        z.looseObject({
          name: text,
          steps: z.array(
            z.looseObject({
              startS: z.number(),
              endS: z.number(),
              p50S: z.number(),
              maxS: z.number(),
            }),
          ),
        }),
      ),
    })
    .optional(),
  assertions: z.array(
    z.looseObject({
      name: text,
      title: text,
      outcome: z.enum(['held', 'failed', 'no data']),
      found: text,
      examples: z.array(text),
    }),
  ),
});

export const summary = z.looseObject({
  format,
  id: text,
  scenario: text,
  startedAt: instant,
  endedAt: instant,
  loadMs: z.number(),
  loadBeganMs: time.nullable().optional(),
  loadEndedMs: time.nullable().optional(),
  firstEndMs: time.nullable().optional(),
  lastEndMs: time.nullable().optional(),
  interrupted: z.boolean(),
  figures: z.looseObject({
    sent: count,
    started: count.optional(),
    accepted: count,
    expected: count.optional(),
    answers: counts,
    errorRate: z.number().nullable(),
    submissionsPerSecond: z.number().nullable(),
    acceptedPerSecond: z.number().nullable().optional(),
    bytesSent: z.number(),
    bytesReceived: z.number(),
    latency: latencyFigures.nullable(),
    felt: latencyFigures.nullable(),
    failedIterations: z.number(),
    processes: z.record(text, processFigures),
    schedule: scheduleFigures.nullable().optional(),
    sinceIntended: latencyFigures.nullable().optional(),
    lateness: latencyFigures.nullable().optional(),
    warmUpAnswers: count.optional(),
    retries: counts.optional(),
    refusals: z.array(z.looseObject({ answer: text, text, count })).optional(),
    generator: generatorFigures.optional(),
  }),
  targets: z.array(targetFigures).optional(),
  sizes: z.array(groupFigures).optional(),
  kinds: z.array(groupFigures).optional(),
  hostile: hostileFigures.optional(),
  faults: z.array(faultFigures).optional(),
  breakpoint: breakpointFigures.optional(),
  cost: costFigures.optional(),
  logs: logFigures.optional(),
  e2e: endToEnd.optional(),
  gates: z.array(gate),
  notes: z.array(text),
  verdict: z.looseObject({
    passed: z.boolean(),
    exitCode: z.number(),
    sentence: text,
    reasons: z.array(verdictReason).optional(),
  }),
});

/** By the name of the file that is described; of `*.ndjson`, one line. */
const PUBLISHED: Record<string, { shape: z.ZodType; title: string }> = {
  plan: { shape: plan, title: 'plan.json: everything decided before the first submission' },
  sample: { shape: sampleLine, title: 'A line of samples.ndjson: one second of the load' },
  resource: { shape: resourceLine, title: 'A line of resources.ndjson: one reading' },
  log: {
    shape: logSecond,
    title: "A line of logs.ndjson: errors and warnings in the target's log",
  },
  control: {
    shape: controlLine,
    title: 'A line of control.ndjson: what was asked of the load while it ran',
  },
  mark: {
    shape: markLine,
    title: 'A line of marks.ndjson: a fault that was put in, from when to when',
  },
  fleet: { shape: fleetLine, title: 'A line of fleet.ndjson: the simulated network of a fleet' },
  'reconcile-line': {
    shape: reconcileLine,
    title: 'A line of reconcile.ndjson: a submission that is not stored as it was sent',
  },
  reconcile: { shape: reconcile, title: 'reconcile.json: what was sent against what is stored' },
  summary: { shape: summary, title: 'summary.json: figures, gates and verdict of a run' },
};

/** JSON Schemas (2020-12) of a result folder's files, by file name: `summary.schema.json` and its like. */
export const resultSchemas = (): Record<string, object> =>
  Object.fromEntries(
    Object.entries(PUBLISHED).map(([name, { shape, title }]) => {
      const { $schema, ...rest } = z.toJSONSchema(shape, { io: 'input' });
      return [`${name}.schema.json`, { $schema, title, ...rest }];
    }),
  );
