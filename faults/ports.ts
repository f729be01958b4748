/** Where faults let programs listen. */
import { randomInt } from 'node:crypto';

/**
 * Below the ports that systems give to outgoing connections (Linux from 32768, macOS and Windows from 49152 on): while nobody listens, a
 * client's own port must not be the one that it asks for, or it would reach itself.
 */
const FIRST = 20_000;
const COUNT = 10_000;

/**
 * Each once, from any of them on: whoever else chooses here in that moment, or while a backend is down and comes back to its port, chooses another.
 * @param start which one is first, below 10,000
 */
export const quietPorts = (start: number = randomInt(COUNT)): number[] =>
  Array.from({ length: COUNT }, (_, i) => FIRST + ((start + i) % COUNT));
