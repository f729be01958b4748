/** Reads a dump. All that is wrong with it is said at once; where there is no dump, that there is none. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { ERA_NAMES } from '../../mina/eras.ts';
import { createStateHasher } from '../../mina/state-hasher.ts';
import { loadMinaWasm } from '../../paths.ts';
import { isBlockHash } from '../../stack/storage/layout.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { type Columns, readerOf, type RowOf } from './columns.ts';
import { isNamedRight, readState } from './decode-block.ts';
import type { BlockFacts, Evidence, LogFacts, SecretFinding, Tables } from './evidence.ts';
import { countLog } from './read-log.ts';
import { type Secret, secretSearch } from './secrets.ts';
import {
  type BlockRow,
  BLOCKS,
  DUMP_FORMAT,
  type DumpHead,
  EVENTS,
  LEADERBOARD,
  SENT,
  STORAGE_NAMES,
  STORED,
  TABLE_NAMES,
  TABLES,
} from './types.ts';
import { blockFile, storedFile, tableFile } from './write.ts';

const storage = z.enum(STORAGE_NAMES);
const time = z.number();
const HEAD: z.ZodType<DumpHead> = z.strictObject({
  format: z.literal(DUMP_FORMAT),
  network: z.string(),
  seed: z.string(),
  startedMs: time,
  endedMs: time,
  untilMs: time,
  eras: z.array(
    z.strictObject({ name: z.enum(ERA_NAMES), fromMs: time.nullable(), untilMs: time.nullable() }),
  ),
  cutoverMs: time.nullable(),
  storages: z.array(z.strictObject({ name: storage, keeps: z.enum(['first', 'last']) })),
  verifiedIn: z.enum(['postgres', 'cassandra']),
  blockStorage: storage.nullable(),
  coordinator: z.strictObject({
    intervalSeconds: z.number().positive(),
    miniBatches: z.number().int().positive(),
    uptimeDays: z.number().positive(),
    retries: z.number().int().nonnegative(),
    noChecks: z.boolean(),
    faithful: z.boolean(),
    graceSeconds: z.number().nonnegative().optional(),
    sokWaiver: z.boolean(),
    keepsPrevious: z.boolean(),
  }),
  expected: z.strictObject({
    submitters: z.array(z.string()),
    periodMs: z.number().positive(),
    exceptions: z.array(
      z.strictObject({ submitter: z.string(), fromMs: time, untilMs: time, why: z.string() }),
    ),
  }),
  allowed: z.strictObject({
    errorClasses: z.array(z.string()),
    logWords: z.array(z.string()),
    sameSecondLoss: z.boolean(),
    serverErrors: z.number().min(0).max(1),
  }),
  hourlyLimit: z.number().positive().nullable(),
});

const SHOWN_PROBLEMS = 20;

/**
 * @param secrets of the run, looked for in all that the dump holds
 * @throws UserError (exit 3) with all problems of the dump
 */
export async function readDump(folder: string, secrets: readonly Secret[] = []): Promise<Evidence> {
  const reading = new Reading(folder, secrets);
  const head = await reading.head();
  const evidence: Evidence = {
    head,
    sent: await reading.rows('sent.ndjson', SENT),
    storages: new Map(),
    blocks: new Map(),
    tables: await reading.tables(),
    leaderboard: await reading.rows('leaderboard.ndjson', LEADERBOARD),
    events: await reading.rows('events.ndjson', EVENTS),
    logs: await reading.logs(),
    secrets: reading.found,
    searchedLines: 0,
  };
  for (const { name } of head.storages) {
    const file = storedFile(name);
    if (!existsSync(join(folder, file))) reading.problem(`${file} is not there`);
    evidence.storages.set(name, await reading.rows(file, STORED));
  }
  evidence.blocks = await reading.blocks();
  reading.throwProblems();
  evidence.searchedLines = reading.lines;
  return evidence;
}

class Reading {
  readonly found: SecretFinding[] = [];
  lines = 0;
  readonly #folder: string;
  readonly #search: ReturnType<typeof secretSearch>;
  readonly #texts = new Map<string, string>();
  readonly #problems: string[] = [];
  #more = 0;

  constructor(folder: string, secrets: readonly Secret[]) {
    this.#folder = folder;
    this.#search = secretSearch(secrets);
  }

