/** `npm run load` from the outside: the real command line, the real k6, the embedded backend. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readRun } from '../../results/reader.ts';
import type { Plan, Summary } from '../../results/types.ts';
import { load as loadCommand } from '../../cli/commands/load.ts';
import { type CliResult, runCli, startCli } from '../support/cli.ts';
import {
  assertPortableNames,
  assertRefused,
  freshResults,
  json,
  samplesOf,
  theRun,
} from '../support/load-results.ts';
import { runCommand } from '../support/run-command.ts';
import { until } from '../support/until.ts';
import { k6Path } from '../support/k6.ts';
import { RECORDED_FOLDER } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';

const folder = scratchFolder();
const env = { K6_BIN: await k6Path() };

const load = (args: string[], more: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
  runCli(['load', '--port', '0', ...args], { ...env, ...more });
/** The same in this process: for what ends before anything runs. */
const here = (args: string[], more: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
  runCommand(loadCommand, args, { env: { ...process.env, ...env, ...more } });

describe('wrong words', { concurrency: 2 }, () => {
  for (const [args, cause] of [
    [['--vsu', '5'], /unknown option '--vsu' \(did you mean --vus\?\)/],
    [['--vus', '0'], /--vus must be a whole number from 1 to 20000, but is "0"/],
    [['--vus', 'abc'], /--vus must be a whole number from 1 to 20000, but is "abc"/],
    [['--duration', '1x'], /--duration must be a duration such as 90s, 1m30s or 2h, but is "1x"/],
    [
      ['--target', '127.0.0.1:8080'],
      /--target must be a URL such as http:\/\/127.0.0.1:8080, but is "127.0.0.1:8080"/,
    ],
    [
      ['--think', '5s-1s'],
      /--think must be 0, a time such as 2s, or two such as 1s-5s, but is "5s-1s"/,
    ],
    [['--scenario', 'replay'], /--scenario replay needs --payloads DIR/],
    [['--scenario', 'smoke', '--vus', '3'], /--vus has no effect in the scenario smoke/],
    [['--chain', '1001'], /--chain must be a whole number from 0 to 1000, but is "1001"/],
    [
      ['--scenario', 'replay', '--payloads', RECORDED_FOLDER, '--chain', '5'],
      /--chain has no effect in the scenario replay/,
    ],
    [
      ['--producers', '5', '--producers-file', 'x'],
      /--producers and --producers-file exclude each other/,
    ],
  ] as const)
    test(args.join(' '), async () => {
      const results = freshResults();
      const result = await here([...args, '--results', results]);
      assertRefused(result, 2, cause, /npm run load -- --help/, results);
    });

  test('several at once are told at once', async () => {
    const result = await here(['--vsu', '5', '--duration', '1x', '--results', '']);
    assert.equal(result.exitCode, 2);
    assert.equal(result.stderr.match(/^error: /gm)?.length, 3, result.stderr);
  });

  test('an unknown command', async () => {
    assertRefused(await runCli(['laod']), 2, /there is no command "laod"/, /use one of: load, /);
  });
});

describe('before a run', { concurrency: 2 }, () => {
  test('--explain shows each option with its value and its source', async () => {
    const file = join(folder, 'options.yaml');
    writeFileSync(file, 'vus: 7\nthink: 0\n');
    const { exitCode, stdout } = await here(['--explain', '--config', file, '--duration', '90s'], {
      MINA_LOAD_SEED: 'other',
    });
    assert.equal(exitCode, 0);
    for (const line of [
      /^vus +7 +file$/m,
      /^duration +1m30s +flag$/m,
      /^seed +other +environment$/m,
      /^network +testnet +default$/m,
      /^target +- +default$/m,
    ])
      assert.match(stdout, line);
  });

  test('--dry-run tells the plan and sends nothing, with no k6 at all', async () => {
    const results = freshResults();
    const { exitCode, stdout } = await here(
      ['--vus', '500', '--dry-run', '--results', results, '--gate', 'p95<1s'],
      { PATH: join(folder, 'nothing'), K6_BIN: undefined },
    );
    assert.equal(exitCode, 0, stdout);
    assert.match(
      stdout,
      /^submissions +about 10000, 10\d{3} signed beforehand by 2,000 producers$/m,
    );
    assert.match(stdout, /^peak rate +166\.7 submissions\/s$/m);
    assert.match(
      stdout,
      /^gates +error-rate<=1%, failed-iterations<=0, stored-share>=100%, refused-stored<=0, doubles<=0, p95<1s$/m,
    );
    assert.ok(!existsSync(results));
  });

  test('a gate that is none', async () => {
    const result = await here(['--gate', 'p95<fast', '--gate', 'speed>1']);
    assertRefused(
      result,
      2,
      /--gate must be a condition.*"p95<fast"\nerror: --gate knows no figure "speed"/s,
      /--help/,
    );
  });
});

describe('what is needed and is not there', { concurrency: 2 }, () => {
  test('nothing listens at the target', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const results = freshResults();
    const result = await here(['--target', `http://127.0.0.1:${port}`, '--results', results]);
    assertRefused(
      result,
      5,
      new RegExp(`nothing listens at the target 127.0.0.1:${port}`),
      /start the backend first/,
      results,
    );
  });

  test('a target that is no uptime backend', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const results = freshResults();
      const result = await here(['--target', `http://127.0.0.1:${port}`, '--results', results]);
      assertRefused(
        result,
        5,
        /is no uptime backend: it answered 200 "hello"/,
        /give the address of the backend itself/,
        results,
      );
    } finally {
      server.close();
    }
  });

  test('a target on another machine', async () => {
    const results = freshResults();
    const result = await here(['--target', 'http://192.0.2.1', '--results', results]);
    assertRefused(result, 2, /the target 192.0.2.1 is not this machine/, /--allow-remote/, results);
  });

  test('a k6 of a wrong version', async () => {
    const results = freshResults();
    const program = join(folder, 'k6-old');
    writeFileSync(program, '#!/bin/sh\necho "k6 v1.9.0 (go1.24.0, linux/amd64)"\n');
    chmodSync(program, 0o755);
    const result = await here(['--k6', program, '--results', results]);
    assertRefused(result, 5, /1\.9\.0/, /2\.2/, results);
  });

  test('no k6, and no way to get one', async () => {
    const results = freshResults();
    const result = await here(['--results', results], {
      K6_BIN: undefined,
      PATH: join(folder, 'no-such-folder'),
      MINA_LOAD_CACHE: join(folder, 'empty-cache'),
      MINA_LOAD_K6_MIRROR: 'http://127.0.0.1:1',
    });
    assert.equal(result.exitCode, 5, result.stderr);
    assert.match(result.stderr, /PATH/);
    assert.match(result.stderr, /127\.0\.0\.1:1/);
    assert.match(result.stderr, /Go|go/);
    assert.match(result.stderr, /what to do: .*K6_BIN/s);
    assert.deepEqual(readdirSync(results), []);
  });

  test('a results folder that cannot be written', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const result = await here(['--results', join(file, 'results')]);
    assertRefused(
      result,
      5,
      /the results folder .*a-file\/results is not writable/,
      /--results DIR/,
    );
  });

  test('an empty payload folder, and one with a broken file', async () => {
    const results = freshResults();
    const empty = join(folder, 'no-payloads');
    mkdirSync(empty);
    const replay = ['--scenario', 'replay', '--results', results, '--payloads'];
    assertRefused(await here([...replay, empty]), 2, /no-payloads/, /\.json/, results);
    const broken = join(folder, 'broken-payloads');
    mkdirSync(broken);
    writeFileSync(join(broken, 'bad.json'), '{"version": 1,\n "data": {"block":\n');
    const result = await here([...replay, broken]);
    assertRefused(result, 2, /bad\.json.*line 3|bad\.json:3/, /./, results);
  });
});

