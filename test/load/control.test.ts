/** Asking a running load: what is refused, with one sentence; who may ask; how the load is found. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { controlRun, runningLoads } from '../../load/control/client.ts';
import {
  CONTROL_FILE,
  type ControlFile,
  type ControlRequest,
  type ControlState,
} from '../../load/control/protocol.ts';
import { startControl } from '../../load/control/server.ts';
import { Steering } from '../../load/control/steering.ts';
import type { AskedRate } from '../../load/feeder/pacer.ts';
import { markOf } from '../../results/control.ts';
import { UserError } from '../../user-error.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

/** All but the question for the state. */
type Change = Exclude<ControlRequest, { action: 'status' }>;
const by = 'terminal';
const rate = (perSecond: number): Change => ({ action: 'rate', perSecond, by });
const plain = (action: 'free' | 'pause' | 'resume' | 'stop'): Change => ({ action, by });
const STATUS: ControlRequest = { action: 'status', by };

function turnsAt(perSecond: AskedRate) {
  const turns = {
    perSecond,
    change(to: AskedRate) {
      const before = turns.perSecond;
      turns.perSecond = to;
      return before;
    },
  };
  return turns;
}

test('an open model: rates up to what it is prepared for, a pause that goes on as before, a rate that ends one', () => {
  const steering = new Steering({ turns: turnsAt(100), mostPerSecond: 400 });
  assert.deepEqual(steering.begins(1), { t: 1, action: 'begin', fromPerSecond: 0, toPerSecond: 100, by: 'load' }); // prettier-ignore
  const done = (request: Change) => {
    const { fromPerSecond, toPerSecond } = steering.act(request, 2);
    return [fromPerSecond, toPerSecond, steering.isPaused];
  };
  assert.deepEqual(done(rate(300)), [100, 300, false]);
  assert.deepEqual(done(plain('pause')), [300, 0, true]);
  assert.deepEqual(done(plain('resume')), [0, 300, false]);
  done(plain('pause'));
  assert.deepEqual(done(rate(50)), [0, 50, false]);
  for (const [request, problem] of [
    [rate(401), /^at most 400 submissions\/s can be asked of this load, but 401 were$/],
    [plain('free'), /an open model/],
    [plain('resume'), /does not pause/],
  ] as const)
    assert.throws(() => steering.act(request, 3), (error: unknown) => error instanceof UserError && problem.test(error.message) && error.exitCode === 2 && error.hint !== ''); // prettier-ignore
  assert.equal(steering.askedPerSecond, 50);
  done(plain('pause'));
  assert.throws(() => steering.act(plain('pause'), 3), /pauses already/);
});

test('VUs with think times: any bound, and their own pace again, also after a pause', () => {
  const steering = new Steering({ turns: turnsAt(null) });
  steering.act(plain('pause'), 1);
  assert.deepEqual(steering.act(plain('resume'), 2), { t: 2, action: 'resume', fromPerSecond: 0, toPerSecond: null, by }); // prettier-ignore
  steering.act(rate(1e5), 3);
  assert.equal(markOf(steering.act(plain('free'), 4)), "asked for the VUs' own pace");
});

test('a load that is not steerable: its pace stays, an end can be asked for', () => {
  const steering = new Steering({ turns: null });
  assert.equal(steering.begins(1), null);
  for (const request of [rate(5), plain('pause'), plain('resume'), plain('free')])
    assert.throws(() => steering.act(request, 1), /not started as a steerable one/);
  assert.deepEqual(steering.act(plain('stop'), 5), { t: 5, action: 'stop', by });
});

const STATE: ControlState = { id: 'a', steerable: true, askedPerSecond: 5, paused: false, mostPerSecond: 20, startedPerSecond: 4, sent: 9, elapsedMs: 2000, durationMs: 60_000, stopping: false }; // prettier-ignore

