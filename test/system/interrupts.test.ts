import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { FakeClock } from '../support/clock.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';

test('one key press that arrives three times is one interrupt; the next press is the second', () => {
  const source = new EventEmitter();
  const clock = new FakeClock();
  const interrupts = listenForInterrupts(source, clock.now);
  const state = () => [interrupts.first.aborted, interrupts.second.aborted];
  assert.deepEqual(state(), [false, false]);
  source.emit('SIGINT');
  clock.advance(20);
  source.emit('SIGINT');
  clock.advance(300);
  source.emit('SIGINT');
  assert.deepEqual(state(), [true, false]);
  clock.advance(1001);
  source.emit('SIGTERM');
  assert.deepEqual(state(), [true, true]);
  interrupts.stop();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    assert.equal(source.listenerCount(signal), 0);
});

test('a closed terminal is an interrupt like Ctrl-C', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const source = new EventEmitter();
    const interrupts = listenForInterrupts(source, new FakeClock().now);
    source.emit(signal);
    assert.deepEqual([interrupts.first.aborted, interrupts.second.aborted], [true, false], signal);
  }
});
