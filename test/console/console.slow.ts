/** The console as a program, beside terminals: loads are watched and stopped whoever started them, and end with the console that did. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LiveMessage } from '../../console/live/message.ts';
import type { Summary } from '../../results/types.ts';
import { EXIT } from '../../user-error.ts';
import { runCli, type RunningCli, startCli } from '../support/cli.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const LIMIT_MS = 5 * 60_000;
const TOKEN = 'a-token-of-the-tests';
const LOAD = { vus: '2', think: '0.1s-0.2s', duration: '4m', port: '0', producers: '400' };

type Facts = { current: { id: string | null; startedHere: boolean } | null };

async function startConsole(results: string): Promise<{ running: RunningCli; origin: string }> {
  const words = ['console', '--results', results, '--port', '0', '--token-env', 'CONSOLE_TOKEN'];
  const running = startCli(words, { CONSOLE_TOKEN: TOKEN }, LIMIT_MS);
  await until(() => /console: http\S+#token=/.test(running.output()), () => running.output()); // prettier-ignore
  return { running, origin: new URL(/console: (\S+)/.exec(running.output())![1]).origin };
}

const post = (address: string, body: object) =>
  fetch(address, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }, body: JSON.stringify(body) }); // prettier-ignore
const factsOf = async (origin: string) => (await (await fetch(`${origin}/api/console`)).json()) as Facts; // prettier-ignore
const runOf = async (origin: string, id: string) =>
  ((await (await fetch(`${origin}/api/runs/${id}`)).json()) as { figures: LiveMessage }).figures;
const summaryOf = (results: string, id: string) =>
  JSON.parse(readFileSync(join(results, id, 'summary.json'), 'utf8')) as Summary;

function resultsFolder(): string {
  const results = join(scratchFolder(), 'results');
  mkdirSync(results);
  return results;
}

test('a load of a terminal is watched and stopped at a console, and holds other terminals off', async (t) => {
  const results = resultsFolder();
  const words = ['load', ...Object.entries(LOAD).map(([name, value]) => `--${name}=${value}`), '--results', results]; // prettier-ignore
  const terminal = startCli(words, {}, LIMIT_MS);
  t.after(() => terminal.child.kill('SIGKILL'));
  await until(() => existsSync(join(results, '.running.json')));
  const other = await runCli(words);
  assert.equal(other.exitCode, EXIT.broken);
  assert.match(other.stderr, /^error: a load is running since .*\nwhat to do: watch it with npm run console/); // prettier-ignore
  const first = await startConsole(results);
  t.after(() => first.running.child.kill('SIGKILL'));
  await until(async () => typeof (await factsOf(first.origin)).current?.id === 'string');
  const { current } = await factsOf(first.origin);
  assert.equal(current!.startedHere, false);
  const id = current!.id!;
  await until(async () => (await runOf(first.origin, id)).totals.sent > 5);
  assert.equal((await runOf(first.origin, id)).state, 'running');
  assert.equal((await post(`${first.origin}/api/runs`, { options: LOAD })).status, 409);

  // The console goes, the load of the terminal goes on, and another console sees it.
  first.running.child.kill('SIGINT');
  assert.equal((await first.running.result).exitCode, EXIT.passed);
  const second = await startConsole(results);
  t.after(() => second.running.child.kill('SIGKILL'));
  const { sent } = (await runOf(second.origin, id)).totals;
  await until(async () => (await runOf(second.origin, id)).totals.sent > sent);
  assert.equal((await post(`${second.origin}/api/runs/${id}/stop`, {})).status, 200);
  const { exitCode } = await terminal.result;
  assert.equal(exitCode, EXIT.interrupted);
  const { interrupted, figures } = summaryOf(results, id);
  assert.ok(interrupted && figures.accepted > 0);
  assert.equal((await runOf(second.origin, id)).state, 'interrupted');
  assert.equal((await factsOf(second.origin)).current, null);
  second.running.child.kill('SIGINT');
  assert.equal((await second.running.result).exitCode, EXIT.passed);
});

test('a load ends with the console that started it: gracefully by Ctrl-C; killed with it, it holds nobody back', async (t) => {
  const results = resultsFolder();
  const first = await startConsole(results);
  t.after(() => first.running.child.kill('SIGKILL'));
  const started = await post(`${first.origin}/api/runs`, { options: LOAD });
  assert.equal(started.status, 201);
  const { id, command } = (await started.json()) as { id: string; command: string };
  assert.match(command, /^npm run load -- --vus 2 --think 0.1s-0.2s/);
  await until(async () => (await runOf(first.origin, id)).totals.sent > 5);
  assert.equal((await factsOf(first.origin)).current!.startedHere, true);
  // A load, and what it runs, has nothing by which it could start another one.
  if (process.platform === 'linux') {
    const { pid } = JSON.parse(readFileSync(join(results, '.running.json'), 'utf8')) as { pid: number }; // prettier-ignore
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    assert.match(environment, /PATH=/);
    assert.ok(!environment.includes(TOKEN));
  }
  first.running.child.kill('SIGINT');
  const { exitCode, stdout } = await first.running.result;
  assert.equal(exitCode, EXIT.passed);
  assert.match(stdout, /the load that the console started is ended/);
  const { interrupted, figures } = summaryOf(results, id);
  assert.ok(interrupted && figures.accepted > 0);

  const second = await startConsole(results);
  t.after(() => second.running.child.kill('SIGKILL'));
  const again = (await (await post(`${second.origin}/api/runs`, { options: LOAD })).json()) as { id: string }; // prettier-ignore
  await until(async () => (await runOf(second.origin, again.id)).totals.sent > 5);
  second.running.child.kill('SIGKILL');
  await second.running.result;
  const third = await startConsole(results);
  t.after(() => third.running.child.kill('SIGKILL'));
  await until(async () => (await factsOf(third.origin)).current === null, 'the load is gone, too');
  assert.equal((await runOf(third.origin, again.id)).state, 'unfinished');
  const after = await post(`${third.origin}/api/runs`, { options: { ...LOAD, duration: '1s' } });
  assert.equal(after.status, 201);
  const last = (await after.json()) as { id: string };
  await until(async () => (await runOf(third.origin, last.id)).verdict !== null);
  third.running.child.kill('SIGINT');
  await third.running.result;
});
