/** Bodies under way: what is read, what waits, and that every body ends; with a clock and clients that the test makes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BodySeat, createBodyRoom, REQUEST_BYTES } from '../../stack/backend/body-room.ts';

const LIMIT = 10 * REQUEST_BYTES;
const RESERVE = 6 * REQUEST_BYTES;
/** A part of a body, as a connection brings it. */
const PART = 1000;

function roomWith(settings: { slowMs?: number } = {}) {
  const clock = { ms: 0 };
  let look = (): void => {};
  const room = createBodyRoom({
    limitBytes: LIMIT,
    reserveBytes: RESERVE,
    slowBytesPerS: 10_000,
    slowMs: settings.slowMs ?? 2000,
    nowMs: () => clock.ms,
    every(_ms, action) {
      look = action;
      return () => (look = () => {});
    },
  });
  const open = (length: number) => {
    const body = {
      isOpen: true,
      isRefused: false,
      left: length,
      seat: null as unknown as BodySeat,
    };
    body.seat = room.enter(length, {
      pause: () => (body.isOpen = false),
      resume: () => (body.isOpen = true),
      refuse: () => {
        body.isRefused = true;
        body.seat.leave();
      },
    });
    return body;
  };
  const send = (body: ReturnType<typeof open>, bytes: number): void => {
    body.left -= bytes;
    body.seat.arrived(bytes);
  };
  return { room, clock, open, send, look: () => look() };
}

test('what is announced counts for nothing, what has come counts', () => {
  const { room, open, send } = roomWith();
  const bodies = Array.from({ length: 5 }, () => open(1_000_000_000));
  assert.equal(room.usedBytes, 5 * REQUEST_BYTES);
  assert.ok(bodies.every(({ isOpen }) => isOpen));
  send(bodies[0], PART);
  assert.equal(room.usedBytes, 5 * REQUEST_BYTES + PART);
  bodies[0].seat.leave();
  bodies[0].seat.leave();
  assert.equal(room.usedBytes, 4 * REQUEST_BYTES);
});

test('a full room reads no further body but one that fits the reserve, and goes on when there is room', () => {
  const { room, open, send } = roomWith();
  const first = open(20 * REQUEST_BYTES);
  send(first, 10 * REQUEST_BYTES);
  assert.equal(first.isOpen, true, 'alone it must end, whatever the reserve');
  const large = open(5 * REQUEST_BYTES);
  assert.equal(large.isOpen, false, 'the reserve is taken');
  assert.equal(room.waiting, 1);
  send(first, 10 * REQUEST_BYTES);
  first.seat.leave();
  assert.equal(large.isOpen, true);
  assert.equal(room.waiting, 0);
});

test('who keeps others waiting and sends next to nothing is refused; who was made to wait is not', () => {
  const { room, clock, open, send, look } = roomWith();
  const slow = open(4 * REQUEST_BYTES);
  send(slow, 500);
  const busy = open(30 * REQUEST_BYTES);
  send(busy, 8 * REQUEST_BYTES);
  const waits = open(30 * REQUEST_BYTES);
  clock.ms = 1900;
  look();
  assert.ok(!slow.isRefused && !busy.isRefused);
  clock.ms = 2100;
  look();
  assert.equal(slow.isRefused, true);
  assert.equal(busy.isRefused, false);
  assert.equal(waits.isRefused, false);
  clock.ms = 60_000;
  assert.equal(room.usedBytes < LIMIT || room.waiting > 0, true);
});

test('slow clients are let be as long as nobody waits', () => {
  const { clock, open, send, look } = roomWith();
  const slow = open(4 * REQUEST_BYTES);
  send(slow, 1);
  clock.ms = 100_000;
  look();
  assert.equal(slow.isRefused, false);
  assert.equal(slow.isOpen, true);
});

test('whatever comes in whatever order: the room is bounded, every body that is sent ends, nothing is left', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 * REQUEST_BYTES }), { minLength: 1, maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      (lengths, choices) => {
        const { room, open, send } = roomWith();
        const bodies = lengths.map(open);
        const here = new Set(bodies);
        let most = 0;
        for (let steps = 0; here.size > 0; steps++) {
          assert.ok(steps < 100_000, 'it ends');
          const ready = [...here].filter(({ isOpen, left }) => isOpen || left === 0);
          assert.ok(ready.length > 0, `${here.size} bodies wait for each other`);
          const body = ready[choices.next().value! % ready.length];
          if (body.left === 0) {
            here.delete(body);
            body.seat.leave();
          } else send(body, Math.min(body.left, 8 * PART));
          most = Math.max(most, room.usedBytes);
        }
        // Beside the reserve each may bring one part too many, and its request.
        assert.ok(most <= LIMIT + RESERVE + lengths.length * (8 * PART + REQUEST_BYTES), `${most}`);
        assert.equal(room.usedBytes, 0);
        assert.equal(room.waiting, 0);
      },
    ),
    { numRuns: 200 },
  );
});
