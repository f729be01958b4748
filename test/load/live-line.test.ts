import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { Screen } from '../../system/screen.ts';
import { FakeClock } from '../support/clock.ts';
import { liveLine } from '../../load/live-line.ts';

const figures = {
  elapsedMs: 61_000,
  durationMs: 120_000,
  vus: 500,
  submissionsPerSecond: 166.6,
  p95Ms: 12.3,
  errors: 2,
  backend: undefined,
  generator: {
    t: 0, kind: 'process' as const, name: 'k6', rootPid: 1, processes: 1, cpuCores: 0.456,
  }, // prettier-ignore
};

test('the live line tells all, and a dash where nothing is known', () => {
  assert.equal(
    liveLine(figures),
    '1:01 | 500 VUs | 167 submissions/s | p95 12.3 ms | 2 errors | backend - | generator 0.46 cores | 0:59 left',
  );
  assert.match(liveLine({ ...figures, p95Ms: null, vus: null }), /\| - VUs .*p95 - \|/);
  assert.match(liveLine({ ...figures, elapsedMs: 130_000 }), /0:00 left$/);
});

test('slopes of memory stand behind the CPU, once they are known', () => {
  const growth = { backend: 1_300_000, generator: -46_000 };
  assert.match(
    liveLine({ ...figures, growth }),
    /backend - \+1\.3 MB\/min \| generator 0\.46 cores -46 KB\/min \|/,
  );
  const unknown = { backend: undefined, generator: undefined };
  assert.equal(liveLine({ ...figures, growth: unknown }), liveLine(figures));
});

const busy = {
  ...figures,
  elapsedMs: 3_661_000,
  durationMs: 7_200_000,
  vus: 20_000,
  submissionsPerSecond: 1666.6,
  p95Ms: 12_345,
  errors: 12_034,
  stored: { stored: 1_234_567, notStored: 1234 },
  backend: { ...figures.generator, name: 'backend', cpuCores: 12.345 },
  growth: { backend: 1_300_000, generator: -46_000 },
};

test('counts have commas and one is not many; an hour is an hour', () => {
  assert.match(liveLine(busy), /^1:01:01 \| 20,000 VUs \| 1,667 submissions\/s \| .* \| 12,034 errors \| 1,234,567 stored, 1,234 not stored \| .* \| 58:59 left$/); // prettier-ignore
  assert.match(liveLine({ ...figures, vus: 1, errors: 1 }), /\| 1 VU \| .* \| 1 error \|/);
});

test('at any width the generator, the errors and the time left stay to the last', () => {
  for (const some of [figures, busy])
    for (let width = 250; width >= 60; width--) {
      const line = liveLine(some, width);
      assert.ok(line.length <= width, `${line.length} for ${width}: ${line}`);
      assert.match(line, / errors? \|.*\bgenerator 0\.46( cores)?.* left$/);
    }
  assert.equal(
    liveLine(figures, 79),
    '167/s | p95 12.3 ms | 2 errors | backend -, generator 0.46 cores | 0:59 left',
  );
});

function recorder(isTTY: boolean) {
  const chunks: string[] = [];
  const output = Object.assign(
    new Writable({
      write(chunk: Buffer, _, done) {
        chunks.push(chunk.toString());
        done();
      },
    }),
    { isTTY, columns: 20 },
  );
  return { output, text: () => chunks.join('') };
}

test('a terminal gets one line that is replaced and never wraps', () => {
  const { output, text } = recorder(true);
  const screen = new Screen(output);
  screen.status('a'.repeat(50));
  screen.line('done');
  assert.equal(text(), `\r\u001b[2K${'a'.repeat(19)}\r\u001b[2Kdone\n`);
});

test('a line that knows the room gets it: of a terminal its width, of a file any', () => {
  for (const [isTTY, width] of [
    [true, 19],
    [false, Infinity],
  ] as const) {
    const { output, text } = recorder(isTTY);
    new Screen(output).status((room) => `room ${room}`);
    assert.ok(text().includes(`room ${width}`), text());
  }
});

test('a file gets plain lines, one every ten seconds', () => {
  const { output, text } = recorder(false);
  const clock = new FakeClock();
  const screen = new Screen(output, clock.now);
  for (; clock.now() <= 20_000; clock.advance(1000)) screen.status(`t${clock.now() / 1000}`);
  assert.equal(text(), 't0\nt10\nt20\n');
  assert.ok(!text().includes('\u001b') && !text().includes('\r'));
});
