/** More runs of `npm run load` from the outside: chains, replay, gates that fail, a target that takes what is wrong. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeBlock } from '../../mina/block-summary.ts';
import type { Summary } from '../../results/types.ts';
import { type CliResult, runCli } from '../support/cli.ts';
import { k6Path } from '../support/k6.ts';
import { json, theRun } from '../support/load-results.ts';
import { RECORDED_FOLDER } from '../support/recorded.ts';

let folder: string;
let env: NodeJS.ProcessEnv;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'load-cli-'));
  env = { K6_BIN: await k6Path() };
});
after(() => rmSync(folder, { recursive: true, force: true }));

let runs = 0;
const freshResults = (): string => join(folder, `results-${runs++}`);
const load = (args: string[]): Promise<CliResult> => runCli(['load', '--port', '0', ...args], env);

describe('runs', { concurrency: 2 }, () => {
  test('--chain: what the backend stored is a chain of new blocks', async () => {
    const results = freshResults();
    const startedMs = Date.now();
    const result = await load(['--chain', '5', '--vus', '5', '--duration', '2s', '--think', '50ms', '--keep', '--results', results]); // prettier-ignore
    assert.equal(result.exitCode, 0, result.stdout + result.stderr);
    const stored = join(theRun(results), 'storage', 'blocks');
    const blocks = readdirSync(stored)
      .map((name) => decodeBlock(readFileSync(join(stored, name))))
      .sort((a, b) => a.height - b.height);
    assert.ok(blocks.length >= 3, String(blocks.length));
    const [first] = blocks;
    const hashes = new Set(blocks.map(({ state_hash }) => state_hash));
    for (const { height, previous_state_hash, timestamp } of blocks) {
      if (height > first.height) assert.ok(hashes.has(previous_state_hash), `block ${height}`);
      assert.ok(Date.parse(timestamp!) <= startedMs + 60_000);
      assert.ok(Date.parse(timestamp!) > startedMs - 3_600_000);
    }
  });

  test('a gate that does not hold: 99, and the verdict names it', async () => {
    const results = freshResults();
    const result = await load(['--vus', '2', '--duration', '2s', '--think', '200ms', '--gate', 'accepted>=1000000', '--results', results]); // prettier-ignore
    assert.equal(result.exitCode, 99, result.stdout + result.stderr);
    assert.match(result.stdout, /\nFAILED: accepted>=1000000 does not hold \(\d+\); (\d+) of \1 /);
    const { gates } = json<Summary>(theRun(results), 'summary.json');
    assert.deepEqual(
      gates.map(({ name, state }) => [name, state]),
      [
        ['error-rate<=1%', 'pass'],
        ['failed-iterations<=0', 'pass'],
        ['stored-share>=100%', 'pass'],
        ['refused-stored<=0', 'pass'],
        ['doubles<=0', 'pass'],
        ['accepted>=1000000', 'fail'],
      ],
    );
  });

  test('replay: recorded requests are accepted as they are', async () => {
    const results = freshResults();
    const result = await load(['--scenario', 'replay', '--payloads', RECORDED_FOLDER, '--order', 'random', '--vus', '2', '--duration', '2s', '--think', '100ms', '--results', results]); // prettier-ignore
    assert.equal(result.exitCode, 0, result.stdout + result.stderr);
    const { figures } = json<Summary>(theRun(results), 'summary.json');
    assert.ok(figures.sent > 10 && figures.accepted === figures.sent);
  });

  test('hostile: a target that takes what is wrong fails, though the good load is well', async () => {
    const credulous = createHttpServer((request, response) => {
      request.resume().on('end', () => {
        const isProbe = request.headers['content-length'] === '2';
        response.writeHead(isProbe ? 400 : 200);
        response.end(isProbe ? '{"error":"nothing"}' : '{"status":"ok"}');
      });
    }).listen(0, '127.0.0.1');
    await once(credulous, 'listening');
    const { port } = credulous.address() as AddressInfo;
    const results = freshResults();
    try {
      const result = await runCli(['load', '--scenario', 'hostile', '--target', `http://127.0.0.1:${port}`, '--vus', '2', '--think', '200ms', '--duration', '3s', '--results', results], env); // prettier-ignore
      assert.equal(result.exitCode, 99, result.stdout + result.stderr);
      assert.match(
        result.stdout,
        /\nFAILED: hostile-unexpected<=0 does not hold \(\d+\); (\d+) of \1 /,
      );
    } finally {
      credulous.closeAllConnections();
      credulous.close();
    }
  });
});
