/**
 * The S3 storage: the filesystem's layout as keys below `<network_name>/`, in the bucket `<account_id>-<suffix>`. A submission
 * replaces an earlier one of its key, a block is not written where it is.
 * Source: uptime-service-backend, src/delegation_backend/submit.go (S3Save), app_config.go (GetAWSBucketName) and s3_options.go.
 */
import type * as S3 from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { openS3Client, s3AccessOf, type OpenedS3, type S3Access } from '../../system/s3.ts';
import { UserError } from '../../user-error.ts';
import { readStoredJson, storedJson } from './go-json.ts';
import { KnownBlocks } from './known-blocks.ts';
import {
  blockPath,
  BLOCKS,
  dayOf,
  isBlockHash,
  isDay,
  readBlockName,
  readSubmissionName,
  secondsText,
  submissionPath,
  SUBMISSIONS,
} from './layout.ts';
import type {
  AcceptedSubmission,
  SaveOutcome,
  Storage,
  StorageReader,
  StoredRange,
  StoredSubmission,
  UnreadableSubmission,
} from './storage.ts';

/** AWS_* of the original (CONFIG_FILE: `aws`). */
export type S3Config = S3Access & {
  /** AWS_ACCOUNT_ID-AWS_BUCKET_NAME_SUFFIX. */
  bucket: string;
  /** CONFIG_NETWORK_NAME, before every key. */
  network: string;
};

type Env = Record<string, string | undefined>;

/** Calls of one operation. */
const TRIES = 4;
/** Requests at a time, of a writer and of a reader. */
const SOCKETS = 64;
/** As for files: a submission cannot be larger. */
const MOST_BYTES = 300_000_000;

/** The place of a network in a bucket, and how to ask for it. */
class S3Place {
  readonly name: string;
  readonly client: S3.S3Client;
  readonly sdk: OpenedS3['sdk'];
  readonly config: S3Config;
  readonly region: string;

  private constructor(config: S3Config, { client, sdk, region, regionIsAssumed }: OpenedS3) {
    const { bucket, network, endpoint } = config;
    this.config = config;
    this.sdk = sdk;
    this.client = client;
    this.region = region;
    this.name =
      `S3 ${bucket}/${network}${endpoint === null ? '' : ` at ${endpoint}`}` +
      (regionIsAssumed ? `, signed for ${region} because no region is set` : '');
  }

  /**
   * Loads the SDK and asks for one key, so that wrong credentials, bucket or endpoint show at once.
   * @param mayListNot whoever only writes need not be allowed to list
   */
  static async open(config: S3Config, mayListNot: boolean): Promise<S3Place> {
    const opened = await openS3Client(config, { tries: TRIES, sockets: SOCKETS });
    const { sdk } = opened;
    const place = new S3Place(config, opened);
    try {
      const { bucket: Bucket, network } = config;
      await place.client.send(
        new sdk.ListObjectsV2Command({ Bucket, Prefix: `${network}/`, MaxKeys: 1 }),
      );
    } catch (error) {
      if (mayListNot && nameOf(error) === 'AccessDenied') return place;
      place.client.destroy();
      throw place.failure('cannot be opened', error);
    }
    return place;
  }

  key(path: string): string {
    return `${this.config.network}/${path}`;
  }

  /** @returns null where there is no such object */
  async get(path: string, signal?: AbortSignal): Promise<Buffer | null> {
    try {
      const { Body } = await this.client.send(
        new this.sdk.GetObjectCommand({ Bucket: this.config.bucket, Key: this.key(path) }),
        { abortSignal: signal },
      );
      const bytes = await Body!.transformToByteArray();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    } catch (error) {
      signal?.throwIfAborted();
      if (isAbsent(error)) return null;
      throw this.failure(`does not give ${path}`, error);
    }
  }

  failure(what: string, cause: unknown): UserError {
    const { bucket, endpoint } = this.config;
    const code = nameOf(cause);
    const why = (cause as Error).message || code;
    if (code === 'NoSuchBucket')
      return new UserError(`${this.name} ${what}: there is no bucket ${bucket}`, {
        hint: 'the bucket is named <AWS_ACCOUNT_ID>-<AWS_BUCKET_NAME_SUFFIX>, and must exist',
        cause,
      });
    const words = why === code ? why : `${code}: ${why}`;
    const status = (cause as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    if (status === 401 || status === 403 || code.startsWith('Credentials'))
      return new UserError(`${this.name} ${what}: ${words}`, {
        hint: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or a profile of the AWS SDK) must be allowed to list, get and put there',
        cause,
      });
    return new UserError(`${this.name} ${what}: ${words}`, {
      hint: `is the endpoint ${endpoint ?? 'of AWS'} reachable, and is the region ${this.region} right? (AWS_ENDPOINT_URL_S3, AWS_REGION or AWS_DEFAULT_REGION)`,
      cause,
    });
  }
}

