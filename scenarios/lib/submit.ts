/**
 * What a virtual user does: take the next submissions of the plan, put each into a buffer of its own, post it,
 * report the answer. No VU parses or builds a body: a body is read once into a buffer (k6/experimental/fs
 * shares one copy of the file over all VUs), and a submission of a corpus differs from it in 267 bytes.
 */
import { sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Gauge } from 'k6/metrics';
import type { Options, Scenario } from 'k6/options';
import { open as openShared, SeekMode, type File } from 'k6/experimental/fs';
import { ENVELOPE, RECORD } from '../../mina/envelope.ts';
import { payloadOf, staggerMs, thinkMs, type K6Plan } from './plan.ts';
import { answerCode, CODE, packReport, REPORT_METRIC } from './reports.ts';

/** k6's own console; its types leave it to a browser's. */
declare const console: { error(text: string): void };

const plan = JSON.parse(open(__ENV.PLAN!)) as K6Plan;
const { load, expected, source } = plan;

/** Options that every scenario shares. The columns of the sample stream follow from `systemTags`. */
export const options: Options = {
  scenarios: { submissions: scenarioOf() },
  systemTags: ['status'],
  discardResponseBodies: expected.body === null,
  // The backend sets no cookie; without this each iteration makes a new jar.
  noCookiesReset: true,
  // A redirect is an answer like any other, and not the expected one.
  maxRedirects: 0,
};
// Whether an answer is expected is decided here, with the body; k6 need not judge (and report) it too.
// (null turns the judging off: grafana/k6, js/modules/k6/http/response_callback.go; the types do not know.)
http.setResponseCallback(null as unknown as Parameters<typeof http.setResponseCallback>[0]);

function scenarioOf(): Scenario {
  const gracefulStop = `${load.gracefulStopMs}ms`;
  if (load.executor === 'constant-vus')
    return {
      executor: 'constant-vus',
      vus: load.vus,
      duration: `${load.durationMs}ms`,
      gracefulStop,
    };
  return {
    executor: 'shared-iterations',
    vus: load.vus,
    iterations: load.iterations!,
    maxDuration: `${load.durationMs}ms`,
    gracefulStop,
  };
}

const reports = new Gauge(REPORT_METRIC);
const params = { headers: plan.headers, timeout: load.requestTimeoutMs };
const bodiesFile = await openShared(source.bodiesPath);
const recordsFile = source.kind === 'corpus' ? await openShared(source.envelopesPath) : null;

/** Reads all of `into`, or up to the end of the file. @throws Error if there is nothing at `offset` */
async function readAt(file: File, offset: number, into: Uint8Array): Promise<void> {
  // Seek and read run on goroutines of their own: unless the first is awaited they may overtake each other.
  await file.seek(offset, SeekMode.Start);
  if ((await file.read(into)) === null) throw new Error(`${file.path} ends before ${offset}`);
}

/** The bodies that this VU keeps ready, the first read first. */
const bodies = new Map<number, Uint8Array>();
let bodiesBytes = 0;

/** Reads body `which` into a buffer of its own and keeps it; of a corpus, without an envelope yet. */
async function readBody(which: number): Promise<Uint8Array> {
  const { offset, bytes } =
    source.kind === 'corpus' ? source.templates[which]! : source.payloads[which]!;
  for (const [oldest, body] of bodies) {
    if (bodiesBytes + bytes <= plan.bodyCacheBytes) break;
    bodies.delete(oldest);
    bodiesBytes -= body.length;
  }
  const body = new Uint8Array(bytes);
  await readAt(bodiesFile, offset, body);
  bodies.set(which, body);
  bodiesBytes += bytes;
  return body;
}

/** After an early answer or a time-out net/http may still be sending the buffer: leave it to it. */
function forget(which: number): void {
  const body = bodies.get(which);
  if (body === undefined) return;
  bodies.delete(which);
  bodiesBytes -= body.length;
}

