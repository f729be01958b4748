/** Folders as end-to-end runs leave them, without a run: a state in its middle, results of one that is over. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { E2eEvent } from '../../e2e/events.ts';
import type { Judged } from '../../e2e/judged.ts';
import type { RunFile } from '../../e2e/report/run-file.ts';
import { newState, type RunState, writeState } from '../../e2e/state.ts';
import type { TraceLine } from '../../e2e/trace/trace.ts';
import { e2eTopology } from './e2e-topology.ts';

/** 2026-11-26T12:00:00Z. */
export const T0 = 1795694400000;
export const TIME = '2026-11-26T12-00-00';

const by = { pid: 1, startedAt: 'another boot/1' };

/** Set up and started, in the middle of waiting. */
export function e2eState(folder: string, name: string, change: Partial<RunState> = {}): RunState {
  const state: RunState = {
    ...newState(e2eTopology({ name }), join(folder, name, TIME), T0),
    startSeconds: T0 / 1000 + 2,
    steps: {
      setup: { status: 'done', by, beganMs: T0, endedMs: T0 + 900, progress: { producers: 24 } },
      start: { status: 'done', by, beganMs: T0 + 1000, endedMs: T0 + 1900 },
      wait: { status: 'running', by, beganMs: T0 + 2000 },
    },
    ...change,
  };
  mkdirSync(join(folder, name, 'state'), { recursive: true });
  writeState(join(folder, name, 'state'), state);
  return state;
}

const countsAt = (second: number) => ({
  planned: 100,
  sent: second * 10,
  accepted: second * 10,
  stored: second * 9,
  verified: Math.max(0, (second - 2) * 9),
  scored: 0,
  batches: Math.floor(second / 4),
});

/** Steps and, from the second second on, counts each second. @param seconds of waiting */
export const e2eEvents = (seconds: number): E2eEvent[] => [
  { at_ms: T0, kind: 'step', fields: { step: 'setup', status: 'begun' } },
  { at_ms: T0 + 900, kind: 'step', fields: { step: 'setup', status: 'done', ms: 900 } },
  { at_ms: T0 + 1000, kind: 'step', fields: { step: 'start', status: 'begun' } },
  { at_ms: T0 + 1900, kind: 'step', fields: { step: 'start', status: 'done', ms: 900 } },
  { at_ms: T0 + 2000, kind: 'step', fields: { step: 'wait', status: 'begun' } },
  ...Array.from({ length: seconds }, (_, i): E2eEvent => ({ at_ms: T0 + 2000 + i * 1000, kind: 'counts', fields: countsAt(i) })), // prettier-ignore
  { at_ms: T0 + 3000, kind: 'condition', fields: { name: 'stored >= 1', words: 'something is stored', counts: countsAt(1) } }, // prettier-ignore
];

export const lines = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** One that scored; the others as `change` says. */
export const traceLine = (id: number, change: Partial<TraceLine> = {}): TraceLine => ({
  id,
  submitter: `B62qproducer${id % 3}`,
  node: `P00${id % 3}`,
  era: 'mesa',
  block_hash: `block${id}`,
  created_at: new Date(T0 + id * 1000).toISOString().replace('.000Z', 'Z'),
  reached: 'point',
  sent_ms: T0 + id * 1000 + 100,
  answered_ms: T0 + id * 1000 + 150,
  status: 200,
  attempts: 1,
  stored: { postgres: { submitted_ms: T0 + id * 1000, where: `submissions id ${id + 1}` } },
  mini_batch: { from_ms: T0, until_ms: T0 + 10_000 },
  verified_ms: T0 + 12_000,
  binary: 'embedded',
  verdict: 'verified',
  state_hash: `3Nstate${id}`,
  batch: { bot_log_id: 2, start_seconds: T0 / 1000, end_seconds: T0 / 1000 + 10 },
  counted_ms: T0 + 13_000,
  weight: 3,
  point_id: id + 1,
  score: { score: 1, percent: '100.00' },
  shown_ms: T0 + 15_000,
  ...change,
});

export const JUDGED: Judged[] = [
  { name: 'accepted-stored-once', title: 'each accepted submission is stored once', outcome: 'held', counts: { accepted: 12, stored: 12 }, examples: [] }, // prettier-ignore
  { name: 'proofs-verified', title: 'no row is refused', outcome: 'failed', counts: { refused: 1 }, examples: [{ what: 'refused: a wrong proof', submission: 7, submitter: 'B62qproducer1' }], leads: ['trace.ndjson, line 8'] }, // prettier-ignore
  { name: 'fork-rule', title: 'each row is judged by its era', outcome: 'no data', lacks: ['a cutover'] }, // prettier-ignore
];

export const RUN: RunFile = {
  format: 1,
  id: 'over',
  sentence: 'failed: 1 of 3 assertions did not hold, 1 could not be judged',
  exitCode: 99,
  topology: ['network   24 producers, 1 node each, Mesa', 'batches   3 of 10 s'],
  startedMs: T0,
  endedMs: T0 + 60_000,
  steps: [
    { step: 'setup', title: 'storages', outcome: 'done', ms: 900, counts: { producers: 24 } },
    { step: 'wait', title: 'all is sent', outcome: 'done', ms: 40_000, counts: { stored: 12 } },
    { step: 'assert', title: 'holds', outcome: 'failed', ms: 300, message: '1 did not hold' },
    { step: 'teardown', title: 'gone', outcome: 'done', ms: 500 },
  ],
  version: '0.1.0',
};

/** Results of a run that is over and was torn down. @returns their folder */
export function writeE2eResults(
  folder: string,
  name: string,
  { run = RUN, time = TIME }: { run?: RunFile | null; time?: string } = {},
): string {
  const results = join(folder, name, time);
  mkdirSync(join(results, 'logs'), { recursive: true });
  const write = (file: string, text: string) => writeFileSync(join(results, file), text);
  if (run !== null) write('run.json', JSON.stringify(run));
  write('assertions.json', JSON.stringify(JUDGED));
  write('report.md', '# A report\n');
  write('events.ndjson', lines(e2eEvents(30)));
  const refused = traceLine(7, { verdict: 'refused', error: 'a wrong proof', reached: 'verified' });
  write('trace.ndjson', lines(Array.from({ length: 40 }, (_, i) => (i === 7 ? refused : traceLine(i))))); // prettier-ignore
  write('logs/backend.log', 'INFO one\nERROR <script>alert(1)</script>\n');
  write('logs/verifier.log', 'info: a line\n'.repeat(20_000));
  return results;
}