/** The SDK's name of an error: `NoSuchKey`, `TimeoutError`; of the system, its code: `ECONNREFUSED`. */
function nameOf(error: unknown): string {
  const { name, code } = error as { name?: string; code?: string };
  return (name === undefined || name === 'Error' ? code : name) ?? 'Error';
}

/** HEAD has no body, so its 404 is only called NotFound. */
const isAbsent = (error: unknown): boolean => ['NoSuchKey', 'NotFound'].includes(nameOf(error));

/** @throws UserError if there is no such bucket, or it may not be used */
export async function openS3Storage(
  config: S3Config,
  nowMs: () => number = Date.now,
): Promise<Storage> {
  return new S3Storage(await S3Place.open(config, true), nowMs);
}

class S3Storage implements Storage {
  readonly name: string;
  readonly #place: S3Place;
  readonly #known: KnownBlocks;
  /** Blocks under way, by hash: whoever needs the same one waits for it. */
  readonly #blocks = new Map<string, Promise<void>>();
  readonly #saving = new Set<Promise<unknown>>();

  constructor(place: S3Place, nowMs: () => number) {
    this.name = place.name;
    this.#place = place;
    this.#known = new KnownBlocks(nowMs);
  }

  save(submission: AcceptedSubmission): Promise<SaveOutcome> {
    const saving = this.#write(submission).finally(() => this.#saving.delete(saving));
    this.#saving.add(saving);
    return saving;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#saving);
    this.#place.client.destroy();
  }

