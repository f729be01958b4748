import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { askHidden, keyAccess } from '../../cli/passphrase.ts';
import type { Terminal } from '../../cli/terminal.ts';
import { Screen } from '../../system/screen.ts';
import { UserError } from '../../user-error.ts';

function terminal(isTTY = true): Terminal & { shown(): string; interrupts: number } {
  const output = Object.assign(new PassThrough(), { isTTY });
  const made = {
    input: Object.assign(new PassThrough(), { isTTY }),
    output,
    interrupts: 0,
    interrupt: () => void made.interrupts++,
    shown: () => String(output.read() ?? ''),
  };
  return made;
}
const type = ({ input }: Terminal, text: string) => (input as PassThrough).write(text);

test('the answer is not shown, and may be edited, empty or not ASCII', async () => {
  const cases = { 'naughty\r': 'naughty', 'wröng\u0015ri\u007fright\n': 'rright', '\r': '' };
  for (const [typed, expected] of Object.entries(cases)) {
    const at = terminal();
    const answer = askHidden('Passphrase: ', at);
    type(at, typed);
    assert.equal(await answer, expected);
    assert.equal(at.shown(), 'Passphrase: \n');
  }
});

test('Ctrl-C interrupts, the end of the input is no answer, and a cancelled question ends', async () => {
  const at = terminal();
  const interrupted = askHidden('?', at);
  type(at, 'secr\u0003');
  await assert.rejects(interrupted, { name: 'AbortError' });
  assert.equal(at.interrupts, 1);

  const ends: ((at: Terminal) => void)[] = [
    ({ input }) => (input as PassThrough).end(),
    ...['\u0004', 'half of it\u0004'].map((typed) => (at: Terminal) => type(at, typed)),
  ];
  for (const end of ends) {
    const ended = terminal();
    const unanswered = askHidden('?', ended);
    end(ended);
    await assert.rejects(
      unanswered,
      (error) =>
        error instanceof UserError && error.exitCode === 2 && /no passphrase/.test(error.message),
    );
  }

  const cancel = new AbortController();
  const cancelled = askHidden('?', terminal(), cancel.signal);
  cancel.abort(new Error('enough'));
  await assert.rejects(cancelled, /^Error: enough$/);
  await assert.rejects(askHidden('?', terminal(), cancel.signal), /^Error: enough$/);
});

test('variables leave the environment, and only a terminal is asked', async () => {
  const env = { MINA_PRIVKEY_PASS: '', MINA_LIBP2P_PASS: 'x', UPTIME_PRIVKEY_PASS: 'y' };
  const { signal } = new AbortController();
  const access = (at: Terminal) => keyAccess(env, new Screen(new PassThrough()), signal, at);
  const at = terminal();
  const { passphrases, ask } = access(at);
  assert.deepEqual(passphrases, { wallet: '', libp2p: 'x' });
  assert.deepEqual(env, { UPTIME_PRIVKEY_PASS: 'y' });
  const answer = ask!('?');
  type(at, 'z\r');
  assert.equal(await answer, 'z');
  assert.equal(access(terminal(false)).ask, undefined);
});