  async head(): Promise<DumpHead> {
    const noDump = (why: string, cause?: unknown) =>
      new UserError(`${this.#folder} is no dump: ${why}`, {
        hint: 'give the folder that npm run e2e -- run or dump-logs made',
        exitCode: EXIT.noData,
        cause,
      });
    let text: string;
    try {
      text = await readFile(join(this.#folder, 'dump.json'), 'utf8');
    } catch (cause) {
      throw noDump(`dump.json cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      throw noDump('dump.json is not JSON', cause);
    }
    const format = (json as { format?: unknown } | null)?.format;
    if (typeof format === 'number' && format > DUMP_FORMAT)
      throw noDump(`its format is ${format}, and this version reads up to ${DUMP_FORMAT}`);
    const parsed = HEAD.safeParse(json);
    if (!parsed.success)
      throw noDump(
        parsed.error.issues
          .map(({ path, message }) => `dump.json: ${path.join('.')}: ${message}`)
          .join('; '),
      );
    text.split('\n').forEach((line, i) => this.#look('dump.json', i + 1, line));
    return parsed.data;
  }

  /** A file that is not there has no rows. */
  async rows<C extends Columns>(name: string, columns: C): Promise<RowOf<C>[]> {
    const read = readerOf(columns, this.#texts);
    const rows: RowOf<C>[] = [];
    await this.#eachLine(name, (line, number) => {
      const result = read(line);
      if ('row' in result) rows.push(result.row);
      else this.problem(`${name}, line ${number}: ${result.problem}`);
    });
    return rows;
  }

  async tables(): Promise<Tables> {
    const tables: Record<string, unknown> = {};
    for (const name of TABLE_NAMES)
      if (existsSync(join(this.#folder, tableFile(name))))
        tables[name] = await this.rows(tableFile(name), TABLES[name]);
    return tables;
  }

  async logs(): Promise<LogFacts[]> {
    const folder = join(this.#folder, 'logs');
    if (!existsSync(folder)) return [];
    const logs: LogFacts[] = [];
    for (const file of readdirSync(folder).sort()) {
      if (!file.endsWith('.log')) continue;
      const count = countLog(file.slice(0, -'.log'.length));
      await this.#eachLine(join('logs', file), (line) => count.add(line));
      logs.push(count.end());
    }
    return logs;
  }

  async blocks(): Promise<Map<string, BlockFacts>> {
    const rows = await this.rows('blocks.ndjson', BLOCKS);
    const hasher = createStateHasher(loadMinaWasm());
    const blocks = new Map<string, BlockFacts>();
    for (const row of rows) blocks.set(row.hash, await this.#block(row, hasher));
    return blocks;
  }

  async #block(
    { hash, size, sha256, storages }: BlockRow,
    hasher: ReturnType<typeof createStateHasher>,
  ): Promise<BlockFacts> {
    const known = { size, storages: storages as BlockFacts['storages'] };
    let bytes: Buffer;
    try {
      if (!isBlockHash(hash)) throw new Error('its name is no block hash');
      bytes = await readFile(join(this.#folder, blockFile(hash)));
    } catch (error) {
      this.problem(`${blockFile(hash)} cannot be read: ${(error as Error).message}`);
      return { ...known, isRight: false, state: null, fault: 'it is not there' };
    }
    const isRight =
      bytes.length === size &&
      createHash('sha256').update(bytes).digest('hex') === sha256 &&
      isNamedRight(hash, bytes);
    const read = readState(bytes, hasher);
    return 'state' in read
      ? { ...known, isRight, state: read.state }
      : { ...known, isRight, state: null, fault: read.fault };
  }

  async #eachLine(name: string, take: (line: string, number: number) => void): Promise<void> {
    const path = join(this.#folder, name);
    if (!existsSync(path)) return;
    let number = 0;
    try {
      const input = createReadStream(path);
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        this.#look(name, ++number, line);
        if (line !== '') take(line, number);
      }
    } catch (error) {
      this.problem(`${name} cannot be read: ${(error as Error).message}`);
    }
  }

  #look(file: string, line: number, text: string): void {
    this.lines++;
    for (const what of this.#search(text)) this.found.push({ file, line, what });
  }

  problem(text: string): void {
    if (this.#problems.length < SHOWN_PROBLEMS) this.#problems.push(text);
    else this.#more++;
  }

  throwProblems(): void {
    if (this.#problems.length === 0) return;
    const more = this.#more === 0 ? [] : [`and ${this.#more} more like these`];
    throw new UserError(
      [`the dump ${this.#folder} is damaged:`, ...this.#problems, ...more].join('\n'),
      { hint: 'make the dump again, or restore it', exitCode: EXIT.noData },
    );
  }
}
