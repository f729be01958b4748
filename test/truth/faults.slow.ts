/** Targets and generators that go wrong on purpose, each with the real k6: what the run says of it is held against what the target saw. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openFilesystemStorage } from '../../stack/storage/filesystem.ts';
import type { RunningCli } from '../support/cli.ts';
import { acceptedOf } from '../support/crooked-backend.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { agree, arrivalsOf, type Known, shortestGapMs } from './compare.ts';
import { LENIENT, type TruthRun, truthRun } from './run.ts';
import { type Arrival, OK, type Programme } from './target.ts';

const THINK = ['--think', '100ms-100ms'];
const closed = (seconds: number): Known => ({
  durationMs: seconds * 1000,
  thinkMs: 100,
  perSecond: null,
});
const gateOf = ({ summary }: TruthRun, name: string) =>
  summary.gates.find((gate) => gate.name === name)!;

describe('rates are over the load’s own time', () => {
  test('one request hangs for longer than the load', async () => {
    const run = await truthRun(['--vus', '8', ...THINK, '--duration', '3s', '--timeout', '8s'], {
      deedOf: (n) => (n === 20 ? { answer: 'never' } : { afterMs: 20 }),
    });
    agree(run.log, run, closed(3));
    assert.equal(run.summary.figures.answers['error:1050'], 1);
    assert.ok(run.summary.lastEndMs! - run.summary.loadBeganMs! > 8000);
  });

  test('the first answers are slow', async () => {
    const run = await truthRun(['--vus', '8', ...THINK, '--duration', '4s'], {
      deedOf: (n) => ({ afterMs: n < 8 ? 2000 : 10 }),
    });
    agree(run.log, run, closed(4));
  });

  test('all are refused, in the target’s own words', async () => {
    const words = 'storage is full on node 7';
    const run = await truthRun(['--vus', '5', ...THINK, '--duration', '3s', '--gate', 'p95<1s'], {
      deedOf: () => ({ answer: { status: 503, body: JSON.stringify({ error: words }) } }),
    });
    agree(run.log, run, closed(3));
    const { refusals, acceptedPerSecond, latency } = run.summary.figures;
    assert.deepEqual(refusals, [{ answer: '503', text: words, count: run.log.length }]);
    assert.deepEqual([acceptedPerSecond, latency], [0, null]);
    assert.equal(run.exitCode, 99);
    assert.match(run.summary.verdict.sentence, new RegExp(words));
    assert.match(readFileSync(join(run.folder, 'report.md'), 'utf8'), new RegExp(words));
    assert.equal(gateOf(run, 'p95<1s').state, 'no data');
  });
});

describe('what was expected', () => {
  const PAGE = { status: 200, body: 'delegation backend service' };

  test('the page of another route is not accepted, each other one is', async () => {
    const run = await truthRun(['--vus', '5', ...THINK, '--duration', '3s'], {
      deedOf: (n) => ({ answer: n % 2 === 0 ? PAGE : OK }),
    });
    agree(run.log, run, closed(3));
    assert.equal(run.exitCode, 99);
    assert.match(run.output, /answers had status 200 but not the backend's body/);
  });

  test('where nothing but that page comes, a gate on latency has no data', async () => {
    const run = await truthRun(['--vus', '5', ...THINK, '--duration', '3s', '--gate', 'p95<1s'], {
      deedOf: () => ({ answer: PAGE }),
    });
    agree(run.log, run, closed(3));
    assert.deepEqual([run.summary.figures.accepted, gateOf(run, 'p95<1s').state], [0, 'no data']);
  });
});

describe('queues', () => {
  test('a target that stalls: what is dropped is counted, and both tables are there', async () => {
    const run = await truthRun(
      ['--scenario', 'arrival', '--rate', '40/s', '--vus', '6', '--duration', '4s', ...LENIENT],
      { deedOf: (_, atMs) => ({ afterMs: atMs > 1000 && atMs < 2500 ? 2500 - atMs : 5 }) },
    );
    agree(run.log, run, { durationMs: 4000, thinkMs: null, perSecond: 40 });
    const { schedule, sinceIntended } = run.summary.figures;
    assert.ok(schedule!.dropped > 0, `${schedule!.dropped}`);
    assert.ok(sinceIntended!.maxMs > 1000, `${sinceIntended!.maxMs}`);
    const report = readFileSync(join(run.folder, 'report.md'), 'utf8');
    const row = new RegExp(
      `^\\| since the intended start, all planned +\\| +${schedule!.planned} \\|`,
      'm',
    );
    assert.match(report, row);
  });

  test('a rate above the capacity: the queue stands in the wait since the intended start', async () => {
    const run = await truthRun(
      ['--scenario', 'arrival', '--rate', '40/s', '--duration', '5s', ...LENIENT],
      { workers: { count: 2, serviceMs: 100 } },
    );
    agree(run.log, run, { durationMs: 5000, thinkMs: null, perSecond: 40 });
    const arrivals = arrivalsOf(run.log, run, { durationMs: 5000, thinkMs: null, perSecond: 40 });
    const halfMs = run.summary.loadBeganMs! + 2500;
    const endMs = run.summary.loadEndedMs!;
    const inSecondHalf = arrivals.filter(
      ({ answeredMs }) => answeredMs! >= halfMs && answeredMs! < endMs,
    ).length;
    // Two workers of 100 ms: 50 at most in 2.5 s, 100 were due.
    assert.ok(inSecondHalf <= 52, `${inSecondHalf}`);
    const share = run.summary.figures.schedule!.keepingUpShare!;
    assert.ok(share <= 0.53, `${share} keeping up, ${inSecondHalf} of 100 seen`);
  });
});

/** The k6 that a command has started. @throws Error if there is none */
function k6Of({ child }: RunningCli): number {
  for (const thread of readdirSync(`/proc/${child.pid}/task`))
    for (const pid of readFileSync(`/proc/${child.pid}/task/${thread}/children`, 'utf8').match(
      /\d+/g,
    ) ?? [])
      if (readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('k6')) return Number(pid);
  throw new Error('no k6 below the command');
}