// k6's read() ignores the bounds of a view and fills its whole buffer, so each array here owns its buffer.
const records = new Uint8Array(RECORD.bytes * load.lease);
const recordsView = new DataView(records.buffer);
const envelopes = Array.from(
  { length: load.lease },
  (_, i) =>
    new Uint8Array(records.buffer, i * RECORD.bytes + RECORD.envelopeOffset, ENVELOPE.bytes),
);

/** Fills `records` with those of submissions `first` to `first + lease - 1`; past its end the corpus begins anew. */
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

/** Unexpected answers that a VU explains in k6's log; a long run must not fill the disk. */
let explanations = 3;

function explain(text: string): void {
  if (explanations-- > 0) console.error(text);
}

// exec.scenario builds a new object each time it is asked for; its properties stay live, so one is enough.
let scenario: typeof exec.scenario | undefined;
let endsAt = Infinity;

/** One k6 iteration: {@link K6Plan} load.lease submissions. */
export async function iterate(): Promise<void> {
  const isFirst = scenario === undefined;
  scenario ??= exec.scenario;
  if (isFirst && load.executor === 'constant-vus') endsAt = scenario.startTime + load.durationMs;
  // Unique over all VUs and over the execution segments of several k6 processes.
  const first = scenario.iterationInTest * load.lease;
  let index = first;
  try {
    if (isFirst && load.think.maxMs > 0) rest(staggerMs(plan, first));
    if (Date.now() >= endsAt) return;
    if (recordsFile !== null && source.kind === 'corpus')
      await readRecords(recordsFile, source.count, first);
    reports.add(packReport(first, CODE.begun));
    for (let i = 0; i < load.lease; i++) {
      index = first + i;
      if (i > 0 && Date.now() >= endsAt) {
        reports.add(packReport(index, CODE.leaseEnded));
        return;
      }
      // Sobek pays dearly for an await (a tenth of a whole request): only where something has to be read.
      if (source.kind === 'corpus') {
        const which = recordsView.getUint32(i * RECORD.bytes + RECORD.templateOffset, true);
        const body = bodies.get(which) ?? (await readBody(which));
        submit(index, which, body, envelopes[i], source.templates[which]!.envelopeOffset);
      } else {
        const which = payloadOf(plan, source, index);
        submit(index, which, bodies.get(which) ?? (await readBody(which)), undefined, 0);
      }
    }
    const isLast = load.iterations !== null && index + 1 >= load.iterations;
    if (load.think.maxMs > 0 && !isLast) rest(thinkMs(plan, index));
  } catch (error) {
    // k6 counts an iteration that throws as a whole one and passes (grafana/k6#6480).
    reports.add(packReport(index, CODE.threw));
    exec.test.fail(`submission ${index} was not sent`);
    explain(`submission ${index}: the iteration threw: ${String(error)}`);
    // What throws once may throw each time, thousands of times a second.
    rest(1000);
  }
}

/** Sends submission `index`: body `which`, with envelope `envelope` set in at `at`. */
function submit(
  index: number,
  which: number,
  body: Uint8Array,
  envelope: Uint8Array | undefined,
  at: number,
): void {
  if (envelope !== undefined) body.set(envelope, at);
  const answer = http.post(plan.url, body.buffer as ArrayBuffer, params);
  const { status } = answer;
  if (status === expected.status && (expected.body === null || answer.body === expected.body)) {
    reports.add(packReport(index, answerCode(status, 0, true)));
    return;
  }
  const errorCode = status === 0 ? answer.error_code : 0;
  reports.add(packReport(index, answerCode(status, errorCode, false)));
  forget(which);
  const text = typeof answer.body === 'string' ? ` ${answer.body.slice(0, 200)}` : '';
  explain(`submission ${index}: ${status === 0 ? answer.error : `status ${status}${text}`}`);
}

/** Sleeps, but not past the end of the load. */
function rest(ms: number): void {
  const left = Math.min(ms, endsAt - Date.now());
  if (left > 0) sleep(left / 1000);
}