test('the server: a token of the file, POST, JSON of a known kind; at the end the file is gone', async (t) => {
  const results = scratchFolder();
  const folder = join(results, 'run');
  mkdirSync(folder);
  const asked: ControlRequest[] = [];
  const control = await startControl({
    folder,
    id: 'run',
    act(request) {
      asked.push(request);
      if (request.action === 'free') throw new UserError('no', { hint: 'ask', exitCode: 2 });
      if (request.action === 'resume') throw new Error('a fault of ours');
      return STATE;
    },
  });
  t.after(() => control.stop());
  const path = join(folder, CONTROL_FILE);
  const { url, token } = JSON.parse(readFileSync(path, 'utf8')) as ControlFile;
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600);
  const right = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const status = JSON.stringify(STATUS);
  for (const [code, init, at] of [
    [401, { headers: { 'content-type': 'application/json' }, body: status }, url],
    [401, { headers: { ...right, authorization: `Bearer ${token}0` }, body: status }, url],
    [401, { headers: { ...right, authorization: `Bearer ${token.slice(1)}g` }, body: status }, url],
    [415, { headers: { ...right, 'content-type': 'text/plain' }, body: status }, url],
    [413, { headers: right, body: ' '.repeat(5000) }, url],
    [400, { headers: right, body: '{' }, url],
    [400, { headers: right, body: JSON.stringify({ action: 'rate', perSecond: -1, by }) }, url],
    [400, { headers: right, body: JSON.stringify({ ...plain('pause'), perSecond: 1 }) }, url],
    [404, { headers: right, body: status }, `${url}x`],
    [405, { method: 'PUT', headers: right, body: status }, url],
    [405, { method: 'OPTIONS' }, url],
  ] as [number, RequestInit, string][])
    assert.equal((await fetch(at, { method: 'POST', ...init })).status, code, JSON.stringify(init).slice(0, 200)); // prettier-ignore
  assert.deepEqual(asked, []);
  assert.deepEqual(await controlRun(folder, rate(5)), STATE);
  assert.deepEqual(asked, [rate(5)]);
  await assert.rejects(controlRun(folder, plain('free')), { message: 'no', hint: 'ask', exitCode: 2 }); // prettier-ignore
  assert.deepEqual(await runningLoads(results), ['run']);
  await assert.rejects(startControl({ folder, id: 'again', act: () => STATE }), /EEXIST/);
  await control.stop();
  assert.equal(existsSync(path), false);
  await assert.rejects(controlRun(folder, rate(5)), { exitCode: 3 });
});

test('npm run ctl: the newest load that answers; words that mean nothing; a killed load is none', async (t) => {
  const results = scratchFolder();
  const states: string[] = [];
  for (const id of ['2026-01-01T00-00-00Z-load', '2026-01-02T00-00-00Z-load']) {
    mkdirSync(join(results, id));
    const act = ({ action }: ControlRequest) => {
      states.push(`${id} ${action}`);
      return { ...STATE, id };
    };
    const control = await startControl({ folder: join(results, id), id, act });
    t.after(() => control.stop());
  }
  const killed = join(results, '2026-01-03T00-00-00Z-load');
  mkdirSync(killed);
  const file: ControlFile = { format: 1, id: 'x', pid: 1, url: 'http://127.0.0.1:9/', token: 'x'.repeat(32) }; // prettier-ignore
  writeFileSync(join(killed, CONTROL_FILE), JSON.stringify(file));
  const ctl = (...words: string[]) => runHere(['ctl', ...words, '--results', results]);
  const { stdout, exitCode } = await ctl('rate', '300/s');
  assert.equal(exitCode, 0);
  assert.equal(
    stdout,
    '2026-01-02T00-00-00Z-load: 5/s asked for, 4/s begun, 9 sent, 2 s of 1 min\n',
  );
  assert.equal((await ctl('pause', '--run', '2026-01-01T00-00-00Z-load')).exitCode, 0);
  assert.deepEqual(states, ['2026-01-02T00-00-00Z-load rate', '2026-01-01T00-00-00Z-load pause']);
  for (const [words, code, cause] of [
    [['pause', '--run', '2026-01-03T00-00-00Z-load'], 3, /no load runs in .*2026-01-03/],
    [[], 2, /no action was given/],
    [['faster'], 2, /there is no action "faster"/],
    [['rate'], 2, /rate takes one value/],
    [['rate', '-3'], 2, /-3/],
    [['rate', '0'], 2, /above 0/],
    [['pause', '5s'], 2, /pause takes no value/],
  ] as [string[], number, RegExp][]) {
    const { exitCode: given, stderr } = await ctl(...words);
    assert.equal(given, code, words.join(' '));
    assert.match(stderr, cause);
  }
  const { exitCode: none } = await runHere(['ctl', 'status', '--results', scratchFolder()]);
  assert.equal(none, 3);
});
