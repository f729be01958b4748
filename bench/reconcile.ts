/**
 * What was sent against what is stored, at the size of a long load. The peer is the obvious way: a Map of JSON strings on each side.
 * Each case runs in a process of its own, so that the peak of memory is its own.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encode } from '../mina/base58check.ts';
import { AnswerTable } from '../reconcile/answer-table.ts';
import { lookIntoStorage } from '../reconcile/look.ts';
import { SendTimes } from '../reconcile/send-times.ts';
import { blockHashOf, type SentBody, type SentSubmissions } from '../reconcile/sent.ts';
import { CODE } from '../scenarios/lib/reports.ts';
import { openFilesystemReader } from '../stack/storage/filesystem-reader.ts';
import { storedJson } from '../stack/storage/go-json.ts';
import { submissionPath } from '../stack/storage/layout.ts';
import type { StorageReader, StoredSubmission } from '../stack/storage/storage.ts';
import type { BenchLine } from './measure.ts';

const ROWS = 1_000_000;
const FILES = 100_000;
const PRODUCERS = 5000;
const TEMPLATES = 31;
/** Every so many submissions one is missing, and one is altered: what a tool must find. */
const MISSING_EVERY = 1000;
const ALTERED_EVERY = 1501;
const START = 1_767_225_600; // 2026-01-01T00:00:00Z
const PER_SECOND = 1000;
const CHUNK = 4096;

type Case = 'rows' | 'peer' | 'files' | 'files-peer';
/** CPU time: "per second" is per second of one core, whatever else runs on the machine. */
type Figures = { seconds: number; rssBytes: number; right: number; wrong: number };

const text = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

const PUBLIC_KEY_BYTES = 33;
function submittersOf(): string[] {
  return Array.from({ length: PRODUCERS }, (_, i) => {
    const bytes = Buffer.alloc(PUBLIC_KEY_BYTES);
    bytes.writeUInt32LE(i + 1);
    return encode('publicKey', bytes);
  });
}
const SUBMITTERS = submittersOf();
const PEERS = SUBMITTERS.map((key) => `12D3KooW${key.slice(-44)}`);
const BLOCKS = Array.from({ length: TEMPLATES }, (_, i) => Buffer.alloc(20_000, i + 1));
const SNARK_WORK = 'A'.repeat(4000);

const bodyAt = (i: number): SentBody => ({
  submitter: SUBMITTERS[i % PRODUCERS],
  createdAt: START + Math.floor(i / PER_SECOND),
  peerId: PEERS[i % PRODUCERS],
  template: i % TEMPLATES,
});

function sentOf(count: number): SentSubmissions {
  return {
    count,
    templates: BLOCKS.map((block, i) => ({
      blockHash: blockHashOf(block),
      snarkWork: i % 2 === 0 ? SNARK_WORK : null,
      graphqlControlPort: 0,
      builtWithCommitSha: '',
      fresh: true,
      block: () => block,
    })),
    bodyOf: (index) => index,
    *chunks() {
      for (let first = 0; first < count; first += CHUNK)
        yield Array.from({ length: Math.min(CHUNK, count - first) }, (_, k) => bodyAt(first + k));
    },
    close: () => undefined,
  };
}

/** Entry i of the storage, with texts of its own as a reader gives them; null: it is missing. */
function rowAt(i: number, { templates }: SentSubmissions): StoredSubmission | null {
  if (i % MISSING_EVERY === 7) return null;
  const own = (value: string) => Buffer.from(value, 'latin1').toString('latin1');
  const { submitter, createdAt, peerId, template } = bodyAt(i);
  const { blockHash, snarkWork } = templates[template];
  return {
    where: `submissions/2026-01-01/${text(createdAt)}-${submitter}.json`,
    submittedAt: text(createdAt),
    createdAt: text(createdAt),
    submitter: own(submitter),
    blockHash: own(blockHash),
    peerId: own(i % ALTERED_EVERY === 3 ? `${peerId.slice(0, -1)}!` : peerId),
    snarkWork: snarkWork && own(snarkWork),
    graphqlControlPort: 0,
    builtWithCommitSha: '',
  };
}

function rowsReader(count: number, sent: SentSubmissions): StorageReader {
  return {
    name: 'rows in memory',
    keeps: 'first',
    // eslint-disable-next-line @typescript-eslint/require-await
    async *submissions() {
      for (let first = 0; first < count; first += CHUNK) {
        const rows: StoredSubmission[] = [];
        for (let i = first; i < Math.min(count, first + CHUNK); i++) {
          const row = rowAt(i, sent);
          if (row) rows.push(row);
        }
        yield rows;
      }
    },
    block: (hash) =>
      Promise.resolve(BLOCKS[sent.templates.findIndex((one) => one.blockHash === hash)] ?? null),
    close: () => Promise.resolve(),
  };
}

/** The whole way of a run: index, reading, comparison, list. */
async function ours(count: number, reader: StorageReader, folder: string): Promise<Figures> {
  const sent = sentOf(count);
  const answers = new AnswerTable(join(folder, 'answers.bin'));
  const times = new SendTimes(1, join(folder, 'times'));
  for (let i = 0; i < count; i++) {
    const beganMs = (START + i / PER_SECOND) * 1000;
    answers.report(i, CODE.begun);
    times.begun(i, beganMs);
    answers.report(i, 200 | CODE.expected);
    times.ended(i, beganMs + 20);
  }
  const startedAt = cpuSeconds();
  const { look } = await lookIntoStorage({
    storage: reader.name,
    open: () => Promise.resolve(reader),
    sent,
    answers,
    times,
    lease: 1,
    others: new Set(),
    beganMs: START * 1000,
    endedMs: (START + count / PER_SECOND) * 1000,
    folder,
    waitMs: 0,
    signal: new AbortController().signal,
  });
  const seconds = cpuSeconds() - startedAt;
  if (look.classes === undefined) throw new Error(look.failure ?? 'nothing was compared');
  const { right, different, missing, sameSecond } = look.classes;
  return { seconds, rssBytes: peakBytes(), right, wrong: different + missing + sameSecond };
}

