/**
 * How S3, or a server like it, is reached: region, endpoint, path style and credentials as the AWS command line and its SDKs read them from
 * the environment, and the client with its time limits.
 * Sources: AWS CLI user guide, "Configuring environment variables"; AWS SDKs and Tools reference guide, "Service-specific endpoints".
 */
import type * as S3 from '@aws-sdk/client-s3';
import { withoutUser } from './secret-names.ts';
import { EXIT, UserError } from '../user-error.ts';

type Env = Readonly<Record<string, string | undefined>>;
/** The SDK is large, and few runs need it: it is loaded when a client is made. */
type Sdk = typeof S3;

export type S3Access = {
  /** AWS_REGION, else AWS_DEFAULT_REGION; null: that of the profile. */
  region: string | null;
  /** AWS_ENDPOINT_URL_S3, else AWS_ENDPOINT_URL; null: AWS's own. */
  endpoint: string | null;
  /** AWS_S3_FORCE_PATH_STYLE=1: the bucket is part of the path, not of the host name. */
  pathStyle: boolean;
  /** AWS_ACCESS_KEY_ID, …; null: where the SDK finds them (profile, role, web identity). */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | null;
};

/** AWS_REGION is that of the SDKs, AWS_DEFAULT_REGION that of boto3; the command line reads both, in this order. Empty counts as not set. */
export const awsRegionOf = (env: Env): string | null =>
  env.AWS_REGION || env.AWS_DEFAULT_REGION || null;

/** Those of the environment; null: the SDK looks further. */
export function awsCredentialsOf(env: Env): S3Access['credentials'] {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) return null;
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
  };
}

/** @throws UserError (exit 2) for an endpoint that is no URL */
export function s3EndpointOf(env: Env): string | null {
  const ignored = env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === 'true';
  const variable = ignored
    ? undefined
    : ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'].find((name) => env[name]);
  if (variable === undefined) return null;
  const text = env[variable]!;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new UserError(`${variable} must be an http or https URL, but is "${withoutUser(text)}"`, {
    hint: 'leave it out for AWS itself',
    exitCode: EXIT.usage,
  });
}

/**
 * @param given what a URL says; it goes before the environment
 * @throws UserError (exit 2)
 */
export function s3AccessOf(
  env: Env,
  given: { region?: string | null; endpoint?: string | null; pathStyle?: string | null } = {},
): S3Access {
  return {
    region: given.region || awsRegionOf(env),
    endpoint: given.endpoint || s3EndpointOf(env),
    pathStyle: (given.pathStyle ?? env.AWS_S3_FORCE_PATH_STYLE) === '1',
    credentials: awsCredentialsOf(env),
  };
}

export type OpenedS3 = {
  client: S3.S3Client;
  sdk: Sdk;
  /** What requests are signed for. */
  region: string;
  /** No region was set anywhere, and an endpoint of one's own takes the usual one. */
  regionIsAssumed: boolean;
};

const CONNECT_MS = 5000;
const REQUEST_MS = 20_000;
/** What servers like MinIO and versitygw take unless they are set otherwise, and botocore signs for where there is no region. */
const USUAL_REGION = 'us-east-1';

/**
 * @param limits calls of one operation (between them the SDK waits up to 0.1 s, 0.2 s, …: its standard mode), and requests at a time
 * @throws UserError if there is no region to sign for
 */
export async function openS3Client(
  { region, endpoint, pathStyle, credentials }: S3Access,
  limits: { tries: number; sockets: number },
): Promise<OpenedS3> {
  // Its note on Node's versions would stand between the lines of a log.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const agent = { maxSockets: limits.sockets, keepAlive: true };
  const clientFor = (signedFor: string | null) =>
    new sdk.S3Client({
      ...(signedFor !== null && { region: signedFor }),
      ...(endpoint !== null && { endpoint }),
      ...(credentials !== null && { credentials }),
      forcePathStyle: pathStyle,
      maxAttempts: limits.tries,
      // Not every S3-compatible server takes the checksums that the SDK adds since 2025; the original sends none.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        requestTimeout: REQUEST_MS,
        throwOnRequestTimeout: true,
        // Waiting for a socket is our bound, not a fault worth the SDK's warning.
        socketAcquisitionWarningTimeout: 3_600_000,
        httpAgent: agent,
        httpsAgent: agent,
      },
    });
  const client = clientFor(region);
  try {
    return { client, sdk, region: await client.config.region(), regionIsAssumed: false };
  } catch (cause) {
    client.destroy();
    if (endpoint === null)
      throw new UserError(`there is no AWS region to sign for (${(cause as Error).message})`, {
        hint: 'set AWS_REGION or AWS_DEFAULT_REGION, or name a profile that has one with AWS_PROFILE',
        cause,
      });
    return {
      client: clientFor(USUAL_REGION),
      sdk,
      region: USUAL_REGION,
      regionIsAssumed: true,
    };
  }
}