const linuxOnly = { skip: process.platform !== 'linux' };

/** What was seen of a run that was cut: no more and no less than the target's log allows. */
function agreesCut(run: TruthRun): void {
  const { figures } = run.summary;
  const arrivals = arrivalsOf(run.log, run, closed(0));
  const answered = arrivals.filter(({ answeredMs }) => answeredMs !== null);
  assert.ok(figures.sent <= answered.length, `${figures.sent} sent, ${answered.length} answered`);
  assert.ok(figures.accepted <= arrivals.filter(({ accepted }) => accepted).length);
  const started = figures.started ?? figures.sent;
  const { loadMs } = run.summary;
  assert.ok(Math.abs(figures.submissionsPerSecond! - (started * 1000) / loadMs) <= 0.001 * figures.submissionsPerSecond!); // prettier-ignore
}

describe('a generator that is cut, or frozen', linuxOnly, () => {
  const LOAD = ['--vus', '8', ...THINK, '--duration', '60s'];
  const after =
    (arrivals: number, signal: NodeJS.Signals) =>
    async (cli: RunningCli, log: readonly Arrival[]) => {
      await until(() => log.length >= arrivals || cli.child.exitCode !== null, 'arrivals');
      process.kill(k6Of(cli), signal);
    };
  const slow: Programme = { deedOf: () => ({ afterMs: 50 }) };

  test('k6 alone gets SIGTERM: broken, and its figures are of the time up to then', async () => {
    const run = await truthRun(LOAD, slow, after(150, 'SIGTERM'));
    assert.equal(run.exitCode, 5, run.output);
    assert.match(run.summary.verdict.sentence, /^BROKEN: k6 .*SIGTERM/);
    agreesCut(run);
    const arrivals = arrivalsOf(run.log, run, closed(0));
    const { sent } = run.summary.figures;
    const unknown = run.reconcile!.unknown;
    assert.ok(arrivals.length <= sent + unknown, `${arrivals.length}, ${sent} + ${unknown}`);
    const lastMs = Math.max(...arrivals.map(({ arrivedMs }) => arrivedMs));
    assert.ok(run.summary.loadMs >= lastMs - run.summary.loadBeganMs! - 1000);
    assert.ok(run.summary.loadMs < 60_000);
  });

  test('Ctrl-C in an open load: keeping up is no figure, neither 0 nor above 100 %, and the schedule is of the time up to then', async () => {
    const rate = 40;
    const run = await truthRun(
      ['--scenario', 'arrival', '--rate', `${rate}/s`, '--duration', '60s', ...LENIENT, '--gate', 'keeping-up>=97%'], // prettier-ignore
      slow,
      async (cli, log) => {
        await until(() => log.length >= 2 * rate || cli.child.exitCode !== null, 'arrivals');
        cli.child.kill('SIGINT');
      },
    );
    assert.equal(run.exitCode, 130, run.output);
    agreesCut(run);
    const { planned, started, keepingUpShare } = run.summary.figures.schedule!;
    assert.equal(keepingUpShare, undefined);
    assert.equal(gateOf(run, 'keeping-up>=97%').state, 'no data');
    const known = run.summary.figures.sent + run.reconcile!.unknown;
    assert.ok(run.log.length <= known, `${run.log.length} seen, ${known} known`);
    const due = (run.summary.loadMs * rate) / 1000;
    assert.ok(started >= 2 * rate - 1 && started <= planned, `${started} of ${planned}`);
    assert.ok(planned <= due + 2, `${planned} planned, ${due} due`);
  });

  test('k6 is killed: what it had not yet said is unknown, and the run says so', async () => {
    const run = await truthRun(LOAD, slow, after(150, 'SIGKILL'));
    assert.equal(run.exitCode, 5, run.output);
    agreesCut(run);
    const arrivals = arrivalsOf(run.log, run, closed(0));
    const note = /k6 was killed .* s after its last report: up to about (\d+) submissions/;
    const [, unsaid] = note.exec(run.summary.notes.join('\n'))!;
    const { sent } = run.summary.figures;
    const known = sent + run.reconcile!.unknown;
    assert.ok(arrivals.length <= known + Number(unsaid), `${arrivals.length}, ${known} + ${unsaid}`); // prettier-ignore
  });

  test('k6 stands still for 4 s of 10: as long as the target saw nothing', async () => {
    const run = await truthRun(
      ['--vus', '8', ...THINK, '--duration', '10s'],
      slow,
      async (cli, log) => {
        await until(() => log.length >= 100 || cli.child.exitCode !== null, 'arrivals');
        const pid = k6Of(cli);
        process.kill(pid, 'SIGSTOP');
        await sleep(4000);
        process.kill(pid, 'SIGCONT');
      },
    );
    agree(run.log, run, { ...closed(10), thinkMs: null });
    const times = run.log.map(({ arrivedMs }) => arrivedMs).sort((a, b) => a - b);
    const silentMs = times.slice(1).reduce((sum, time, i) => {
      const gap = time - times[i];
      return gap >= 1000 ? sum + gap : sum;
    }, 0);
    assert.ok(silentMs >= 3900, `${silentMs}`);
    const { standstillMs } = run.summary.figures.generator!;
    // A sign of life a second: up to one of it was the wait for the next one.
    assert.ok(standstillMs! >= silentMs - 1300 && standstillMs! <= silentMs + 1000, `${standstillMs}, the target saw nothing for ${silentMs} ms`); // prettier-ignore
    assert.match([run.summary.verdict.sentence, ...run.summary.notes].join('\n'), /stood still/);
  });

  test('k6 stands still over the end of a soak: what it begins too late is no failed iteration', async () => {
    const seconds = 4;
    const run = await truthRun(
      ['--scenario', 'soak', '--rate', '40/s', '--duration', `${seconds}s`, ...LENIENT],
      {},
      async (cli, log) => {
        await until(
          () => log.length >= (seconds - 1) * 40 || cli.child.exitCode !== null,
          'arrivals',
        );
        const pid = k6Of(cli);
        process.kill(pid, 'SIGSTOP');
        await sleep(2500);
        process.kill(pid, 'SIGCONT');
      },
    );
    const { figures } = run.summary;
    assert.equal(figures.failedIterations, 0);
    assert.equal(figures.sent, run.log.length);
    assert.equal(figures.accepted, run.log.length);
    assert.ok(figures.sent <= seconds * 40 + 1, `${figures.sent}`);
    assert.equal(new Set(run.log.map(({ digest }) => digest)).size, run.log.length);
  });
});

