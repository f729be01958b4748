/** A stack in this process: one component stopped, killed and started again by name, taken over, its port taken meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import type { UserError } from '../../../user-error.ts';
import { openStack, startStack } from '../../../stack/up.ts';
import { scratchFolder } from '../../support/scratch.ts';
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

  // One whose folder goes with it when a component cannot be made ready: its log is named by its words.
  const folder = scratchFolder();
  const s3 = {
    ...{
      kind: 's3' as const,
      endpoint: 'http://127.0.0.1:1',
      region: 'us-west-2',
      pathStyle: true,
    },
    ...{ account: '1', suffix: 'test', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
  };
  const components = stack.plan.components.map((one) =>
    one.kind === 'nothing' ? one : { ...one, preparations: [{ kind: 'bucket' as const, s3 }] },
  );
  const plan = { ...stack.plan, folder, components };
  await assert.rejects(
    startStack(plan, { env: process.env, isBoundToUs: true, removesFolder: true }),
    (error: UserError) => {
      assert.match(error.message, /^backend could not be made ready: .*ECONNREFUSED/);
      assert.match(error.hint, /^the last lines of its log: .+/);
      assert.ok(!error.hint.includes(folder) && !existsSync(folder), error.hint);
      return true;
    },
  );
});
