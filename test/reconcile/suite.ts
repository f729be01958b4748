/**
 * Reconciliation against a backend that does what no backend should, with exact numbers, on any storage. The submissions are signed ones
 * and go over HTTP; clocks are made up, so that seconds do not depend on the machine.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AnswerTable } from '../../reconcile/answer-table.ts';
import { corpusSource } from '../../load/k6/plan.ts';
import { lookIntoStorage, type LookOutcome } from '../../reconcile/look.ts';
import { SendTimes } from '../../reconcile/send-times.ts';
import { sentOf } from '../../reconcile/sent.ts';
import { ENVELOPE, RECORD } from '../../mina/envelope.ts';
import { readChain } from '../../producers/chain-templates.ts';
import { readCorpus, writeCorpus } from '../../producers/corpus.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { RandomStream } from '../../producers/random.ts';
import type { ReconcileClasses, ReconcileLine } from '../../results/types.ts';
import { answerCode, CODE } from '../../scenarios/lib/reports.ts';
import type { Storage, StorageReader } from '../../stack/storage/storage.ts';
import { type Deed, startCrookedBackend } from '../support/crooked-backend.ts';
import { scratchFolder } from '../support/scratch.ts';

export type OpenStorage = {
  writer: Storage;
  openReader(): Promise<StorageReader>;
  /** Puts one entry there that cannot be read; absent: the storage can hold none. */
  spoil?(): Promise<void>;
  /** What the verifier does to each entry: its result, and snark work (and the block beside it) emptied; absent: it works elsewhere. */
  verify?(): Promise<void>;
  /** After the writer's close. */
  close?(): Promise<void>;
};

const COUNT = 260;
const PRODUCERS = COUNT / 2;
const PAIRS = 4;
/** The target's clock is ahead by as much. */
const AHEAD_MS = 7400;
const DEEDS: Partial<Record<Deed, number>> = {
  lie: 7,
  drop: 3,
  'store and drop': 2,
  refuse: 5,
  'refuse and store': 4,
  double: 3,
  delay: 6,
  'alter submitter': 2,
  'alter created_at': 2,
  'alter peer_id': 2,
  'alter block_hash': 2,
  'alter snark_work': 2,
  'alter port': 2,
  'alter commit': 2,
  'store a stranger': 3,
};

const isStored = (deed: Deed): boolean =>
  ['store', 'double', 'delay', 'store a stranger'].includes(deed);

/**
 * @param call.blocks where the storage keeps blocks: by their hash, beside each submission, or not at all
 */
export function crookedSuite(call: {
  name: string;
  blocks: 'by hash' | 'beside' | 'none';
  open: () => Promise<OpenStorage>;
}): void {
  describe(`reconciliation of ${call.name}`, () => {
    test('each class, with exact numbers', async () => {
      const run = await crookedRun(call.open, call.blocks);
      const { outcome, expected, deeds, lines, sameSecond } = run;
      assert.equal(outcome.look.failure, undefined);
      assert.deepEqual(outcome.look.classes, expected);
      const { right, different, missing, sameSecond: dropped } = expected;
      assert.equal(right + different + missing + dropped, run.accepted);
      assert.equal(outcome.notStored, missing + dropped);
      assert.equal(outcome.look.complete, true);
      assert.deepEqual([outcome.look.readings, outcome.look.waitedMs], [4, 3000]);
      assert.equal(
        outcome.look.blocksCompared === null,
        call.blocks === 'none',
        'whether blocks were compared is told',
      );
      const ahead = outcome.look.clockAheadMs!;
      assert.ok(Math.abs(ahead - AHEAD_MS) <= 150, `the clock is seen to be ${ahead} ms ahead`);

      // Not only how many, but which ones.
      const indexesOf = (name: ReconcileLine['class']) =>
        lines.filter((line) => line.class === name).map(({ index }) => index!);
      const of = (...wanted: Deed[]) =>
        deeds.flatMap((deed, i) => (wanted.includes(deed) ? [i] : []));
      assert.deepEqual(indexesOf('missing'), of('lie'));
      assert.deepEqual(indexesOf('same second').sort(), [...sameSecond].sort());
      assert.deepEqual(indexesOf('refused but stored'), of('refuse and store'));
      assert.deepEqual(indexesOf('unknown'), of('drop', 'store and drop'));
      for (const { index, stored } of lines.filter((line) => line.class === 'unknown'))
        assert.equal(stored, deeds[index!] === 'store and drop');
      for (const line of lines.filter(({ class: name }) => name === 'different')) {
        const deed = deeds[line.index!];
        const field = deed.startsWith('alter ') ? deed.slice(6) : 'block';
        const name =
          { port: 'graphql_control_port', commit: 'built_with_commit_sha' }[field] ?? field;
        assert.ok(Object.keys(line.fields!).includes(name), `${deed}: ${JSON.stringify(line)}`);
      }
      // Everything that is not right has its line, and some of each class stand in the result itself.
      const { hostile, right: fine, retried, ...wrong } = expected;
      assert.equal(hostile + retried, 0);
      assert.equal(
        lines.length,
        Object.values(wrong).reduce((sum, n) => sum + n, 0),
      );
      assert.ok(fine > 0 && outcome.look.examples!.length <= lines.length);
      for (const name of new Set(lines.map((line) => line.class)))
        assert.ok(
          outcome.look.examples!.some((line) => line.class === name),
          name,
        );
    });

    test('a run without a fault has nothing to tell', async () => {
      const { outcome, expected, lines } = await crookedRun(
        call.open,
        call.blocks,
        new Array<Deed>(40).fill('store'),
      );
      assert.equal(expected.right, 40);
      assert.deepEqual(outcome.look.classes, expected);
      assert.deepEqual(lines, []);
      assert.deepEqual(outcome.notes, [`the target's clock is 7.4 s ahead of this machine's`]);
      assert.equal(outcome.look.readings, 1);
    });

    test('a verifier that has worked on every entry leaves them right, and is counted', async (t) => {
      const deeds = new Array<Deed>(40).fill('store');
      deeds[3] = 'alter port';
      deeds[7] = 'lie';
      const run = await crookedRun(call.open, call.blocks, deeds, true);
      if (run.verified === null) {
        t.skip('no verifier works on this storage');
        return;
      }
      const { look } = run.outcome;
      assert.deepEqual(look.classes, run.expected);
      assert.deepEqual([look.classes.right, look.classes.different], [38, 1]);
      assert.deepEqual([look.verified, look.validationErrors], [38, 0]);
      const different = run.lines.find((line) => line.class === 'different')!;
      assert.deepEqual(Object.keys(different.fields!), ['graphql_control_port']);
    });
  });
}

