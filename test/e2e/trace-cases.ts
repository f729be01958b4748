/** One submission's way through the chain, its lags, and where a failed assertion leads. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Facts } from '../../e2e/assertions/facts.ts';
import { judge } from '../../e2e/assertions/index.ts';
import { sameSecondPair, sokMismatch } from '../../e2e/incidents/leaves.ts';
import { LagMeter } from '../../e2e/trace/lags.ts';
import { type TraceLine, traceOf } from '../../e2e/trace/trace.ts';
import { leadsOf, writeTrace } from '../../e2e/trace/write-trace.ts';
import { evidenceOf } from '../support/evidence.ts';
import { scratchFolder } from '../support/scratch.ts';

test('a submission from sent to shown, each stage with its time', async () => {
  const evidence = await evidenceOf();
  const [line] = traceOf(evidence, new Facts(evidence));
  const row = evidence.storages.get('postgres')!.find(
    ({ submitter, created_at: at }) => submitter === line.submitter && at === line.created_at,
  )!; // prettier-ignore
  const sent = evidence.sent[0];
  assert.deepEqual(line, {
    id: 0,
    submitter: sent.submitter,
    node: sent.node,
    era: 'mesa',
    block_hash: sent.block_hash,
    created_at: sent.created_at,
    reached: 'point',
    sent_ms: sent.sent_ms,
    answered_ms: sent.answered_ms,
    status: 200,
    attempts: 1,
    stored: {
      postgres: { submitted_ms: Date.parse(row.submitted_at!), where: row.where },
      filesystem: {
        submitted_ms: Date.parse(row.submitted_at!),
        where: `submissions/2026-11-26/${row.submitted_at!}-${sent.submitter}.json`,
      },
    },
    mini_batch: { from_ms: 1795703328000, until_ms: 1795703568000 },
    verified_ms: 1795704647000,
    binary: 'the embedded verifier',
    rule: 'mesa',
    verdict: 'verified',
    state_hash: row.state_hash,
    batch: { bot_log_id: 2, start_seconds: 1795703328, end_seconds: 1795704528 },
    counted_ms: 1795704648000,
    weight: line.weight,
    point_id: line.point_id,
    score: { score: 1, percent: '100.00' },
    shown_ms: 1795704649000,
  });
  const points = evidence.tables.points!;
  const lines = [...traceOf(evidence, new Facts(evidence))];
  assert.deepEqual(
    lines.filter(({ point_id: id }) => id !== undefined).map(({ point_id: id }) => id).sort(),
    points.map(({ id }) => id).sort(),
  ); // prettier-ignore
  for (const { reached, weight, point_id: id } of lines)
    assert.equal(reached === 'point', weight !== undefined && id !== undefined);
});

test('where a way ends: refused, displaced, without an answer', async () => {
  const refused = sokMismatch(await evidenceOf());
  const of = (lines: readonly TraceLine[], reached: string) =>
    lines.filter((line) => line.reached === reached);
  const [one] = of([...traceOf(refused, new Facts(refused))], 'verified');
  assert.equal(one.verdict, 'refused');
  assert.match(one.error!, /sok message digest/);
  assert.equal(one.batch!.bot_log_id, 3);
  assert.equal(one.counted_ms, undefined);

  const paired = sameSecondPair(await evidenceOf());
  delete paired.sent[0].status;
  delete paired.sent[0].answered_ms;
  for (const [name, rows] of paired.storages) paired.storages.set(name, rows.filter(({ created_at: at, submitter }) => at !== paired.sent[0].created_at || submitter !== paired.sent[0].submitter)); // prettier-ignore
  const lines = [...traceOf(paired, new Facts(paired))];
  assert.deepEqual(of(lines, 'sent').map(({ id, status }) => [id, status]), [[0, 0]]); // prettier-ignore
  assert.deepEqual(
    of(lines, 'answered').map(({ id, displaced_in: storages }) => [id, storages]),
    [[paired.sent.at(-1)!.id, ['postgres', 'filesystem']]],
  );
});

test('lags are exact percentiles since it was sent; what did not come to a stage is not in it', () => {
  const meter = new LagMeter();
  for (let i = 1; i <= 200; i++)
    meter.add({
      sent_ms: 1000 * i,
      ...(i <= 100 && { answered_ms: 1000 * i + i }),
      ...(i === 7 && { counted_ms: 1000 * i - 1 }),
    } as TraceLine);
  const [answered, verified, counted, shown] = meter.figures();
  assert.deepEqual(
    [answered.count, answered.p50Ms, answered.p95Ms, answered.p99Ms, answered.maxMs],
    [100, 50, 95, 99, 100],
  );
  assert.deepEqual([verified.count, verified.p50Ms], [0, null]);
  assert.deepEqual([counted.count, counted.maxMs, shown.count], [1, 0, 0]);
  const picture = meter.picture([
    { endMs: 51_000, countedMs: 53_000 },
    { endMs: 900_000, countedMs: null },
  ]);
  assert.deepEqual([picture.seconds, picture.stepS], [200, 2]);
  assert.deepEqual(picture.batches, [{ endS: 50, countedAfterS: 2 }]);
  assert.deepEqual(picture.stages[0].steps[0], { startS: 0, endS: 2, p50S: 0.001, maxS: 0.002 });
  assert.equal(picture.stages[1].steps.length, 0);
  assert.deepEqual(new LagMeter().picture([]).stages[0].steps, []);
});

test('trace.ndjson and its pictures; an example of a failed assertion leads to its line and to explain', async () => {
  const evidence = sokMismatch(await evidenceOf());
  const folder = scratchFolder();
  const written = await writeTrace(evidence, folder, 'golden, seed right');
  const lines = readFileSync(join(folder, 'trace.ndjson'), 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, evidence.sent.length);
  assert.equal(
    Object.values(written.reached).reduce((a, b) => a + b),
    lines.length,
  );
  for (const file of written.files) assert.ok(statSync(file).size > 10_000, file);
  const failed = judge(evidence).find(({ name }) => name === 'no-sok-refusal')!;
  assert.equal(failed.outcome, 'failed');
  const [example] = failed.examples;
  const leads = leadsOf(example, written, 'postgres://me@127.0.0.1/coordinator');
  const [, number] = /^trace\.ndjson, line (\d+)$/.exec(leads.trace!)!;
  const line = JSON.parse(lines[Number(number) - 1]) as TraceLine;
  assert.equal(line.id, example.submission);
  assert.equal(line.verdict, 'refused');
  assert.equal(
    leads.explain,
    `npm run explain -- --producer ${line.submitter} --database postgres://me@127.0.0.1/coordinator`,
  );
  const of = (name: string) => judge(evidence).find((one) => one.name === name)!;
  const counted = of('producers-counted');
  assert.equal(counted.outcome, 'failed');
  assert.match(leadsOf(counted.examples[0], written).explain!, / --batch 2026-11-26T14:48:48Z$/);
});

test('of the original components the tables alone tell the way, and what they do not tell is said', async () => {
  const evidence = await evidenceOf();
  const [before] = [...traceOf(evidence, new Facts(evidence))].filter(({ reached }) => reached === 'point'); // prettier-ignore
  assert.equal(before.not_known, undefined);
  evidence.events = [];
  const lines = [...traceOf(evidence, new Facts(evidence))];
  const line = lines.find(({ id }) => id === before.id)!;
  const { not_known: notKnown, counted_ms: counted, shown_ms: shown, ...known } = line;
  assert.deepEqual(notKnown, ['verified_ms']);
  assert.ok(counted! > 0 && (shown === undefined || shown >= counted!), 'its points say when it was counted'); // prettier-ignore
  assert.equal('verified_ms' in known, false);
  for (const [name, value] of Object.entries(known))
    assert.deepEqual(value, before[name as keyof typeof before], name);
  // A batch without points, and without a log of when it was committed.
  evidence.tables.points = [];
  const [bare] = [...traceOf(evidence, new Facts(evidence))].filter(({ id }) => id === before.id);
  assert.deepEqual(bare.not_known, ['verified_ms', 'counted_ms']);
  assert.equal(bare.reached, 'shortlisted');
});
