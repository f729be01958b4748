import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { parsePs, parsePsTime, psProcesses } from '../../monitor/ps.ts';

test('CPU time as macOS and as Linux write it', () => {
  const times: [string, number | null][] = [
    ['0:00.02', 20],
    ['123:45.67', 7_425_670],
    ['00:00:01', 1000],
    ['1-02:03:04', 93_784_000],
    ['', null],
    ['1.5', null],
    ['-1:00', null],
    ['1:2:3:4', null],
  ];
  for (const [text, ms] of times) assert.equal(parsePsTime(text), ms, text);
});

test('lines of ps; odd ones are left out', () => {
  const text = [
    '    1     0 Ss     9876   0:12.34 Mon Jan  2 03:04:05 2023',
    '  300     1 Z         0   0:00.00 Tue Jan  3 03:04:05 2023',
    '  301     x S       100   0:00.00 Tue Jan  3 03:04:05 2023',
    '  302     1 S       100   0:00.00 Tue Jan  3',
    'ps: something went wrong',
    '',
  ].join('\n');
  const rows = parsePs(text);
  assert.deepEqual(rows, [
    {
      pid: 1,
      parentPid: 0,
      startedAtMs: new Date(2023, 0, 2, 3, 4, 5).getTime(),
      ended: false,
      cpuMs: 12_340,
      reapedCpuMs: 0,
      rssBytes: 9876 * 1024,
    },
    { ...rows[1], pid: 300, ended: true },
  ]);
});

test(
  'this process and its child through the real ps',
  { skip: process.platform === 'win32' },
  async (t) => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume();console.log(1)']);
    t.after(() => child.kill());
    await once(child.stdout, 'data');
    const snapshot = await psProcesses().read([{ name: 'me', pid: process.pid }], undefined);
    const me = snapshot.processes.get(process.pid)!;
    assert.equal(snapshot.processes.get(child.pid!)?.owner, 'me');
    const { rss } = process.memoryUsage();
    assert.ok(Math.abs(me.rssBytes - rss) < 0.3 * rss, `${me.rssBytes} and ${rss} bytes`);
    assert.equal(me.openFiles, undefined);
    assert.equal(me.io, undefined);
  },
);
