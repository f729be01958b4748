/**
 * A run in which all went right, made from a seed without a run: a simulated network (producers/network-plan.ts), its submissions as a backend stores
 * them, verified by this project's decoder and counted as a coordinator counts. The same seed gives the same bytes, so its export is what
 * programs that read these tables can be tested with; and it is what each assertion must hold on.
 */
import { blake2b } from '@noble/hashes/blake2.js';
import { encode } from '../../mina/base58check.ts';
import { type EraName, submissionPeriodMs } from '../../mina/eras.ts';
import { createStateHasher } from '../../mina/state-hasher.ts';
import { loadMinaWasm } from '../../paths.ts';
import { originOf } from '../../producers/chain-origin.ts';
import { makeFleet, nodesOf } from '../../producers/fleet.ts';
import { planNetwork } from '../../producers/network-plan.ts';
import { networkTemplates } from '../../producers/network-templates.ts';
import { RandomStream } from '../../producers/random.ts';
import { recordedPayloads } from '../../producers/templates.ts';
import { readState } from './decode-block.ts';
import type { BlockFacts, Evidence } from './evidence.ts';
import { tablesOf } from './tables-of.ts';
import { microsecondsOf, timeOfMs } from './times.ts';
import {
  DUMP_FORMAT,
  type DumpHead,
  type EventRow,
  type LeaderboardRow,
  type SentRow,
  type StorageName,
  type StoredRow,
} from './types.ts';

export type GoldenOptions = {
  seed: string;
  /** 20 and fewer: every submission scores, so scoring is not tested. */
  producers: number;
  /** On average. */
  nodesPerProducer?: number;
  batches: number;
  era?: Extract<EraName, 'berkeley' | 'mesa'>;
  storages?: readonly StorageName[];
};

export type Golden = {
  evidence: Evidence;
  /** Bytes of each block, by hash. */
  blocks: Map<string, Uint8Array>;
};

const INTERVAL_SECONDS = 1200;
const MINI_BATCHES = 5;
const UPTIME_DAYS = 90;
const GRACE_SECONDS = 120;
/** The leaderboard is asked so long after each batch. */
const ASKED_MS = 1000;
/** A slot of every era begins then, and Mesa had begun. mainnet's batches begin at :08:48, :28:48 and :48:48. */
const BEGINNING_MS = Date.UTC(2026, 10, 26, 14, 30);
const FIRST_BATCH_SECONDS = Date.UTC(2026, 10, 26, 14, 28, 48) / 1000;
const BINARY = 'the embedded verifier';
const PORT = 3085;
const COMMIT = '893c877';

