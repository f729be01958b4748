/** k6 is really built with the Go of this machine, into an empty cache; takes minutes where Go's own cache is cold. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { K6_RELEASE, resolveK6 } from '../../../load/k6/binary.ts';
import { programsOnPath } from '../../../system/programs-on-path.ts';
import { scratchFolder } from '../../support/scratch.ts';

const go = programsOnPath('go', process.env)[0];
const skip = go === undefined && 'NOT TESTED: there is no go on the PATH (install it: go.dev/dl)';

test('k6 is built from an empty module and answers', { skip }, async () => {
  const cacheFolder = scratchFolder();
  const k6 = await resolveK6({
    // No k6 on this PATH, and no release server at this address.
    env: { ...process.env, K6_BIN: '', PATH: dirname(go) },
    cacheFolder,
    releaseBaseUrl: 'http://127.0.0.1:1',
  });
  assert.equal(k6.source, 'go build');
  assert.equal(k6.version, K6_RELEASE);
});
