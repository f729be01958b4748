/**
 * The address that a load balancer would write into X-Forwarded-For for a producer. It follows from the producer's
 * public key alone: the same in every run, on every machine.
 * Pure (no I/O, no `k6/*`, no `node:*`), so k6 scenarios and Node programs share it.
 */

/** IPv4 addresses one after the other; `first` as a number, 10.0.0.0 being 167772160. */
export type AddressBlock = { first: number; size: number };

/** A public key ends in its checksum: these characters look random, and differ from key to key. */
export const KEY_END = 6;

/**
 * Two keys share an address with probability 1 / size, as two producers behind one router do. Network and broadcast
 * address are left out where there is room.
 * @param bytes where the {@link KEY_END} last characters of the public key (base58, ASCII) stand, from `at`
 */
export function addressOf(
  { first, size }: AddressBlock,
  bytes: ArrayLike<number>,
  at: number,
): string {
  // Characters go from 49 ("1") to 122 ("z"). Written out: Sobek pays for each turn of a loop.
  let n = bytes[at] - 49;
  n = n * 74 + bytes[at + 1] - 49;
  n = n * 74 + bytes[at + 2] - 49;
  n = n * 74 + bytes[at + 3] - 49;
  n = n * 74 + bytes[at + 4] - 49;
  n = n * 74 + bytes[at + 5] - 49;
  const address = size > 2 ? first + 1 + (n % (size - 2)) : first + (n % size);
  return `${(address >>> 24) & 255}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
