import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { confirmAt, type Terminal } from '../../cli/terminal.ts';

function terminal(isTTY = true) {
  const made = {
    input: Object.assign(new PassThrough(), { isTTY }),
    output: Object.assign(new PassThrough(), { isTTY }),
    interrupts: 0,
    interrupt: () => void made.interrupts++,
  };
  return made satisfies Terminal;
}
const NEVER = new AbortController().signal;

test('yes is yes, everything else no; Ctrl-D and the end of the input too', async () => {
  const cases = { 'y\r': true, 'YES\n': true, ' yes \r': true, 'n\r': false, '\r': false, 'yeah\r': false, 'ja\r': false, '\u0004': false, 'y\u0004': false }; // prettier-ignore
  for (const [typed, expected] of Object.entries(cases)) {
    const at = terminal();
    const answer = confirmAt(NEVER, at)!('Send it there?');
    at.input.write(typed);
    assert.equal(await answer, expected, JSON.stringify(typed));
    assert.match(String(at.output.read()), /Send it there\? \[y\/N\] /);
    assert.equal(at.interrupts, 0);
  }
  const ended = terminal();
  const answer = confirmAt(NEVER, ended)!('?');
  ended.input.end();
  assert.equal(await answer, false);
});

test('Ctrl-C interrupts, an interrupt from elsewhere ends the question', async () => {
  const at = terminal();
  const interrupted = confirmAt(NEVER, at)!('?');
  at.input.write('y\u0003');
  await assert.rejects(interrupted, { name: 'AbortError' });
  assert.equal(at.interrupts, 1);
  const cancel = new AbortController();
  const ask = confirmAt(cancel.signal, terminal())!;
  const cancelled = ask('?');
  cancel.abort(new Error('enough'));
  await assert.rejects(cancelled, /^Error: enough$/);
  await assert.rejects(ask('?'), /^Error: enough$/);
});

test('only a person is asked', () => {
  assert.equal(confirmAt(NEVER, terminal(false)), undefined);
  assert.equal(confirmAt(NEVER, { ...terminal(), output: terminal(false).output }), undefined);
});
