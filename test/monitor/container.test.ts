import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { containerSource } from '../../monitor/container.ts';
import {
  containerLogs,
  LogDemultiplexer,
  type ContainerLine,
} from '../../monitor/container-logs.ts';
import {
  containerNameProblem,
  engineAddresses,
  engineAt,
  findContainer,
  parseInspect,
  parseStats,
} from '../../monitor/engine.ts';
import type { ProcessReading, ResourceLine } from '../../results/types.ts';
import type { UserError } from '../../user-error.ts';
import { tlsFile } from '../support/tls-target.ts';
import { FakeCgroups } from './fake-cgroup.ts';
import { FakeEngine, statsAnswer } from './fake-engine.ts';
import { FakeClock } from '../support/clock.ts';
import { until } from '../support/until.ts';
import { scratchFolder } from '../support/scratch.ts';

const ID = '4f1e0b7c9d2a4f1e0b7c9d2a4f1e0b7c9d2a4f1e0b7c9d2a4f1e0b7c9d2a4f1e';
const ID2 = ID.replace('4f1e', '7777');

const unixOnly = { skip: process.platform === 'win32' };

async function setUp(t: TestContext) {
  const engine = await new FakeEngine(t).start();
  const tree = new FakeCgroups(t);
  tree.mounts(['', 'cg']);
  const clock = new FakeClock();
  const lines: ResourceLine[] = [];
  const source = containerSource({
    name: 'backend',
    container: 'web',
    env: { DOCKER_HOST: engine.url },
    procRoot: tree.procRoot,
  });
  const start = () => {
    const running = source.start({ intervalMs: 1000, clock, emit: (line) => lines.push(line) });
    t.after(() => running.stop());
    return running;
  };
  const readings = () => lines.filter((line): line is ProcessReading => line.kind === 'process');
  const notes = () => lines.flatMap((line) => (line.kind === 'note' ? [line.text] : []));
  /** Moves on by one tick and waits for what it brings. */
  const tick = async (seen: () => boolean) => {
    await clock.step(1000);
    await until(seen);
  };
  return { engine, tree, clock, lines, source, start, readings, notes, tick };
}

test(
  'a container by its control group: differences, levels, its own network',
  unixOnly,
  async (t) => {
    const { engine, tree, start, readings, notes, tick } = await setUp(t);
    engine.containers.set('web', { id: ID, pid: 100 });
    tree.process(100, `0::/docker/${ID}\n`);
    tree.v2(`cg/docker/${ID}`, { cpuUs: 2_000_000 });
    start();
    await until(() => readings().length === 1);
    assert.deepEqual(
      { ...readings()[0], t: 0 },
      {
        t: 0,
        kind: 'process',
        name: 'backend',
        rootPid: 100,
        processes: 2,
        rssBytes: 4_000_000,
        memoryPeakBytes: 9_000_000,
        threads: 12,
      },
    );
    tree.v2(`cg/docker/${ID}`, { cpuUs: 3_000_000 });
    tree.network(100, 5000, 7000);
    await tick(() => readings().length === 2);
    const { intervalMs, cpuCores, throttledShare, readBytesPerSecond, ...rest } = readings()[1];
    assert.deepEqual([intervalMs, cpuCores, throttledShare, readBytesPerSecond], [1000, 1, 0.5, 0]);
    assert.equal(rest.networkReceivedBytesPerSecond, 5000);
    assert.equal(rest.networkSentBytesPerSecond, 7000);
    assert.deepEqual(notes(), []);
    // The engine is asked once, not at each tick.
    assert.equal(engine.asked.length, 1);
  },
);

