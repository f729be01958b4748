import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { agentSource } from '../../monitor/agent.ts';
import { clockOffset } from '../../monitor/agent-clock.ts';
import { SourceNames } from '../../monitor/agent-readings.ts';
import { httpLink, parseAgentUrl, sshLink, type AgentLink } from '../../monitor/agent-link.ts';
import { isToken, serveAgent, stdioAgent } from '../../monitor/agent-server.ts';
import { systemClock, type MonitorClock } from '../../monitor/source.ts';
import { projectRoot } from '../../paths.ts';
import { FakeClock } from '../support/clock.ts';
import type { ProcessReading, ResourceLine } from '../../results/types.ts';
import type { UserError } from '../../user-error.ts';
import { until } from '../support/until.ts';

const TOKEN = 'a token of 32 characters, or so!'.replaceAll(' ', '-');

const reading = (name: string, t: number): ProcessReading => ({
  t,
  kind: 'process',
  name,
  rootPid: 7,
  processes: 1,
  cpuCores: 0.5,
});

async function agent(t: TestContext, options: Partial<Parameters<typeof serveAgent>[0]> = {}) {
  const served = await serveAgent({
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    intervalMs: 50,
    ...options,
  });
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= served.stop());
  t.after(stop);
  return { ...served, stop };
}

function follow(
  t: TestContext,
  link: AgentLink,
  label: string | null = null,
  clock: MonitorClock = systemClock,
) {
  const lines: ResourceLine[] = [];
  const source = agentSource({ link, label, names: new SourceNames() });
  const running = source.start({
    intervalMs: 1000,
    clock,
    emit: (line) => lines.push(line),
  });
  t.after(() => running.stop());
  const notes = () => lines.flatMap((line) => (line.kind === 'note' ? [line.text] : []));
  const named = (name: string) =>
    lines.filter((line) => line.kind !== 'host' && line.name === name);
  return { lines, notes, named, running };
}

test('readings of an agent arrive, with its machine as a name of its own', async (t) => {
  const served = await agent(t);
  const { named, lines } = follow(t, httpLink(new URL(served.url), TOKEN), 'db');
  const beat = setInterval(() => {
    served.emit(reading('postgres', Date.now()));
    served.emit({ t: Date.now(), kind: 'host', cores: 8, cpuCores: 2, memoryUsedBytes: 5 });
    served.emit({ t: Date.now(), kind: 'note', name: 'postgres', text: 'process 7 has ended' });
  }, 20);
  t.after(() => clearInterval(beat));
  await until(
    () => lines.length > 6,
    () => lines,
  );
  const first = named('db postgres')[0];
  assert.deepEqual({ ...first, t: 0 }, { ...reading('db postgres', 0) });
  assert.ok(named('db postgres').some((line) => line.kind === 'note'));
  const machine = named('machine db')[0] as ProcessReading;
  assert.deepEqual([machine.kind, machine.cpuCores, machine.rssBytes], ['process', 2, 5]);
  // `host` is the machine that makes the load, and no other.
  assert.ok(lines.every(({ kind }) => kind !== 'host'));
});

test('the clock of the agent is an hour ahead: times are moved, and it is said', async (t) => {
  const HOUR = 3_600_000;
  const clock = { ...systemClock, epochMs: () => Date.now() + HOUR };
  const served = await agent(t, { clock });
  const { named, notes } = follow(t, httpLink(new URL(served.url), TOKEN));
  const sent = new Set<number>();
  const beat = setInterval(() => {
    const now = clock.epochMs();
    sent.add(now - HOUR);
    served.emit(reading('backend', now));
  }, 20);
  t.after(() => clearInterval(beat));
  await until(() => named('backend').length > 3);
  const [, ahead, within] = /its clock is (\d+) ms ahead \(within (\d+) ms\)/.exec(notes().join())!;
  assert.ok(Math.abs(Number(ahead) - HOUR) <= Number(within) + 2, `${ahead} within ${within}`);
  for (const line of named('backend')) {
    const nearest = Math.min(...[...sent].map((t0) => Math.abs(t0 - line.t)));
    assert.ok(nearest <= Number(within) + 2, `${nearest} ms off`);
  }
});

