import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { usageBetween } from '../../monitor/tree.ts';
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

/**
 * What `ps -A -o pid=,ppid=,stat=,rss=,time=,lstart=` prints on macOS, in its columns and its times with
 * hundredths (Apple's adv_cmds, ps/print.c); the processes are made up.
 */
const MACOS = [
  `    1     0 Ss    14256   3:21.87 Mon Jan  1 08:00:00 2024
  901     1 S     50000   0:10.00 Mon Jan  1 09:00:00 2024
  902   901 R+    20000   0:05.50 Mon Jan  1 09:00:01 2024
  950     1 S      9000  99:59.99 Mon Jan  1 09:00:01 2024
`,
  `    1     0 Ss    14256   3:21.90 Mon Jan  1 08:00:00 2024
  901     1 S     60000   0:10.25 Mon Jan  1 09:00:00 2024
  902   901 R+    30000   0:06.50 Mon Jan  1 09:00:01 2024
  903   902 R     10000   0:00.30 Mon Jan  1 10:00:01 2024
  950     1 S      9000 100:59.99 Mon Jan  1 09:00:01 2024
`,
  `    1     0 Ss    14256   3:21.90 Mon Jan  1 08:00:00 2024
  901     1 S     60000   0:10.25 Mon Jan  1 09:00:00 2024
  903     1 R     10000   0:00.80 Mon Jan  1 10:00:01 2024
  950     1 S      9000 100:59.99 Mon Jan  1 09:00:01 2024
`,
];

test('macOS: trees, differences, orphans and ends by what ps prints', async () => {
  const outputs = [...MACOS];
  let nowMs = 0;
  const start = new Date(2024, 0, 1, 10, 0, 0).getTime();
  const source = psProcesses(
    () => nowMs,
    () => start + nowMs,
    () => Promise.resolve(outputs.shift()!),
  );
  const roots = [{ name: 'a', pid: 901 }];
  const since = new Map([['a', start]]);
  const first = await source.read(roots, undefined);
  nowMs = 2000;
  const second = await source.read(roots, first);
  assert.deepEqual([...second.processes.keys()], [901, 902, 903]);
  const between = usageBetween(first, second, since);
  // 0.25 s, 1 s, and a child that began in between, from its birth.
  assert.deepEqual(between.usages.get('a'), { intervalMs: 2000, cpuMs: 1550, io: undefined });
  nowMs = 3000;
  const third = await source.read(roots, second);
  // 902 has ended, what it started stays in the tree.
  assert.deepEqual([...third.processes.keys()], [901, 903]);
  assert.equal(usageBetween(second, third, since, between.unsettled).usages.get('a')!.cpuMs, 500);
  outputs.push('ps: nothing\n');
  await assert.rejects(() => source.read(roots, third), /no line that could be read/);
});
