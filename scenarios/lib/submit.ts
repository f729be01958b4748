/**
 * What a virtual user does: take the next submissions of the plan, put each into a buffer of its own, post it,
 * report the answer. No VU parses or builds a body: a body is read once into a buffer (k6/experimental/fs
 * shares one copy of the file over all VUs), and a submission of a corpus differs from it in 267 bytes.
 */
import { sleep } from 'k6';
import exec from 'k6/execution';
import http, { type RefinedResponse, type ResponseType } from 'k6/http';
import { Gauge } from 'k6/metrics';
import type { Options, Scenario } from 'k6/options';
import { open as openShared, SeekMode, type File } from 'k6/experimental/fs';
import { ENVELOPE, RECORD } from '../../mina/envelope.ts';
import { feederOf } from './feed.ts';
import { addressOf, KEY_END } from './forwarded.ts';
import { payloadOf, staggerMs, submissionsOf, targetOf, thinkMs, type K6Plan } from './plan.ts';
import { reasonLine, reasonOf, wordsOf } from './reasons.ts';
import {
  answerCode,
  BEYOND_METRIC,
  CODE,
  CODES,
  GROUP_TAG,
  LATE_SLEEP_MS,
  OVERRUN_METRIC,
  packReport,
  REASON_METRIC,
  REPORT_METRIC,
  RETRY_METRIC,
  START_METRIC,
} from './reports.ts';
import { redact, secretsOf } from './secrets.ts';
import { waiterOf } from './timing.ts';

type Answer = RefinedResponse<ResponseType | undefined>;
const RECORD_BYTES = RECORD.bytes;

/** k6's own console; its types leave it to a browser's. */
declare const console: { error(text: string): void };

const plan = JSON.parse(open(__ENV.PLAN)) as K6Plan;
const { load, expected, source, url, targets, tls, forwarded } = plan;
/** Headers that stand in no file but this one, which is removed once k6 has read it (load/k6/run.ts). */
const secretHeaders = (
  __ENV.SECRETS === undefined ? {} : JSON.parse(open(__ENV.SECRETS))
) as Record<string, string>;
const secrets = secretsOf(secretHeaders);

// k6 sets its own agent on each request anyway, so this costs nothing, and a header of a request does.
const { 'user-agent': userAgent, ...publicHeaders } = plan.headers;
const headers: Record<string, string> = { ...publicHeaders, ...secretHeaders };

/** Options that every scenario shares. The columns of the sample stream follow from `systemTags`. */
export const options: Options = {
  scenarios: { submissions: scenarioOf() },
  systemTags: ['status'],
  discardResponseBodies: expected.body === null,
  // The backend sets no cookie; without this each iteration makes a new jar.
  noCookiesReset: true,
  ...(userAgent !== undefined && { userAgent }),
  // A redirect is an answer like any other, and not the expected one.
  maxRedirects: 0,
  ...(tls.client !== null && {
    tlsAuth: [{ cert: open(tls.client.certPath), key: open(tls.client.keyPath) }],
  }),
  ...(tls.insecureSkipVerify && { insecureSkipTLSVerify: true }),
};
// Whether an answer is expected is decided here, with the body; k6 need not judge (and report) it too.
// (null turns the judging off: grafana/k6, js/modules/k6/http/response_callback.go; the types do not know.)
http.setResponseCallback(null as unknown as Parameters<typeof http.setResponseCallback>[0]);

