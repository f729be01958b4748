/** Lines that must not stop the backend: short writes, full disks, closed pipes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLineWriter } from '../../stack/backend/line-writer.ts';

const fault = (code: string): Error => Object.assign(new Error(code), { code });

/** A file whose next writes do as `plan` says: take so many bytes, or fail with a code; then all is taken. */
function fakeFile(plan: (number | string)[], maxWaitingBytes?: number) {
  let content = '';
  const timers: (() => void)[] = [];
  const failing: boolean[] = [];
  const write = createLineWriter({
    write(bytes) {
      const step = plan.shift() ?? bytes.length;
      if (typeof step === 'string') throw fault(step);
      const taken = Math.min(step, bytes.length);
      content += Buffer.from(bytes.subarray(0, taken)).toString();
      return taken;
    },
    later: (action) => timers.push(action),
    lost: (count) => `lost ${count}\n`,
    onFailing: (isFailing) => failing.push(isFailing),
    ...(maxWaitingBytes === undefined ? {} : { maxWaitingBytes }),
  });
  return { write, content: () => content, timers, failing };
}

test('a short write is completed before the next line', () => {
  const file = fakeFile([3, 'ENOSPC', 'ENOSPC', 2]);
  file.write('{"a":1}\n');
  assert.equal(file.content(), '{"a');
  file.write('{"b":2}\n');
  assert.equal(file.content(), '{"a');
  file.write('{"c":3}\n');
  assert.equal(file.content(), '{"a":1}\n{"b":2}\n{"c":3}\n');
});

test('what waits is tried again later, once at a time', () => {
  const file = fakeFile(['EAGAIN', 'EAGAIN', 'EAGAIN']);
  file.write('one\n');
  file.write('two\n');
  assert.equal(file.timers.length, 1);
  file.timers.shift()!();
  assert.equal(file.content(), '');
  assert.equal(file.timers.length, 1);
  file.timers.shift()!();
  assert.equal(file.content(), 'one\ntwo\n');
  assert.equal(file.timers.length, 0);
});

test('more than may wait is lost, and counted when there is room again', () => {
  const file = fakeFile(Array<string>(5).fill('ENOSPC'), 10);
  for (const line of ['1234\n', '5678\n', 'a\n', 'b\n', 'c\n']) file.write(line);
  assert.equal(file.content(), '');
  file.write('d\n');
  assert.equal(file.content(), '1234\n5678\nlost 4\n');
});

test('a full disk is said once when it begins and once when it ends; a reader that is slow or gone is none', () => {
  const file = fakeFile(['ENOSPC', 'ENOSPC', 'EDQUOT']);
  file.write('one\n');
  file.write('two\n');
  assert.deepEqual(file.failing, [true]);
  file.timers.shift()!();
  assert.deepEqual(file.failing, [true]);
  file.timers.shift()!();
  assert.deepEqual(file.failing, [true, false]);
  assert.equal(file.content(), 'one\ntwo\n');
  for (const code of ['EAGAIN', 'EPIPE']) {
    const other = fakeFile([code, code]);
    other.write('one\n');
    assert.deepEqual(other.failing, []);
  }
});

test('a pipe without a reader is let be, and so is a closed terminal', () => {
  for (const code of ['EPIPE', 'EIO', 'EBADF']) {
    const file = fakeFile([code, code]);
    file.write('one\n');
    file.write('two\n');
    assert.equal(file.timers.length, 0, code);
    file.write('three\n');
    assert.equal(file.content(), 'three\n', code);
  }
});

test('whatever a disk does, only whole lines and at most one beginning are in the file', () => {
  const steps = fc.array(fc.oneof(fc.nat(12), fc.constantFrom('ENOSPC', 'EAGAIN', 'EINTR')), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, fc.nat(40), (plan, count) => {
      const lines = Array.from({ length: count }, (_, i) => `line ${i}\n`);
      const file = fakeFile(plan);
      for (const line of lines) {
        file.write(line);
        assert.ok(lines.join('').startsWith(file.content()));
      }
      for (let i = 0; file.timers.length > 0; i++) {
        assert.ok(i < 200);
        file.timers.shift()!();
      }
      assert.equal(file.content(), lines.join(''));
    }),
  );
});