test(
  'a restart is a gap, a note and a new pid; also as a new container of the name',
  unixOnly,
  async (t) => {
    const { engine, tree, start, readings, notes, tick } = await setUp(t);
    engine.containers.set('web', { id: ID, pid: 100 });
    tree.process(100, `0::/docker/${ID}\n`);
    tree.v2(`cg/docker/${ID}`, { cpuUs: 9_000_000 });
    start();
    await until(() => readings().length === 1);

    tree.remove(`cg/docker/${ID}`);
    tree.remove('proc/100');
    engine.containers.set('web', { id: ID, pid: 0, running: false, exitCode: 1 });
    await tick(() => notes().length === 1);
    await tick(() => engine.asked.length >= 3);
    assert.deepEqual(notes(), ['container web has stopped with exit code 1']);
    assert.equal(readings().length, 1);

    engine.containers.set('web', { id: ID, pid: 200 });
    tree.process(200, `0::/docker/${ID}\n`);
    tree.v2(`cg/docker/${ID}`, { cpuUs: 50_000 });
    await tick(() => readings().length === 2);
    assert.match(
      notes()[1],
      /^container web has restarted: 4f1e0b7c9d2a, process 200 instead of 100$/,
    );
    assert.equal(readings()[1].rootPid, 200);
    assert.equal(readings()[1].cpuCores, undefined);

    // Within one interval: the same folder, another first process, and counters that even went up.
    tree.remove('proc/200');
    engine.containers.set('web', { id: ID2, pid: 300 });
    tree.process(300, `0::/docker/${ID2}\n`);
    tree.v2(`cg/docker/${ID2}`, { cpuUs: 90_000_000 });
    await tick(() => readings().length === 3);
    assert.match(notes()[2], /process 300 instead of 200/);
    assert.equal(readings()[2].cpuCores, undefined);
  },
);

test('a container that is removed, and comes again', unixOnly, async (t) => {
  const { engine, tree, start, readings, notes, tick } = await setUp(t);
  engine.containers.set('web', { id: ID, pid: 100 });
  tree.process(100, `0::/docker/${ID}\n`);
  tree.v2(`cg/docker/${ID}`, { cpuUs: 9_000_000 });
  start();
  await until(() => readings().length === 1);
  tree.remove('proc/100');
  engine.containers.clear();
  await tick(() => notes().length === 1);
  assert.deepEqual(notes(), ['container web is no longer there']);
  assert.equal(readings().length, 1);
});

test('where the control group is out of sight, the engine tells', unixOnly, async (t) => {
  const { engine, start, readings, notes, tick } = await setUp(t);
  const at = (second: number, cpuNs: number) =>
    statsAnswer(`2026-01-02T03:04:0${second}.000000001Z`, cpuNs);
  engine.containers.set('web', { id: ID, pid: 100, stats: at(1, 1e9) });
  start();
  await until(() => readings().length === 1);
  assert.match(notes()[0], /control group of container web is not to be seen from here.*unix:/);
  engine.containers.set('web', { id: ID, pid: 100, stats: at(3, 2e9) });
  await tick(() => readings().length === 2);
  assert.deepEqual(
    { ...readings()[1], t: 0 },
    {
      t: 0,
      kind: 'process',
      name: 'backend',
      intervalMs: 2000,
      cpuCores: 0.5,
      cpuPercentOfMachine: 12.5,
      readBytesPerSecond: 0,
      writeBytesPerSecond: 0,
      networkReceivedBytesPerSecond: 0,
      networkSentBytesPerSecond: 0,
      rssBytes: 5_537_216,
      threads: 3,
    },
  );
  assert.ok(
    engine.asked.some((path) => path === `/containers/${ID}/stats?stream=false&one-shot=true`),
  );
  // A restart between two readings shows in the pid alone.
  engine.containers.set('web', { id: ID, pid: 900, stats: at(4, 5e9) });
  await tick(() => notes().length === 2);
  assert.match(notes()[1], /restarted: .*process 900 instead of 100/);
  await tick(() => readings().length === 3);
  assert.equal(readings()[2].cpuCores, undefined);
});

test(
  'an engine that hangs: one note within the limit, and readings again when it answers',
  unixOnly,
  async (t) => {
    const { engine, clock, start, readings, notes } = await setUp(t);
    engine.containers.set('web', {
      id: ID,
      pid: 1,
      stats: statsAnswer('2026-01-02T03:04:01Z', 1e9),
    });
    engine.hangs = true;
    start();
    await until(() => engine.asked.length === 1);
    await clock.step(5000);
    await until(() => notes().length === 1);
    assert.equal(notes()[0], 'could not be read: no answer within 5 s');
    assert.equal(readings().length, 0);
    engine.hangs = false;
    await clock.step(1000);
    await until(() => readings().length === 1);
    assert.ok(notes().includes('can be read again'));
  },
);

