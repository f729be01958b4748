/** The hostile cases on the embedded backend, each with its answer; and on targets that answer otherwise, where each must fail. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:tls';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { HOSTILE_CASES, type HostileCase } from '../../../load/hostile/cases.ts';
import { hostileFleet, hostileMaterial } from '../../../load/hostile/material.ts';
import { RateGate } from '../../../load/hostile/rate-gate.ts';
import { hostileOrder, startHostile } from '../../../load/hostile/sender.ts';
import { makeFleet } from '../../../producers/fleet.ts';
import type { HostileFigures } from '../../../results/types.ts';
import { projectRoot } from '../../../paths.ts';
import { type BackendProcess, startBackend } from '../../../stack/backend-process.ts';
import { until } from '../../support/until.ts';
import {
  always,
  caseNamed,
  fakeServer,
  hostileContext,
  openClients,
  SEED,
  startRound,
} from './support.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { slowOnly } from '../../support/thorough.ts';

const base = scratchFolder();

const whitelist = join(base, 'whitelist.txt');
const good = makeFleet({ seed: SEED, count: 1 });
writeFileSync(
  whitelist,
  [...hostileFleet(SEED).producers, ...good.producers]
    .map(({ publicKey }) => `${publicKey}\n`)
    .join(''),
);

let backends = 0;
const startEmbedded = (env: Record<string, string>, list: string | null = whitelist) => {
  const name = join(base, `backend-${backends++}`);
  return startBackend({
    whitelist: list,
    storageFolder: name,
    logFile: `${name}.log`,
    env: { BACKEND_FAITHFUL: '1', ...env },
  });
};

/** The names of the cases for which `holds`. */
const namesWhere = (
  { cases }: HostileFigures,
  holds: (figures: HostileFigures['cases'][number]) => boolean,
): string[] => cases.filter(holds).map(({ name }) => name);

function assertAllExpected(figures: HostileFigures, notRun: readonly string[] = []): void {
  const faults = figures.cases.flatMap(({ name, examples }) =>
    examples.map((example) => `${name}: ${example}`),
  );
  assert.deepEqual(faults, []);
  assert.equal(figures.unexpected, 0);
  assert.deepEqual(
    namesWhere(figures, ({ notRun: reason }) => reason !== undefined),
    notRun,
  );
  for (const { name, played, asExpected, cut } of figures.cases) {
    assert.equal(played, asExpected, name);
    // Too slow a machine may see the edge of the future too late to judge it.
    if (name !== 'future') assert.equal(cut, 0, name);
    if (!notRun.includes(name)) assert.equal(played + cut, caseNamed(name).copies ?? 1, name);
  }
  const answered = Object.values(figures.answers).reduce((sum, count) => sum + count, 0);
  assert.equal(figures.requests, answered);
}

