/** The objects of a run in a bucket that was given: all that lies below the network's name, where a mark says that it is ours. */
import type * as S3 from '@aws-sdk/client-s3';
import { bucketOf, readS3Url } from '../stack/components/addresses.ts';
import { openS3Client } from '../system/s3.ts';
import { EXIT, UserError } from '../user-error.ts';
import { MARK_FILE } from './own.ts';

const LIMITS = { tries: 4, sockets: 8 } as const;

type Place = { client: S3.S3Client; sdk: typeof S3; bucket: string; prefix: string };

/** @param url `s3://ACCOUNT-SUFFIX[?endpoint=…]`, as the state keeps it with the network's name behind # */
async function withPlace<T>(
  url: string,
  env: NodeJS.ProcessEnv,
  action: (place: Place) => Promise<T>,
): Promise<T> {
  const [text, network] = url.split('#');
  const read = readS3Url(text, env);
  if ('problem' in read)
    throw new UserError(`the S3 of this run ${read.problem}`, {
      hint: 'the environment must have the same AWS_* as when it was set up',
      exitCode: EXIT.usage,
    });
  const { client, sdk } = await openS3Client(read.address, LIMITS);
  try {
    return await action({ client, sdk, bucket: bucketOf(read.address), prefix: `${network}/` });
  } finally {
    client.destroy();
  }
}

export const objectsUrl = (given: string, network: string): string => `${given}#${network}`;

/** @throws UserError where the bucket cannot be read, and where something of somebody else's lies there */
export const refuseTheirObjects = (
  url: string,
  owner: string,
  env: NodeJS.ProcessEnv,
): Promise<void> => withPlace(url, env, async (place) => void (await isMarked(place, owner)));

/** @returns whether it has the mark of this run already. @throws UserError where something of somebody else's lies there */
async function isMarked(place: Place, owner: string): Promise<boolean> {
  const { client, sdk, bucket, prefix } = place;
  const mark = await markOf(place);
  if (mark === owner) return true;
  const { Contents = [] } = await client.send(
    new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }),
  );
  if (mark !== null || Contents.length > 0)
    throw new UserError(`${bucket}/${prefix} is not empty and does not have the mark of this run`, {
      hint: 'give this run another --name, or another bucket',
      exitCode: EXIT.usage,
    });
  return false;
}

/**
 * Marks the prefix as this run's. Again: nothing.
 * @throws UserError where something of somebody else's lies there
 */
export const ownObjects = (url: string, owner: string, env: NodeJS.ProcessEnv): Promise<void> =>
  withPlace(url, env, async (place) => {
    if (await isMarked(place, owner)) return;
    const { client, sdk, bucket, prefix } = place;
    await client.send(
      new sdk.PutObjectCommand({
        Bucket: bucket,
        Key: `${prefix}${MARK_FILE}`,
        Body: `${owner}\n`,
      }),
    );
  });

/** @returns whether there were any. @throws UserError for those without the mark */
export const removeOwnObjects = (
  url: string,
  owner: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<boolean> =>
  withPlace(url, env, async (place) => {
    const { client, sdk, bucket, prefix } = place;
    const mark = await markOf(place);
    if (mark === null) return false;
    if (mark !== owner)
      throw new UserError(`${bucket}/${prefix} is not emptied: it has the mark of another run`, {
        hint: 'remove it by hand if it is yours',
      });
    for (;;) {
      signal.throwIfAborted();
      const { Contents = [] } = await client.send(
        new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }),
      );
      const keys = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key])).filter(
        (key) => key !== `${prefix}${MARK_FILE}`,
      );
      if (keys.length === 0) break;
      for (const Key of keys)
        await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key }));
    }
    // The mark last: a removal that is killed can be done again.
    await client.send(
      new sdk.DeleteObjectCommand({ Bucket: bucket, Key: `${prefix}${MARK_FILE}` }),
    );
    return true;
  });

async function markOf({ client, sdk, bucket, prefix }: Place): Promise<string | null> {
  try {
    const { Body } = await client.send(
      new sdk.GetObjectCommand({ Bucket: bucket, Key: `${prefix}${MARK_FILE}` }),
    );
    return ((await Body?.transformToString()) ?? '').trim();
  } catch (error) {
    if (['NoSuchKey', 'NotFound'].includes((error as Error).name)) return null;
    throw new UserError(`the bucket ${bucket} cannot be read: ${(error as Error).message}`, {
      hint: 'are bucket, endpoint and keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) right?',
      cause: error,
    });
  }
}
