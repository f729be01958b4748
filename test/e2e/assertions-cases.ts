/** Each assertion holds where all went right, fails in a case of its own, and says nothing where there is no data. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Assertion } from '../../e2e/assertions/assertion.ts';
import { ASSERTIONS, judge, type Judged } from '../../e2e/assertions/index.ts';
import { Facts } from '../../e2e/assertions/facts.ts';
import { recomputeBatch, scoresAt, truncatedPercent } from '../../e2e/assertions/recompute.ts';
import type { Evidence } from '../../e2e/dump/evidence.ts';
import { microsecondsOf } from '../../e2e/dump/times.ts';
import type { DisturbedFields, StoredRow, TableName, TableRow } from '../../e2e/dump/types.ts';
import { ERROR_TEXTS } from '../../stack/verifier/error-texts.ts';
import { ANSWERS } from '../../stack/backend/checks.ts';
import { scoreBatch } from '../../stack/coordinator/scoring.ts';
import { evidenceOf, recordedEvidence } from '../support/evidence.ts';

const rowsIn = (evidence: Evidence, name: 'postgres' | 'filesystem' = 'postgres'): StoredRow[] =>
  evidence.storages.get(name)!;
const table = <T extends TableName>(evidence: Evidence, name: T): TableRow<T>[] =>
  evidence.tables[name] as TableRow<T>[];
const refuse = (row: StoredRow, error: string): void => {
  Object.assign(row, { state_hash: null, parent: null, height: null, slot: null, validation_error: error }); // prettier-ignore
};
const remove = <T>(list: T[], at: number): void => void list.splice(at, 1);
/** A row of sent.ndjson for a stored one. */
const sentOf = (evidence: Evidence, row: StoredRow) =>
  evidence.sent.find(
    ({ submitter, created_at: at, block_hash: hash }) =>
      submitter === row.submitter && at === row.created_at && hash === row.block_hash,
  )!;

/** The whole time, the first block producer. */
function disturb(
  evidence: Evidence,
  expected: DisturbedFields['expected'],
  submitters = evidence.head.expected.submitters.slice(0, 1),
): void {
  const fields: DisturbedFields = { name: 'x', submitters, fromMs: 0, untilMs: Infinity, expected };
  evidence.events.push({ at_ms: 0, kind: 'disturbed', fields });
}

/** Half of the time is Berkeley's. */
function fork({ head }: Evidence, share = 0.5): void {
  head.cutoverMs = head.startedMs + share * (head.endedMs - head.startedMs);
  head.eras = [
    { name: 'berkeley', fromMs: null, untilMs: head.cutoverMs },
    { name: 'mesa', fromMs: head.cutoverMs, untilMs: null },
  ];
}

/** Of runs that are disturbed, or rehearse a fork: of others they claim nothing. */
const OF_SPECIAL_RUNS = ['score-as-sent', 'fork-rule'];

