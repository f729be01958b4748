import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseBlock } from '../../mina/block.ts';
import { type BlockSummary, decodeBlock } from '../../mina/block-summary.ts';
import { chainTemplates } from '../../producers/chain-templates.ts';
import { planSubmissions } from '../../producers/corpus-plan.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { readPayloads } from '../../producers/payloads.ts';
import {
  recordedPayloads,
  type SubmissionTemplate,
  type TemplateParts,
} from '../../producers/templates.ts';
import { UserError } from '../../user-error.ts';
import { blockOf, recordedBlock } from '../mina/block-fixtures.ts';
import { readRecorded, RECORDED_NAMES, recordedFile } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';
import { thorough } from '../support/thorough.ts';

const SLOT_MS = 180_000;
const END_MS = Date.parse('2026-01-02T03:04:05Z');
const request = { length: thorough ? 40 : 24, seed: 's', endMs: END_MS };
const shipped = await recordedPayloads();

type Made = { template: SubmissionTemplate; parts: TemplateParts; block: BlockSummary };
const bytesOf = ({ block }: TemplateParts) => Buffer.from(block.toString().slice(1, -1), 'base64');
const makeAll = async (templates: readonly SubmissionTemplate[]): Promise<Made[]> => {
  const made: Made[] = [];
  for (const template of templates) {
    const parts = await template.load();
    made.push({ template, parts, block: decodeBlock(bytesOf(parts)) });
  }
  return made;
};
const chain = await makeAll(await chainTemplates(shipped, request));

test('blocks are linked, heights rise by one, slots rise, and the last slot is that of the end', () => {
  const byHash = new Map(chain.map(({ block }) => [block.state_hash, block]));
  const [first] = chain;
  for (const { block } of chain) {
    const parent = byHash.get(block.previous_state_hash);
    if (block.height === first.block.height) {
      assert.equal(block.previous_state_hash, first.block.previous_state_hash);
      continue;
    }
    assert.ok(parent, `block ${block.height} has no parent`);
    assert.equal(block.height, parent.height + 1);
    assert.ok(block.slot > parent.slot);
    assert.equal(block.epoch, Math.floor(block.slot_since_hard_fork / 7140));
  }
  const heights = new Set([...byHash.values()].map(({ height }) => height));
  assert.equal(heights.size, request.length);
  assert.ok(byHash.size > request.length, 'there is no fork');
  const last = chain.at(-1)!.block;
  const ageMs = END_MS - Date.parse(last.timestamp!);
  assert.ok(ageMs >= 0 && ageMs < SLOT_MS, `the last block is ${ageMs} ms old`);
  const slots = last.slot - first.block.slot + 1;
  assert.ok(slots > request.length, 'no slot is empty');
  for (const { block } of chain)
    assert.equal(
      Date.parse(last.timestamp!) - Date.parse(block.timestamp!),
      (last.slot - block.slot) * SLOT_MS,
    );
});

test('proof, body and snark work are those of a recorded submission; the maker has no snark work', () => {
  const work = new Map(
    RECORDED_NAMES.map((name) => {
      const { data } = JSON.parse(readRecorded(name)) as {
        data: { block: string; snark_work?: string };
      };
      const { body, protocol_state_proof: proof } = parseBlock(Buffer.from(data.block, 'base64'));
      return [Buffer.concat([proof, body]).toString('hex'), data.snark_work ?? ''];
    }),
  );
  const used = new Map<string, number>();
  const byBlock = new Map<string, Made[]>();
  for (const made of chain) {
    const { state_hash } = made.block;
    byBlock.set(state_hash, [...(byBlock.get(state_hash) ?? []), made]);
  }
  for (const made of byBlock.values()) {
    const { body, protocol_state_proof: proof } = parseBlock(bytesOf(made[0].parts));
    const snarkWork = work.get(Buffer.concat([proof, body]).toString('hex'));
    assert.notEqual(snarkWork, undefined, 'proof and body are of no recorded block');
    used.set(snarkWork!, (used.get(snarkWork!) ?? 0) + 1);
    const found = made.map(({ template, parts }) => [
      template.tip!.by,
      template.hasSnarkWork,
      parts.snarkWork?.toString(),
    ]);
    assert.deepEqual(
      found,
      snarkWork === ''
        ? [['all', false, undefined]]
        : [
            ['maker', false, undefined],
            ['others', true, `"${snarkWork}"`],
          ],
    );
  }
  assert.equal(used.size, 2, 'one of the recorded blocks is not used');
});

