/** A results folder on a disk that runs full in the middle of a load. Needs Linux and user namespaces. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { distFile } from '../../paths.ts';
import { k6Path } from '../support/k6.ts';
import { scratchFolder } from '../support/scratch.ts';

const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

test(
  'a disk that runs full: exit 5, a verdict, and a summary when the run has given its space back',
  { skip: canMount ? false : 'a tmpfs cannot be mounted here' },
  async () => {
    const folder = scratchFolder();
    const { stdout, stderr } = spawnSync(
      'unshare',
      ['-rm', 'sh', '-c', `
        mount -t tmpfs -o size=3m none "$DISK" || exit 99
        (
          n=0
          while [ $n -lt 600 ] && ! grep -q . "$DISK"/*/samples.ndjson 2>/dev/null; do n=$((n + 1)); sleep 0.1; done
          head -c 10000000 /dev/zero > "$DISK/fill" 2>/dev/null
        ) &
        "$NODE" "$CLI" load --port 0 --vus 5 --think 100ms --duration 60s --results "$DISK"
        echo "exit $?"
        cat "$DISK"/*/summary.json
      `], // prettier-ignore
      {
        encoding: 'utf8',
        timeout: 110_000,
        env: {
          ...process.env,
          DISK: folder,
          NODE: process.execPath,
          CLI: distFile('cli.js'),
          K6_BIN: await k6Path(),
        },
      },
    );
    assert.match(stdout, /\nBROKEN: [^\n]*submissions were accepted/, stdout + stderr);
    assert.match(stdout, /\nexit 5\n/);
    assert.match(stdout, /"exitCode": 5/, 'the summary is there');
    assert.doesNotMatch(stderr, /at .*\.js:/, 'no stack');
  },
);