type Case = [assertion: string, what: RegExp, change: (evidence: Evidence) => void];
/** At least one for each assertion. */
const CASES: Case[] = [
  ['server-answers', /^answered 503: busy$/, ({ sent }) => Object.assign(sent[3], { status: 503, message: 'busy' })], // prettier-ignore
  ['server-answers', /^no answer$/, ({ sent }) => delete sent[3].status],
  ['refused-for-cause', /^answered 401: Invalid signature$/, ({ sent }) => Object.assign(sent[3], { status: 401, message: 'Invalid signature' })], // prettier-ignore
  ['hourly-limit', /^3 accepted within an hour, of 2 that may be$/, ({ head }) => (head.hourlyLimit = 2)], // prettier-ignore
  ['hourly-limit', /^refused with 429 after \d+ accepted ones, of 120/, ({ sent }) => (sent.at(-1)!.status = 429)], // prettier-ignore
  ['accepted-stored-once', /^accepted, and not in filesystem$/, (evidence) => remove(rowsIn(evidence, 'filesystem'), 9)], // prettier-ignore
  [
    'accepted-stored-once',
    /^2 times in postgres: submissions id 10, again$/,
    (evidence) => {
      const row = rowsIn(evidence)[9];
      rowsIn(evidence).push({ ...row, where: 'again', submitted_at: rowsIn(evidence).at(-1)!.submitted_at! }); // prettier-ignore
    },
  ],
  [
    'same-second-pairs',
    /^accepted, and postgres holds another one of that second instead, submission \d+ \(submissions id 10\)$/,
    (evidence) => addPair(evidence),
  ],
  [
    // The loss is allowed, but of the other one: this storage keeps the first.
    'same-second-pairs',
    /holds another one of that second instead/,
    (evidence) => {
      const pair = addPair(evidence);
      evidence.head.allowed.sameSecondLoss = true;
      pair.sent_ms -= 900;
      pair.answered_ms = sentOf(evidence, rowsIn(evidence)[9]).sent_ms - 1;
      const second = Math.floor(pair.answered_ms / 1000) * 1000;
      const time = new Date(second).toISOString().replace('.000Z', 'Z');
      for (const name of ['postgres', 'filesystem'] as const) rowsIn(evidence, name)[9].submitted_at = time; // prettier-ignore
      sentOf(evidence, rowsIn(evidence)[9]).sent_ms = pair.answered_ms + 1;
      pair.sent_ms = second;
      pair.answered_ms = second;
    },
  ],
  ['stored-as-sent', /^submissions id 10 in postgres differs in built_with_commit_sha$/, (evidence) => (rowsIn(evidence)[9].built_with_commit_sha = 'other')], // prettier-ignore
  ['stored-as-sent', /in filesystem differs in snark_work$/, (evidence) => (rowsIn(evidence, 'filesystem')[9].snark_work = !rowsIn(evidence, 'filesystem')[9].snark_work)], // prettier-ignore
  ['stored-as-sent', /in no request’s time$/, (evidence) => (rowsIn(evidence)[9].submitted_at = '2026-11-26T14:29:00Z')], // prettier-ignore
  ['stored-as-sent', /was not sent: it is submission \d+ but for its peer_id$/, (evidence) => (rowsIn(evidence)[9].peer_id = 'other')], // prettier-ignore
  ['stored-as-sent', /^a cut file in filesystem: it is empty$/, (evidence) => rowsIn(evidence, 'filesystem').push({ where: 'a cut file', fault: 'it is empty' })], // prettier-ignore
  ['storages-agree', /^submissions id 10 of postgres is not in filesystem$/, (evidence) => remove(rowsIn(evidence, 'filesystem'), 9)], // prettier-ignore
  ['submitters-agree', /^not in nodes$/, (evidence) => remove(table(evidence, 'nodes'), 2)],
  ['submitters-agree', /^in nodes, where it does not belong$/, (evidence) => table(evidence, 'nodes').push({ ...table(evidence, 'nodes')[0], id: 99, block_producer_key: 'B62other' })], // prettier-ignore
  ['submitters-agree', /^is no block producer of this network$/, ({ head, sent }) => (sent.splice(0), head.expected.submitters.pop())], // prettier-ignore
  ['submitters-agree', /^not in filesystem$/, (evidence) => evidence.storages.set('filesystem', rowsIn(evidence, 'filesystem').filter(({ submitter }) => submitter !== evidence.head.expected.submitters[0]))], // prettier-ignore
  ['block-bytes', /: its bytes have another hash$/, ({ blocks }) => ([...blocks.values()][1].isRight = false)], // prettier-ignore
  ['block-bytes', /is no block: cut at byte 7$/, ({ blocks }) => Object.assign([...blocks.values()][1], { state: null, fault: 'cut at byte 7' })], // prettier-ignore
  ['block-set', /^the block \S+ is not in filesystem$/, ({ blocks }) => ([...blocks.values()][1].storages = [])], // prettier-ignore
  ['block-set', /^the block Yother is in filesystem, and nobody sent it$/, ({ blocks }) => blocks.set('Yother', [...blocks.values()][1])], // prettier-ignore
  ['blocks-link', /^the state \S+ \(height \d+, slot \d+\) follows /, ({ blocks }) => [...blocks.values()].forEach(({ state }, i) => (state!.height += i))], // prettier-ignore
  ['blocks-link', /^of \d+ heights no block is the parent of another$/, ({ blocks }) => blocks.forEach(({ state }) => (state!.parent = '3Nother'))], // prettier-ignore
  ['all-verified', /^submissions id 10: neither verified nor refused$/, (evidence) => (rowsIn(evidence)[9].verified = false)], // prettier-ignore
  ['states-right', /^submissions id 10: slot is 1, and its block says \d+$/, (evidence) => (rowsIn(evidence)[9].slot = 1)], // prettier-ignore
  ['states-right', /^submissions id 10: state_hash is null, and its block says 3N/, (evidence) => (rowsIn(evidence)[9].state_hash = null)], // prettier-ignore
  ['no-sok-refusal', /^submissions id 10: proof's sok message digest does not match/, (evidence) => refuse(rowsIn(evidence)[9], "proof's sok message digest does not match the sok message")], // prettier-ignore
  ['proofs-accepted', /dlog_check/, (evidence) => refuse(rowsIn(evidence)[9], '(Pickles.verify dlog_check)')], // prettier-ignore
  ['blocks-decoded', /Fail to decode block$/, (evidence) => refuse(rowsIn(evidence)[9], 'Fail to decode block')], // prettier-ignore
  ['errors-known', /a new reason$/, (evidence) => refuse(rowsIn(evidence)[9], 'a new reason')],
  ['rule-of-time', / is verified as berkeley, not as mesa$/, ({ events }) => ((events[2].fields as { rule: string }).rule = 'berkeley')], // prettier-ignore
  [
    'rule-of-time',
    / is verified in one call, across the cutover$/,
    ({ head, events }) => {
      const { fromMs } = events[2].fields as { fromMs: number };
      head.cutoverMs = fromMs + 1000;
      head.eras = [
        { name: 'berkeley', fromMs: null, untilMs: head.cutoverMs },
        { name: 'mesa', fromMs: head.cutoverMs, untilMs: null },
      ];
    },
  ],
  ['verifier-covers', /^nothing was verified from 2026-11-26T14:36:48Z on$/, ({ events }) => remove(events, 2)], // prettier-ignore
  ['verifier-covers', /^nothing was verified from /, ({ events }) => ((events[2].fields as { failure?: string }).failure = 'exit code 4')], // prettier-ignore
  ['batches-cover-time', /^no batch from 2026-11-26T14:48:48Z to 2026-11-26T15:08:48Z$/, (evidence) => remove(table(evidence, 'bot_logs'), 2)], // prettier-ignore
  ['batches-cover-time', /is in no batch$/, (evidence) => remove(table(evidence, 'bot_logs'), 3)],
  ['batches-cover-time', /share 60 s$/, (evidence) => (table(evidence, 'bot_logs')[2].batch_start_epoch -= 60)], // prettier-ignore
  ['batches-cover-time', /^the first batch begins at .*14:28:48Z, not where the initial row says, .*14:27:48Z$/, (evidence) => Object.assign(table(evidence, 'bot_logs')[0], { batch_start_epoch: 1795703268, batch_end_epoch: 1795703268 })], // prettier-ignore
  ['one-coordinator', /is counted by bot_logs 3 and 9$/, (evidence) => table(evidence, 'bot_logs').push({ ...table(evidence, 'bot_logs')[2], id: 9 })], // prettier-ignore
  ['coordinator-keeps-up', /was counted 1520 s after its end, another one 120 s$/, ({ events }) => (events.at(-1)!.at_ms += 1_400_000)], // prettier-ignore
  [
    'coordinator-keeps-up',
    /was counted 1520 s after its end, another one 120 s$/,
    ({ events, head }) => {
      head.coordinator.graceSeconds = 1399;
      events.at(-1)!.at_ms += 1_400_000;
    },
  ],
  ['files-processed', /counted 1 rows, and \d+ count$/, (evidence) => (table(evidence, 'bot_logs')[2].files_processed = 1)], // prettier-ignore
  ['files-processed', /is excluded, and no correction says so$/, (evidence) => (table(evidence, 'bot_logs')[2].files_processed = -1)], // prettier-ignore
  [
    'producers-counted',
    /^no row of it counts in the batch /,
    (evidence) => {
      const [key] = evidence.head.expected.submitters;
      for (const row of rowsIn(evidence)) if (row.submitter === key) refuse(row, 'x');
    },
  ],
  [
    'states-selected',
    /^of 24 states of 24 block producers none is selected in the batch /,
    (evidence) => {
      const until = evidence.tables.bot_logs![1].batch_end_epoch * 1e6;
      for (const row of rowsIn(evidence))
        if (microsecondsOf(row.submitted_at!) < until) row.state_hash = `3N${row.submitter!}`;
    },
  ],
  ['shortlist-right', / is not shortlisted, and should be in the batch /, (evidence) => remove(table(evidence, 'bot_logs_statehash'), 1)], // prettier-ignore
  ['shortlist-right', / has the weight 2, not 0 /, (evidence) => (table(evidence, 'bot_logs_statehash')[0].weight = 2)], // prettier-ignore
  ['shortlist-right', / has the parent NULL, which no row says /, (evidence) => (table(evidence, 'bot_logs_statehash')[0].parent_statehash_id = null)], // prettier-ignore
  ['shortlist-right', / is shortlisted, and should not be /, (evidence) => (table(evidence, 'bot_logs_statehash')[0].bot_log_id = 4)], // prettier-ignore
  ['points-right', / has no point in the batch /, (evidence) => remove(table(evidence, 'points'), 5)], // prettier-ignore
  ['points-right', / is the second of its row$/, (evidence) => table(evidence, 'points').push({ ...table(evidence, 'points')[5], id: 999 })], // prettier-ignore
  ['points-right', / is of no row that counts$/, (evidence) => (table(evidence, 'points')[5].bot_log_id = 4)], // prettier-ignore
  ['points-right', / has the height 7$/, (evidence) => (table(evidence, 'points')[5].blockchain_height = 7)], // prettier-ignore
  ['points-right', / has the amount 2$/, (evidence) => (table(evidence, 'points')[5].amount = 2)],
  ['points-right', / has the time 5, not \d+$/, (evidence) => (table(evidence, 'points')[5].blockchain_epoch = 5)], // prettier-ignore
  ['points-right', / has the state NULL$/, (evidence) => (table(evidence, 'points')[5].statehash_id = null)], // prettier-ignore
  ['points-right', / is a credit that no correction names$/, (evidence) => table(evidence, 'points').push({ ...table(evidence, 'points')[5], id: 999, file_name: 'score-correction:sok' })], // prettier-ignore
  ['points-summary-right', /^a point in bot_log 2, and not in its summary$/, (evidence) => remove(table(evidence, 'points_summary'), 1)], // prettier-ignore
  ['points-summary-right', /^bot_log 2 has it twice$/, (evidence) => table(evidence, 'points_summary').push(table(evidence, 'points_summary')[1])], // prettier-ignore
  ['score-as-sent', /^no point in the batch .*, and what it sent is worth one$/, (evidence) => {
    disturb(evidence, 'nothing lost');
    remove(table(evidence, 'points_summary'), 1);
  }], // prettier-ignore
  ['score-as-sent', /^a point in the batch .*, and nothing that it sent is worth one$/, (evidence) => {
    disturb(evidence, 'nothing lost');
    const [key] = evidence.head.expected.submitters;
    for (const sent of evidence.sent) if (sent.submitter === key) sent.status = 401;
  }], // prettier-ignore
  ['score-as-sent', /: it has a point$/, (evidence) => disturb(evidence, 'no point')],
  ['score-as-sent', /: \d+ submissions were accepted, and it was to be silent$/, (evidence) => disturb(evidence, 'nothing accepted')], // prettier-ignore
  ['score-as-sent', /: \d+ submissions were accepted, and its signatures were wrong$/, (evidence) => disturb(evidence, 'refused')], // prettier-ignore
  ['score-as-sent', /: none of its submissions was refused with 401$/, (evidence) => {
    disturb(evidence, 'refused');
    const [key] = evidence.head.expected.submitters;
    evidence.sent = evidence.sent.filter(({ submitter }) => submitter !== key);
  }], // prettier-ignore
  ['fork-rule', /: a block of mesa at the time of berkeley is not refused for its proof$/, (evidence) => fork(evidence)], // prettier-ignore
  ['fork-rule', /: a block of mesa at the time of mesa is refused$/, (evidence) => {
    fork(evidence, 0);
    rowsIn(evidence)[3].validation_error = ERROR_TEXTS.invalidProof;
  }], // prettier-ignore
  ['scores-right', /^has 2 \(100\.00 %\), not 3 \(100\.00 %\)$/, (evidence) => (table(evidence, 'nodes')[2].score = 2)], // prettier-ignore
  ['scores-right', /^has 3 \(99\.99 %\), not 3 \(100\.00 %\)$/, (evidence) => (table(evidence, 'nodes')[2].score_percent = '99.99')], // prettier-ignore
  ['scores-right', /^has no score, not 3 /, (evidence) => Object.assign(table(evidence, 'nodes')[2], { score: null, score_percent: null })], // prettier-ignore
  ['score-history-right', /^at 2026-11-26T14:48:48Z it has no row, not 1 \(100\.00 %\)$/, (evidence) => remove(table(evidence, 'score_history'), 1)], // prettier-ignore
  ['score-history-right', /it has 9 \(100\.00 %\), not 1 /, (evidence) => (table(evidence, 'score_history')[1].score = 9)], // prettier-ignore
  ['score-history-right', /^two rows at /, (evidence) => table(evidence, 'score_history').push({ ...table(evidence, 'score_history')[1], id: 999 })], // prettier-ignore
  ['score-history-right', /it has a row, and never scored$/, (evidence) => table(evidence, 'score_history').push({ ...table(evidence, 'score_history')[1], id: 999, node_id: 77 })], // prettier-ignore
  ['tables-whole', /^B62\S+ is twice in nodes$/, (evidence) => table(evidence, 'nodes').push({ ...table(evidence, 'nodes')[0], id: 99 })], // prettier-ignore
  ['tables-whole', /^points names statehash 999, which is not there$/, (evidence) => (table(evidence, 'points')[5].statehash_id = 999)], // prettier-ignore
  ['index-present', /^no index of submissions begins with submitted_at$/, (evidence) => remove(table(evidence, 'indexes'), 0)], // prettier-ignore
  ['index-present', /^idx_submissions_submitted_at was not built to its end$/, (evidence) => (table(evidence, 'indexes')[0].valid = false)], // prettier-ignore
  ['leaderboard-shape', /: 200 -1$/, ({ leaderboard }) => (leaderboard[0].body = -1)],
  ['leaderboard-shape', /^\/health\/ready: 503 /, ({ leaderboard }) => leaderboard.push({ at_ms: 0, path: '/health/ready', status: 503, body: { status: 'not_ready' } })], // prettier-ignore
  ['leaderboard-right', / says 9 \(100\.00 %\), and the tables 3 \(100\.00 %\)$/, ({ leaderboard }) => ((leaderboard.at(-1)!.body as { score: string }[])[0].score = '9')], // prettier-ignore
  ['leaderboard-right', / says nothing, and the tables 3 /, ({ leaderboard }) => Object.assign(leaderboard.at(-1)!, { status: 404, body: { Error: 'No data found', Error_message: '' } })], // prettier-ignore
  ['leaderboard-right', /^\/uptimescore\/ says nothing, and the tables 3 /, (evidence) => {
    table(evidence, 'nodes')[0].application_status = true;
    evidence.leaderboard.push({ at_ms: 0, path: '/uptimescore/', status: 404, body: { Error: 'No data found', Error_message: '' } }); // prettier-ignore
  }], // prettier-ignore
  ['no-error-lines', /^backend, error, 3 like it: it broke$/, ({ logs }) => logs[0].errors.push({ level: 'error', text: 'it broke', count: 3 })], // prettier-ignore
  ['no-secrets', /^logs\/backend\.log, line 7: PGPASSWORD$/, ({ secrets }) => secrets.push({ file: 'logs/backend.log', line: 7, what: 'PGPASSWORD' })], // prettier-ignore
];

/** A second submission of the tenth one's submitter and second, accepted and nowhere. */
function addPair(evidence: Evidence): Evidence['sent'][number] {
  const kept = sentOf(evidence, rowsIn(evidence)[9]);
  const pair = { ...kept, id: evidence.sent.length, peer_id: 'another node' };
  evidence.sent.push(pair);
  return pair;
}

const outcomeOf = (evidence: Evidence, name: string): Judged =>
  judge(
    evidence,
    ASSERTIONS.filter((one) => one.name === name),
  )[0];

for (const assertion of ASSERTIONS)
  test(`${assertion.name} fails where it must`, async () => {
    const cases = CASES.filter(([name]) => name === assertion.name);
    assert.ok(cases.length > 0, 'it has no case that must fail');
    for (const [name, what, change] of cases) {
      const evidence = await evidenceOf();
      const right = outcomeOf(evidence, name);
      const isClaimed = !OF_SPECIAL_RUNS.includes(name);
      assert.equal(right.outcome, isClaimed ? 'held' : 'no data', JSON.stringify(right));
      change(evidence);
      const judged = outcomeOf(evidence, name);
      assert.equal(judged.outcome, 'failed', String(what));
      assert.ok(
        judged.examples.some((example) => what.test(example.what)),
        `${String(what)}: ${JSON.stringify(judged.examples)}`,
      );
      assert.ok(judged.examples.length <= 5);
    }
  });

test('a right run counts something for each assertion, and every case names an assertion', async () => {
  const evidence = await evidenceOf();
  disturb(evidence, 'nothing lost', []);
  evidence.head.cutoverMs = evidence.head.startedMs;
  for (const judged of judge(evidence)) {
    assert.equal(judged.outcome, 'held', JSON.stringify(judged));
    assert.ok(
      Object.values(judged.counts).some((count) => count > 0),
      `${judged.name} looked at nothing: ${JSON.stringify(judged.counts)}`,
    );
  }
  const names = new Set(ASSERTIONS.map(({ name }) => name));
  for (const [name] of CASES) assert.ok(names.has(name), name);
  assert.equal(names.size, ASSERTIONS.length);
});

test('one body that was sent again and again: each row is of the request of its second', async () => {
  const evidence = await evidenceOf();
  const [template] = evidence.sent;
  const [stored] = rowsIn(evidence).filter((row) => sentOf(evidence, row) === template);
  const count = 2000;
  evidence.sent = Array.from({ length: count }, (_, id) => ({
    ...template,
    id,
    sent_ms: template.sent_ms + 1000 * id,
    answered_ms: template.sent_ms + 1000 * id,
  }));
  const rows = evidence.sent.map(({ sent_ms: at }, i) => ({
    ...stored,
    where: `row ${i}`,
    submitted_at: new Date(at).toISOString().replace(/\.\d+Z/, 'Z'),
  }));
  remove(rows, 700);
  evidence.storages = new Map([['postgres', rows]]);
  evidence.head.storages = [{ name: 'postgres', keeps: 'first' }];
  const judged = outcomeOf(evidence, 'accepted-stored-once');
  assert.equal(judged.outcome, 'failed');
  assert.deepEqual(
    judged.examples.map(({ submission }) => submission),
    [700],
  );
  assert.equal(outcomeOf(evidence, 'stored-as-sent').outcome, 'held');
});

test('after a start the original builds on the batch before, and only then', () => {
  const previous = new Map([['a', { weight: 0, parents: new Set(['x']) }]]);
  // 21 block producers on states of their own; one of them follows a.
  const rows = Array.from({ length: 21 }, (_, i) => ({
    submitter: `p${i}`,
    stateHash: `s${i}`,
    parent: i === 0 ? 'a' : null,
  }));
  assert.deepEqual([...recomputeBatch(rows, previous).shortlist.keys()], ['s0']);
  assert.equal(recomputeBatch(rows, previous).shortlist.get('s0')!.weight, 1);
  assert.equal(recomputeBatch(rows).shortlist.size, 0);
});

test('a start of the coordinator on the way is known by its event, where it does as the original', async () => {
  const evidence = await evidenceOf();
  const commit = evidence.events.find(({ kind }) => kind === 'batch')!.at_ms;
  evidence.events.push({ at_ms: commit + 1, kind: 'disturbance', fields: { component: 'coordinator' } }); // prettier-ignore
  assert.deepEqual([...new Facts(evidence).batchesAfterStart], []);
  evidence.head.coordinator.faithful = true;
  assert.deepEqual([...new Facts(evidence).batchesAfterStart], [3]);
});

test('where data say nothing of the claim, it cannot be judged', async () => {
  const lacks = async (name: string, change: (evidence: Evidence) => void): Promise<string[]> => {
    const evidence = await evidenceOf();
    change(evidence);
    const judged = outcomeOf(evidence, name);
    return judged.outcome === 'no data' ? judged.lacks : assert.fail(JSON.stringify(judged));
  };
  assert.deepEqual(await lacks('producers-counted', ({ head }) => (head.expected.periodMs *= 9)), [
    'a batch as long as a cycle of the nodes, and of which something is expected',
  ]);
  assert.deepEqual(
    await lacks('rule-of-time', ({ events }) => {
      for (const { fields } of events) delete (fields as { rule?: string }).rule;
    }),
    ['verifier calls that say their rule'],
  );
  assert.deepEqual(
    await lacks('states-right', ({ blocks }) => {
      for (const row of blocks.values()) row.state = null;
    }),
    ['verified rows whose block is there'],
  );
});

test('without data nothing is claimed', async () => {
  const full = await evidenceOf();
  const empty: Evidence = {
    ...full,
    head: { ...full.head, hourlyLimit: null },
    sent: [],
    storages: new Map(),
    blocks: new Map(),
    tables: {},
    leaderboard: [],
    events: [],
    logs: [],
    searchedLines: 0,
  };
  for (const judged of judge(empty)) {
    assert.equal(judged.outcome, 'no data', judged.name);
    assert.ok(judged.lacks.length > 0);
  }
});

test('what is expected is no fault', async () => {
  const holds = async (name: string, change: (evidence: Evidence) => void): Promise<void> => {
    const evidence = await evidenceOf();
    change(evidence);
    const judged = outcomeOf(evidence, name);
    assert.equal(judged.outcome, 'held', JSON.stringify(judged));
  };
  await holds('server-answers', ({ head, sent }) => {
    head.allowed.serverErrors = 0.1;
    sent[3].status = 503;
  });
  await holds('same-second-pairs', (evidence) => {
    addPair(evidence);
    evidence.head.allowed.sameSecondLoss = true;
  });
  // A pair is no loss without a reason.
  await holds('accepted-stored-once', addPair);
  // Retried after no answer: stored twice, which the node cannot know.
  await holds('accepted-stored-once', (evidence) => {
    const row = rowsIn(evidence)[9];
    const sent = sentOf(evidence, row);
    delete sent.status;
    delete sent.answered_ms;
    const again = sent.sent_ms + 4000;
    evidence.sent.push({
      ...sent,
      attempt: 2,
      sent_ms: again,
      answered_ms: again + 9,
      status: 200,
    });
    for (const name of ['postgres', 'filesystem'] as const)
      rowsIn(evidence, name).push({
        ...rowsIn(evidence, name)[9],
        where: 'again',
        submitted_at: new Date(Math.floor(again / 1000) * 1000).toISOString().replace('.000Z', 'Z'),
      });
  });
  await holds('proofs-accepted', (evidence) => {
    // A block of the old era, sent late: the verifier of the new one refuses it.
    const { head, blocks } = evidence;
    head.cutoverMs = head.startedMs - 1;
    head.eras = [
      { name: 'berkeley', fromMs: null, untilMs: head.cutoverMs },
      { name: 'mesa', fromMs: head.cutoverMs, untilMs: null },
    ];
    const row = rowsIn(evidence)[9];
    refuse(row, '(Pickles.verify dlog_check)');
    blocks.get(row.block_hash!)!.state!.era = 'berkeley';
  });
  await holds('errors-known', (evidence) => {
    evidence.head.allowed.errorClasses = ['unknown'];
    refuse(rowsIn(evidence)[9], 'a new reason');
  });
  await holds('producers-counted', (evidence) => {
    const [key] = evidence.head.expected.submitters;
    for (const row of rowsIn(evidence)) if (row.submitter === key) refuse(row, 'x');
    evidence.head.expected.exceptions.push({ submitter: key, fromMs: 0, untilMs: evidence.head.endedMs, why: 'silent' }); // prettier-ignore
  });
  await holds('no-error-lines', ({ head, logs }) => {
    head.allowed.logWords.push('broke');
    logs[0].errors.push({ level: 'error', text: 'it broke', count: 3 });
  });
  // An excluded batch, and a credited point.
  for (const name of ['files-processed', 'points-right', 'scores-right'])
    await holds(name, (evidence) => {
      const log = table(evidence, 'bot_logs')[1];
      const of = { reason: '', applied_at: '2026-11-26T16:00:00Z', reverted_at: null, correction: 'fork' }; // prettier-ignore
      table(evidence, 'score_corrections').push(
        { ...of, id: 1, action: 'exclude_batch', bot_log_id: log.id, node_id: null, point_id: null, old_files_processed: log.files_processed }, // prettier-ignore
        { ...of, id: 2, action: 'credit_point', bot_log_id: 3, node_id: 1, point_id: 999, old_files_processed: null }, // prettier-ignore
      );
      log.files_processed = -1;
      evidence.tables.points_summary = table(evidence, 'points_summary').filter(
        ({ bot_log_id: id }) => id !== log.id,
      );
      table(evidence, 'points').push({ ...table(evidence, 'points').at(-1)!, id: 999, bot_log_id: 3, node_id: 1, file_name: 'score-correction:fork', statehash_id: null }); // prettier-ignore
      for (const node of table(evidence, 'nodes')) node.score = 2;
    });
});

/** Rows as the coordinator reads them, of a few producers and states that hang together in some way. */
const batchOf = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 12 }))
  .chain(([producers, states]) =>
    fc.record({
      parents: fc.array(fc.integer({ min: -1, max: states - 1 }), { minLength: states, maxLength: states }), // prettier-ignore
      rows: fc.array(
        fc.tuple(fc.integer({ min: 0, max: producers - 1 }), fc.integer({ min: 0, max: states - 1 })), // prettier-ignore
        { minLength: 1, maxLength: 150 },
      ),
    }),
  );