function scenarioOf(): Scenario {
  const gracefulStop = `${load.gracefulStopMs}ms`;
  const duration = `${load.durationMs}ms`;
  const { vus, rate, executor } = load;
  const stages = (load.stages ?? []).map(({ durationMs, target }) => ({
    duration: `${durationMs}ms`,
    target,
  }));
  // All VUs from the start: one that k6 makes when it needs it comes too late, and costs what the others need.
  const pool = { preAllocatedVUs: vus, maxVUs: vus, timeUnit: `${rate?.timeUnitMs}ms` };
  switch (executor) {
    case 'constant-vus':
      return { executor, vus, duration, gracefulStop };
    case 'shared-iterations':
      return { executor, vus, iterations: load.iterations!, maxDuration: duration, gracefulStop };
    case 'ramping-vus':
      return {
        executor,
        startVUs: load.startVus ?? 0,
        stages,
        gracefulRampDown: gracefulStop,
        gracefulStop,
      };
    case 'constant-arrival-rate':
      return { executor, ...pool, rate: rate!.starts, duration, gracefulStop };
    case 'ramping-arrival-rate':
      return { executor, ...pool, startRate: rate!.starts, stages, gracefulStop };
  }
}

const reports = new Gauge(REPORT_METRIC);
const retries = new Gauge(RETRY_METRIC);
const loadStart = new Gauge(START_METRIC);
const reasons = new Gauge(REASON_METRIC);
const overruns = new Gauge(OVERRUN_METRIC);
const beyond = new Gauge(BEYOND_METRIC);
// Looked up once: each is a search in a Go map through reflection, and neither uses `this`.

const { post: postOrThrow } = http;
// eslint-disable-next-line @typescript-eslint/unbound-method
const { add: report } = reports;
const params = { headers, timeout: load.requestTimeoutMs };
const bodiesFile = await openShared(source.bodiesPath);
const recordsFile = source.kind === 'corpus' ? await openShared(source.envelopesPath) : null;
const feed = source.kind === 'feeder' ? feederOf(source) : null;

/** Reads all of `into`, or up to the end of the file. @throws Error if there is nothing at `offset` */
async function readAt(file: File, offset: number, into: Uint8Array): Promise<void> {
  // Seek and read run on goroutines of their own: unless the first is awaited they may overtake each other.
  await file.seek(offset, SeekMode.Start);
  if ((await file.read(into)) === null) throw new Error(`${file.path} ends before ${offset}`);
}

/** Where each start has a time of its own. */
const untilDue =
  plan.offsetsPath === undefined ? null : waiterOf(await openShared(plan.offsetsPath), readAt);
const retry = load.timed?.retry;
/** When the submission of this VU was due, ms since 1970; only where it may be sent again. */
let dueAt = 0;

// Sobek looks names of objects up in Go maps and pays for each call, so what each submission needs lies in plain
// arrays and constants: written out with maps and small functions the loop took 30 % of k6's processor time.
const isCorpus = source.kind !== 'payloads';
const { lease } = load;
const places = isCorpus ? source.templates : source.payloads;
const envelopeAt = isCorpus ? source.templates.map(({ envelopeOffset }) => envelopeOffset) : [];
/** The answers of bodies that expect their own; null: all expect the same. */
const ownAnswers =
  isCorpus && source.templates.some((template) => template.expected !== undefined)
    ? source.templates.map((template) => template.expected ?? expected)
    : null;
// No answer has status -1: where bodies differ in what they expect, `judge` looks at each answer.
const expectedStatus = ownAnswers === null ? expected.status : -1;
const expectedBody = expected.body;
const ACCEPTED_CODE = answerCode(expected.status, 0, true);
const whichTarget = targets === null ? null : targetOf({ seed: plan.seed, targets });
/** What an address follows from: the submitter's key, or the peer id of one of its nodes. */
const OWNER = source.kind === 'corpus' && source.ofNodes ? ENVELOPE.peerId : ENVELOPE.submitter;
/** Where its end stands in an envelope. */
const KEY_AT = OWNER.offset + OWNER.bytes - KEY_END;
const forwardedOf = isCorpus ? [] : (source.forwarded ?? []);
const groups = isCorpus ? source.templates.map(({ group }) => group) : [];
const isGrouped = groups.some((group) => group !== undefined);
/** The same for each body, but with its group as a tag: latencies are kept apart by it. */
const taggedParams = groups.map((group) => ({ ...params, tags: { [GROUP_TAG]: String(group) } }));
const isPlain = whichTarget === null && forwarded === null && !isGrouped;
/** Recorded bodies have no envelope to be patched. */
const allPatched = isCorpus && envelopeAt.every((at) => at !== undefined);

