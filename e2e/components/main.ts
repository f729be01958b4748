/** An embedded component of a run as a program of its own: `node dist/e2e-component.js FOLDER NAME`. Secrets come in its environment. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { distFile } from '../../paths.ts';
import { startCoordinator } from '../../stack/coordinator/coordinator.ts';
import { logLine } from '../../stack/coordinator/log.ts';
import { verifierOf } from '../../stack/coordinator/verifier.ts';
import { startLeaderboard } from '../../stack/leaderboard/server.ts';
import { startPostgres } from '../../stack/services/postgres.ts';
import { openUpdater } from '../../stack/verifier/updater/updater.ts';
import { knownProof } from '../../stack/verifier/known-proof.ts';
import { openProofPool } from '../../stack/verifier/proof-pool.ts';
import { URL_WORDS } from '../../system/postgres.ts';
import { startProgram } from '../../system/run-program.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { untilRecorded } from '../detached.ts';
import { eventsOf } from '../events.ts';
import { type ComponentJob, jobFile, readyFile } from './job.ts';

await untilRecorded();
const [folder, name] = process.argv.slice(2);
const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort());
const untilStopped = async (): Promise<void> => {
  if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
};
const ready = (url: string | null): void =>
  writeFileAtomic.sync(join(folder, readyFile(name)), JSON.stringify({ url }));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
/** Its folder lies in that of the state, beside the events. */
const event = eventsOf(join(folder, '..'));
const password = process.env.PGPASSWORD ?? '';

try {
  await run(JSON.parse(readFileSync(join(folder, jobFile(name)), 'utf8')) as ComponentJob);
  process.exit(EXIT.passed);
} catch (error) {
  say(
    `ERROR ${error instanceof UserError ? `${error.message} (${error.hint})` : (error as Error).stack}`,
  );
  process.exit(EXIT.broken);
}

async function run(job: ComponentJob): Promise<void> {
  switch (job.kind) {
    case 'postgres': {
      const server = await startPostgres({
        password,
        databaseDir: job.databaseDir,
        port: job.port,
      });
      ready(`postgres://${server.user}@127.0.0.1:${server.port}`);
      await untilStopped();
      return server.stop();
    }
    case 'backend': {
      let text = '';
      const program = await startProgram({
        file: process.execPath,
        args: ['--enable-source-maps', distFile('backend.js')],
        env: { ...process.env, ...job.env },
        stdout(chunk) {
          text += chunk.toString('utf8');
          if (text.includes('\n')) ready((JSON.parse(text.split('\n')[0]) as { url: string }).url);
        },
        stderr: (chunk) => void process.stderr.write(chunk),
        channel: true,
      });
      void untilStopped().then(() => program.signal('SIGTERM'));
      const { exitCode, signal } = await program.ended;
      if (!stopping.signal.aborted) throw new Error(`the backend ended with ${signal ?? exitCode}`);
      return;
    }
    case 'coordinator': {
      const database = { ...job.database, password };
      const updater = await openUpdater({
        config: {
          storage: { kind: 'postgres', ...database },
          blocks: job.blocks,
          verifier: { program: null, configFile: null },
          fork: null,
          noChecks: job.noChecks,
          toleratesSokMismatch: false,
        },
        rule: 'auto',
        strict: false,
        keys: { block: null, transaction: null },
        openProofs: () => openProofPool({ workers: 1, known: knownProof() }),
        env: { ...process.env, ...job.env },
        cwd: folder,
        log: (level, text) =>
          say(`${new Date().toISOString()} verifier ${level.toUpperCase()} ${text}`),
      });
      const running = startCoordinator({
        database,
        words: URL_WORDS,
        verifier: verifierOf(updater.name, async (fromMs, untilMs, signal) => {
          const fields = { fromMs, untilMs, binary: 'embedded', beganMs: Date.now() };
          try {
            await updater.updateWindow(fromMs, untilMs, signal);
            event('mini-batch', fields);
          } catch (error) {
            event('mini-batch', { ...fields, failure: (error as Error).message });
            throw error;
          }
        }),
        intervalSeconds: job.intervalSeconds,
        miniBatches: job.miniBatches,
        uptimeDays: job.uptimeDays,
        retries: job.retries,
        faithful: job.faithful,
        log: (entry) => void process.stdout.write(logLine(entry, Date.now())),
        onBatch: ({ window, botLogId }) => event('batch', { botLogId, ...window }),
      });
      void untilStopped().then(() => running.stop());
      await running.ready;
      ready(null);
      await running.ended;
      return updater.close();
    }
    case 'leaderboard': {
      const leaderboard = await startLeaderboard({
        database: { ...job.database, password },
        words: URL_WORDS,
        port: job.port,
        faithful: job.faithful,
        log: (line) => say(`leaderboard ${line}`),
      });
      ready(leaderboard.url);
      await untilStopped();
      return leaderboard.stop();
    }
  }
}