test('seed and time decide every byte; templates may be loaded in any order', async () => {
  const again = await chainTemplates(shipped, { ...request, endMs: END_MS + 1000 });
  for (let i = again.length - 1; i >= 0; i--)
    assert.deepEqual(await again[i].load(), chain[i].parts, again[i].name);
  const [first] = await makeAll(
    (await chainTemplates(shipped, { ...request, seed: 't' })).slice(0, 1),
  );
  assert.notEqual(first.block.state_hash, chain[0].block.state_hash);
  const later = await chainTemplates(shipped, { ...request, endMs: END_MS + 10 * SLOT_MS });
  const [moved] = await makeAll(later.slice(0, 1));
  assert.equal(moved.block.slot, chain[0].block.slot + 10);
});

test('a load goes through the chain once: tips side by side only in one slot, makers first', () => {
  const templates = chain.map(({ template }) => template);
  const count = 3000;
  const plan = {
    count,
    producers: 10,
    templates,
    seed: 's',
    createdAt: { startSeconds: 0, perSecond: 10 },
  };
  const chosen = [...planSubmissions(plan, 64)].flatMap((chunk) => [...chunk.templates]);
  const whole = [...planSubmissions(plan, count)].flatMap((chunk) => [...chunk.templates]);
  assert.deepEqual(chosen, whole);
  const slots = chosen.map((which) => templates[which].tip!.fromSlot);
  assert.deepEqual(
    slots,
    slots.toSorted((a, b) => a - b),
  );
  const sent = templates.map(() => 0);
  chosen.forEach((which) => sent[which]++);
  const { fromSlot: from } = templates[0].tip!;
  const { toSlot: to } = templates.at(-1)!.tip!;
  for (const slot of new Set(slots)) {
    const here = templates.flatMap(({ tip }, i) => (tip!.fromSlot === slot ? [i] : []));
    const { toSlot } = templates[here[0]].tip!;
    const total = here.reduce((sum, i) => sum + sent[i], 0);
    // As many as its time as a tip has.
    assert.ok(Math.abs(total - (count * (toSlot - slot)) / (to - from)) <= 1);
    const makers = here.filter((i) => templates[i].tip!.by !== 'others');
    const begins = slots.indexOf(slot);
    assert.deepEqual(chosen.slice(begins, begins + makers.length), makers);
    for (const i of here)
      if (templates[i].tip!.by === 'maker') assert.equal(sent[i], 1);
      else assert.ok(sent[i] > total / 4, `${sent[i]} of ${total}`);
  }
  // Fewer submissions than blocks: makers only, still in order.
  const few = [...planSubmissions({ ...plan, count: 7 }, 64)].flatMap((c) => [...c.templates]);
  assert.ok(few.every((which) => templates[which].tip!.by !== 'others'));
  assert.throws(
    () => [
      ...planSubmissions(
        { ...plan, templates: [...templates, { weight: 1, hasSnarkWork: false }] },
        64,
      ),
    ],
    /template \d+ is in no chain/,
  );
});