type CrookedRun = {
  outcome: LookOutcome;
  expected: ReconcileClasses;
  lines: ReconcileLine[];
  deeds: Deed[];
  accepted: number;
  /** null: no verifier works on this storage. */
  verified: true | null;
  /** Those that lost their place to another one of the same second. */
  sameSecond: Set<number>;
};

let runs = 0;

async function crookedRun(
  open: () => Promise<OpenStorage>,
  blocks: 'by hash' | 'beside' | 'none',
  given?: Deed[],
  isVerified = false,
): Promise<CrookedRun> {
  const number = runs++;
  const folder = scratchFolder();
  const count = given?.length ?? COUNT;
  // Now, because some storages forget what is old; whole seconds.
  const startMs = Math.floor(Date.now() / 1000) * 1000 - (count + 60) * 1000;
  const fleet = makeFleet({ seed: `crooked ${number}`, count: given ? count : PRODUCERS });
  const index = await writeCorpus({
    folder: join(folder, 'corpus'),
    fleet,
    templates: await readChain(undefined, {
      length: 12,
      seed: `crooked ${number}`,
      endMs: startMs,
    }),
    count,
    network: 'testnet',
    seed: `crooked ${number}`,
    createdAt: { startSeconds: startMs / 1000, perSecond: 1 },
    workers: 1,
  });
  const source = corpusSource(join(folder, 'corpus'), index);
  const sent = sentOf({ seed: 1, source })!;
  const hashes: string[] = [];
  const submitters: string[] = [];
  for await (const chunk of sent.chunks())
    for (const { template, submitter } of chunk) {
      hashes.push(sent.templates[template].blockHash);
      submitters.push(submitter);
    }
  const plan = given ? { deeds: given, pairs: [], badBlock: null } : planDeeds(hashes, submitters);
  const { deeds, pairs, badBlock } = plan;

  const storage = await open();
  let virtualMs = 0;
  let sleptMs = 0;
  const backend = await startCrookedBackend({
    storage: storage.writer,
    deedOf: (n) => deeds[n],
    nowMs: () => virtualMs + AHEAD_MS,
  });
  const answers = new AnswerTable();
  const times = new SendTimes(1);
  try {
    const bodies = bodiesOf(join(folder, 'corpus'));
    const slotOf = new Map(pairs.map(([first, second]) => [second, first]));
    let unanswered = 0;
    for (let i = 0; i < count; i++) {
      // Within a second at any time of it, so that the clocks' difference can be seen.
      const slot = slotOf.get(i) ?? i;
      virtualMs = startMs + slot * 1000 + ((slot * 37) % 100) * 10;
      answers.report(i, CODE.begun);
      times.begun(i, virtualMs - 100);
      const status = await post(`${backend.url}/v1/submit`, bodies(i));
      // One of each kind is under way at the stop, the others got an error.
      if (status === null && unanswered++ % 2 === 0) continue;
      times.ended(i, virtualMs + 100);
      answers.report(i, answerCode(status ?? 0, 1220, status === 200));
    }
    await storage.spoil?.();
    if (isVerified) await storage.verify?.();
    virtualMs = startMs + count * 1000;
    const outcome = await lookIntoStorage({
      storage: 'the storage of the test',
      open: () => storage.openReader(),
      sent,
      answers,
      times,
      lease: 1,
      others: new Set(),
      beganMs: startMs,
      endedMs: virtualMs,
      folder,
      waitMs: 3000,
      signal: new AbortController().signal,
      clock: {
        nowMs: () => sleptMs,
        // The late ones come when they have been missed once, the lies never.
        async sleep(ms) {
          sleptMs += ms;
          await backend.storeLate();
        },
      },
    });
    const list = readFileSync(join(folder, 'reconcile.ndjson'), 'utf8');
    const lines = list
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ReconcileLine);
    const reader = await storage.openReader();
    const { keeps } = reader;
    await reader.close();
    const lost = new Set(pairs.map(([first, second]) => (keeps === 'first' ? second : first)));
    const isBad = (i: number) => blocks === 'by hash' && hashes[i] === badBlock;
    const is = (...wanted: Deed[]) => deeds.filter((deed) => wanted.includes(deed)).length;
    const right = deeds.filter(
      (deed, i) =>
        (isStored(deed) || (deed === 'alter block' && blocks === 'none')) &&
        !lost.has(i) &&
        !isBad(i),
    ).length;
    const accepted = deeds.filter((deed) => !/^(refuse|drop|store and drop)/.test(deed)).length;
    return {
      outcome,
      lines,
      deeds,
      accepted,
      verified: storage.verify ? true : null,
      sameSecond: lost,
      expected: {
        right,
        different: accepted - right - is('lie') - lost.size,
        missing: is('lie'),
        sameSecond: lost.size,
        refusedStored: is('refuse and store'),
        unknownStored: is('store and drop'),
        unknownNotStored: is('drop'),
        foreign: is('store a stranger'),
        hostile: 0,
        retried: 0,
        doubles: is('double'),
        unreadable: storage.spoil ? 1 : 0,
      },
    };
  } finally {
    await backend.stop();
    await storage.writer.close();
    await storage.close?.();
  }
}

