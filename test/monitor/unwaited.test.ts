/** Children that come and go unseen by any sum: what is said of them, and that nothing is said of those that somebody waits for. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { Snapshot, WatchedProcess } from '../../monitor/tree.ts';
import { UnwaitedWatch } from '../../monitor/unwaited.ts';
import { until } from '../support/until.ts';
import { watch } from './burner.ts';

const ROOT = 1;
const row = (pid: number, parentPid: number, cpuMs: number, reapedCpuMs = 0): WatchedProcess => ({
  pid,
  parentPid,
  startedAtMs: pid,
  ended: false,
  cpuMs,
  reapedCpuMs,
  rssBytes: 0,
  owner: 'a',
});

const reading = (processes: WatchedProcess[], isGrouped = false): Snapshot => ({
  processes: new Map(processes.map((process) => [process.pid, process])),
  readAtMs: new Map([['a', 0]]),
  sourceNowMs: null,
  ...(isGrouped && { groups: new Map([['a', { folder: '/a', cpuMs: 0, atMs: 0 }]]) }),
});

/** What is said over readings that follow one another. */
function said(readings: Snapshot[]): string[] {
  const watching = new UnwaitedWatch();
  return readings.flatMap((one, i) =>
    i === 0 ? [] : watching.next(readings[i - 1], one, new Set([ROOT])),
  );
}

/** A new child at each reading, of which the parent's sum takes in `share`. */
const children = (
  share: number,
  parentOf: (pid: number) => number = () => ROOT,
  isGrouped = false,
) =>
  Array.from({ length: 8 }, (_, i) =>
    reading([row(ROOT, 0, 100, share * 40 * i), row(10 + i, parentOf(10 + i), 30)], isGrouped),
  );

test('said once of children that nobody waits for', () => {
  assert.deepEqual(said(children(0)), ['a']);
});

test('not of those that their parent waits for, nor where the control group knows them', () => {
  assert.deepEqual(said(children(1)), []);
  assert.deepEqual(said(children(0, () => ROOT, true)), []);
});

test('of those that init has taken over, too', () => {
  assert.deepEqual(said(children(1, () => 99_999)), ['a']);
});

test('not of a shell and its command that end together, whose parent waits for both', () => {
  const readings = Array.from({ length: 8 }, (_, i) =>
    reading([row(ROOT, 0, 100, 60 * i), row(100 + i, ROOT, 5), row(200 + i, 100 + i, 40)]),
  );
  assert.deepEqual(said(readings), []);
});

test('not of a few, nor of many that end at once, nor of orphans that were there for long', () => {
  assert.deepEqual(said(children(0).slice(0, 3)), []);
  const workers = Array.from({ length: 20 }, (_, i) => row(10 + i, ROOT, 500));
  const alone = reading([row(ROOT, 0, 100)]);
  assert.deepEqual(said([reading([row(ROOT, 0, 100), ...workers]), alone, alone, alone]), []);
  const staying = Array.from({ length: 8 }, (_, i) =>
    reading([row(ROOT, 0, 100), row(10 + Math.floor(i / 2), 99_999, 30)]),
  );
  assert.deepEqual(said(staying), []);
});

/** Ends of children are not waited for, one child after another burns for a moment: `start N`. */
const PERL = `
  $SIG{CHLD} = $ARGV[0] eq 'ignore' ? 'IGNORE' : 'DEFAULT';
  for (1 .. 4000) {
    my $pid = fork;
    if ($pid == 0) { my $end = (times)[0] + 0.05; 1 while (times)[0] < $end; exit 0; }
    waitpid $pid, 0;
  }
`;
const hasPerl = process.platform === 'linux' && spawnSync('perl', ['-e', '1']).status === 0;

for (const [how, isSaid] of [
  ['ignore', true],
  ['wait', false],
] as const)
  test(
    `real children, ${how}: ${isSaid ? 'a note' : 'no note'}`,
    { skip: hasPerl ? false : 'no perl' },
    async (t) => {
      const child = spawn('perl', ['-e', PERL, how], { stdio: ['ignore', 'pipe', 'inherit'] });
      t.after(() => child.kill());
      const { monitor, lines } = watch('target', child, 50);
      const notes = () =>
        lines.flatMap((line) =>
          line.kind === 'note' && line.name === 'monitor' ? [line.text] : [],
        );
      if (isSaid) await until(() => notes().length > 0, 'the note');
      // So many readings that those that are waited for would have been said, if they were ever.
      else await until(() => lines.length > 80, 'readings');
      await monitor.stop();
      if (isSaid)
        assert.match(
          notes().join('\n'),
          /^target starts processes that come and go .* nobody waits for them/,
        );
      else assert.deepEqual(notes(), []);
    },
  );