describe('the embedded backend', () => {
  test('gives every case its answer, takes what is right and nothing else, and lives on', async () => {
    const backend = await startEmbedded({ REQUESTS_PER_PK_HOURLY: '4' });
    try {
      const run = await startRound(backend.url);
      const figures = await run.done;
      assertAllExpected(figures);
      assert.equal(figures.rounds, 1);
      // 4 of the hourly limit, and those that are right: in no second twice by the same producer but for the limit's.
      const right = ['almost-future', 'long-past', 'right', 'headers-10000', 'slow-body'];
      assert.equal(figures.answers['429'], 2);
      assert.ok(figures.answers['200'] >= 4 + right.length + 2);
      const stored = readdirSync(join(base, `backend-${backends - 1}`), { recursive: true })
        .map(String)
        .filter((name) => name.endsWith('.json'));
      const fleet = hostileFleet(SEED).producers.map(({ publicKey }) => publicKey);
      const submitters = stored.map((name) => /-(B62\w+)\.json$/.exec(name)![1]);
      assert.ok(submitters.every((submitter) => fleet.includes(submitter)));
      // Producer 1 signs what is refused.
      assert.ok(!submitters.includes(fleet[1]), 'a submission that should be refused was stored');
      assert.ok(submitters.includes(fleet[0]));
      await assertTakesGood(backend);
    } finally {
      await backend.stop();
    }
  });

  test('without whitelist and signatures, other answers are right, and known to be', async () => {
    const backend = await startEmbedded(
      { REQUESTS_PER_PK_HOURLY: '4', VERIFY_SIGNATURE_DISABLED: '1' },
      null,
    );
    try {
      const context = await hostileContext({ whitelist: 'off', signatures: 'unchecked' });
      const figures = await (await startRound(backend.url, { context })).done;
      assertAllExpected(figures);
      assert.equal(figures.answers['401'], undefined);
    } finally {
      await backend.stop();
    }
  });

  test('what is expected where, is not where it is not', async () => {
    const backend = await startEmbedded({
      REQUESTS_PER_PK_HOURLY: '3',
      VERIFY_SIGNATURE_DISABLED: '1',
    });
    try {
      // The target checks no signature, and its limit is another than was said.
      const figures = await (await startRound(backend.url)).done;
      const wrong = namesWhere(figures, ({ unexpected }) => unexpected > 0);
      const expected = HOSTILE_CASES.map(({ name }) => name).filter(
        (name) => name.startsWith('signature-') || name === 'hourly-limit',
      );
      assert.deepEqual(wrong, expected);
    } finally {
      await backend.stop();
    }
  });

  test('one that takes a submitter once a second is waited for, and its hourly limit holds all the same', async () => {
    const backend = await startEmbedded({ REQUESTS_PER_PK_HOURLY: '3', BACKEND_FAITHFUL: '0' });
    try {
      const context = await hostileContext({ hourlyLimit: 3, faithful: false });
      const figures = await (await startRound(backend.url, { context })).done;
      assertAllExpected(figures);
      const edge = figures.cases.find(({ name }) => name === 'hourly-limit')!;
      assert.deepEqual([edge.played, edge.asExpected], [1, 1]);
      // Three that are taken, two that are too many, three wrongly signed; and each that had to wait.
      assert.ok(edge.requests >= 8, `${edge.requests}`);
    } finally {
      await backend.stop();
    }
  });

  test(
    'where there is no time for its edge, that is said; one that says "later" for ever is wrong',
    slowOnly,
    async () => {
      const cases = [caseNamed('hourly-limit')];
      const patient = { faithful: false, hourlyLimit: 120 };
      const late = await fakeServer(
        always(
          'HTTP/1.1 429 Too Many Requests\r\nContent-Length: 50\r\n\r\n{"error":"Only one submission per second is kept"}',
        ),
      );
      try {
        const short = await hostileContext({ ...patient, durationMs: 143_000 });
        const [edge] = (await (await startRound(late.url, { cases, context: short })).done).cases;
        assert.match(edge.notRun!, /takes 144 s: use --faithful/);
        const right = [caseNamed('right')];
        const context = await hostileContext(patient);
        const [never] = (await (await startRound(late.url, { cases: right, context })).done).cases;
        assert.deepEqual([never.played, never.unexpected, never.requests], [1, 1, 6]);
      } finally {
        await late.stop();
      }
    },
  );

  test('an unknown or too high hourly limit is not tried, and that is said', async () => {
    const backend = await startEmbedded({ REQUESTS_PER_PK_HOURLY: '500' });
    try {
      for (const hourlyLimit of [null, 500]) {
        const cases = [caseNamed('hourly-limit'), caseNamed('right')];
        const context = await hostileContext({ hourlyLimit });
        const figures = await (await startRound(backend.url, { cases, context })).done;
        const [edge, right] = figures.cases;
        assert.match(edge.notRun!, hourlyLimit === null ? /not known/ : /500, .* up to 200/);
        assert.deepEqual([edge.played, right.played, right.asExpected], [0, 1, 1]);
      }
    } finally {
      await backend.stop();
    }
  });

  test('a target that was up before may remember an hour; then its 429 is right', async () => {
    const backend = await startEmbedded({ REQUESTS_PER_PK_HOURLY: '2' });
    try {
      const cases = [caseNamed('hourly-limit')];
      for (const { fresh, unexpected } of [
        { fresh: true, unexpected: 0 },
        { fresh: true, unexpected: 1 },
        { fresh: false, unexpected: 0 },
      ]) {
        const context = await hostileContext({ hourlyLimit: 2, fresh });
        const figures = await (await startRound(backend.url, { cases, context })).done;
        assert.equal(figures.unexpected, unexpected);
      }
    } finally {
      await backend.stop();
    }
  });

  test('behind TLS with an own authority: the same answers', slowOnly, async () => {
    const backend = await startEmbedded({ REQUESTS_PER_PK_HOURLY: '4' });
    const pem = (name: string): Buffer =>
      readFileSync(join(projectRoot, 'test/fixtures', `loopback.${name}.pem`));
    const terminator = createTlsServer(
      { key: pem('key'), cert: pem('cert'), allowHalfOpen: true },
      (socket) => {
        const inner = connect({ port: backend.port, host: '127.0.0.1', allowHalfOpen: true });
        const drop = (): void => {
          inner.destroy();
          socket.destroy();
        };
        socket.on('error', drop).on('close', drop).pipe(inner);
        inner.on('error', drop).on('close', drop).pipe(socket);
      },
    ).listen(0, '127.0.0.1');
    try {
      const { port } = await new Promise<AddressInfo>((resolve) =>
        terminator.once('listening', () => resolve(terminator.address() as AddressInfo)),
      );
      const url = `https://127.0.0.1:${port}`;
      const names = [
        'no-length',
        'cut-off',
        'wrong-types',
        'right',
        'pipelining',
        'half-open',
        'dropped',
      ];
      const cases = names.map(caseNamed);
      const trusting = { url, cases, tls: { ca: pem('cert') } };
      const figures = await (await startRound(url, trusting)).done;
      assertAllExpected(figures);
      const distrusting = await (await startRound(url, { cases })).done;
      assert.equal(distrusting.asExpected, 0);
      assert.deepEqual(Object.keys(distrusting.answers), ['error:1300']);
    } finally {
      terminator.close();
      await backend.stop();
    }
  });
});