/** Who gets which deed, by a seed; two submissions of one producer make a pair of one second. */
function planDeeds(
  hashes: readonly string[],
  submitters: readonly string[],
): { deeds: Deed[]; pairs: [number, number][]; badBlock: string } {
  const deeds = new Array<Deed>(COUNT).fill('store');
  const random = new RandomStream('crooked', 'deeds');
  // The first with its block, so that the storage keeps the bad bytes.
  const bad = hashes.indexOf(hashes[COUNT >> 1]);
  deeds[bad] = 'alter block';
  const order = Uint32Array.from({ length: COUNT }, (_, i) => i);
  random.shuffle(order);
  const free = [...order].filter((i) => deeds[i] === 'store');
  for (const [deed, times] of Object.entries(DEEDS) as [Deed, number][])
    for (let n = 0; n < times; n++) deeds[free.pop()!] = deed;
  const pairs: [number, number][] = [];
  for (let i = 0; i < PRODUCERS && pairs.length < PAIRS; i++) {
    const other = submitters.indexOf(submitters[i], i + 1);
    if (deeds[i] === 'store' && deeds[other] === 'store') pairs.push([i, other]);
  }
  return { deeds, pairs, badBlock: hashes[bad] };
}

/** @returns a function that makes the whole body of submission i */
function bodiesOf(folder: string): (i: number) => Buffer {
  const corpus = readCorpus(folder);
  const { templates } = corpus.index;
  corpus.close();
  const bodies = readFileSync(join(folder, 'bodies.bin'));
  const records = readFileSync(join(folder, 'envelopes.bin'));
  return (i) => {
    const record = records.subarray(i * RECORD.bytes, (i + 1) * RECORD.bytes);
    const { offset, bytes, envelopeOffset } = templates[record.readUInt32LE(0)];
    const body = Buffer.from(bodies.subarray(offset, offset + bytes));
    record.copy(
      body,
      envelopeOffset,
      RECORD.envelopeOffset,
      RECORD.envelopeOffset + ENVELOPE.bytes,
    );
    return body;
  };
}

/** @returns the status; null: no answer came */
const post = (url: string, body: Buffer): Promise<number | null> =>
  fetch(url, { method: 'POST', body: new Uint8Array(body) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => null,
  );