/** A folder as a backend's storage: one entry for each submitter and second, the last one stays. */
function storing(t: TestContext, deedOf: NonNullable<Programme['deedOf']> = () => ({})) {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'submissions'));
  const storage = openFilesystemStorage(folder);
  t.after(() => storage.close());
  const programme: Programme = {
    deedOf,
    async store(body, again) {
      // A second entry of the same submission needs a second of its own.
      await storage.save(acceptedOf(body, Date.now() + (again ? 1000 : 0)));
    },
  };
  return { programme, args: ['--storage', pathToFileURL(folder).href, '--storage-wait', '2s'] };
}

describe('stored and lost', () => {
  test('losses and doubles of the target, each counted', async (t) => {
    const { programme, args } = storing(t, (n) => ({
      stored: n % 7 === 2 ? 0 : n % 11 === 5 ? 2 : 1,
    }));
    const run = await truthRun(['--vus', '8', ...THINK, '--duration', '3s', ...args], programme);
    agree(run.log, run, closed(3));
    const times = (stored: number) => run.log.filter((one) => one.stored === stored).length;
    const { missing, right, doubles } = run.reconcile!.look!.classes!;
    assert.deepEqual([missing, right, doubles], [times(0), run.log.length - times(0), times(2)]);
    assert.equal(run.exitCode, 99);
    for (const gate of ['stored-share>=100%', 'doubles<=0'])
      assert.equal(gateOf(run, gate).state, 'fail', gate);
  });

  test('--think 0 with a thousand producers: two submissions of one are never near', async (t) => {
    const { programme, args } = storing(t, () => ({ afterMs: 370 }));
    const run = await truthRun(
      ['--vus', '60', '--think', '0', '--duration', '9s', '--producers', '1000', ...args],
      programme,
    );
    agree(run.log, run, { durationMs: 9000, thinkMs: null, perSecond: null });
    assert.ok(run.log.length > 600, `${run.log.length}`);
    const times = run.log.map(({ arrivedMs }) => arrivedMs).sort((a, b) => a - b);
    // Its distance is 501 submissions; what the target saw is how long these take at least.
    const shortestMs = Math.min(...times.slice(500).map((time, i) => time - times[i]));
    assert.ok(shortestGapMs(run.log) >= Math.min(1000, shortestMs / 2), `${shortestGapMs(run.log)} ms, 501 take ${shortestMs}`); // prettier-ignore
    const { right, missing, sameSecond } = run.reconcile!.look!.classes!;
    assert.deepEqual([right, missing, sameSecond], [run.log.length, 0, 0]);
    assert.match(run.output, /1,000 producers are enough for 501 submissions\/s/);
  });

  test('too few producers: said before and after, and no loss of the target', async (t) => {
    const { programme, args } = storing(t, () => ({ afterMs: 100 }));
    const run = await truthRun(
      ['--vus', '20', '--think', '0', '--duration', '3s', '--producers', '40', ...args],
      programme,
    );
    agree(run.log, run, { durationMs: 3000, thinkMs: null, perSecond: null });
    const { look } = run.reconcile!;
    const { right, missing, sameSecond } = look!.classes!;
    assert.deepEqual([missing, right + sameSecond], [0, run.log.length]);
    assert.ok(sameSecond > 20, `${sameSecond}`);
    assert.equal(look!.ownPairs, sameSecond);
    assert.match(run.output, /note: 40 producers are enough for 21 submissions\/s/);
    assert.match(
      run.output,
      new RegExp(`${look!.ownPairs} of those of the same second are no loss`),
    );
    assert.equal(gateOf(run, 'stored-share>=100%').state, 'pass');
    assert.doesNotMatch(run.summary.verdict.sentence, /not in the storage/);
  });
});