test('the independent recomputation and the coordinator’s scoring give the same', () => {
  fc.assert(
    fc.property(batchOf, ({ parents, rows }) => {
      const scored = rows.map(([producer, state]) => ({
        submitter: `p${producer}`,
        stateHash: `s${state}`,
        parent: parents[state] === -1 ? null : `s${parents[state]}`,
      }));
      const theirs = scoreBatch(scored);
      const ours = recomputeBatch(scored);
      assert.deepEqual(
        [...ours.shortlist].map(([state, { weight }]) => [state, weight]).sort(),
        theirs.states.filter(({ shortlisted }) => shortlisted).map(({ stateHash, weight }) => [stateHash, weight]).sort(), // prettier-ignore
      );
      assert.equal(ours.producers, theirs.producers);
      assert.equal(ours.selected === 0, theirs.nothingSelected);
    }),
    { numRuns: 300 },
  );
});

test('scores over a window: both ends belong to it, a node without a point keeps what it had', () => {
  const day = 86_400;
  const batches = [0, 1, 2, 3].map((i) => ({
    startSeconds: i * day,
    endSeconds: (i + 1) * day,
    isSurvey: true,
    nodes: i === 0 ? [1, 2] : i === 3 ? [] : [1],
  }));
  const moments = [day, 2 * day, 3 * day, 4 * day];
  const at = [...scoresAt(batches, moments, 2)].map(({ scores }) => scores.size);
  assert.deepEqual(at, [2, 2, 2, 2]);
  const texts: string[] = [];
  for (const { scores } of scoresAt(batches, moments, 2))
    texts.push([1, 2].map((node) => `${scores.get(node)?.score} ${scores.get(node)?.percent}`).join(', ')); // prettier-ignore
  assert.deepEqual(texts, [
    '1 100.00, 1 100.00',
    '2 100.00, 1 50.00',
    '2 100.00, 1 50.00',
    '1 50.00, 1 50.00',
  ]);
  assert.equal(truncatedPercent(2, 3), '66.66');
  assert.equal(truncatedPercent(1, 20_000), '0.00');
  assert.equal(truncatedPercent(1, 1500), '0.06');
});