/** Of a status below 200: "unsupported response status: 101 …" (grafana/k6, lib/netext/httpext). */
const THROWN_STATUS = /unsupported response status/;
/** "Non-specific": what k6 gives whatever it has no code for (its docs: javascript-api/error-codes). */
const NON_SPECIFIC = 1000;

/** Posts. What the target answers is an answer, also where k6 makes an exception of it. */
function post(to: string, body: ArrayBuffer | undefined, how: typeof params): Answer {
  try {
    return postOrThrow(to, body, how);
  } catch (error) {
    const words = String(error).replace(/^GoError: /, '');
    if (!THROWN_STATUS.test(words)) throw error;
    return { status: 0, body: null, error: words, error_code: NON_SPECIFIC } as Answer;
  }
}

/** Posts body `which` as submission `index` to its own target, with its producer's address. */
function postRouted(index: number, which: number, envelope: Uint8Array): Answer {
  // The object of the headers is the same for all requests: k6 copies from it what it sends.
  if (forwarded !== null)
    headers['x-forwarded-for'] = isCorpus
      ? addressOf(forwarded, envelope, KEY_AT)
      : forwardedOf[which];
  const to = whichTarget === null ? url : targets![whichTarget(index)].url;
  return post(to, keptBuffers[which], isGrouped ? taggedParams[which] : params);
}
const now = Date.now;

/** The bodies that this VU keeps ready, by their number; `keptOrder`: the first read first. */
const kept: (Uint8Array | undefined)[] = places.map(() => undefined);
const keptBuffers: (ArrayBuffer | undefined)[] = places.map(() => undefined);
const keptOrder: number[] = [];
let keptBytes = 0;

/** Reads body `which` into a buffer of its own and keeps it; of a corpus, without an envelope yet. */
async function readBody(which: number): Promise<void> {
  const { offset, bytes } = places[which];
  while (keptOrder.length > 0 && keptBytes + bytes > plan.bodyCacheBytes) forget(keptOrder[0]);
  const body = new Uint8Array(bytes);
  await readAt(bodiesFile, offset, body);
  kept[which] = body;
  keptBuffers[which] = body.buffer;
  keptOrder.push(which);
  keptBytes += bytes;
}

/** The next submission of body `which` gets a new buffer. */
function forget(which: number): void {
  const place = keptOrder.indexOf(which);
  if (place === -1) return;
  keptOrder.splice(place, 1);
  keptBytes -= kept[which]!.length;
  kept[which] = keptBuffers[which] = undefined;
}

// k6's read() ignores the bounds of a view and fills its whole buffer, so each array here owns its buffer.
const records = new Uint8Array(RECORD.bytes * load.lease);
const envelopes = Array.from(
  { length: load.lease },
  (_, i) =>
    new Uint8Array(records.buffer, i * RECORD.bytes + RECORD.envelopeOffset, ENVELOPE.bytes),
);

/** Fills `records` with those of submissions `first` to `first + lease - 1`; past its end the corpus begins anew ({@link submissionsOf}). */
async function readRecords(file: File, count: number, first: number): Promise<void> {
  const start = first % count;
  await readAt(file, start * RECORD.bytes, records);
  for (let filled = count - start; filled < load.lease;) {
    const more = new Uint8Array(RECORD.bytes * Math.min(count, load.lease - filled));
    await readAt(file, 0, more);
    records.set(more, filled * RECORD.bytes);
    filled += count;
  }
}

