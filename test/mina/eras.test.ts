/** Eras: the table against the network's own times and against real Mesa bytes; what is of no era is refused. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import bs58check from 'bs58check';
import fc from 'fast-check';
import { BinProtError } from '../../mina/bin-prot.ts';
import {
  blockInEra,
  decodeProtocolState,
  encodeBlock,
  encodeProtocolState,
  parseBlock,
  type ProtocolState,
} from '../../mina/block.ts';
import { decodeBlock } from '../../mina/block-summary.ts';
import {
  clockOf,
  ERA_NAMES,
  eraAt,
  eraOfTimes,
  eraOfVersion,
  epochOf,
  ERAS,
  globalSlotOf,
  type PublicNetwork,
  slotAt,
  submissionPeriodMs,
  timeOfGlobalSlot,
  timeOfSlot,
} from '../../mina/eras.ts';
import { referenceStateHash, stateHashText } from '../../mina/state-hash.ts';
import { createStateHasher } from '../../mina/state-hasher.ts';
import { loadMinaWasm, projectRoot } from '../../paths.ts';
import { recordedBlock, stateFromJson } from './block-fixtures.ts';
import { readVector } from './vectors.ts';

const mesaFile = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(projectRoot, 'test', 'vectors', 'mesa', name)));

/** As published: o1-labs/mina-indexer, see test/vectors/README.md. */
const STATES = [
  {
    name: 'mesa-devnet-546365',
    state_hash: '3NLP4wdhHVC6iPJPui2yZhL2BWbLMMqJNyBBVzYTpYvp7HP878Bd',
    height: 546_365,
    slot: 861_214,
    since: 1654,
    timestamp: '2026-08-21T11:21:00.000Z',
  },
  {
    name: 'mesa-mut-297736',
    state_hash: '3NK6RWU4RvrLkCnsM8hcWykcr2FiAa6XJrBTGBuuzNUU5mBadseV',
    height: 297_736,
    slot: 449_669,
    since: 9,
    timestamp: '2026-06-05T18:13:30.000Z',
  },
] as const;
const HEADER = mesaFile('mesa-mut-297736.header-and-empty-body.bin');