async function assertTakesGood(backend: BackendProcess): Promise<void> {
  const context = await hostileContext();
  const material = await hostileMaterial({
    seed: SEED,
    network: 'testnet',
    hourlyLimit: 4,
    fleet: {
      producers: [good.producers[0], good.producers[0], good.producers[0]],
      privateKeys: Buffer.concat([good.privateKeys, good.privateKeys, good.privateKeys]),
    },
  });
  const figures = await (
    await startRound(backend.url, {
      cases: [caseNamed('right')],
      context: { ...context, material },
    })
  ).done;
  assertAllExpected(figures);
}

describe('targets that are not as they should be', () => {
  const RESET_IS_RIGHT = ['too-long-begun', 'headers-too-long', 'head-cut-off'];
  const ACCEPTED = [
    'almost-future',
    'long-past',
    'right',
    'headers-10000',
    'half-closed',
    'slow-body',
  ];
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}';
  const TARGETS: Record<
    string,
    {
      does: (socket: Socket) => void;
      right: readonly string[];
      seen: RegExp;
      /** Where waiting is what happens. */
      timeoutMs?: number;
    }
  > = {
    'a teapot': {
      does: always('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n'),
      right: [],
      seen: /418 without a body, not/,
    },
    'one that says yes to everything': { does: always(ok), right: ACCEPTED, seen: /ok"\}, not 4/ },
    'one that says no to everything': {
      does: always('HTTP/1.1 400 Bad Request\r\nContent-Length: 13\r\n\r\n{"error":"x"}'),
      // Where HTTP refuses, its words do not matter.
      right: ['two-framings', 'two-lengths', 'bad-length', 'no-host', 'not-http', 'head-cut-off'],
      seen: /400 \{"error":"x"\}, not/,
    },
    'another protocol': {
      does: (socket) => socket.write('SSH-2.0-x\r\n'),
      right: [],
      seen: /no HTTP/,
    },
    'one that resets': {
      does: (socket) => socket.once('data', () => socket.resetAndDestroy()),
      right: RESET_IS_RIGHT,
      seen: /reset/,
    },
    'one that closes': {
      does: (socket) => socket.once('data', () => socket.destroy()),
      right: RESET_IS_RIGHT,
      seen: /closed|reset/,
    },
    'one that never answers': {
      does: () => undefined,
      right: [],
      seen: /nothing within/,
      timeoutMs: 700,
    },
    'one that begins an answer': {
      does: (socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n')),
      right: [],
      seen: /does not end|more bytes/,
      timeoutMs: 700,
    },
    'one that pours': {
      does: (socket) => {
        const pour = (): void => {
          while (
            socket.writable &&
            socket.write(Buffer.alloc(65_536, 'HTTP/1.1 200 OK\r\nA: b\r\n'))
          );
        };
        socket.on('drain', pour);
        socket.once('data', pour);
      },
      right: [],
      seen: /without an end|header line|longer/,
    },
  };
  /** One that answers wrongly, one that does not end. */
  const QUICK = ['one that says no to everything', 'one that pours'];
  for (const [name, { does, right, seen, timeoutMs = 30_000 }] of Object.entries(TARGETS))
    test(`${name}: each case fails`, QUICK.includes(name) ? {} : slowOnly, async () => {
      const target = await fakeServer(does);
      try {
        const figures = await (await startRound(target.url, { timeoutMs, maxShort: 64 })).done;
        assert.deepEqual(
          namesWhere(figures, ({ unexpected, played }) => unexpected === 0 || played === 0).sort(),
          [...right].sort(),
        );
        assert.equal(figures.cut, 0);
        assert.ok(figures.cases.some(({ examples }) => examples.some((text) => seen.test(text))));
        for (const { examples } of figures.cases) assert.ok(examples.length <= 3);
        assert.equal(openClients(), 0);
      } finally {
        await target.stop();
      }
    });

  test('a proxy may refuse in its own words what HTTP refuses, but not answer for the backend', async () => {
    const proxy = await fakeServer(
      always('HTTP/1.1 400 Bad Request\r\nContent-Length: 13\r\n\r\n<html></html>'),
    );
    try {
      const context = await hostileContext({ direct: false });
      const figures = await (await startRound(proxy.url, { context })).done;
      const right = figures.cases.filter(({ unexpected }) => unexpected === 0);
      const byProxy = new Set(right.map(({ check }) => check));
      assert.deepEqual([...byProxy].sort(), [1, 2, 3, 4, 'http', 'slow']);
      assert.deepEqual(
        right.filter(({ check }) => check === 4).map(({ name }) => name),
        ['no-body'],
      );
      const wrong = figures.cases.filter(({ unexpected }) => unexpected > 0);
      for (const check of [4, 5, 6, 7, 8, 9, 10])
        assert.ok(
          wrong.some((figures) => figures.check === check),
          `${check}`,
        );
      for (const { name } of wrong.filter(({ check }) => check === 'http'))
        assert.ok(['pipelining', 'garbage-after'].includes(name), name);
    } finally {
      await proxy.stop();
    }
  });

  test('nobody at the address', async () => {
    const target = await fakeServer(() => undefined);
    await target.stop();
    const figures = await (await startRound(target.url)).done;
    assert.deepEqual(Object.keys(figures.answers), ['error:1212']);
    assert.equal(figures.asExpected, 0);
    assert.ok(figures.unexpected >= HOSTILE_CASES.length);
  });

  test('what a target says does not reach a terminal as it is', async () => {
    const target = await fakeServer(
      always('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\x1b[2J\x1b[31m!'),
    );
    try {
      const cases = [caseNamed('missing')];
      const figures = await (await startRound(target.url, { cases })).done;
      const { examples } = figures.cases[0];
      assert.ok(examples.length > 0);
      for (const example of examples) assert.match(example, /^[\x20-\x7e·…]+$/);
    } finally {
      await target.stop();
    }
  });
});

describe('the sender', () => {
  test('a stop in the middle frees all sockets, and what was under way counts as cut', async () => {
    const target = await fakeServer(() => undefined);
    try {
      const run = await startRound(target.url, { timeoutMs: 600_000, rounds: Infinity });
      // The first connection asks for the clock: as it gets no answer, all that follows waits.
      await until(() => target.taken === 1, 'the first connection');
      const figures = await run.stop();
      assert.equal(figures.played + figures.cut, 0);
      assert.equal(openClients(), 0);
      assert.equal(await run.done, figures, 'both tell the same');
    } finally {
      await target.stop();
    }
  });

  test('so does a signal, with short and held cases under way', async () => {
    let first = true;
    const target = await fakeServer((socket) => {
      if (first) always('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')(socket);
      first = false;
    });
    const interrupt = new AbortController();
    try {
      const context = await hostileContext({ holdMs: 600_000, slowMs: 600_000 });
      const run = await startRound(target.url, {
        context,
        timeoutMs: 600_000,
        rounds: Infinity,
        maxShort: 200,
        signal: interrupt.signal,
      });
      await until(() => openClients() >= HOSTILE_CASES.length, 'every case under way');
      interrupt.abort();
      const figures = await run.done;
      assert.equal(figures.unexpected, 0);
      assert.ok(figures.cut >= HOSTILE_CASES.length - 1, `${figures.cut} cut`);
      assert.equal(openClients(), 0);
    } finally {
      await target.stop();
    }
  });

  test('nothing is sent when it is stopped before it begins', async () => {
    const target = await fakeServer(() => undefined);
    const figures = await (await startRound(target.url, { signal: AbortSignal.abort() })).done;
    assert.deepEqual([figures.requests, figures.played, figures.cut, target.taken], [0, 0, 0, 0]);
    await target.stop();
  });

  test('no more connections at a time than allowed', async () => {
    let most = 0;
    const target = await fakeServer(() => (most = Math.max(most, openClients())));
    try {
      await (
        await startRound(target.url, {
          timeoutMs: 50,
          maxShort: 3,
          maxHeld: 2,
          cases: HOSTILE_CASES.filter(({ kind }) => kind !== 'once'),
        })
      ).done;
      assert.ok(most <= 5, `${most} open`);
      assert.ok(most >= 3, `${most} open`);
    } finally {
      await target.stop();
    }
  });

  test('with nothing but held cases and all places taken, it waits and can be stopped', async () => {
    let first = true;
    const target = await fakeServer((socket) => {
      if (first) always('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')(socket);
      first = false;
    });
    const context = await hostileContext({ holdMs: 600_000 });
    const cases = [caseNamed('half-open')];
    const run = await startRound(target.url, { cases, context, rounds: Infinity, maxHeld: 3 });
    await until(() => openClients() === 3, 'three held');
    const figures = await run.stop();
    assert.equal(figures.cut, 3);
    assert.equal(openClients(), 0);
    await target.stop();
  });

  test('the edge of the future is in the time of the target', async () => {
    const ahead = 3_600_000;
    const times: number[] = [];
    const target = await fakeServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        const time = /"created_at":"([^"]+)"/.exec(chunk.toString('latin1'))?.[1];
        if (time !== undefined) times.push(Date.parse(time));
        else if (!chunk.includes('{}')) return;
        const date = new Date(Date.now() + ahead).toUTCString();
        socket.end(`HTTP/1.1 400 Bad Request\r\nDate: ${date}\r\nContent-Length: 0\r\n\r\n`);
      });
    });
    try {
      const before = Date.now();
      await (
        await startRound(target.url, { cases: [caseNamed('almost-future')] })
      ).done;
      const inside = times[0] - (Date.now() + ahead);
      // Date has whole seconds, and so has created_at.
      assert.ok(inside <= 300_000, `${inside}`);
      assert.ok(times[0] - (before + ahead) > 295_000, `${times[0] - (before + ahead)}`);
    } finally {
      await target.stop();
    }
  });

  test('an error of who listens ends it, and is told', async () => {
    const target = await fakeServer(always('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    const run = await startRound(target.url, {
      rounds: Infinity,
      onOutcome: () => {
        throw new Error('full disk');
      },
    });
    await assert.rejects(run.done, /full disk/);
    assert.equal(openClients(), 0);
    await target.stop();
  });

  test('outcomes add up to the figures', async () => {
    const target = await fakeServer(always('HTTP/1.1 411 x\r\nContent-Length: 0\r\n\r\n'));
    let requests = 0;
    const verdicts = { expected: 0, unexpected: 0, cut: 0 };
    const figures = await (
      await startRound(target.url, {
        maxShort: 64,
        onOutcome: (outcome) => {
          requests += outcome.requests.length;
          assert.ok(outcome.requests.every(({ ms, came }) => ms >= 0 && came !== ''));
          assert.ok(outcome.durationMs >= Math.max(0, ...outcome.requests.map(({ ms }) => ms)));
          verdicts[outcome.verdict]++;
          assert.equal(outcome.verdict === 'unexpected', outcome.faults.length > 0);
        },
      })
    ).done;
    assert.ok(requests > 0);
    assert.equal(requests, figures.requests);
    const { asExpected, unexpected, cut } = figures;
    assert.deepEqual(verdicts, { expected: asExpected, unexpected, cut });
    assert.ok(asExpected > 0 && unexpected > 0);
    await target.stop();
  });

  test('a rate of nothing is refused', async () => {
    const context = await hostileContext();
    for (const ratePerSecond of [0, -1, NaN])
      assert.throws(
        () =>
          startHostile({
            url: 'http://127.0.0.1:1',
            cases: [],
            context,
            ratePerSecond,
            seed: SEED,
            timeoutMs: 1,
          }),
        /ratePerSecond/,
      );
  });
});