const needing = (need: string): Assertion[] => ASSERTIONS.filter(({ needs }) => (needs as readonly string[]).includes(need)); // prettier-ignore
test('without the coordinator’s tables the storages are judged all the same', async () => {
  const evidence = await evidenceOf();
  evidence.tables = {};
  const judged = judge(evidence);
  const without = judged.filter(({ outcome }) => outcome === 'no data').map(({ name }) => name);
  for (const { name } of needing('batches')) assert.ok(without.includes(name), name);
  assert.equal(judged.find(({ name }) => name === 'accepted-stored-once')!.outcome, 'held');
  assert.equal(judged.find(({ name }) => name === 'submitters-agree')!.outcome, 'held');
});

test('recorded runs of the real coordinator hold: batches, shortlists, points, scores, history', async () => {
  for (const run of ['healthy', 'lagging'] as const) {
    const judged = judge(await recordedEvidence(run));
    const of = (outcome: string) => judged.filter((one) => one.outcome === outcome).map(({ name }) => name); // prettier-ignore
    assert.deepEqual(of('failed'), [], JSON.stringify(judged.filter((one) => one.outcome === 'failed'))); // prettier-ignore
    for (const name of [
      'batches-cover-time',
      'files-processed',
      'shortlist-right',
      'points-right',
      'points-summary-right',
      'scores-right',
      'score-history-right',
      'states-selected',
      'tables-whole',
    ])
      assert.ok(of('held').includes(name), `${run}: ${name}`);
  }
});

test('a 429 for a second that is taken is no matter of the hourly limit', async () => {
  const evidence = await evidenceOf();
  const last = evidence.sent.at(-1)!;
  evidence.sent.push({
    ...last,
    status: 429,
    message: JSON.stringify(JSON.parse(ANSWERS.sameSecond.body)),
  });
  const [judged] = judge(evidence, ASSERTIONS.filter(({ name }) => name === 'hourly-limit')); // prettier-ignore
  assert.equal(judged.outcome, 'held');
});