describe('real Mesa bytes', () => {
  const hasher = createStateHasher(loadMinaWasm());

  for (const { name, state_hash, height, slot, since, timestamp } of STATES)
    test(`${name}: its JSON gives its bytes, its bytes the published hash, in its slot`, () => {
      const bytes = mesaFile(`${name}.protocol_state.bin`);
      const json = JSON.parse(readVector(`mesa/${name}.protocol_state.json`)) as unknown;
      const { state, bytes: read } = decodeProtocolState(bytes);
      assert.equal(read, bytes.length);
      assert.deepEqual(Buffer.from(encodeProtocolState(state)), Buffer.from(bytes));
      assert.deepEqual(Buffer.from(encodeProtocolState(stateFromJson(json))), Buffer.from(bytes));
      for (const hash of [referenceStateHash, hasher])
        assert.equal(stateHashText(hash.stateHash(state, 'mesa')), state_hash);
      assert.notEqual(stateHashText(hasher.stateHash(state, 'rc1')), state_hash);

      const { consensus_state: consensus, constants, blockchain_state } = state.body;
      assert.equal(consensus.blockchain_length, height);
      assert.equal(consensus.global_slot_since_genesis, slot);
      assert.equal(consensus.curr_global_slot_since_hard_fork.slot_number, since);
      assert.equal(new Date(Number(blockchain_state.timestamp)).toISOString(), timestamp);
      const clock = {
        genesisMs: Number(constants.genesis_state_timestamp),
        slotTimeMs: ERAS.mesa.slotTimeMs,
      };
      assert.equal(timeOfSlot(clock, since), Date.parse(timestamp));
      assert.equal(slotAt(clock, Date.parse(timestamp)), since);
      assert.equal(slotAt(clock, Date.parse(timestamp) - 1), since - 1);
      assert.equal(consensus.curr_global_slot_since_hard_fork.slots_per_epoch, ERAS.mesa.slotsPerEpoch); // prettier-ignore
      assert.equal(constants.grace_period_slots, ERAS.mesa.gracePeriodSlots);
    });

  test('the devnet block is of the genesis in the table', () => {
    const { state } = decodeProtocolState(mesaFile('mesa-devnet-546365.protocol_state.bin'));
    const genesis = ERAS.mesa.networks.devnet!;
    assert.equal(stateHashText(state.body.genesis_state_hash), genesis.stateHash);
    assert.equal(Number(state.body.constants.genesis_state_timestamp), genesis.genesisMs);
    const { consensus_state: consensus } = state.body;
    assert.equal(
      consensus.global_slot_since_genesis,
      genesis.globalSlot + consensus.curr_global_slot_since_hard_fork.slot_number,
    );
  });

  test('a whole header: read, told as Mesa, written alike', () => {
    assert.equal(HEADER.length, 12_710);
    const block = parseBlock(HEADER);
    assert.equal(block.era, 'mesa');
    assert.deepEqual(Buffer.from(encodeBlock(block)), Buffer.from(HEADER));
    const { state_hash, protocol_version, slot_time, timestamp, epoch, slot_in_epoch, sizes } =
      decodeBlock(HEADER, hasher);
    assert.deepEqual(
      { state_hash, protocol_version, slot_time, timestamp, epoch, slot_in_epoch },
      {
        state_hash: STATES[1].state_hash,
        protocol_version: '4.0.0',
        slot_time: STATES[1].timestamp,
        timestamp: STATES[1].timestamp,
        epoch: 0,
        slot_in_epoch: 9,
      },
    );
    assert.deepEqual(sizes, {
      block: 12_710,
      header: 12_703,
      protocol_state: 1528,
      protocol_state_proof: 11_138,
      body: 7,
    });
  });

  test('versions of no era are refused by their name and place', () => {
    const block = parseBlock(HEADER);
    const at = block.offsets.current_protocol_version;
    const refusal = (transaction: number) => {
      const bytes = HEADER.slice();
      assert.equal(bytes[at], 4);
      bytes[at] = transaction;
      try {
        parseBlock(bytes);
      } catch (error) {
        assert.ok(error instanceof BinProtError);
        assert.equal(error.field, 'current_protocol_version.transaction');
        assert.equal(error.offset, at);
        return error.message;
      }
      return null;
    };
    const known = '\\(2: release candidate 1, 3: Berkeley, 4: Mesa\\)';
    assert.match(refusal(5)!, new RegExp(`5 is the version of the archived preflight network alone ${known}`)); // prettier-ignore
    for (const transaction of [0, 1, 6, 100])
      assert.match(
        refusal(transaction)!,
        new RegExp(`${transaction} is no known version ${known}`),
      );
    for (const transaction of [2, 3, 4]) assert.equal(refusal(transaction), null);
    assert.ok('problem' in eraOfVersion(-1));
  });

  test('a block goes into another era as long as its body is empty; there and back it is the same', () => {
    const recorded = parseBlock(recordedBlock());
    const mesa = blockInEra(recorded, 'mesa');
    assert.equal(mesa.era, 'mesa');
    assert.deepEqual(mesa.current_protocol_version, { transaction: 4, network: 0, patch: 0 });
    assert.deepEqual(
      Buffer.from(encodeBlock(blockInEra(mesa, 'rc1'))),
      Buffer.from(recorded.bytes),
    );
    const rampup = blockInEra(mesa, 'rampup');
    assert.equal(blockInEra(rampup, 'mesa').protocol_state.body.constants.grace_period_slots, 2160);
    const full = parseBlock(encodeBlock({ ...recorded, body: new Uint8Array(8) }));
    assert.equal(blockInEra(full, 'rc1'), full);
    assert.throws(
      () => blockInEra(full, 'mesa'),
      /a block of rc1 whose body has 8 bytes cannot stand in mesa/,
    );
  });
});

