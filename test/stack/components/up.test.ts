/** A stack in this process: one component stopped, killed and started again by name, taken over, its port taken meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { openStack } from '../../../stack/up.ts';
import { contractStack } from '../../contract/support.ts';

test('stopped, killed and started again by name; an end that nobody wanted is said; a port taken meanwhile is refused', async () => {
  const stack = await contractStack(['backend'], {}, { checksSignatures: false });
  const { url } = stack.addresses.backend!;
  const isUp = (): Promise<boolean> =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  try {
    assert.ok((await isUp()) && stack.isUp('backend'));
    await stack.startOne('backend');
    await stack.killOne('backend');
    assert.ok(!(await isUp()) && !stack.isUp('backend'));
    const other = createServer((_, response) => void response.end());
    other.listen(Number(new URL(url).port), '127.0.0.1');
    await once(other, 'listening');
    await assert.rejects(stack.startOne('backend'), /something else listens on port \d+/);
    other.close();
    await once(other, 'close');
    await stack.startOne('backend');
    assert.ok(await isUp());
    await assert.rejects(stack.stopOne('leaderboard'), /leaderboard is not in this stack: backend/);
    // Somebody else ends it.
    const taken = await openStack(stack.plan.folder, { env: process.env });
    await taken!.killOne('backend');
    const end = await stack.ended;
    assert.deepEqual(end, { name: 'backend', end: { exitCode: null, signal: 'SIGKILL' } });
  } finally {
    await stack.stop();
  }
});