test('the offset is that of the shortest round trip', async () => {
  let now = 0;
  const trips = [400, 20, 900, 60, 30];
  const clock = { epochMs: () => now, monotonicMs: () => now, after: systemClock.after };
  const ask = () => {
    const trip = trips.shift()!;
    // All of the long ones' time is spent on the way back.
    now += trip;
    return Promise.resolve(now - (trip === 20 ? 10 : trip) + 5000);
  };
  assert.deepEqual(await clockOffset(ask, clock), { offsetMs: 5000, roundTripMs: 20 });
  await assert.rejects(() => clockOffset(() => Promise.reject(new Error('gone')), clock), /gone/);
});

test('an agent that dies: a note, a gap, and readings again when it is back', async (t) => {
  const first = await agent(t);
  const { port } = new URL(first.url);
  const { named, notes } = follow(t, httpLink(new URL(first.url), TOKEN));
  const emit = (served: { emit(line: ResourceLine): void }) => {
    const timer = setInterval(() => served.emit(reading('backend', Date.now())), 20);
    t.after(() => clearInterval(timer));
    return () => clearInterval(timer);
  };
  const quiet = emit(first);
  await until(() => named('backend').length > 0);
  quiet();
  await first.stop();
  await until(() => notes().length > 0);
  assert.match(notes()[0], /gives no readings \(http:.*\): it ended the connection/);
  await until(() => notes().some((note) => /ECONNREFUSED/.test(note)), notes);
  const before = named('backend').length;
  emit(await agent(t, { port: Number(port) }));
  await until(() => named('backend').length > before, notes);
  assert.ok(
    notes().some((note) => /answers again after [\d.]+ s; there are no readings/.test(note)),
  );
});

