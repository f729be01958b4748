/** More runs of `npm run load` from the outside: chains, replay, hostile requests, gates that fail, a backend that dies, a second Ctrl-C. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { decodeBlock } from '../../mina/block-summary.ts';
import type { Summary } from '../../results/types.ts';
import { type CliResult, runCli, startCli, WITH_PICTURES } from '../support/cli.ts';
import { k6Path } from '../support/k6.ts';
import { freshResults, json, samplesOf, theRun } from '../support/load-results.ts';
import { backendOf } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { RECORDED_FOLDER } from '../support/recorded.ts';

const env = { K6_BIN: await k6Path() };

const load = (args: string[], more: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
  runCli(['load', '--port', '0', ...args], { ...env, ...more });

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

  test('hostile: every wrong request gets its answer, and the good load beside it passes', async () => {
    const results = freshResults();
    const result = await load(['--scenario', 'hostile', '--vus', '3', '--think', '200ms', '--duration', '8s', '--hostile-rate', '100', '--results', results], { REQUESTS_PER_PK_HOURLY: '40' }); // prettier-ignore
    assert.equal(result.exitCode, 0, result.stdout + result.stderr);
    const run = theRun(results);
    const { hostile, figures } = json<Summary>(run, 'summary.json');
    assert.ok(hostile!.rounds >= 1 && hostile!.unexpected === 0, JSON.stringify(hostile));
    assert.equal(figures.accepted, figures.sent, 'the good load suffers nothing');
    assert.match(readFileSync(join(run, 'report.md'), 'utf8'), /## Hostile requests/);
  });

  test('a backend that dies in the middle: results are kept, the verdict says so', async () => {
    const results = freshResults();
    const cli = startCli(['load', '--port', '0', '--vus', '5', '--duration', '60s', '--think', '100ms', '--results', results], env); // prettier-ignore
    await until(() => /VUs \|/.test(cli.output()) && samplesOf(results) > 0, 'first samples');
    process.kill(backendOf(cli.child.pid!), 'SIGKILL');
    const { exitCode, stdout } = await cli.result;
    assert.equal(exitCode, 5, stdout);
    assert.match(
      stdout,
      /\nBROKEN: the backend ended with signal SIGKILL, see backend.log \(\d+ s after the start\); [\d,]+ of [\d,]+/,
    );
    const run = theRun(results);
    assert.ok(json<Summary>(run, 'summary.json').figures.accepted > 0);
    assert.ok(existsSync(join(run, 'report.md')));
  });

  test('one Ctrl-C, with pictures: they show what was there', async () => {
    const results = freshResults();
    const cli = startCli(['load', '--port', '0', '--vus', '5', '--duration', '60s', '--think', '100ms', '--results', results], { ...env, ...WITH_PICTURES }); // prettier-ignore
    await until(() => samplesOf(results) > 0, 'first samples');
    cli.child.kill('SIGINT');
    const { exitCode, stdout } = await cli.result;
    assert.equal(exitCode, 130, stdout);
    const run = theRun(results);
    assert.ok(existsSync(join(run, 'throughput.png')));
  });

  test('two: it ends at once, with what was there', async () => {
    const results = freshResults();
    // A target that never answers keeps k6 waiting for its requests.
    const cli = startCli(['load', '--port', '0', '--vus', '5', '--duration', '60s', '--think', '100ms', '--results', results], env); // prettier-ignore
    await until(() => samplesOf(results) > 0, 'first samples');
    const backend = backendOf(cli.child.pid!);
    process.kill(backend, 'SIGSTOP');
    try {
      cli.child.kill('SIGINT');
      await until(() => /interrupted: stopping/.test(cli.output()), 'the answer to the first');
      // What comes within a second counts once.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      cli.child.kill('SIGINT');
      const { exitCode, stdout } = await cli.result;
      assert.equal(exitCode, 130, stdout);
      assert.ok(json<Summary>(theRun(results), 'summary.json').figures.accepted > 0);
    } finally {
      try {
        process.kill(backend, 'SIGCONT');
      } catch {
        // It is gone already.
      }
    }
  });

  test('Ctrl-C before the first submission leaves nothing', async () => {
    const results = freshResults();
    const cli = startCli(['load', '--port', '0', '--vus', '200', '--think', '0', '--results', results], env); // prettier-ignore
    await until(() => /^k6 2\./m.test(cli.output()), 'k6 found');
    cli.child.kill('SIGINT');
    const { exitCode, stdout } = await cli.result;
    assert.equal(exitCode, 130, stdout);
    assert.match(stdout, /nothing was left behind/);
    assert.deepEqual(readdirSync(results), []);
  });
});