test("a block's creator is the producer that submits it first", async () => {
  const { producers } = makeFleet({ seed: 's', count: 10 });
  const count = 500;
  const templates = await chainTemplates(shipped, { ...request, makers: { producers, count } });
  const made = await makeAll(templates);
  const plan = {
    count,
    producers: 10,
    templates,
    seed: 's',
    createdAt: { startSeconds: 0, perSecond: 1 },
  };
  const seen = new Set<string>();
  const creators = new Set<string>();
  for (const { templates: chosen, producers: senders } of planSubmissions(plan, 64))
    chosen.forEach((which, k) => {
      const { state_hash, block_creator, coinbase_receiver } = made[which].block;
      if (seen.has(state_hash)) return;
      seen.add(state_hash);
      creators.add(block_creator);
      assert.notEqual(templates[which].tip!.by, 'others');
      assert.equal(block_creator, producers[senders[k]].publicKey);
      assert.equal(coinbase_receiver, block_creator);
    });
  assert.equal(seen.size, new Set(made.map(({ block }) => block.state_hash)).size);
  assert.ok(creators.size > 5);
  // With fewer submissions than blocks the rest keep their recorded creators.
  const few = await chainTemplates(shipped, { ...request, makers: { producers, count: 3 } });
  const own = (await makeAll(few)).filter(({ block }) =>
    producers.some(({ publicKey }) => publicKey === block.block_creator),
  );
  assert.equal(new Set(own.map(({ block }) => block.state_hash)).size, 3);
});

const refused = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.exitCode, 2);
    assert.match(error.message, message);
    assert.notEqual(error.hint, '');
    return true;
  });

test('what makes no chain is refused with its cause', async (t) => {
  const folder = join(scratchFolder(t), 'payloads');
  mkdirSync(folder);
  const [name] = RECORDED_NAMES;
  copyFileSync(recordedFile(name), join(folder, 'a.json'));
  const put = (file: string, block: Uint8Array) => {
    const body = JSON.parse(readFileSync(recordedFile(name), 'utf8')) as {
      data: { block: string };
    };
    body.data.block = Buffer.from(block).toString('base64');
    writeFileSync(join(folder, file), JSON.stringify(body));
  };
  put('b.json', Buffer.from('no block'));
  put('c.json', blockOf('berkeley', parseBlock(recordedBlock())));
  const payloads = await readPayloads(folder);
  await refused(
    chainTemplates(payloads, request),
    /b\.json: --chain needs blocks, but this is none: .*\n.*c\.json: .* of berkeley .* a\.json of rc1 /,
  );
  await refused(
    chainTemplates(shipped, { ...request, endMs: Date.parse('2024-02-20T00:00:00Z') }),
    /--chain \d+ takes \d+ slots up to 2024-02-20T00:00:00\.000Z, but the network of the blocks began \d+ slots before/,
  );
});

test('a chain may lie before the recorded blocks', async () => {
  const { timestamp, slot } = decodeBlock(recordedBlock());
  assert.equal(slot, 5);
  const endMs = Date.parse(timestamp!) - SLOT_MS;
  const made = await makeAll(await chainTemplates(shipped, { length: 2, seed: 's', endMs }));
  const [first, last] = [made[0].block, made.at(-1)!.block];
  assert.equal(last.slot, 4);
  assert.equal(last.previous_state_hash, first.state_hash);
});

test('rampup blocks have slots of a minute', async (t) => {
  const folder = join(scratchFolder(t), 'payloads');
  mkdirSync(folder);
  const body = JSON.parse(readRecorded(RECORDED_NAMES[0])) as { data: { block: string } };
  const rampup = blockOf('rampup', parseBlock(recordedBlock()));
  body.data.block = Buffer.from(rampup).toString('base64');
  writeFileSync(join(folder, 'a.json'), JSON.stringify(body));
  const made = await makeAll(await chainTemplates(await readPayloads(folder), request));
  const [a, b] = [made[0].block, made.at(-1)!.block];
  assert.equal(Date.parse(b.timestamp!) - Date.parse(a.timestamp!), (b.slot - a.slot) * 60_000);
  const byHash = new Set(made.map(({ block }) => block.state_hash));
  assert.ok(made.filter(({ block }) => !byHash.has(block.previous_state_hash)).length <= 3);
});