test('a wrong token, and none: refused, said, never sent to where it leads', async (t) => {
  const served = await agent(t);
  const wrong = follow(t, httpLink(new URL(served.url), 'wrong'));
  await until(() => wrong.notes().length > 0);
  assert.match(wrong.notes()[0], /it does not take the token/);
  const none = follow(t, httpLink(new URL(served.url), null));
  await until(() => none.notes().length > 0);
  assert.match(none.notes()[0], /asks for a token \(--agent-token-env/);

  let stolen: string | undefined;
  const thief = createServer((request, response) => {
    stolen = request.headers.authorization;
    response.end();
  });
  const leading = createServer((_, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${portOf(thief)}/` }).end();
  });
  for (const server of [thief, leading]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
  }
  const led = follow(t, httpLink(new URL(`http://127.0.0.1:${portOf(leading)}`), TOKEN));
  await until(() => led.notes().length > 0);
  assert.equal(stolen, undefined);
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;

test('what an agent answers to strangers', async (t) => {
  const served = await agent(t);
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`${served.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` }, ...init });
  const refused = await get('/v1/readings', { headers: {} });
  assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer']);
  for (const authorization of [
    'Bearer',
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
  ])
    assert.equal(
      (await get('/v1/clock', { headers: { authorization } })).status,
      401,
      authorization,
    );
  assert.equal((await get('/')).status, 404);
  assert.equal((await get('/v1/clock', { method: 'POST' })).status, 405);
  assert.equal(typeof ((await (await get('/v1/clock')).json()) as { t: unknown }).t, 'number');
  // Without a token, a page in a browser here must not read it by a name of its own.
  const open = await agent(t, { token: null });
  const { port } = new URL(open.url);
  const asked = await new Promise<number>((resolve, reject) => {
    void import('node:http').then(({ get: httpGet }) =>
      httpGet(
        { host: '127.0.0.1', port, path: '/v1/clock', headers: { host: `evil.example:${port}` } },
        (response) => resolve(response.resume().statusCode!),
      ).on('error', reject),
    );
  });
  assert.equal(asked, 403);
  assert.equal((await fetch(`${open.url}/v1/clock`)).status, 200);
});

test('where an agent does not listen', async (t) => {
  const fault = (options: Parameters<typeof agent>[1]) =>
    agent(t, options).then(
      () => assert.fail(),
      (error: unknown) => error as UserError,
    );
  const open = await fault({ host: '0.0.0.0', token: null });
  assert.match(open.message, /does not listen on 0\.0\.0\.0 without a token/);
  assert.equal(open.exitCode, 2);
  assert.match((await fault({ token: 'short' })).message, /shorter than 16 characters/);
  const first = await agent(t);
  const taken = await fault({ port: Number(new URL(first.url).port) });
  assert.match(taken.message, /cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/);
  assert.equal(taken.exitCode, 5);
});

test('tokens', () => {
  assert.ok(isToken('abc', 'abc'));
  for (const given of ['', 'ab', 'abd', 'abcd']) assert.ok(!isToken(given, 'abc'), given);
});

test('something else that listens there is no agent; odd lines are left out with one note', async (t) => {
  const answers = [
    '<html>hello\n',
    `${JSON.stringify({ kind: 'hello', format: 2 })}\n`,
    [
      JSON.stringify({ kind: 'hello', format: 1, intervalMs: 1000, host: 'there' }),
      'no json',
      '{"kind":"process","name":"x","t":"now"}',
      '{"kind":"process","name":"x","t":5,"cpuCores":null}',
      '{"kind":"moon","t":5}',
      JSON.stringify(reading('x', Date.now())),
      '',
    ].join('\n'),
  ];
  let answer = '';
  const server = createServer((request, response) => {
    if (request.url === '/v1/clock') response.end(JSON.stringify({ t: Date.now() }));
    else response.write(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const expected = [
    /is no agent of this toolkit/,
    /speaks format 2, not 1/,
    /sent a line that is no reading/,
  ];
  for (const [i, text] of answers.entries()) {
    answer = text;
    const { notes, named, running } = follow(
      t,
      httpLink(new URL(`http://127.0.0.1:${portOf(server)}`), null),
    );
    await until(() => notes().length > 0);
    assert.match(notes()[0], expected[i]);
    if (i === 2) {
      await until(() => named('x').length === 1);
      assert.equal(notes().length, 1);
    }
    await running.stop();
  }
});

test('names in use get the host before them, and nobody else gets them', () => {
  const names = new SourceNames(['k6', 'toolkit']);
  const [a, b] = [{}, {}];
  assert.equal(names.claim(a, 'backend', 'h1'), 'backend');
  assert.equal(names.claim(a, 'backend', 'h1'), 'backend');
  assert.equal(names.claim(b, 'backend', 'h2'), 'h2 backend');
  assert.equal(names.claim(b, 'k6', 'h2'), 'h2 k6');
});

test('URLs of agents', () => {
  const problems: [string, RegExp][] = [
    ['nonsense', /must be a URL such as/],
    ['ftp://host', /must begin with http/],
    ['http://user@host', /without user, query and fragment/],
    ['http://:secret@host', /must not hold a password/],
    ['ssh://host/path', /what is to be watched there/],
    ['ssh://host?pid=1', /must name the folder/],
    ['ssh://host/path?pid=1&command=rm', /unknown parameter "command"/],
    ['ssh://-oProxyCommand=x/path?pid=1', /must (name a host|be a URL)/],
    ['ssh://-v@host/path?pid=1', /must not have a user such as "-v"/],
  ];
  for (const [text, message] of problems) {
    const parsed = parseAgentUrl(text);
    assert.ok('problem' in parsed, text);
    assert.match(parsed.problem, message, text);
  }
  const ssh = parseAgentUrl("ssh://me@db.example:2222/~/it's here?pid=12&name=a b");
  assert.ok(!('problem' in ssh) && ssh.kind === 'ssh');
  assert.deepEqual(
    ssh.args.slice(-6),
    [
      ...['-p', '2222', '-l', 'me'],
      ...['--', 'db.example'],
      `cd 'it'\\''s here' && exec npm run --silent monitor -- --stdio '--pid=12' '--name=a b'`,
    ].slice(-6),
  );
});

test('an agent over standard input and output', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let ended = false;
  const served = stdioAgent({
    intervalMs: 100_000,
    input,
    output,
    onEnd: () => (ended = true),
    clock: { ...systemClock, epochMs: () => 42 },
  });
  const lines = createInterface({ input: output })[Symbol.asyncIterator]();
  const next = async () =>
    JSON.parse((await lines.next()).value as string) as Record<string, unknown>;
  assert.equal((await next()).kind, 'hello');
  input.write('nonsense\n{"clock":7}\n');
  assert.deepEqual(await next(), { kind: 'clock', id: 7, t: 42 });
  served.emit(reading('a', 1));
  assert.equal((await next()).name, 'a');
  input.end();
  await until(() => ended);
  await served.stop();
});

const FAKE_SSH = join(projectRoot, 'test/fixtures/bin/ssh-to-here');
const envWith = (more: Record<string, string>) => ({
  ...process.env,
  PATH: `${FAKE_SSH}${delimiter}${process.env.PATH}`,
  ...more,
});

test(
  'over ssh: the monitor at the other end is started, read, and ends with the connection',
  { skip: process.platform === 'win32' },
  async (t) => {
    const address = parseAgentUrl(
      `ssh://here${projectRoot}?pid=${process.pid}&name=far&interval=100ms`,
    );
    assert.ok(!('problem' in address) && address.kind === 'ssh');
    const { lines, named, notes, running } = follow(t, sshLink(address, envWith({})));
    await until(
      () => named('far').length >= 2,
      () => lines,
    );
    assert.ok(
      named('far').every((line) => line.kind === 'process' && line.rootPid === process.pid),
    );
    // Both ends have one clock here: moved times are those of now.
    assert.ok(named('far').every(({ t }) => Math.abs(t - Date.now()) < 60_000));
    await running.stop();
    assert.deepEqual(notes(), []);
  },
);

test(
  'ssh that fails, and no ssh at all: its own words',
  { skip: process.platform === 'win32' },
  async (t) => {
    const address = parseAgentUrl('ssh://nowhere/path?pid=1');
    assert.ok(!('problem' in address) && address.kind === 'ssh');
    const failing = follow(t, sshLink(address, envWith({ FAKE_SSH_FAILS: '1' })));
    await until(() => failing.notes().length > 0);
    assert.match(failing.notes()[0], /Could not resolve hostname nowhere/);
    const missing = follow(t, sshLink(address, { PATH: '/nonexistent' }));
    await until(() => missing.notes().length > 0);
    assert.match(missing.notes()[0], /ssh did not start \(.*ENOENT/);
  },
);

test('an agent that hangs at the door, then one that falls silent: each is given up in time', async (t) => {
  const clock = new FakeClock();
  let opened = 0;
  let closed = 0;
  async function* hello() {
    yield JSON.stringify({ kind: 'hello', format: 1, t: 0, intervalMs: 4000, host: 'there' });
    await new Promise(() => undefined);
  }
  const link: AgentLink = {
    url: 'http://there',
    host: 'there',
    open() {
      if (++opened === 1) return new Promise(() => undefined);
      return Promise.resolve({
        lines: hello(),
        askClock: () => Promise.resolve(clock.epochMs()),
        take: () => undefined,
        close: () => closed++,
      });
    },
  };
  const { notes, running } = follow(t, link, null, clock);
  await clock.step(20_000);
  assert.match(notes()[0], /gives no readings \(http:\/\/there\): no answer within 20 s/);
  await clock.step(1000);
  assert.match(notes()[1], /answers again after 0\.5 s/);
  await clock.step(15_000);
  assert.equal(notes().length, 2);
  // Four of its intervals.
  await clock.step(5000);
  assert.match(notes()[2], /it said nothing for 16 s/);
  assert.equal(closed, 1);
  await running.stop();
});