/** Characters of an explanation: what an exception says may be long. */
const MOST_EXPLAINED = 300;
/** What a VU explains in k6's log; a long run must not fill the disk. */
let explanations = 5;
/** Reasons whose words this VU has written. */
const explained = new Set<number>();

function explain(text: string): void {
  if (explanations-- > 0) console.error(redact(text, secrets).slice(0, MOST_EXPLAINED));
}

// exec.scenario builds a new object each time it is asked for; its properties stay live, so one is enough.
let scenario: typeof exec.scenario | undefined;
let endsAt = Infinity;
/** Its VUs stop at the end by themselves; elsewhere k6 starts nothing after it, or the count ends the load. */
const endsByClock = load.executor === 'constant-vus' || load.executor === 'ramping-vus';

/** Indices from here on send nothing. */
const submissions = submissionsOf(plan);
/** Of leases of several: how far behind the others one may come. */
const spread = load.leaseSpread ?? Infinity;
const isKeptApart = lease > 1 && spread < Infinity;
/** Built once, as `scenario`. */
let instance: typeof exec.instance | undefined;
/** A VU that has nothing to send would otherwise ask again at once. */
const NOTHING_LEFT_MS = 1000;

/** Whether the other VUs are so far ahead that submission `index` may meet another one of its producer. */
const isTooFarBehind = (index: number): boolean =>
  (instance!.iterationsCompleted + load.vus) * lease - index > spread;

/** One k6 iteration: {@link K6Plan} load.lease submissions. */
export async function iterate(): Promise<void> {
  const isFirst = scenario === undefined;
  scenario ??= exec.scenario;
  if (isKeptApart) instance ??= exec.instance;
  if (isFirst && endsByClock) endsAt = scenario.startTime + load.durationMs;
  // Unique over all VUs and over the execution segments of several k6 processes.
  const first = scenario.iterationInTest * load.lease;
  if (first === 0) loadStart.add(scenario.startTime);
  let index = first;
  if (first >= submissions) {
    // Past the end VUs begin again and again until k6 stops them, some ms later on a busy machine: that says nothing.
    if (Date.now() < endsAt) beyond.add(1);
    if (endsByClock) rest(load.think.maxMs > 0 ? thinkMs(plan, first) : NOTHING_LEFT_MS);
    return;
  }
  try {
    if (isFirst && load.think.maxMs > 0) rest(staggerMs(plan, first));
    if (Date.now() >= endsAt) return;
    if (recordsFile !== null && source.kind === 'corpus')
      await readRecords(recordsFile, source.count, first);
    else if (feed !== null && !feed(first, Math.min(lease, submissions - first), records, endsAt))
      return;
    if (untilDue !== null) dueAt = await untilDue(first, scenario.startTime);
    report(packReport(first, CODE.begun));
    for (let i = 0; i < lease; i++) {
      index = first + i;
      if (
        i > 0 &&
        (now() >= endsAt || index >= submissions || (isKeptApart && isTooFarBehind(index)))
      ) {
        report(packReport(index, CODE.leaseEnded));
        return;
      }
      let which: number;
      if (isCorpus) {
        const at = i * RECORD_BYTES;
        // The template's index: RECORD.templateOffset is 0; u32 LE.
        which =
          (records[at] |
            (records[at + 1] << 8) |
            (records[at + 2] << 16) |
            (records[at + 3] << 24)) >>>
          0;
      } else which = payloadOf(plan, source, index);
      // An await costs a tenth of a whole request: only where something has to be read.
      if (kept[which] === undefined) await readBody(which);
      if (allPatched) kept[which]!.set(envelopes[i], envelopeAt[which]);
      else if (isCorpus && envelopeAt[which] !== undefined)
        kept[which]!.set(envelopes[i], envelopeAt[which]);
      const answer = isPlain
        ? post(url, keptBuffers[which], params)
        : postRouted(index, which, envelopes[i]);
      const status = answer.status;
      if (status === expectedStatus && (expectedBody === null || answer.body === expectedBody))
        report(index * CODES + ACCEPTED_CODE);
      else if (retry === undefined) judge(index, which, answer);
      else await sendAgain(index, which, answer, envelopes[i]);
    }
    const isLast = load.iterations !== null && index + 1 >= load.iterations;
    if (load.think.maxMs > 0 && !isLast) rest(thinkMs(plan, index));
  } catch (error) {
    // k6 counts an iteration that throws as a whole one and passes (grafana/k6#6480).
    report(packReport(index, CODE.threw));
    exec.test.fail(`submission ${index} was not sent`);
    explain(`submission ${index}: the iteration threw: ${String(error)}`);
    // What throws once may throw each time, thousands of times a second.
    rest(1000);
  }
}

