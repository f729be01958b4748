/**
 * The embedded uptime backend as a program: configuration from the environment, one ready line on stdout, log lines on stderr.
 *
 *     {"event":"listening","host":"127.0.0.1","port":43210,"url":"http://127.0.0.1:43210","pid":1234}
 *
 * SIGTERM and SIGINT end it cleanly (a second one at once). Started with an IPC channel, it also ends when its parent is gone.
 */
import { networkOf } from '../../mina/network.ts';
import { createSigner } from '../../mina/signer.ts';
import { loadMinaWasm } from '../../paths.ts';
import { surviveFileSizeLimit } from '../../system/file-size-limit.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { createBlockCache } from './block-cache.ts';
import { type CheckPool, createCheckPool } from './check-pool.ts';
import { type BackendConfig, loadConfig, type StorageConfig } from './config.ts';
import type { Storage } from '../storage/storage.ts';
import { lineWriterOf } from './line-writer.ts';
import { createKnownKeys } from './known-keys.ts';
import { createLog, type Log } from './log.ts';
import { createHourlyLimiter } from './rate-limit.ts';
import { createSecondTable } from './second-table.ts';
import { type Backend, startServer } from './server.ts';
import { keepWhitelist } from './whitelist-keeper.ts';

surviveFileSizeLimit();
const now = (): Date => new Date();
let logFails = false;
const writeLog = lineWriterOf(
  2,
  (count) => {
    let line = '';
    createLog('warn', (text) => (line = text), now).warn(`${count} log lines were lost`);
    return line;
  },
  (isFailing) => (logFails = isFailing),
);
const writeReady = lineWriterOf(1, () => '');

try {
  const config = loadConfig(process.env);
  await run(config, createLog(config.logLevel, writeLog, now));
} catch (error) {
  const log = createLog('error', writeLog, now);
  if (error instanceof UserError) log.error(error.message, { hint: error.hint });
  else log.error('the backend did not start', { error: (error as Error).stack });
  process.exitCode = error instanceof UserError ? error.exitCode : EXIT.broken;
  if (process.connected) process.disconnect();
}

async function run(config: BackendConfig, log: Log): Promise<void> {
  const storages: Storage[] = [];
  for (const each of config.storages) {
    const storage = await openStorage(each);
    log.info(`storage backend: ${storage.name}`);
    storages.push(storage);
  }
  if (config.faithful)
    log.warn('answers 200 whatever the storage does, as the original backend (BACKEND_FAITHFUL=1)');
  if (config.signatures !== 'strict')
    log.warn(
      `signatures are ${config.signatures === 'lax' ? 'checked as laxly as the C code does' : 'not checked'}`,
    );
  const whitelist = await keepWhitelist(config.whitelist, log);
  const backend = await startServer({
    checks: {
      network: networkOf(config.networkName),
      signatures: config.signatures,
      signer: createSigner(loadMinaWasm()),
      pool: poolOf(config),
      whitelist,
      limiter: createHourlyLimiter(config.requestsPerKeyHourly, () => performance.now()),
      seconds: config.faithful ? null : createSecondTable(),
      blocks: createBlockCache(),
      keys: createKnownKeys(),
      nowMs: () => Date.now(),
    },
    storages,
    faithful: config.faithful,
    log,
    logFails: () => logFails,
    host: config.host,
    port: config.port,
  }).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`cannot listen on ${config.host}:${config.port}: ${cause.message}`, {
      hint: 'BACKEND_HOST and BACKEND_PORT choose another address; port 0 takes any free one',
      cause,
    });
  });
  stopOnRequest(backend, log);
  log.info(`Max requests per pk hourly: ${config.requestsPerKeyHourly}`);
  const shownHost = backend.host.includes(':') ? `[${backend.host}]` : backend.host;
  const url = `http://${shownHost}:${backend.port}`;
  log.info(`Server ready and listening on ${url}`, { network: config.networkName });
  log.info(
    'Available endpoints: / (root), /v1/submit (submissions), /health (health check), /v1/online (submitters of the last 20 minutes), /metrics (Prometheus)',
  );
  const { host, port } = backend;
  writeReady(`${JSON.stringify({ event: 'listening', host, port, url, pid: process.pid })}\n`);
}

/** Threads that check signatures; null where there is nothing to check, or but one thread. */
function poolOf({ networkName, signatures, checkThreads }: BackendConfig): CheckPool | null {
  if (signatures === 'unchecked' || checkThreads === 0) return null;
  const rule = { network: networkOf(networkName), signatures };
  return createCheckPool({ rule, ...(checkThreads !== null && { threads: checkThreads }) });
}

/** Each storage with its library is loaded only where it is used. @throws UserError */
async function openStorage(config: StorageConfig): Promise<Storage> {
  switch (config.kind) {
    case 's3':
      return (await import('../storage/s3.ts')).openS3Storage(config);
    case 'cassandra':
      return (await import('../storage/cassandra.ts')).openCassandraStorage(config);
    case 'postgres':
      return (await import('../storage/postgres.ts')).openPostgresStorage(config);
    case 'filesystem':
      return (await import('../storage/filesystem.ts')).openFilesystemStorage(
        config.path,
        undefined,
        undefined,
        config.hasColons,
      );
  }
}

function stopOnRequest(backend: Backend, log: Log): void {
  let asked = false;
  const stop = (why: string): void => {
    if (asked) process.exit(EXIT.interrupted);
    asked = true;
    log.info(`stopping: ${why}`);
    void backend.stop().then(() => {
      log.info('stopped', { ...backend.counts });
      process.exit(EXIT.passed);
    });
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // The channel closes when the parent ends, however it ends.
  if (process.connected) process.on('disconnect', () => stop('the parent is gone'));
  process.on('uncaughtException', (error) => {
    log.error('a fault of the backend', { error: error.stack });
    process.exit(EXIT.broken);
  });
}
