/** What the real k6 shows of its own troubles: it is stopped for a while, it is refused, and the samples say so. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { join } from 'node:path';
import { corpusSource, makeK6Plan } from '../../load/k6/plan.ts';
import { refusalsOf, wordsOfReasons } from '../../load/k6/refusals.ts';
import { makeFakeCorpus } from '../support/fake-corpus.ts';
import { httpAnswer, runScenario, shape, startTarget } from '../support/run-scenario.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';

const OK = '{"status":"ok"}';

const running: { stop(): Promise<void> }[] = [];
after(async () => {
  for (const target of running) await target.stop();
});

const STOPPED_MS = 2600;

test(
  'k6 stands still for 2.6 s: seconds without a sign of life, and think times that took too long',
  slowOnly,
  async () => {
    const folder = scratchFolder();
    const corpus = makeFakeCorpus(folder, { count: 100, templateBytes: [700] });
    const target = await startTarget((socket) => socket.write(httpAnswer(200, OK)));
    running.push(target);
    const plan = makeK6Plan({
      url: target.url,
      load: shape({
        executor: 'constant-vus',
        iterations: null,
        vus: 4,
        durationMs: 6000,
        think: { minMs: 200, maxMs: 300 },
      }),
      source: corpusSource(folder, corpus.index),
      seed: 'stands still',
    });
    let chunks = 0;
    let pid = 0;
    const run = await runScenario({
      bundle: 'load',
      plan,
      folder,
      onStarted: (k6) => (pid = k6.pid),
      onSampleBytes() {
        // The first bytes are the columns' names; those of the second flush come in the middle of the load.
        if (++chunks !== 3) return;
        process.kill(pid, 'SIGSTOP');
        setTimeout(() => process.kill(pid, 'SIGCONT'), STOPPED_MS);
      },
    });
    const { standstillMs, accepted } = run.aggregator.totals;
    assert.ok(accepted > 4, `${accepted}`);
    // Of the 2.6 s up to one was the time to the next report anyway.
    assert.ok(standstillMs >= STOPPED_MS - 1000 - 200, `${standstillMs}`);
    // All four VUs were asleep, or about to be.
    assert.ok(run.aggregator.overrunsOver(1000) >= 2, `${run.aggregator.overrunsOver(1000)}`);
    assert.ok(run.aggregator.overrunsOver(10) >= run.aggregator.overrunsOver(1000));
  },
);

test('each refusal counts under its words, whatever numbers it names', async () => {
  const folder = scratchFolder();
  const corpus = makeFakeCorpus(folder, { count: 12, templateBytes: [700] });
  const target = await startTarget((socket, _, n) =>
    socket.write(
      n % 4 === 0
        ? httpAnswer(200, OK)
        : n % 4 === 1
          ? httpAnswer(503, '<h1>Over\n capacity</h1>')
          : httpAnswer(400, JSON.stringify({ error: `Field created_at is ${n} s in the future` })),
    ),
  );
  running.push(target);
  const plan = makeK6Plan({
    url: target.url,
    load: shape({ iterations: 12, vus: 2 }),
    source: corpusSource(folder, corpus.index),
    seed: 'refused',
  });
  const run = await runScenario({ bundle: 'smoke', plan, folder });
  const refusals = refusalsOf(run.aggregator.reasons, await wordsOfReasons(join(folder, 'k6.log')));
  assert.deepEqual(
    refusals.map(({ answer, text, count }) => [answer, text.replace(/\d+/, 'N'), count]),
    [
      ['400', 'Field created_at is N s in the future', 6],
      ['503', 'Over capacity', 3],
    ],
  );
  assert.deepEqual(run.aggregator.totals.answers, { 200: 3, 400: 6, 503: 3 });
});