const isAnswer = ({ status, body }: Answer, right: K6Plan['expected']): boolean =>
  status === right.status && (right.body === null || body === right.body);

/**
 * As a node does that was refused or not answered: waits and sends the same, so often at most, until it is taken, the answer is a final
 * one, or the time for it is over.
 */
async function sendAgain(
  index: number,
  which: number,
  failure: Answer,
  envelope: Uint8Array,
): Promise<void> {
  const { everyMs, withinMs, attempts = Infinity, endedBy = [] } = retry!;
  const lastAt = Math.min(dueAt + withinMs, scenario!.startTime + load.durationMs);
  let answer = failure;
  for (let sent = 1; !isAnswer(answer, expected); sent++) {
    if (sent >= attempts || endedBy.includes(answer.status) || now() + everyMs > lastAt) {
      judge(index, which, answer);
      return;
    }
    const { status, error_code: errorCode } = answer;
    retries.add(packReport(index, answerCode(status, status === 0 ? errorCode : 0, false)));
    forget(which);
    explainAnswer(answer);
    sleep(everyMs / 1000);
    retries.add(packReport(index, CODE.begun));
    if (kept[which] === undefined) await readBody(which);
    if (isCorpus) kept[which]!.set(envelope, envelopeAt[which]);
    answer = isPlain ? post(url, keptBuffers[which], params) : postRouted(index, which, envelope);
  }
  report(index * CODES + ACCEPTED_CODE);
}

/** Reports an answer that is not the one all bodies expect, or none. */
function judge(index: number, which: number, answer: Answer): void {
  const { status } = answer;
  const isTaken = ownAnswers !== null && isAnswer(answer, expected);
  const isExpected = ownAnswers !== null && isAnswer(answer, ownAnswers[which]);
  if (isTaken && !isExpected) report(packReport(index, CODE.taken));
  else
    report(packReport(index, answerCode(status, status === 0 ? answer.error_code : 0, isExpected)));
  if (isTaken && isExpected) return;
  // After an early answer or a time-out net/http may still be sending the buffer: leave it to it.
  forget(which);
  if (!isExpected) explainAnswer(answer);
}

/** Counts the answer under its words, and writes these once. */
function explainAnswer({ status, body, error, error_code: errorCode }: Answer): void {
  const text = status === 0 ? error : typeof body === 'string' ? body : '';
  // Before anything is cut off: the half of a secret would stand there.
  const words = wordsOf(redact(text.slice(0, 65_536), secrets));
  const reason = reasonOf(words);
  reasons.add(packReport(reason, answerCode(status, status === 0 ? errorCode : 0, false)));
  if (explained.has(reason)) return;
  explained.add(reason);
  explain(reasonLine(reason, status, words));
}

/** Sleeps, but not past the end of the load. */
function rest(ms: number): void {
  const from = now();
  const left = Math.min(ms, endsAt - from);
  if (left <= 0) return;
  sleep(left / 1000);
  // A VU that wakes late was kept from the processor: k6's own lateness, whatever the target does.
  const late = now() - from - Math.ceil(left);
  if (late >= LATE_SLEEP_MS) overruns.add(late);
}