describe('order and rate', () => {
  const orderOf = (seed: string, rounds: number): string[] =>
    [...hostileOrder(HOSTILE_CASES, seed, rounds)].map(({ hostile }) => hostile.name);

  test('the seed decides the order', () => {
    assert.deepEqual(orderOf('a', 3), orderOf('a', 3));
    assert.notDeepEqual(orderOf('a', 3), orderOf('b', 3));
  });

  test('each round has every case once, in another order; the long ones come once, first', () => {
    const once = HOSTILE_CASES.filter(({ kind }) => kind === 'once').map(({ name }) => name);
    const order = orderOf('a', 2);
    assert.deepEqual(order.slice(0, once.length), once);
    const rest = order.slice(once.length);
    const first = rest.slice(0, rest.length / 2);
    const second = rest.slice(rest.length / 2);
    assert.deepEqual([...first].sort(), [...second].sort());
    assert.notDeepEqual(first, second);
    assert.deepEqual([...once, ...first].sort(), HOSTILE_CASES.map(({ name }) => name).sort());
  });

  test('without cases an endless run ends', async () => {
    assert.deepEqual([...hostileOrder([], 'a', Infinity)], []);
    const target = await fakeServer(always('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    const figures = await (await startRound(target.url, { cases: [], rounds: Infinity })).done;
    assert.deepEqual([figures.rounds, figures.requests, figures.played], [0, 0, 0]);
    await target.stop();
  });

  test('names are unique, and each check has a case', () => {
    const names = HOSTILE_CASES.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    const checks = new Set(HOSTILE_CASES.map(({ check }) => check));
    for (const check of [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      10,
      'http',
      'slow',
    ] satisfies HostileCase['check'][])
      assert.ok(checks.has(check), `${check}`);
  });

  test('the gate lets no more through than its rate, and takes turns', async () => {
    const gate = new RateGate(200, new AbortController().signal);
    const began = performance.now();
    const passed: string[] = [];
    const pass = (name: string, urgent: boolean) =>
      gate.next(urgent).then((go) => go && passed.push(name));
    await Promise.all([
      ...Array.from({ length: 6 }, () => pass('short', false)),
      ...Array.from({ length: 3 }, () => pass('urgent', true)),
    ]);
    assert.ok(performance.now() - began >= 8 * 5 - 2, 'nine callers at 200/s need 40 ms');
    assert.equal(passed.length, 9);
    assert.deepEqual(passed.slice(0, 6).filter((name) => name === 'urgent').length, 3);
  });

  test('the gate lets nobody through after the end', async () => {
    const ending = new AbortController();
    const gate = new RateGate(0.001, ending.signal);
    assert.equal(await gate.next(), true);
    const waiting = [gate.next(), gate.next(true)];
    ending.abort();
    assert.deepEqual(await Promise.all(waiting), [false, false]);
  });
});

describe('producers', () => {
  let now = 0;
  let material: Awaited<ReturnType<typeof hostileMaterial>>;
  before(async () => {
    material = await hostileMaterial({
      seed: SEED,
      network: 'testnet',
      hourlyLimit: 3,
      monotonicMs: () => now,
    });
  });

  test('take turns, and rest when their hour is used up', () => {
    const fleet = hostileFleet(SEED).producers.map(({ publicKey }) => publicKey);
    const taken: string[] = [];
    for (let member = material.take(); member !== null; member = material.take())
      taken.push(member.publicKey);
    assert.deepEqual(taken, [...fleet.slice(2), ...fleet.slice(2)]);
    now = 3_600_000;
    assert.equal(material.take(), null, 'the clocks may differ');
    now = 3_700_000;
    assert.equal(material.take()!.publicKey, fleet[2]);
  });

  test('are neither in the good fleet nor outsiders', () => {
    const { producers } = makeFleet({ seed: SEED, count: 50 });
    const goodKeys = new Set(producers.map(({ publicKey }) => publicKey));
    assert.ok(material.publicKeys.every((key) => !goodKeys.has(key)));
    assert.ok(!goodKeys.has(material.outsider.publicKey));
    assert.ok(!material.publicKeys.includes(material.outsider.publicKey));
  });

  test('with a limit of 0 nothing can be accepted, and that is said', async () => {
    const backend = await startEmbedded({ REQUESTS_PER_PK_HOURLY: '0' });
    try {
      const cases = ['right', 'hourly-limit', 'pipelining', 'missing'].map(caseNamed);
      const context = await hostileContext({ hourlyLimit: 0 });
      const figures = await (await startRound(backend.url, { cases, context })).done;
      assertAllExpected(figures, ['right', 'pipelining']);
    } finally {
      await backend.stop();
    }
  });
});