export async function makeGolden(options: GoldenOptions): Promise<Golden> {
  const { seed, producers, batches, era = 'mesa', nodesPerProducer = 1 } = options;
  const storages = options.storages ?? ['postgres', 'filesystem'];
  const fleet = makeFleet({ seed, count: producers });
  const batchTimes = Array.from({ length: batches }, (_, i) => ({
    startSeconds: FIRST_BATCH_SECONDS + i * INTERVAL_SECONDS,
    endSeconds: FIRST_BATCH_SECONDS + (i + 1) * INTERVAL_SECONDS,
  }));
  const untilMs = batchTimes.at(-1)!.endSeconds * 1000;
  const plan = planNetwork({
    era,
    hardFork: null,
    producers,
    nodesPerProducer,
    sameSecondShare: 0,
    // An answer takes less than a second here, and the last one is in time.
    durationMs: untilMs - BEGINNING_MS - 1000,
    seed,
    forkShare: 0.1,
    lateShare: 0.05,
    laggingShare: 0,
    stayedShare: 0,
    leastGapMs: 2000,
  });
  const made = await networkTemplates(await recordedPayloads(), {
    plan,
    producers: fleet.producers,
    endMs: BEGINNING_MS + plan.blocks.at(-1)!.fromMs,
    origin: originOf(era, 'testnet'),
  });
  const bytesOf = await Promise.all(
    made.templates.map(
      async (template) =>
      Uint8Array.from(Buffer.from((await template.load()).block.toString('latin1').slice(1, -1), 'base64')), // prettier-ignore
    ),
  );
  const hashes = bytesOf.map((bytes) => encode('blockHash', blake2b(bytes, { dkLen: 32 })));
  const holders = storages.filter((name) => name !== 'postgres');
  const blocks = new Map<string, Uint8Array>();
  const facts = new Map<string, BlockFacts>();
  const hasher = createStateHasher(loadMinaWasm()).cached();
  for (const i of new Set(made.templateOf)) {
    if (facts.has(hashes[i])) continue;
    const read = readState(bytesOf[i], hasher);
    if ('fault' in read) throw new Error(`a made block is none: ${read.fault}`);
    blocks.set(hashes[i], bytesOf[i]);
    facts.set(hashes[i], {
      size: bytesOf[i].length,
      storages: [...holders],
      isRight: true,
      state: read.state,
    });
  }

  const random = new RandomStream(seed, 'golden times');
  const { submissions } = plan;
  const senders = nodesOf(fleet, plan.nodes).producers;
  const sent: SentRow[] = [];
  const stored: StoredRow[] = [];
  for (let i = 0; i < submissions.count; i++) {
    const sentMs = BEGINNING_MS + Math.floor(submissions.atMs[i]);
    const storedMs = sentMs + 5 + random.below(200);
    const node = submissions.nodes[i];
    const { publicKey: submitter } = fleet.producers[submissions.producers[i]];
    const { peerId } = senders[node];
    const blockHash = hashes[made.templateOf[i]];
    const hasWork = made.templates[made.templateOf[i]].hasSnarkWork;
    const common = { submitter, created_at: timeOfMs(Math.floor(sentMs / 1000) * 1000) };
    sent.push({
      id: i,
      attempt: 1,
      node: `node-${submissions.producers[i]}-${plan.nodes.ordinals[node]}`,
      ...common,
      peer_id: peerId,
      block_hash: blockHash,
      graphql_control_port: PORT,
      built_with_commit_sha: COMMIT,
      snark_work: hasWork,
      era,
      sent_ms: sentMs,
      answered_ms: storedMs + 5 + random.below(20),
      status: 200,
    });
    stored.push({
      where: '',
      submitted_at: timeOfMs(Math.floor(storedMs / 1000) * 1000),
      ...common,
      block_hash: blockHash,
      remote_addr: `127.0.0.1:${40_000 + node}`,
      peer_id: peerId,
      graphql_control_port: PORT,
      built_with_commit_sha: COMMIT,
      snark_work: hasWork,
    });
  }
  stored.sort((a, b) => (a.submitted_at! < b.submitted_at! ? -1 : a.submitted_at! > b.submitted_at! ? 1 : 0)); // prettier-ignore

  const head: DumpHead = {
    format: DUMP_FORMAT,
    network: 'golden',
    seed,
    startedMs: BEGINNING_MS,
    endedMs: untilMs + GRACE_SECONDS * 1000 + ASKED_MS,
    untilMs,
    eras: [{ name: era, fromMs: null, untilMs: null }],
    cutoverMs: null,
    storages: storages.map((name) => ({ name, keeps: keeps(name) })),
    verifiedIn: storages.includes('cassandra') ? 'cassandra' : 'postgres',
    blockStorage: holders[0] ?? null,
    coordinator: {
      intervalSeconds: INTERVAL_SECONDS,
      miniBatches: MINI_BATCHES,
      uptimeDays: UPTIME_DAYS,
      retries: 3,
      noChecks: true,
      faithful: false,
      sokWaiver: false,
      keepsPrevious: false,
    },
    expected: {
      submitters: fleet.producers.map(({ publicKey }) => publicKey),
      periodMs: submissionPeriodMs(era),
      exceptions: [],
    },
    allowed: { errorClasses: [], logWords: [], sameSecondLoss: false, serverErrors: 0 },
    hourlyLimit: 120,
  };
  const byStorage = new Map(
    storages.map((name) => [
      name,
      stored.map((row, i) => {
        const placed = { ...row, where: whereOf(name, row, i) };
        if (name !== head.verifiedIn) return placed;
        const { stateHash, parent, height, slot } = facts.get(row.block_hash!)!.state!;
        return {
          ...placed,
          snark_work: false,
          state_hash: stateHash,
          parent,
          height,
          slot,
          validation_error: '',
          verified: true,
        };
      }),
    ]),
  );
  const tables = tablesOf(byStorage.get(head.verifiedIn)!, {
    batches: batchTimes,
    uptimeDays: UPTIME_DAYS,
    graceSeconds: GRACE_SECONDS,
  });
  const evidence: Evidence = {
    head,
    sent,
    storages: byStorage,
    blocks: new Map([...facts].sort(([a], [b]) => (a < b ? -1 : 1))),
    tables,
    leaderboard: batchTimes.flatMap(({ endSeconds }) =>
      answersOf(tables, (endSeconds + GRACE_SECONDS) * 1000 + ASKED_MS),
    ),
    events: eventsOf(batchTimes, era),
    logs: [
      { component: 'backend', lines: 0, errors: [] },
      { component: 'coordinator', lines: 0, errors: [] },
    ],
    secrets: [],
    searchedLines: sent.length,
  };
  return { evidence, blocks };
}