  /** The block first: a submission that is there has one. */
  async #write(submission: AcceptedSubmission): Promise<SaveOutcome> {
    const { submittedAt, submitter, blockHash, block } = submission;
    await this.#keepBlock(blockHash, block);
    await this.#put(
      submissionPath(submittedAt, submitter),
      Buffer.from(storedJson(submission), 'utf8'),
    );
    return { stored: true };
  }

  #keepBlock(hash: string, bytes: Uint8Array): Promise<void> {
    if (this.#known.has(hash)) return Promise.resolve();
    const underWay = this.#blocks.get(hash);
    if (underWay) return underWay;
    const keeping = this.#putUnlessThere(blockPath(hash), bytes)
      .then(() => this.#known.add(hash))
      .finally(() => this.#blocks.delete(hash));
    this.#blocks.set(hash, keeping);
    return keeping;
  }

  async #putUnlessThere(path: string, bytes: Uint8Array): Promise<void> {
    const { client, sdk, config } = this.#place;
    const isThere = await client
      .send(new sdk.HeadObjectCommand({ Bucket: config.bucket, Key: this.#place.key(path) }))
      .then(
        () => true,
        // As the original: whatever the reason, it is written then.
        () => false,
      );
    if (!isThere) await this.#put(path, bytes);
  }

  async #put(path: string, bytes: Uint8Array): Promise<void> {
    const { client, sdk, config } = this.#place;
    try {
      await client.send(
        new sdk.PutObjectCommand({
          Bucket: config.bucket,
          Key: this.#place.key(path),
          Body: bytes,
        }),
      );
    } catch (error) {
      throw this.#place.failure(`did not take ${path}`, error);
    }
  }
}

/**
 * @param url `s3://BUCKET/NETWORK[?endpoint=URL&region=R&path-style=1]`, checked by storageUrlProblem; what it leaves out comes from
 * the environment, see system/s3.ts
 * @throws UserError if there is no such bucket, or it may not be read
 */
export const openS3Reader = (url: URL, env: Env): Promise<StorageReader> =>
  openReader(s3ConfigOf(url, env));

export function s3ConfigOf(url: URL, env: Env): S3Config {
  const of = (name: string) => url.searchParams.get(name);
  return {
    bucket: url.hostname,
    network: decodeURIComponent(url.pathname.slice(1).replace(/\/$/, '')),
    ...s3AccessOf(env, {
      region: of('region'),
      endpoint: of('endpoint'),
      pathStyle: of('path-style'),
    }),
  };
}

async function openReader(config: S3Config): Promise<StorageReader> {
  const place = await S3Place.open(config, false);
  return {
    name: place.name,
    keeps: 'last',
    submissions: (range, signal) => submissionsOf(place, range, signal),
    block: (hash) => (isBlockHash(hash) ? place.get(blockPath(hash)) : Promise.resolve(null)),
    blockHashes: (signal) => blockHashesOf(place, signal),
    close() {
      place.client.destroy();
      return Promise.resolve();
    },
  };
}

async function* blockHashesOf(place: S3Place, signal?: AbortSignal): AsyncGenerator<string[]> {
  const start = place.key(`${BLOCKS}/`).length;
  for await (const page of pagesOf(place, `${BLOCKS}/`, signal))
    yield page
      .map(({ Key = '' }) => readBlockName(Key.slice(start)))
      .filter((hash) => hash !== null);
}

async function* submissionsOf(
  place: S3Place,
  { from, to }: StoredRange,
  signal?: AbortSignal,
): AsyncGenerator<(StoredSubmission | UnreadableSubmission)[]> {
  if (from >= to) return;
  const [first, last] = [secondsText(from), secondsText(to - 1)];
  for (const day of await daysOf(place, dayOf(from), dayOf(to - 1), signal)) {
    const folder = `${SUBMISSIONS}/${day}/`;
    // What the first and the last second of the day have in common leaves out most of a long day.
    const begin = first > day ? first : `${day}T00:00:00Z`;
    const end = last.startsWith(day) ? last : `${day}T23:59:59Z`;
    for await (const page of pagesOf(place, folder + commonStart(begin, end), signal)) {
      const batch = await gather(place, page, { folder, begin, end }, signal);
      if (batch.length > 0) yield batch;
    }
  }
}

/** Days that have submissions, from the first to the last. */
async function daysOf(
  place: S3Place,
  first: string,
  last: string,
  signal?: AbortSignal,
): Promise<string[]> {
  if (first === last) return [first];
  const prefix = place.key(`${SUBMISSIONS}/`);
  const days: string[] = [];
  for await (const { CommonPrefixes = [] } of lists(place, prefix, '/', signal))
    for (const { Prefix = '' } of CommonPrefixes) days.push(Prefix.slice(prefix.length, -1));
  return days.filter((name) => isDay(name) && name >= first && name <= last).sort();
}

/** Objects of a prefix, in pages of at most a thousand; the next page is asked for while one is worked on. */
async function* pagesOf(
  place: S3Place,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<S3._Object[]> {
  const pages = lists(place, place.key(path), undefined, signal);
  let next = pages.next();
  for (let page = await next; !page.done; page = await next) {
    next = pages.next();
    // Whoever stops reading leaves it behind.
    next.catch(() => {});
    yield page.value.Contents ?? [];
  }
}

async function* lists(
  place: S3Place,
  Prefix: string,
  Delimiter: string | undefined,
  signal?: AbortSignal,
) {
  let ContinuationToken: string | undefined;
  do {
    let page;
    try {
      page = await place.client.send(
        new place.sdk.ListObjectsV2Command({
          Bucket: place.config.bucket,
          Prefix,
          Delimiter,
          ContinuationToken,
        }),
        { abortSignal: signal },
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw place.failure('does not list its keys', error);
    }
    yield page;
    ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (ContinuationToken !== undefined);
}

/** Gets those of a page whose time is within the range, several at a time. */
async function gather(
  place: S3Place,
  page: readonly S3._Object[],
  { folder, begin, end }: { folder: string; begin: string; end: string },
  signal?: AbortSignal,
): Promise<(StoredSubmission | UnreadableSubmission)[]> {
  const batch: (StoredSubmission | UnreadableSubmission)[] = [];
  const start = place.key('').length;
  await pLimit(SOCKETS).map(page, async ({ Key = '', Size = 0 }) => {
    const where = Key.slice(start);
    const name = readSubmissionName(where.slice(folder.length));
    if (name === null) {
      batch.push({ where, fault: 'its name is not <submitted_at>-<submitter>.json' });
      return;
    }
    if (name.submittedAt < begin || name.submittedAt > end) return;
    if (Size > MOST_BYTES) {
      batch.push({ where, fault: `it has ${Size} bytes, more than a submission can have` });
      return;
    }
    const bytes = await place.get(where, signal);
    if (bytes !== null) batch.push(readStoredJson(bytes, where, name));
  });
  return batch;
}

function commonStart(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}