/** The obvious way: each side as JSON strings in a Map, then one pass over what was sent. */
async function peer(count: number, reader: StorageReader): Promise<Figures> {
  const sent = sentOf(count);
  const startedAt = cpuSeconds();
  const stored = new Map<string, number>();
  for await (const batch of reader.submissions({ from: 0, to: 2 ** 40 }))
    for (const row of batch) {
      if ('fault' in row) continue;
      const { submitter, createdAt, blockHash, peerId, snarkWork } = row;
      const { graphqlControlPort, builtWithCommitSha } = row;
      const key = JSON.stringify([
        submitter,
        createdAt,
        blockHash,
        peerId,
        snarkWork,
        graphqlControlPort,
        builtWithCommitSha,
      ]);
      stored.set(key, (stored.get(key) ?? 0) + 1);
    }
  let right = 0;
  for (const chunk of sent.chunks() as Iterable<readonly SentBody[]>)
    for (const { submitter, createdAt, peerId, template } of chunk) {
      const { blockHash, snarkWork } = sent.templates[template];
      if (
        stored.has(
          JSON.stringify([submitter, text(createdAt), blockHash, peerId, snarkWork, 0, '']),
        )
      )
        right++;
    }
  const seconds = cpuSeconds() - startedAt;
  return { seconds, rssBytes: peakBytes(), right, wrong: count - right };
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Peak resident memory of this process since its start (getrusage, kilobytes). */
const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;

/** Smaller for the peer: a million of its strings are more than V8's heap holds. */
const PEER_ROWS = ROWS / 10;

/** One case in this process; {@link bench} calls it in another one. */
export async function measureCase(name: Case, folder: string): Promise<Figures> {
  switch (name) {
    case 'rows':
      return ours(ROWS, rowsReader(ROWS, sentOf(ROWS)), folder);
    case 'peer':
      return peer(PEER_ROWS, rowsReader(PEER_ROWS, sentOf(PEER_ROWS)));
    case 'files':
      return ours(FILES, openFilesystemReader(join(folder, 'storage')), folder);
    case 'files-peer':
      return peer(FILES, openFilesystemReader(join(folder, 'storage')));
  }
}

function writeStorage(folder: string): void {
  const sent = sentOf(FILES);
  mkdirSync(join(folder, 'submissions', text(START).slice(0, 10)), { recursive: true });
  mkdirSync(join(folder, 'blocks'));
  BLOCKS.forEach((block, i) =>
    writeFileSync(join(folder, 'blocks', `${sent.templates[i].blockHash}.dat`), block),
  );
  for (let i = 0; i < FILES; i++) {
    const row = rowAt(i, sent);
    if (row === null) continue;
    const file = join(folder, submissionPath(row.submittedAt, row.submitter));
    writeFileSync(
      file,
      storedJson({
        ...row,
        block: BLOCKS[0],
        remoteAddr: '127.0.0.1:1',
        snarkWork: row.snarkWork && JSON.stringify(row.snarkWork),
        graphqlControlPort: 0n,
      }),
    );
  }
}

const run = promisify(execFile);

/** A process of its own, so that the peak of memory is the case's. */
async function inProcess(name: Case, folder: string): Promise<Figures> {
  const code = `import(${JSON.stringify(import.meta.url)})
    .then(({ measureCase }) => measureCase(...process.argv.slice(1)))
    .then((figures) => console.log(JSON.stringify(figures)))`;
  const { stdout } = await run(process.execPath, ['-e', code, name, folder], { timeout: 300_000 });
  return JSON.parse(stdout) as Figures;
}

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-reconcile-'));
  try {
    writeStorage(join(folder, 'storage'));
    for (const [what, name, count, peerName, peerCount] of [
      ['rows in memory', 'rows', ROWS, 'peer', PEER_ROWS],
      ['files of the filesystem storage', 'files', FILES, 'files-peer', FILES],
    ] as const) {
      const own = await inProcess(name, folder);
      const other = await inProcess(peerName, folder);
      // Both must see what is wrong, or the figures say nothing.
      for (const [figures, rows] of [
        [own, count],
        [other, peerCount],
      ] as const)
        if (figures.wrong !== wrongOf(rows))
          throw new Error(`${figures.wrong} of ${rows} were found wrong, not ${wrongOf(rows)}`);
      const value = count / own.seconds;
      const peerValue = peerCount / other.seconds;
      report({
        bench: 'reconcile',
        case: `${count} ${what}`,
        value: Math.round(value),
        unit: 'submissions/s',
        peer: `a Map of JSON strings, ${peerCount} submissions, counting only`,
        peer_value: Math.round(peerValue),
        ratio: Number((value / peerValue).toFixed(2)),
      });
      report({
        bench: 'reconcile',
        case: `peak memory of the process, ${count} ${what}`,
        value: Number((own.rssBytes / 1e6).toFixed(1)),
        unit: 'MB (less is better)',
        peer: `a Map of JSON strings, ${peerCount} submissions, counting only`,
        peer_value: Number((other.rssBytes / 1e6).toFixed(1)),
        ratio: Number((own.rssBytes / other.rssBytes).toFixed(2)),
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How many submissions of `count` are missing or altered. */
function wrongOf(count: number): number {
  let wrong = 0;
  for (let i = 0; i < count; i++) if (i % MISSING_EVERY === 7 || i % ALTERED_EVERY === 3) wrong++;
  return wrong;
}
