import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  parseAuxv,
  parseChildren,
  parseHostCpu,
  parseLoadavg,
  parseMeminfo,
  parseNetDev,
  parseProcIo,
  parseProcStat,
  parseSchedstat,
  parseUptime,
} from '../../monitor/procfs.ts';

/** Fields 3 to 26 of a stat line, each its own number, so that a wrong column shows. */
const REST =
  'S 4 5 6 7 8 9 10 11 12 13 140 150 160 170 18 19 20 21 22 23 24 18446744073709551615 26';

const line = (comm: string) => `1234 (${comm}) ${REST}\n`;

test('every field of stat comes from its own column', () => {
  assert.deepEqual(parseProcStat(line('node')), {
    pid: 1234,
    state: 'S',
    parentPid: 4,
    utime: 140,
    stime: 150,
    cutime: 160,
    cstime: 170,
    threads: 20,
    starttime: 22,
    rssPages: 24,
  });
});

test('a name may hold blanks, parentheses, line ends and look like fields', () => {
  for (const comm of ['a b', '(sd-pam)', ') R 1 2 3', ')', '((', 'x) Z 1 (y', 'new\nline', ''])
    assert.deepEqual(parseProcStat(line(comm)), parseProcStat(line('node')), comm);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 15 }), (comm) => {
      assert.deepEqual(parseProcStat(line(comm)), parseProcStat(line('node')));
    }),
  );
});

test('a stat line that is cut, empty or no stat line gives null', () => {
  const whole = line('node');
  const end = whole.indexOf(' 18446744073709551615');
  // Cut inside the last field read, a shorter number cannot be told from a right one.
  for (let length = 0; length < end - 1; length++)
    assert.equal(parseProcStat(whole.slice(0, length)), null, whole.slice(0, length));
  assert.ok(parseProcStat(whole.slice(0, end)));
  for (const text of ['1 (a S 1 2', 'x (node) ' + REST, line('n').replace(' 140 ', ' -1 ')])
    assert.equal(parseProcStat(text), null, text);
  assert.equal(parseProcStat(line('n').replace(' 140 ', ' 99999999999999999999 ')), null);
});

test('no text makes a parser throw or give a figure that is no number', () => {
  const pieces = fc.constantFrom(
    'cpu ', 'cpu0 ', '1 ', '-1 ', 'NaN ', '(', ') ', '\n', ':', 'read_bytes: ', 'write_bytes: ',
    'MemTotal: ', 'MemAvailable: ', ' kB', 'eth0:', '9'.repeat(30), 'S ', '0.5 ', '\0',
  ); // prettier-ignore
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
  );
  const sound = (value: unknown): boolean =>
    value === null ||
    typeof value === 'string' ||
    (typeof value === 'number' && value >= 0) ||
    (value instanceof Map && [...value.values()].every(sound)) ||
    (typeof value === 'object' && Object.values(value).every(sound));
  const parsers = [
    parseProcStat,
    parseProcIo,
    parseChildren,
    parseHostCpu,
    parseMeminfo,
    parseLoadavg,
    parseUptime,
    parseNetDev,
  ];
  fc.assert(
    fc.property(texts, (text) => {
      for (const parse of parsers) assert.ok(sound(parse(text)), parse.name);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array(), fc.boolean(), (bytes, littleEndian) => {
      assert.ok(sound(parseAuxv(bytes, littleEndian)));
    }),
  );
});

test('io: storage bytes, not those of the page cache', () => {
  const text =
    'rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 512\n';
  assert.deepEqual(parseProcIo(text), { readBytes: 4096, writeBytes: 8192 });
  assert.equal(parseProcIo(text.replace('\nwrite_bytes: 8192', '')), null);
});

test('children', () => {
  assert.deepEqual(parseChildren('12 345 6 '), [12, 345, 6]);
  assert.deepEqual(parseChildren(''), []);
});

test('host CPU: stolen and I/O waiting time is not busy, guest time not counted twice', () => {
  const text = 'cpu  100 10 50 1000 30 4 6 7 60 5\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5 cpu9 \n';
  assert.deepEqual(parseHostCpu(text), { cores: 2, busy: 170, total: 1207 });
  assert.equal(parseHostCpu('cpu0 1 2 3 4\n'), null);
  assert.equal(parseHostCpu('cpu  1 2 3 4\n'), null);
  assert.equal(parseHostCpu('cpu  1 2 3 8317131874320235395\ncpu0 1\n'), null);
  assert.equal(parseHostCpu('cpu  1 2 3 -4\ncpu0 1\n'), null);
});

test('memory, load, uptime, network', () => {
  const memory = 'MemTotal:        2048 kB\nMemFree:  10 kB\nMemAvailable:    1024 kB\n';
  assert.deepEqual(parseMeminfo(memory), { total: 2097152, available: 1048576 });
  assert.equal(parseMeminfo('MemTotal: 2048 kB\n'), null);
  assert.equal(parseMeminfo('MemTotal: 1 kB\nMemAvailable: 2 kB\n'), null);
  assert.equal(parseLoadavg('0.25 1.00 2.00 3/400 5\n'), 0.25);
  assert.equal(parseLoadavg(''), null);
  assert.equal(parseUptime('350735.47 234388.90\n'), 350735.47);
  const network =
    'Inter-|   Receive  |  Transmit\n face |bytes packets |bytes\n' +
    '    lo: 10 2 3 4 5 6 7 8 90 1 1 1 1 1 1 1\n' +
    'eth0:1:11 2 3 4 5 6 7 8 91 1 1 1 1 1 1 1\n  bad: 1 2\n';
  assert.deepEqual(
    [...parseNetDev(network)],
    [
      ['lo', { received: 10, sent: 90 }],
      ['eth0:1', { received: 11, sent: 91 }],
    ],
  );
});

test('auxv says what getconf says', { skip: process.platform !== 'linux' }, () => {
  const getconf = (name: string) => Number(execFileSync('getconf', [name], { encoding: 'utf8' }));
  assert.deepEqual(parseAuxv(readFileSync('/proc/self/auxv'), endianness() === 'LE'), {
    clockTicks: getconf('CLK_TCK'),
    pageBytes: getconf('PAGESIZE'),
  });
  assert.deepEqual(parseAuxv(new Uint8Array(7), true), {});
});

test('schedstat: milliseconds of a thread; nonsense is nothing', () => {
  assert.deepEqual(parseSchedstat('1234567 8900000 10\n'), { cpuMs: 1.234567, waitedMs: 8.9 });
  for (const text of ['', 'x', '1 2', '-1 2 3', '1 2 3 4'])
    assert.equal(parseSchedstat(text), null);
});
