/** A load with faults before it begins: which loads take them, what the dry run shows, what the verdict says; and several such loads merged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeFaults, mergeMarks } from '../../judge/merge/faults.ts';
import { verdictFrom } from '../../judge/verdict.ts';
import { decide } from '../../load/decide.ts';
import { askedFaults, faultProblems } from '../../load/faults.ts';
import { SCENARIOS } from '../../load/scenarios/index.ts';
import { PLAIN_TRANSPORT } from '../../load/target/transport.ts';
import type { Run } from '../../results/reader.ts';
import type { Summary } from '../../results/types.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { factsOf, jobOf } from '../support/job.ts';
import { runHere } from '../support/run-command.ts';

test('each scenario takes faults, but for a search and hostile requests', () => {
  const refused = SCENARIOS.filter((definition) => {
    const args = ['--scenario', definition.name, ...(definition.name === 'mixed' ? ['--mix', 'load=1,big-blocks=1'] : [])]; // prettier-ignore
    const { request, search } = jobOf(args);
    const isHostile = (definition.hostile?.(request) ?? null) !== null;
    return faultProblems(askedFaults(['stall@1s+1s', 'backend-kill@3s+1s']), { targets: [], transport: PLAIN_TRANSPORT, search: search !== null, ab: false, isHostile }).length > 0; // prettier-ignore
  });
  assert.deepEqual(refused.map(({ name }) => name), ['hostile', 'breakpoint']);
}); // prettier-ignore

test('a decision has the turns; times outside the load are refused with all that is wrong', () => {
  const job = jobOf(['--duration', '30s', '--fault', 'stall@20s', '--fault', 'reset=1%@1s+1s*2/5s']);
  const { faults, notes } = decide(job, factsOf());
  assert.deepEqual(faults.map(({ text, fromMs, untilMs }) => [text, fromMs, untilMs]), [
    ['reset=1%@1s+1s*2/5s', 1000, 2000],
    ['reset=1%@1s+1s*2/5s', 6000, 7000],
    ['stall@20s', 20_000, 30_000],
  ]);
  assert.ok(notes.some((note) => /judged by its gates as they are/.test(note)));
  const outside = jobOf(['--duration', '10s', '--fault', 'stall@20s', '--fault', 'refuse@5s+6s']);
  assert.throws(() => decide(outside, factsOf()), (error: unknown) =>
    error instanceof UserError && error.exitCode === EXIT.usage && error.message.split('\n').length === 2);
  assert.deepEqual(decide(jobOf(), factsOf()).faults, []);
}); // prettier-ignore

test('the dry run shows the faults, and what a run has not is refused there too, all at once', async () => {
  const shown = await runHere(['load', '--dry-run', '--duration', '40s', '--fault', 'latency=200ms@20s+10s'], { MINA_LOAD_CONFIG: undefined }); // prettier-ignore
  assert.equal(shown.exitCode, 0, shown.stderr);
  assert.match(
    shown.stdout,
    /^fault +latency=200ms@20s\+10s: from 20 s to 30 s what the load sends/m,
  );
  const refused = await runHere(['load', '--dry-run', '--target', 'http://127.0.0.1:1', '--fault', 'backend-kill@20s+10s', '--scenario', 'breakpoint']); // prettier-ignore
  assert.equal(refused.exitCode, EXIT.usage);
  assert.match(refused.stderr, /backend-kill@20s\+10s needs the embedded backend/);
  assert.match(refused.stderr, /a search has many/);
  const late = await runHere(['load', '--dry-run', '--duration', '10s', '--fault', 'stall@20s']);
  assert.equal(late.exitCode, EXIT.usage);
  assert.match(late.stderr, /begins at 20 s, and the load lasts 10 s/);
  const words = await runHere(['load', '--dry-run', '--fault', 'latency@x']);
  assert.match(
    words.stderr,
    /--fault latency must have a beginning after @.*latency must have a value/,
  );
  const ab = await runHere(['load', '--dry-run', '--ab', 'http://127.0.0.1:1', 'http://127.0.0.1:2', '--fault', 'stall@1s+1s']); // prettier-ignore
  assert.match(ab.stderr, /--ab compares many/);
});

test('the verdict says how many errors came with the faults', () => {
  const figures = { sent: 100, accepted: 80, answers: { 200: 80, 503: 20 }, errorRate: 0.2, submissionsPerSecond: 10, latency: null } as unknown as Summary['figures']; // prettier-ignore
  const sentence = (errors: number, turns = 2) => verdictFrom([{ kind: 'faults', turns, errors, of: 20 }], figures).sentence; // prettier-ignore
  assert.match(sentence(15), /2 faults were made on purpose, and 15 of 20 errors came in their time or before the load had recovered\.$/); // prettier-ignore
  assert.match(sentence(20, 1), /1 fault was made on purpose, and all 20 errors came in its time/);
  assert.equal(verdictFrom([{ kind: 'faults', turns: 1, errors: 0, of: 0 }], figures).exitCode, 0);
});

test('merged: the faults of each generator keep their marks, and are seen in the seconds of all', () => {
  const T = 1_700_000_000_000;
  const of = (faults: string[], marks: [number, number][]): Run =>
    ({
      plan: { faults: faults.map((fault) => ({ fault, fromMs: 0, untilMs: 0 })) },
      marks: marks.map(([turn, fromS]) => ({ id: `fault-${turn}`, kind: 'fault', label: faults[turn], fromMs: T + fromS * 1000, toMs: T + fromS * 1000 + 2000 })),
    }) as unknown as Run;
  const runs = [of(['stall', 'reset'], [[0, 5], [1, 10]]), of([], []), of(['refuse'], [[0, 15]])];
  const marks = mergeMarks(runs);
  assert.deepEqual(marks.map(({ id, label }) => [id, label]), [['fault-0', 'g1: stall'], ['fault-1', 'g1: reset'], ['fault-2', 'g3: refuse']]);
  const planned = ['g1: stall', 'g1: reset', 'g3: refuse'].map((fault) => ({ fault, fromMs: 0, untilMs: 0 }));
  const samples = Array.from({ length: 20 }, (_, s) => ({ t: T + s * 1000, elapsedS: s, vus: 1, sent: 10, answers: { 200: s === 16 ? 4 : 10, 503: s === 16 ? 6 : 0 }, bytesSent: 0, bytesReceived: 0, latency: null, felt: null }));
  const { figures, facts } = mergeFaults({ faults: planned }, marks, samples, T)!;
  assert.deepEqual(figures.map(({ within }) => within!.errors), [0, 0, 6]);
  assert.deepEqual(facts, { turns: 3, errors: 6, of: 6 });
  assert.equal(mergeFaults({}, [], samples, T), null);
}); // prettier-ignore
