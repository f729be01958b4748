/** A real S3 server for tests (stack/services/versitygw.ts), with credentials of its own and its objects below a temporary folder. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import getPort from 'get-port';
import { getVersitygw, versitygwArgs, versitygwIsMissing } from '../../stack/services/versitygw.ts';
import { scratchFolder } from './scratch.ts';

export type S3Server = {
  endpoint: string;
  /** What a client needs: AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_S3_FORCE_PATH_STYLE and the two keys. */
  env: Record<string, string>;
  /** Each folder in it is a bucket. */
  folder: string;
  makeBucket(name: string): void;
  stop(): Promise<void>;
};

const START_MS = 30_000;

/** @returns why there can be no S3 server here, or null: to be shown where a test is skipped */
export async function whyNoS3Server(env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  const why = await versitygwIsMissing(env);
  return why === null ? null : `${why}: NOT TESTED`;
}

/** Starts one, with no bucket in it. */
export async function startS3Server(env: NodeJS.ProcessEnv = process.env): Promise<S3Server> {
  const path = await getVersitygw(env);
  const base = scratchFolder();
  const folder = join(base, 'buckets');
  const sidecar = join(base, 'metadata');
  mkdirSync(folder);
  mkdirSync(sidecar);
  const access = `test${randomBytes(8).toString('hex')}`;
  const secret = randomBytes(20).toString('hex');
  const port = await getPort({ host: '127.0.0.1' });
  const child = spawn(path, versitygwArgs(port, { buckets: folder, metadata: sidecar }), {
    env: { ROOT_ACCESS_KEY_ID: access, ROOT_SECRET_ACCESS_KEY: secret, HOME: base },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4000)));
  const ended = once(child, 'close');
  // A test that dies must not leave it behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    child.kill('SIGTERM');
    const timer = setTimeout(kill, 5000);
    await ended;
    clearTimeout(timer);
  };
  const until = Date.now() + START_MS;
  while (!(await answers(port))) {
    if (child.exitCode === null && Date.now() < until) continue;
    await stop();
    throw new Error(`versitygw did not start: ${log}`);
  }
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    env: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_S3_FORCE_PATH_STYLE: '1',
      AWS_ACCESS_KEY_ID: access,
      AWS_SECRET_ACCESS_KEY: secret,
    },
    folder,
    makeBucket: (name) => void mkdirSync(join(folder, name)),
    stop,
  };
}

/** One try to connect, and a wait after a failed one. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return false;
  } finally {
    socket.destroy();
  }
}
