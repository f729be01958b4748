/** Real files that grow, rotate and break; a fake journalctl; a container whose stream ends. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { followFile } from '../../../monitor/logs/follow-file.ts';
import { LineCutter, LONGEST_LINE } from '../../../system/lines.ts';
import {
  addJournalLine,
  followLogs,
  parseLogSource,
  type LogFollowing,
  type LogSource,
} from '../../../monitor/logs/follow.ts';
import { LEFT_OUT, LogReader } from '../../../monitor/logs/reader.ts';
import { projectRoot } from '../../../paths.ts';
import type { LogSecond } from '../../../results/types.ts';
import { until } from '../../support/until.ts';
import { scratchFolder } from '../../support/scratch.ts';

const scratch = scratchFolder();
let files = 0;
const newPath = (): string => join(scratch, `${files++}.log`);

function followed(path: string, fromEnd = true) {
  const [lines, notes, skipped]: [string[], string[], number[]] = [[], [], []];
  const file = followFile({
    path,
    fromEnd,
    onLine: (line) => lines.push(line),
    onNote: (note) => notes.push(note),
    onSkipped: (bytes) => skipped.push(bytes),
  });
  return { file, lines, notes, skipped, read: () => file.read(1_000_000) };
}

test('a file is followed from its end; a line counts when it is whole', async () => {
  const path = newPath();
  writeFileSync(path, 'old\n');
  const { file, lines, notes, read } = followed(path);
  await read();
  appendFileSync(path, 'one\ntw');
  await read();
  assert.deepEqual(lines, ['one']);
  appendFileSync(path, 'o\r\n\nth');
  await read();
  assert.deepEqual(lines, ['one', 'two', '']);
  await file.close();
  assert.deepEqual([lines, notes], [['one', 'two', '', 'th'], []]);
});

test('from the beginning, where it is asked for', async () => {
  const path = newPath();
  writeFileSync(path, 'first\n');
  const { file, lines, read } = followed(path, false);
  await read();
  await file.close();
  assert.deepEqual(lines, ['first']);
});

test('rotation: the rest of the old file, then the new one from its beginning', async () => {
  const path = newPath();
  writeFileSync(path, '');
  const { file, lines, read } = followed(path);
  await read();
  appendFileSync(path, 'a\n');
  renameSync(path, `${path}.1`);
  await read();
  appendFileSync(`${path}.1`, 'b\n');
  await read();
  appendFileSync(`${path}.1`, 'c\nlast without an end');
  writeFileSync(path, 'd\n');
  await read();
  appendFileSync(path, 'e\n');
  await read();
  await file.close();
  assert.deepEqual(lines, ['a', 'b', 'c', 'last without an end', 'd', 'e']);
});

test('truncation: from the new beginning; a half line before it is dropped', async () => {
  const path = newPath();
  writeFileSync(path, 'before\n');
  const { file, lines, read } = followed(path);
  await read();
  appendFileSync(path, 'kept\nhalf');
  await read();
  truncateSync(path, 0);
  appendFileSync(path, 'new\n');
  await read();
  await file.close();
  assert.deepEqual(lines, ['kept', 'new']);
});

test('a file that comes later is read from its beginning; what cannot be read is one note', async () => {
  const path = newPath();
  const { file, lines, notes, read } = followed(path);
  await read();
  await read();
  assert.equal(file.wasOpened, false);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /is not there/);
  writeFileSync(path, 'hello\n');
  await read();
  assert.deepEqual([lines, file.wasOpened], [['hello'], true]);
  await file.close();
  const folder = newPath();
  mkdirSync(folder);
  const other = followed(folder);
  await other.read();
  assert.match(other.notes[0], /cannot be read \((it is no file|EISDIR)\)/);
  await other.file.close();
});

test('bytes that are no text do no harm', async () => {
  const path = newPath();
  writeFileSync(path, '');
  const { file, lines, read } = followed(path);
  await read();
  appendFileSync(path, Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 256)));
  appendFileSync(path, '\nERROR after\n');
  await read();
  await file.close();
  assert.equal(lines.at(-1), 'ERROR after');
  assert.ok(lines.length > 100);
});

test('of a line that is too long the beginning is kept, and the next line is whole', () => {
  const cutter = new LineCutter();
  const lines = [
    ...cutter.push(Buffer.from('x'.repeat(LONGEST_LINE))),
    ...cutter.push(Buffer.alloc(3 * LONGEST_LINE, 'y')),
    ...cutter.push(Buffer.from('z\nnext\ncut ')),
  ];
  assert.deepEqual(
    lines.map((line) => line.length),
    [LONGEST_LINE, 4],
  );
  cutter.skip();
  assert.deepEqual(cutter.push(Buffer.from('rest of a line\nwhole\n')), ['', 'whole']);
  assert.equal(cutter.end(), null);
});

test('letters over the edge of two chunks are whole', () => {
  const bytes = Buffer.from('ä€😀\n');
  for (let at = 0; at <= bytes.length; at++) {
    const cutter = new LineCutter();
    const lines = [...cutter.push(bytes.subarray(0, at)), ...cutter.push(bytes.subarray(at))];
    assert.deepEqual(lines, ['ä€😀']);
  }
});

test('a flood is read in part: its newest, and how much was passed over is told', async () => {
  const path = newPath();
  writeFileSync(path, '');
  const { file, lines, skipped } = followed(path);
  await file.read(100_000);
  // 100 MB between two looks of 100 KB.
  const block = `${'INFO all is well, nothing to see here, go on\n'.repeat(22_222)}ERROR here\n`;
  for (let i = 0; i < 100; i++) appendFileSync(path, block);
  await file.read(100_000);
  await file.read(100_000);
  await file.close();
  assert.equal(skipped.length, 1);
  assert.equal(skipped[0], 100 * block.length - 100_000);
  assert.equal(lines.at(-1), 'ERROR here');
  assert.ok(lines.join('\n').length <= 100_000);
});

const bin = join(projectRoot, 'test/fixtures/bin');
const NOTHING = { allow: [], redact: (text: string) => text };

async function follow(
  sources: LogSource[],
  during: (state: { lines: LogSecond[]; notes: string[] }) => Promise<void>,
  more: Partial<LogFollowing> = {},
) {
  const state = { lines: [] as LogSecond[], notes: [] as string[] };
  const follower = followLogs({
    ...NOTHING,
    sources,
    env: process.env,
    onLine: (line) => state.lines.push(line),
    onNote: (note) => state.notes.push(note),
    ...more,
  });
  await follower.ready;
  await during(state);
  await follower.stop();
  return { ...state, figures: follower.figures() };
}

test('followed through a run: figures, seconds, and what was written last', async () => {
  const path = newPath();
  writeFileSync(path, 'ERROR before the run\n');
  const { figures, lines, notes } = await follow(
    [{ kind: 'file', path, fromEnd: true, name: 'x.log' }],
    () => {
      appendFileSync(path, 'INFO hello\nERROR lost 1\nERROR lost 2\nERROR known\n');
      appendFileSync(path, 'FATAL without an end');
      return Promise.resolve();
    },
    { allow: [/known/] },
  );
  assert.deepEqual(notes, []);
  assert.deepEqual([figures!.lines, figures!.errors, figures!.allowed], [5, 3, 1]);
  assert.deepEqual(figures!.sources, ['x.log']);
  assert.equal(
    lines.reduce((sum, { count }) => sum + count, 0),
    4,
  );
});

test('a log that is not there is a note, and no figures: no data is no 0', async () => {
  const path = newPath();
  const { figures, notes } = await follow(
    [{ kind: 'file', path, fromEnd: true, name: 'x.log' }],
    () => Promise.resolve(),
  );
  assert.equal(figures, null);
  assert.equal(notes.length, 1);
});

test('the journal of a unit', async () => {
  const journal = newPath();
  const micros = (ms: number) => String((Date.now() + ms) * 1000);
  const entries = [
    { MESSAGE: 'started', PRIORITY: '6', __REALTIME_TIMESTAMP: micros(0) },
    {
      MESSAGE: '{"level":"error","msg":"lost"}',
      PRIORITY: '6',
      __REALTIME_TIMESTAMP: micros(-9000),
    },
    { MESSAGE: [...Buffer.from('seg\u0000fault')], PRIORITY: '3', __REALTIME_TIMESTAMP: micros(0) },
    { MESSAGE: null, PRIORITY: '3', __REALTIME_TIMESTAMP: micros(0) },
    { MESSAGE: null, PRIORITY: '6', __REALTIME_TIMESTAMP: micros(0) },
  ];
  writeFileSync(journal, `${entries.map((entry) => JSON.stringify(entry)).join('\n')}\nnonsense\n`);
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    FAKE_JOURNAL: journal,
  };
  const source: LogSource = { kind: 'journal', unit: 'uptime@1.service', name: 'journal:uptime' };
  const { figures, lines, notes } = await follow(
    [source],
    ({ lines: seen }) => until(() => seen.length > 0, 'the old line is written'),
    { env },
  );
  assert.equal(notes.length, 1);
  assert.match(notes[0], /has entries whose text journalctl left out/);
  assert.deepEqual([figures!.lines, figures!.errors], [5, 3]);
  assert.deepEqual(lines.map(({ shape }) => shape).sort(), [LEFT_OUT, 'lost', 'seg fault'].sort());
  assert.match(
    readFileSync(`${journal}.args`, 'utf8'),
    /--follow --output=json --all --lines=0 --unit=uptime@1\.service/,
  );

  const failing = await follow(
    [source],
    ({ notes: seen }) => until(() => seen.length > 0, 'note'),
    {
      env: { ...env, FAKE_JOURNAL_FAILS: 'No journal files were opened' },
    },
  );
  assert.equal(failing.figures, null);
  assert.match(failing.notes[0], /exit code 1 \(No journal files were opened\)/);
  const absent = await follow([source], ({ notes: seen }) => until(() => seen.length > 0, 'note'), {
    env: { PATH: scratch },
  });
  assert.equal(absent.figures, null);
  assert.match(absent.notes[0], /journalctl is not installed/);
});

test('entries of the journal: of bytes, of several texts, left out, cut', () => {
  const records: { level: string | null; message: string }[] = [];
  let [lines, leftOut] = [0, 0];
  const reader = new LogReader({
    onLine: () => lines++,
    onLeftOut: () => leftOut++,
    onRecord: ({ level, message }) => records.push({ level, message }),
    now: () => 0,
  });
  const cut = `{"PRIORITY":"3","MESSAGE":"${'x'.repeat(4 * 1024 * 1024)}`;
  for (const line of [
    '{',
    'nonsense',
    '{"_PID":"7"}',
    '{"MESSAGE":"x"}',
    '{"MESSAGE":[69,114,114,111,114]}',
    '{"MESSAGE":["WARN a","b"]}',
    '{"MESSAGE":null,"PRIORITY":"2"}',
    '{"MESSAGE":null,"PRIORITY":"6"}',
    '{"PRIORITY":"4"}',
    cut,
  ])
    addJournalLine(line, reader);
  reader.end();
  assert.deepEqual(records, [
    { level: null, message: 'x' },
    { level: 'error', message: 'Error' },
    { level: 'warning', message: 'a' },
    { level: 'critical', message: LEFT_OUT },
    { level: null, message: LEFT_OUT },
    { level: 'warning', message: LEFT_OUT },
    { level: 'error', message: LEFT_OUT },
  ]);
  assert.deepEqual([lines, leftOut], [7, 4]);
});

test("a container's log goes on where it broke off; its troubles are told once", async () => {
  const asked: number[] = [];
  // After the follower's start, however slow.
  const t = Date.now() + 4000;
  let calls = 0;
  const { figures, notes } = await follow(
    [{ kind: 'container', container: 'b', name: 'container:b' }],
    () => until(() => calls >= 4, 'asked again'),
    {
      async *containerLog(_name, sinceMs, signal) {
        asked.push(sinceMs);
        calls++;
        if (calls === 1) {
          yield { t, text: 'ERROR one', stream: 'stderr' };
          throw new Error('the engine went away');
        }
        if (calls <= 3) throw new Error('nobody listens');
        yield { t: t + 1, text: 'ERROR two' };
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    },
  );
  assert.deepEqual(asked.slice(1), [t + 1, t + 1, t + 1]);
  assert.equal(figures!.errors, 2);
  assert.deepEqual(
    notes.map((note) => /: (.*)$/.exec(note.slice('the log container:'.length))![1]),
    ['the engine went away', 'nobody listens'],
  );
});

test('what names a log', () => {
  assert.deepEqual(parseLogSource('/var/log/x.log'), {
    kind: 'file',
    path: '/var/log/x.log',
    fromEnd: true,
    name: '/var/log/x.log',
  });
  assert.deepEqual(parseLogSource('journal:uptime@2.service'), {
    kind: 'journal',
    unit: 'uptime@2.service',
    name: 'journal:uptime@2.service',
  });
  assert.equal((parseLogSource('container:my_backend-1') as LogSource).kind, 'container');
  for (const text of ['journal:', 'journal:-f', 'journal:a b', 'container:', 'container:a b'])
    assert.ok('problem' in parseLogSource(text), text);
  assert.ok(existsSync(join(bin, 'journalctl')));
});

test('a log without one line is read, and says nothing', async () => {
  const [silent, spoken] = [newPath(), newPath()];
  for (const path of [silent, spoken]) writeFileSync(path, 'before\n');
  const sources: LogSource[] = [silent, spoken].map((path, i) => ({
    kind: 'file',
    path,
    fromEnd: true,
    name: `${i}.log`,
  }));
  const { figures, notes } = await follow(sources, () => {
    appendFileSync(spoken, 'INFO hello\n');
    return Promise.resolve();
  });
  assert.deepEqual(
    [figures!.sources, figures!.unread, figures!.lines],
    [['0.log', '1.log'], ['0.log'], 1],
  );
  assert.deepEqual(notes, [
    'the log 0.log had not one line during the run: it says nothing of errors',
  ]);
});

test('records go on over polls, rotation and a missing line end', async () => {
  const path = newPath();
  writeFileSync(path, '');
  const { figures } = await follow([{ kind: 'file', path, fromEnd: true, name: 'x' }], async () => {
    appendFileSync(path, '2026/01/02 03:04:05 http: panic serving 127.0.0.1:1: boom\ngoroutine 3');
    await new Promise((resolve) => setTimeout(resolve, 400));
    appendFileSync(path, '5 [running]:\nmain.(*app).handleError(0xc000)\n');
    renameSync(path, `${path}.1`);
    writeFileSync(path, '\t/srv/src/errors.go:31 +0x1d\nnet/http.Error({0x7f, 0xc0})\n');
  });
  assert.deepEqual([figures!.lines, figures!.errors, figures!.records], [5, 1, 1]);
});

test('a file of UTF-16 is read as that, and said so', async () => {
  for (const bigEndian of [false, true]) {
    const bytesOf = (text: string) => {
      const bytes = Buffer.from(text, 'utf16le');
      return bigEndian ? bytes.swap16() : bytes;
    };
    const path = newPath();
    writeFileSync(path, bytesOf('\ufeffold ä\r\n'));
    const { file, lines, notes, skipped } = followed(path);
    await file.read(10_000);
    appendFileSync(path, bytesOf('ERROR ä€😀\r\nhalf'));
    await file.read(10_000);
    assert.deepEqual(lines, ['ERROR ä€😀']);
    assert.equal(notes.length, 1);
    assert.match(notes[0], /is UTF-16/);
    // A flood, of which an odd number of bytes would be passed over.
    appendFileSync(path, bytesOf(`${'x'.repeat(40)}\n`.repeat(1000)));
    await file.read(10_001);
    await file.close();
    assert.ok(skipped[0] % 2 === 0 && skipped[0] > 60_000);
    assert.ok(
      lines.slice(1).every((line) => line === '' || /^x+$/.test(line)),
      lines[1],
    );
  }
});

test('a hole of zero bytes hides no line', async () => {
  const path = newPath();
  writeFileSync(path, '');
  const { file, lines } = followed(path);
  await file.read(1e6);
  writeFileSync(
    path,
    Buffer.concat([Buffer.alloc(200_000), Buffer.from('ERROR after the hole\n')]),
  );
  await file.read(1e6);
  await file.close();
  assert.deepEqual(lines, ['ERROR after the hole']);
});

test('a line of ten megabytes is one line, and the next one is whole', async () => {
  const path = newPath();
  writeFileSync(path, '');
  const { figures } = await follow([{ kind: 'file', path, fromEnd: true, name: 'x' }], () => {
    const long = 'x'.repeat(10_000_000);
    appendFileSync(
      path,
      `{"level":"error","msg":"long ${long}"}\n{"level":"error","msg":"next"}\n`,
    );
    return Promise.resolve();
  });
  assert.deepEqual([figures!.lines, figures!.errors], [2, 2]);
  assert.ok(figures!.groups.some(({ shape }) => shape === 'next'));
  assert.ok(JSON.stringify(figures).length < 3000);
});
