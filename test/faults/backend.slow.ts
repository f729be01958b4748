/** The embedded backend in the hand of a fault: what its clients see, that it comes back where it was, and that nothing stands still for ever. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { diskFull } from '../../faults/component/disk-full.ts';
import { kill } from '../../faults/component/kill.ts';
import { pause } from '../../faults/component/pause.ts';
import { stop } from '../../faults/component/stop.ts';
import { type HeldBackend } from '../../faults/held-backend.ts';
import { startEmbedded } from '../../load/embedded.ts';
import { distFile } from '../../paths.ts';
import { startDisturbedLoad, nothingLost } from '../stack/disturbed-load.ts';
import { storedNames } from '../stack/support-stored.ts';
import { backendOf } from '../support/processes.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratchFolder();
let backend: HeldBackend;
before(async () => {
  ({ process: backend } = await startEmbedded({
    settings: { hourlyLimit: 1_000_000, faithful: false, checksSignatures: false },
    network: 'testnet',
    port: 0,
    isDownAtTimes: true,
    storageFolder: join(folder, 'storage'),
    whitelist: null,
    logFile: join(folder, 'backend.log'),
    env: { PATH: process.env.PATH },
  }));
});
after(() => backend.stop());

for (const [fault, hangs] of [
  [kill('backend'), false],
  [stop('backend'), false],
  [pause('backend'), true],
  [diskFull, false],
] as const)
  test(`${fault.name}: the load sees it, it ends, and what was accepted is stored`, { skip: fault.isImpossible?.(process.platform) ?? false }, async (t) => {
    const { pid, url } = backend;
    const started: number[] = [];
    backend.onStarted((one) => started.push(one));
    const load = startDisturbedLoad(url);
    await load.untilAccepted(50);
    const end = await fault.begin(backend.held);
    let ended: Promise<void> | null = null;
    const undo = (): Promise<void> => (ended ??= end());
    t.after(undo);
    if (hangs) {
      await until(() => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')), 'it stands still');
      const { size } = load.accepted;
      // Nobody answers: a question of a second finds nothing.
      await assert.rejects(fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) }));
      assert.ok(load.accepted.size <= size + 8);
    } else await load.untilRefused(20);
    await undo();
    await load.untilAccepted(50);
    await load.stop();
    assert.equal(backend.url, url);
    const isNew = fault.name === 'backend-kill' || fault.name === 'backend-stop';
    assert.deepEqual([started.length, backend.pid !== pid], isNew ? [1, true] : [0, false]);
    if (isNew) assert.equal(started[0], backend.pid);
    nothingLost(load, storedNames(join(folder, 'storage')));
  }); // prettier-ignore

test('an end that nobody wanted is one, also of a backend that was started again', async () => {
  const { process: one } = await startEmbedded({
    settings: { hourlyLimit: 1_000_000, faithful: false, checksSignatures: false },
    network: 'testnet',
    port: 0,
    isDownAtTimes: true,
    storageFolder: join(folder, 'other'),
    whitelist: null,
    logFile: join(folder, 'other.log'),
    env: { PATH: process.env.PATH },
  });
  let ended: string | null | undefined;
  void one.exited.then(({ signal }) => (ended = signal));
  await one.held.kill();
  await one.held.start();
  assert.equal(ended, undefined);
  process.kill(one.pid, 'SIGKILL');
  await until(() => ended !== undefined);
  assert.equal(ended, 'SIGKILL');
});

const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

test('a harness that is killed while its backend stands still leaves nothing that stands still', { skip: process.platform !== 'linux' }, async (t) => {
  const results = scratchFolder(t);
  const args = ['load', '--vus', '2', '--think', '100ms', '--duration', '2m', '--port', '0', '--results', results, '--fault', 'latency=1ms', '--fault', 'backend-pause@2s'];
  const harness = spawn(process.execPath, [distFile('cli.js'), ...args], { env: { ...process.env, npm_command: undefined, INIT_CWD: undefined }, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  harness.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until(() => said.includes('backend-pause@2s: begins'), () => said);
  const pid = backendOf(harness.pid!);
  await until(() => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')), 'the backend stands still');
  harness.kill('SIGKILL');
  await once(harness, 'exit');
  await until(() => !alive(pid), 'the backend has ended');
}); // prettier-ignore