describe('runs', { concurrency: 2 }, () => {
  test('a short load passes and leaves a whole folder; a port in use is no obstacle', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const results = freshResults();
    try {
      const result = await runCli(
        ['load', '--vus', '20', '--duration', '2s', '--think', '100ms-300ms', '--port', String(port), '--results', results],
        env,
      ); // prettier-ignore
      assert.equal(result.exitCode, 0, result.stdout + result.stderr);
      assert.match(result.stdout, new RegExp(`port ${port} is in use.*\\d+`));
      assert.match(result.stdout, /\nPASSED: ([\d,]+) of \1 submissions were accepted/);
    } finally {
      taken.close();
    }
    const folder = theRun(results);
    const run = await readRun(folder);
    const summary = json<Summary>(folder, 'summary.json');
    // Each VU sends at once, however slow the machine is.
    assert.ok(summary.figures.sent >= 20, String(summary.figures.sent));
    assert.equal(summary.figures.accepted, summary.figures.sent);
    assert.equal(
      run.samples.reduce((sum, { sent }) => sum + sent, 0),
      summary.figures.sent,
    );
    assert.equal(summary.figures.latency!.count, summary.figures.sent);
    for (const name of ['backend', 'k6', 'toolkit'])
      assert.ok(summary.figures.processes[name].rssBytesMax! > 1e6, name);
    for (const file of ['report.md', 'backend.log', 'reconcile.json'])
      assert.ok(existsSync(join(folder, file)), file);
    // The corpus and what the backend stored are gone, and no key is anywhere.
    assert.ok(!existsSync(join(folder, 'corpus')) && !existsSync(join(folder, 'storage')));
    const plan = json<Plan>(folder, 'plan.json');
    assert.equal(plan.options.vus.value, 20);
    assert.equal(plan.options.vus.source, 'flag');
    assert.equal(plan.options.seed.source, 'default');
    assert.ok(plan.corpus.producers >= 1000);
    assert.doesNotMatch(readFileSync(join(folder, 'plan.json'), 'utf8'), /EK[1-9A-Za-z]{50}/);
  });

  test('smoke: ten submissions of one producer, all accepted', async () => {
    const results = freshResults();
    const result = await load(['--scenario', 'smoke', '--results', results, '--keep']);
    assert.equal(result.exitCode, 0, result.stdout + result.stderr);
    const run = theRun(results);
    const { figures } = json<Summary>(run, 'summary.json');
    assert.deepEqual([figures.sent, figures.accepted], [10, 10]);
    const days = readdirSync(join(run, 'storage', 'submissions'));
    const stored = days.flatMap((day) => readdirSync(join(run, 'storage', 'submissions', day)));
    assert.equal(stored.length, 10);
    assert.ok(assertPortableNames(results) > 20);
    // Asked for without pictures: the report is there all the same.
    const files = readdirSync(theRun(results));
    assert.ok(files.includes('report.md') && !files.some((name) => name.endsWith('.png')));
  });

  test('one Ctrl-C: it stops, results are valid, 130', async () => {
    const results = freshResults();
    const cli = startCli(['load', '--port', '0', '--vus', '5', '--duration', '60s', '--think', '100ms', '--producers', '50', '--results', results], env); // prettier-ignore
    await until(() => samplesOf(results) > 0, 'first samples');
    // As a terminal and npm do together: the same press twice.
    cli.child.kill('SIGINT');
    cli.child.kill('SIGINT');
    const { exitCode, stdout } = await cli.result;
    assert.equal(exitCode, 130, stdout);
    assert.match(stdout, /\nINTERRUPTED: the results up to then are valid; [\d,]+ of [\d,]+/);
    const run = theRun(results);
    const summary = json<Summary>(run, 'summary.json');
    assert.ok(summary.interrupted && summary.figures.accepted > 0);
    assert.ok(existsSync(join(run, 'report.md')));
    assert.ok(!existsSync(join(run, 'corpus')));
  });
});
