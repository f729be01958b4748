/**
 * How a node's uptime service behaves over time. Source: MinaProtocol/mina, src/lib/uptime_service/uptime_service.ml at 282712d; how long things
 * take is chosen as recorded submissions have it. Pure.
 */
import { ERAS, type EraName } from '../mina/eras.ts';

/** A maker's block is made this long after its slot began, and sent so much later. */
export const MAKING_MS = { least: 200, most: 2000 } as const;
export const SENDING_MS = { least: 100, most: 500 } as const;
/** How long after its cycle began a node's snark work is ready: its own time, the same each cycle, and a little more or less. */
export const SNARK_WORK_MS = { least: 10_000, most: 60_000 } as const;
export const JITTER_MS = 2000;
/** A node that will make a block waits so long for it after its cycle began (`timeout_min`, 3.0 minutes; PR #10775). */
const OWN_BLOCK_WAIT_MINUTES = 3;

/**
 * What a node does with an answer: it sends the same again after a pause, so often at most. These answers end it at once; every
 * other one, and none at all, is a failure.
 */
export const RETRY = {
  attempts: 8,
  everyMs: 4000,
  endedBy: [200, 400, 401, 411, 413],
} as const;

/** How many slots after the beginning of a node's cycle it may make a block and still send it in that cycle. */
export const ownBlockSlots = (era: EraName): number =>
  Math.floor(
    (OWN_BLOCK_WAIT_MINUTES * 60_000 - MAKING_MS.most - SENDING_MS.most) / ERAS[era].slotTimeMs,
  );