/** Times of the fork's schedule and of real blocks: network, time, era, slot, global slot, epoch, slot in epoch. */
const TIMES = [
  ['mainnet', '2026-09-03T10:00:00Z', 'berkeley', 393_800, 958_280, 55, 1100],
  ['mainnet', '2026-09-03T18:00:00Z', 'mesa', 0, 958_440, 0, 0],
  ['mainnet', '2026-11-26T14:30:00Z', 'mesa', 80_500, 1_038_940, 11, 1960],
  ['devnet', '2026-08-21T11:21:00Z', 'mesa', 1654, 861_214, 0, 1654],
] as const;

describe('time', () => {
  test('of the table, both ways', () => {
    for (const [network, text, era, slot, globalSlot, epoch, slotInEpoch] of TIMES) {
      const timeMs = Date.parse(text);
      const found = eraAt(network, timeMs)!;
      assert.equal(found.era, era);
      assert.equal(slotAt(found.clock, timeMs), slot);
      assert.equal(globalSlotOf(found.clock, slot), globalSlot);
      assert.deepEqual(epochOf(found.clock, slot), { epoch, slotInEpoch });
      assert.equal(timeOfSlot(found.clock, slot), timeMs);
      assert.deepEqual(timeOfGlobalSlot(network, globalSlot), { era, slot, timeMs });
    }
  });

  test("Berkeley's count goes on to the same global slot, in which Mesa begins", () => {
    const berkeley = clockOf('berkeley', 'mainnet')!;
    const timeMs = Date.parse('2026-09-03T18:00:00Z');
    assert.equal(slotAt(berkeley, timeMs), 393_960);
    assert.equal(globalSlotOf(berkeley, 393_960), 958_440);
    assert.deepEqual(epochOf(berkeley, 393_960), { epoch: 55, slotInEpoch: 1260 });
    const devnet = clockOf('berkeley', 'devnet')!;
    assert.equal(slotAt(devnet, Date.parse('2026-08-19T18:00:00Z')), 413_700);
    assert.equal(globalSlotOf(devnet, 413_700), ERAS.mesa.networks.devnet!.globalSlot);
  });

  test('a global slot is no clock: over the fork the same distance in slots is another in time', () => {
    const timeOf = (globalSlot: number) => timeOfGlobalSlot('mainnet', globalSlot)!.timeMs;
    const fork = ERAS.mesa.networks.mainnet!.globalSlot;
    const before = timeOf(fork) - timeOf(fork - 100);
    const after = timeOf(fork + 100) - timeOf(fork);
    assert.equal(before, 5 * 3_600_000);
    assert.equal(after, 2.5 * 3_600_000);
    // With the clock of one era for all slots, a slot of the other one is hours off.
    const berkeley = clockOf('berkeley', 'mainnet')!;
    const wrong = timeOfSlot(berkeley, fork + 100 - berkeley.globalSlot);
    assert.notEqual(wrong, timeOf(fork + 100));
    // And the same global slot is another time on another network.
    assert.notEqual(timeOfGlobalSlot('devnet', fork)!.timeMs, timeOf(fork));
  });

  test('every millisecond is in one slot of one era, and its slot leads back to it', () => {
    const from = Date.parse('2024-06-05T00:00:00Z');
    fc.assert(
      fc.property(
        fc.constantFrom<PublicNetwork>('mainnet', 'devnet'),
        fc.integer({ min: from, max: from + 4 * 365 * 86_400_000 }),
        (network, timeMs) => {
          const { era, clock } = eraAt(network, timeMs)!;
          const slot = slotAt(clock, timeMs);
          const begins = timeOfSlot(clock, slot);
          assert.ok(begins <= timeMs && timeMs < begins + ERAS[era].slotTimeMs);
          assert.deepEqual(timeOfGlobalSlot(network, globalSlotOf(clock, slot)), {
            era,
            slot,
            timeMs: begins,
          });
          const { epoch, slotInEpoch } = epochOf(clock, slot);
          assert.equal(epoch * 7140 + slotInEpoch, slot);
        },
      ),
    );
  });

  test('nothing is known before the table, and an era that never was on a network has no clock', () => {
    assert.equal(eraAt('mainnet', Date.parse('2024-06-04T23:59:59.999Z')), null);
    assert.equal(timeOfGlobalSlot('mainnet', 564_479), null);
    assert.equal(clockOf('rc1', 'mainnet'), null);
  });

  test('a cycle of the uptime service has 15 minutes in Berkeley, 7.5 in Mesa', () => {
    assert.equal(submissionPeriodMs('berkeley'), 15 * 60_000);
    assert.equal(submissionPeriodMs('mesa'), 7.5 * 60_000);
  });

  test('a state says its era by its genesis, else by its slots; a genesis block of a private network does not', () => {
    const of = (state: ProtocolState) => {
      const { constants, consensus_state: consensus, blockchain_state: blockchain } = state.body;
      return eraOfTimes({
        genesisMs: Number(constants.genesis_state_timestamp),
        slot: consensus.curr_global_slot_since_hard_fork.slot_number,
        timestampMs: Number(blockchain.timestamp),
      });
    };
    for (const { name } of STATES)
      assert.equal(of(decodeProtocolState(mesaFile(`${name}.protocol_state.bin`)).state), 'mesa');
    assert.equal(of(parseBlock(recordedBlock()).protocol_state), 'berkeley');
    const genesisMs = ERAS.mesa.networks.mainnet!.genesisMs;
    assert.equal(eraOfTimes({ genesisMs, slot: 0, timestampMs: genesisMs }), 'mesa');
    assert.equal(eraOfTimes({ genesisMs: 1, slot: 0, timestampMs: 1 }), null);
    assert.equal(eraOfTimes({ genesisMs: 0, slot: 2, timestampMs: 240_000 }), null);
  });
});