test('no such container, no engine, no socket: a sentence each', unixOnly, async (t) => {
  const engine = await new FakeEngine(t).start();
  const fault = (env: Record<string, string>, exists = () => false) =>
    findContainer('web', { env, exists, home: '/nonexistent' }).then(
      () => assert.fail(),
      (error: unknown) => error as UserError,
    );
  const unknown = await fault({ DOCKER_HOST: engine.url });
  assert.match(unknown.message, /there is no container "web" \(unix:.* does not know it\)/);
  assert.equal(unknown.exitCode, 2);
  const dead = await fault({ DOCKER_HOST: 'unix:///nonexistent/docker.sock' });
  assert.match(dead.message, /cannot be looked up \(unix:\/\/\/nonexistent.*ENOENT/);
  assert.equal(dead.exitCode, 5);
  assert.match((await fault({})).message, /no socket of a container engine was found/);
  const ssh = await fault({ DOCKER_HOST: 'ssh://host' });
  assert.match(ssh.message, /scheme ssh, which is not spoken/);
  assert.match(ssh.hint, /ssh -L/);
});

/** A folder for a docker context, as the command line lays it out. */
function contextFolder(home: string, name: string, endpoint: object): string {
  const id = createHash('sha256').update(name).digest('hex');
  const meta = join(home, '.docker/contexts/meta', id);
  mkdirSync(meta, { recursive: true });
  writeFileSync(
    join(meta, 'meta.json'),
    JSON.stringify({ Name: name, Endpoints: { docker: endpoint } }),
  );
  return join(home, '.docker/contexts/tls', id, 'docker');
}

function homeOf(t: TestContext): string {
  const home = scratchFolder(t);
  return home;
}

test('where engines are looked for', unixOnly, (t) => {
  const home = homeOf(t);
  const exists = (path: string) => /var\/run\/docker|podman\.sock/.test(path);
  const env = { XDG_RUNTIME_DIR: '/run/user/7', TMPDIR: '/tmp' };
  const urls = (more: Record<string, string> = {}) =>
    engineAddresses({ env: { ...env, ...more }, home, exists }).map(({ url }) => url);
  const sockets = [
    'unix:///var/run/docker.sock',
    'unix:///run/user/7/podman/podman.sock',
    'unix:///run/podman/podman.sock',
  ];
  assert.deepEqual(urls(), sockets);
  // An empty variable counts as not set: each CI template makes some.
  const empty = { DOCKER_HOST: '', CONTAINER_HOST: '', DOCKER_CONTEXT: '', DOCKER_CONFIG: '' };
  assert.deepEqual(urls(empty), sockets);
  assert.deepEqual(urls({ DOCKER_HOST: '', CONTAINER_HOST: 'unix:///x' }), ['unix:///x']);
  assert.deepEqual(urls({ DOCKER_HOST: 'tcp://h:1', CONTAINER_HOST: 'unix:///x' }), ['tcp://h:1']);

  contextFolder(home, 'desktop-linux', { Host: 'unix:///d.sock' });
  contextFolder(home, 'other', { Host: 'unix:///o.sock' });
  writeFileSync(join(home, '.docker/config.json'), '{"currentContext":"desktop-linux"}');
  assert.deepEqual(urls(), ['unix:///d.sock', ...sockets]);
  assert.equal(urls({ DOCKER_CONTEXT: 'other' })[0], 'unix:///o.sock');
  assert.deepEqual(urls({ DOCKER_CONTEXT: 'default' }), sockets);
  assert.deepEqual(urls({ DOCKER_CONTEXT: 'other', DOCKER_HOST: 'unix:///h' }), ['unix:///h']);
  assert.throws(() => urls({ DOCKER_CONTEXT: 'gone' }), {
    message: /DOCKER_CONTEXT names "gone", and there is no such context in .*\.docker/,
    exitCode: 2,
  });
  // One that config.json names only: docker's own command fails then, but Podman may be there.
  writeFileSync(join(home, '.docker/config.json'), '{"currentContext":"gone"}');
  assert.deepEqual(urls(), sockets);
});

test('TLS of an engine, as the docker command line is set', unixOnly, (t) => {
  const home = homeOf(t);
  const addressOf = (env: Record<string, string>) =>
    engineAddresses({ env, home, exists: () => false })[0];
  const DOCKER_HOST = 'tcp://h:2376';
  const docker = join(home, '.docker');
  assert.deepEqual(addressOf({ DOCKER_HOST }), { url: DOCKER_HOST, tls: null });
  for (const [env, tls] of [
    [{ DOCKER_TLS_VERIFY: '1' }, { folder: docker, verify: true }],
    [
      { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '' },
      { folder: docker, verify: true },
    ],
    [
      { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/c' },
      { folder: '/c', verify: true },
    ],
    [
      { DOCKER_TLS_VERIFY: '1', DOCKER_CONFIG: '/d' },
      { folder: '/d', verify: true },
    ],
    [{ DOCKER_TLS: '1' }, { folder: docker, verify: false }],
    [
      { DOCKER_TLS: '1', DOCKER_TLS_VERIFY: '1' },
      { folder: docker, verify: true },
    ],
    [{ DOCKER_TLS_VERIFY: '' }, null],
  ] as const)
    assert.deepEqual(addressOf({ DOCKER_HOST, ...env }), { url: DOCKER_HOST, tls });

  const certificates = contextFolder(home, 'far', { Host: 'tcp://far:2376', SkipTLSVerify: false });
  const far = { DOCKER_CONTEXT: 'far', DOCKER_TLS_VERIFY: '1' };
  assert.deepEqual(addressOf(far), { url: 'tcp://far:2376', tls: null });
  mkdirSync(certificates, { recursive: true });
  assert.deepEqual(addressOf(far).tls, { folder: certificates, verify: true });
  contextFolder(home, 'far', { Host: 'tcp://far:2376', SkipTLSVerify: true });
  assert.deepEqual(addressOf(far).tls, { folder: certificates, verify: false });
});

test(
  'an engine that asks for a client certificate is asked with that of its place',
  unixOnly,
  async (t) => {
    const engine = await new FakeEngine(t).startTls({
      cert: readFileSync(tlsFile('server.cert.pem')),
      key: readFileSync(tlsFile('server.key.pem')),
      ca: readFileSync(tlsFile('ca.cert.pem')),
      requestCert: true,
      rejectUnauthorized: true,
    });
    engine.containers.set('web', { id: ID, pid: 7 });
    const home = homeOf(t);
    const fill = (folder: string) => {
      mkdirSync(folder, { recursive: true });
      for (const [name, from] of Object.entries({
        'ca.pem': 'ca.cert.pem',
        'cert.pem': 'client.cert.pem',
        'key.pem': 'client.key.pem',
      }))
        copyFileSync(tlsFile(from), join(folder, name));
    };
    const find = async (env: Record<string, string>) =>
      (await findContainer('web', { env, home, exists: () => false })).state.pid;
    const verified = { DOCKER_HOST: engine.url, DOCKER_TLS_VERIFY: '1' };
    await assert.rejects(find(verified), /cannot be looked up .*certificate/);
    await assert.rejects(find({ DOCKER_HOST: engine.url }), /cannot be looked up/);
    fill(join(home, '.docker'));
    assert.equal(await find(verified), 7);
    fill(join(home, 'elsewhere'));
    assert.equal(await find({ ...verified, DOCKER_CERT_PATH: join(home, 'elsewhere') }), 7);
    fill(contextFolder(home, 'far', { Host: engine.url }));
    assert.equal(await find({ DOCKER_CONTEXT: 'far' }), 7);
  },
);

/** As an engine for Windows containers answers: `num_procs`, units of 100 ns, private working set. */
const windowsAnswer = (read: string, cpu100ns: number) => ({
  ...{ read, preread: '0001-01-01T00:00:00Z', pids_stats: {}, num_procs: 4 },
  blkio_stats: { io_service_bytes_recursive: null },
  storage_stats: { read_size_bytes: 1000, write_size_bytes: 2000 },
  cpu_stats: { cpu_usage: { total_usage: cpu100ns }, throttling_data: {} },
  memory_stats: { commitbytes: 2e8, commitpeakbytes: 2.1e8, privateworkingset: 1.5e8 },
  networks: {},
});

test('a Windows container: half a core, and its private working set', unixOnly, async (t) => {
  const { engine, start, readings, tick } = await setUp(t);
  const stats = (second: number) =>
    windowsAnswer(`2026-01-02T03:04:0${second}Z`, second * 0.5 * 1e7);
  engine.containers.set('web', { id: ID, pid: 100, stats: stats(1) });
  start();
  await until(() => readings().length === 1);
  engine.containers.set('web', { id: ID, pid: 100, stats: stats(3) });
  await tick(() => readings().length === 2);
  const { cpuCores, cpuPercentOfMachine, rssBytes, readBytesPerSecond } = readings()[1];
  assert.deepEqual([cpuCores, cpuPercentOfMachine, rssBytes], [0.5, 12.5, 1.5e8]);
  assert.equal(readBytesPerSecond, 0);
});

test(
  'a crash loop: the time between two lives is a gap, and no figure is negative',
  unixOnly,
  async (t) => {
    const { engine, start, readings, notes, tick } = await setUp(t);
    const stats = (second: number, cpuNs: number) =>
      statsAnswer(`2026-01-02T03:04:0${second}Z`, cpuNs);
    const life = { id: ID, pid: 100, startedAt: '2026-01-02T03:04:00Z' };
    engine.containers.set('web', { ...life, stats: stats(1, 5e9) });
    start();
    await until(() => readings().length === 1);
    // Docker answers with running and restarting at once, and with pid 0.
    engine.containers.set('web', { ...life, pid: 0, restarting: true, exitCode: 2, stats: {} });
    await tick(() => notes().length === 2);
    assert.equal(
      notes()[1],
      'container web has ended with exit code 2, and its engine is about to start it again',
    );
    assert.equal(readings().length, 1);
    // The engine's machine gave the new life the same pid.
    engine.containers.set('web', {
      ...life,
      startedAt: '2026-01-02T03:04:05Z',
      stats: stats(6, 1e9),
    });
    await tick(() => readings().length === 2);
    assert.match(notes()[2], /has restarted: 4f1e0b7c9d2a, process 100 again/);
    assert.equal(readings()[1].cpuCores, undefined);
    // Counters that begin anew without any other sign.
    engine.containers.set('web', {
      ...life,
      startedAt: '2026-01-02T03:04:05Z',
      stats: stats(7, 5e8),
    });
    await tick(() => readings().length === 3);
    assert.match(notes()[3], /counters of container web began anew/);
    assert.equal(readings()[2].intervalMs, undefined);
    engine.containers.set('web', {
      ...life,
      startedAt: '2026-01-02T03:04:05Z',
      stats: stats(9, 1.5e9),
    });
    await tick(() => readings().length === 4);
    assert.equal(readings()[3].cpuCores, 0.5);
  },
);

test('names of containers, and answers of nonsense', () => {
  assert.equal(containerNameProblem('uptime-backend_1.2'), null);
  for (const name of ['../../x', '-v', 'a b', ''])
    assert.match(containerNameProblem(name)!, /must be the name or id/, name);
  for (const answer of [null, {}, { Id: 'x', State: {} }, { Id: ID }])
    assert.throws(() => parseInspect(answer), /unknown form/);
  assert.equal(
    parseStats({ read: '0001-01-01T00:00:00Z', cpu_stats: { cpu_usage: { total_usage: 0 } } }),
    null,
  );
  assert.equal(parseStats({}), null);
});

const frame = (stream: 1 | 2 | 3, text: string): Buffer => {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
};

test('a log in frames, cut at every place', () => {
  const bytes = Buffer.concat([
    frame(1, '2026-01-02T03:04:05.123456789Z first ü\n2026-01-02T03:04:06Z half '),
    frame(2, '2026-01-02T03:04:06.5+01:00 an error\r\n'),
    frame(1, 'of a line\nno time\n'),
    frame(1, 'last'),
  ]);
  const expected: ContainerLine[] = [
    { t: Date.parse('2026-01-02T03:04:05.123Z'), stream: 'stdout', text: 'first ü' },
    { t: Date.parse('2026-01-02T02:04:06.500Z'), stream: 'stderr', text: 'an error' },
    { t: Date.parse('2026-01-02T03:04:06Z'), stream: 'stdout', text: 'half of a line' },
    { t: null, stream: 'stdout', text: 'no time' },
    { t: null, stream: 'stdout', text: 'last' },
  ];
  for (let cut = 0; cut <= bytes.length; cut++) {
    const log = new LogDemultiplexer(false);
    const lines = [
      ...log.push(bytes.subarray(0, cut)),
      ...log.push(bytes.subarray(cut)),
      ...log.end(),
    ];
    assert.deepEqual(lines, expected, `cut at ${cut}`);
  }
  const plain = new LogDemultiplexer(false);
  assert.deepEqual(plain.push(Buffer.from('plain text')), []);
  assert.match(plain.trouble!, /not in frames/);
  assert.equal(new LogDemultiplexer(true).push(Buffer.from('plain text\n'))[0].text, 'plain text');
});

test('130,000 lines in one piece are as many lines', () => {
  const log = new LogDemultiplexer(false);
  const line = '2026-01-02T03:04:05Z x\n';
  assert.equal(log.push(frame(1, line.repeat(130_000))).length, 130_000);
});

test('what the daemon says of its own trouble, cut at every place: the lines before it are whole', () => {
  const bytes = Buffer.concat([
    frame(2, '2026-01-02T03:04:05Z {"level":"error"}\n2026-01-02T03:04:06Z cut'),
    frame(3, 'error grabbing logs: invalid\ncharacter'),
    frame(1, '2026-01-02T03:04:07Z never\n'),
  ]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const log = new LogDemultiplexer(false);
    const lines = [
      ...log.push(bytes.subarray(0, cut)),
      ...log.push(bytes.subarray(cut)),
      ...log.end(),
    ];
    assert.deepEqual(
      lines.map(({ text }) => text),
      ['{"level":"error"}', 'cut'],
    );
    assert.equal(
      log.trouble,
      'the engine broke its log off: error grabbing logs: invalid character',
    );
  }
  // A daemon that goes away while it speaks, and one that announces more than it can have to say.
  const half = new LogDemultiplexer(false);
  const head = frame(3, 'half a word');
  head.writeUInt32BE(0xffff_ffff, 4);
  half.push(head);
  half.end();
  assert.match(half.trouble!, /: half a word$/);
});

test(
  'a log is followed until the reader has enough, the container ends, or the engine dies',
  unixOnly,
  async (t) => {
    const fake = await new FakeEngine(t).start();
    const log = [frame(1, '2026-01-02T03:04:05Z a\n'), frame(2, '2026-01-02T03:04:06Z b\n')];
    fake.containers.set('web', { id: ID, pid: 1, log });
    const engine = engineAt({ url: fake.url, tls: null });
    const seen: string[] = [];
    const enough = new AbortController();
    for await (const { text } of containerLogs(engine, 'web', 1_767_323_045_500, enough.signal)) {
      seen.push(text);
      if (seen.length === 2) enough.abort();
    }
    assert.deepEqual(seen, ['a', 'b']);
    const query = new URL(fake.asked.at(-1)!, 'http://x').searchParams;
    assert.deepEqual(Object.fromEntries(query), {
      follow: '1',
      stdout: '1',
      stderr: '1',
      timestamps: '1',
      since: '1767323045.500',
    });
    fake.containers.set('web', { id: ID, pid: 1, log, running: false });
    const all: ContainerLine[] = [];
    for await (const line of containerLogs(engine, 'web', 0)) all.push(line);
    assert.equal(all.length, 2);
    fake.containers.set('web', {
      id: ID,
      pid: 1,
      log: [...log, frame(3, 'the disk broke')],
      running: false,
    });
    const before: ContainerLine[] = [];
    await assert.rejects(async () => {
      for await (const line of containerLogs(engine, 'web', 0)) before.push(line);
    }, /the engine broke its log off: the disk broke/);
    assert.equal(before.length, 2);
    await assert.rejects(async () => {
      for await (const line of containerLogs(engine, 'other', 0)) assert.fail(line.text);
    }, /No such container: other/);
  },
);
