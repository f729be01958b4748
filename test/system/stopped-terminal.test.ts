/** A terminal that is stopped: the process goes on, what waits is bounded, and the last lines are written when it is let go. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import { Screen } from '../../system/screen.ts';
import { hasRoom, MOST_WAITING } from '../../system/stopped-terminal.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

test('Ctrl-S stops the text, not the process', async (t) => {
  if (process.platform === 'win32' || spawnSync('python3', ['-c', 'import pty']).status !== 0)
    return t.skip('there is no python3 to make a terminal');
  const through = join(scratchFolder(t), 'through');
  const fixture = (name: string) => join(projectRoot, 'test', 'fixtures', name);
  const words = [process.execPath, '--import', 'tsx', fixture('stopped-terminal.ts'), through];
  const terminal = spawn('python3', [fixture('stop-terminal.py'), ...words], {
    cwd: projectRoot,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => terminal.kill('SIGKILL'));
  const written = text(terminal.stdout);
  await until(() => existsSync(through) && readFileSync(through, 'utf8') !== '', 'its work');
  // 2.8 MB were written, and the terminal took none of it.
  const waiting = Number(readFileSync(through, 'utf8'));
  assert.ok(waiting >= MOST_WAITING && waiting < MOST_WAITING + 1000, `${waiting}`);
  terminal.stdin.end('go on\n');
  const out = await written;
  assert.match(out, /line 0 x/);
  assert.doesNotMatch(out, /line 19999 x|the last status/);
  // Once there is room again.
  assert.match(out, /exit 0\n$/);
});

test('what is replaced waits for nothing; what stays, as long as there is room', () => {
  const written: string[] = [];
  const output = {
    isTTY: true,
    columns: 80,
    writableLength: 0,
    write: (chunk: string) => written.push(chunk) > 0,
  };
  const screen = new Screen(output as unknown as NodeJS.WritableStream);
  screen.status('one');
  output.writableLength = 5;
  screen.status('two');
  screen.line('three');
  output.writableLength = MOST_WAITING;
  screen.line('four');
  assert.deepEqual(written, ['\r\u001b[2Kone', '\r\u001b[2K', 'three\n']);
  assert.ok(hasRoom({}, 'is replaced'));
});