test('the fork records are state hashes, and each genesis follows its fork', () => {
  for (const name of ERA_NAMES) {
    assert.equal(ERAS[name].name, name);
    for (const { fork, stateHash, genesisMs } of Object.values(ERAS[name].networks)) {
      for (const hash of [fork.stateHash, stateHash])
        if (hash !== null) {
          const raw = bs58check.decode(hash);
          assert.deepEqual([raw[0], raw[1], raw.length], [0x10, 1, 34]);
        }
      // Sends of the uptime service stand on multiples of the slot time since 1970.
      assert.equal(genesisMs % ERAS[name].slotTimeMs, 0);
    }
  }
});

/** Slot lengths and cycles in ms, in every spelling that stands for a number: nowhere but in the table. */
const SLOT_LENGTHS = /(?<![\w.])(180_?000|90_?000|900_?000|450_?000|(180|90) \* 1000|3 \* 60_?000|1\.5 \* 60_?000)n?(?![\w.])/; // prettier-ignore
test('no slot length stands in code but in the table of eras', () => {
  const rooms = ['mina', 'scenarios', 'results', 'system', 'producers', 'stack', 'monitor', 'reconcile', 'judge', 'plots', 'report', 'faults', 'load', 'e2e', 'nightly', 'console', 'cli', 'bench']; // prettier-ignore
  const found: string[] = [];
  let files = 0;
  for (const room of rooms)
    for (const name of readdirSync(join(projectRoot, room), {
      recursive: true,
      encoding: 'utf8',
    })) {
      if (!/\.tsx?$/.test(name) || name.startsWith('20')) continue;
      const file = join(room, name);
      files++;
      if (file === join('mina', 'eras.ts')) continue;
      readFileSync(join(projectRoot, file), 'utf8')
        .split('\n')
        .forEach((line, i) => {
          // Prose may name a duration.
          if (SLOT_LENGTHS.test(line.replace(/^\s*(\/\*\*|\*|\/\/).*/, '')))
            found.push(`${file}:${i + 1}: ${line.trim()}`);
        });
    }
  assert.ok(files > 700, `only ${files} files`);
  assert.deepEqual(found, []);
  for (const line of ['const A = 180_000;', 'x * 90000', '(slot * 180_000n)', '3 * 60_000'])
    assert.match(line, SLOT_LENGTHS);
  for (const line of ['1_180_000', '900_0000', 'a90000', '90_000.5']) assert.doesNotMatch(line, SLOT_LENGTHS); // prettier-ignore
});
