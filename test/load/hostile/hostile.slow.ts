/** Many rounds of all hostile cases: the backend's memory stays, and a good submission is still taken. */
import './hostile.test.ts';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBackend } from '../../../stack/backend-process.ts';
import { hostileContext, openClients, startRound } from './support.ts';
import { scratchFolder } from '../../support/scratch.ts';

const base = scratchFolder();

const rssMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

test(
  'memory and sockets of the embedded backend do not grow with the rounds',
  { skip: !existsSync('/proc/self/status') },
  async () => {
    const backend = await startBackend({
      whitelist: null,
      storageFolder: join(base, 'store'),
      logFile: join(base, 'backend.log'),
      env: { REQUESTS_PER_PK_HOURLY: '100000', BACKEND_FAITHFUL: '1' },
    });
    try {
      const readings: number[] = [];
      for (let half = 0; half < 4; half++) {
        const context = await hostileContext({ whitelist: 'off', hourlyLimit: 100_000 });
        const run = await startRound(backend.url, { context, rounds: 20, ratePerSecond: 2000 });
        const figures = await run.done;
        assert.deepEqual(
          figures.cases.flatMap(({ examples }) => examples),
          [],
        );
        assert.ok(figures.asExpected > 20 * 50, `${figures.asExpected}`);
        readings.push(rssMb(backend.pid));
      }
      // Collected late, but collected: the last 40 rounds add less than the first 20 took.
      const [first, second, , fourth] = readings as [number, number, number, number];
      assert.ok(fourth - second < 60, `${readings.map(Math.round).join(', ')} MB`);
      assert.ok(fourth < first + 150, `${readings.map(Math.round).join(', ')} MB`);
      assert.equal(openClients(), 0);
    } finally {
      await backend.stop();
    }
    assert.deepEqual(await backend.exited, { code: 0, signal: null });
    // A body that is no submission is an error in the original's log, and so in ours.
    const errors = readFileSync(join(base, 'backend.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"level":"error"'))
      .filter((line) => !line.includes('"Error while unmarshaling JSON of /submit request'));
    assert.deepEqual(errors, []);
  },
);