const keeps = (name: StorageName): 'first' | 'last' =>
  name === 'postgres' || name === 'filesystem' ? 'first' : 'last';

function whereOf(name: StorageName, row: StoredRow, place: number): string {
  if (name === 'postgres') return `submissions id ${place + 1}`;
  if (name === 'cassandra') return `${row.submitted_at!} ${row.submitter!}`;
  return `submissions/${row.submitted_at!.slice(0, 10)}/${row.submitted_at!}-${row.submitter!}.json`;
}

/** What the leaderboard says of each block producer at a moment. */
export function answersOf(
  { nodes, score_history: history }: Pick<ReturnType<typeof tablesOf>, 'nodes' | 'score_history'>,
  atMs: number,
): LeaderboardRow[] {
  const newest = new Map(
    history
      .filter(({ score_at: at }) => microsecondsOf(at!) <= atMs * 1000)
      .map((row) => [row.node_id, row]),
  );
  return nodes.map((node) => {
    const row = newest.get(node.id);
    const path = `/uptimescore/${node.block_producer_key!}`;
    return row === undefined
      ? {
          at_ms: atMs,
          path,
          status: 404,
          body: {
            Error: 'No data found',
            Error_message: 'Please try again with different parameters',
          },
        }
      : {
          at_ms: atMs,
          path,
          status: 200,
          body: [
            {
              block_producer_key: node.block_producer_key!,
              score: String(row.score),
              score_percent: row.score_percent!,
            },
          ],
        };
  });
}

function eventsOf(
  batches: readonly { startSeconds: number; endSeconds: number }[],
  rule: string,
): EventRow[] {
  return batches.flatMap(({ startSeconds, endSeconds }, i) => {
    const part = ((endSeconds - startSeconds) * 1000) / MINI_BATCHES;
    const beganMs = (endSeconds + GRACE_SECONDS) * 1000 - 2000;
    const calls = Array.from({ length: MINI_BATCHES }, (_, m) => ({
      at_ms: beganMs + 1000 + 100 * m,
      kind: 'mini-batch',
      fields: {
        fromMs: startSeconds * 1000 + m * part,
        untilMs: startSeconds * 1000 + (m + 1) * part,
        binary: BINARY,
        rule,
        beganMs,
      },
    }));
    return [
      ...calls,
      {
        at_ms: (endSeconds + GRACE_SECONDS) * 1000,
        kind: 'batch',
        fields: { botLogId: i + 2, startSeconds, endSeconds },
      },
    ];
  });
}
