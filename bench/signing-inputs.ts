/** Keys and messages of the signing benchmarks; any would do, and none of them is secret. */
import { q } from '../mina/field.ts';

/** As many as a fleet has by default. */
export const KEYS = 1000;
export const PEER_ID = '12D3KooWGFjBhvkwj6jGTfhQxWMq4rTvw22vgbgnc2KPF4xhNhAv';

export const privateKeyOf = (i: number): bigint => (BigInt(i + 1) * (q / 1009n)) % q;

/** `count` messages of 32 bytes that differ. */
export function messagesOf(count: number): Uint8Array {
  const messages = new Uint8Array(32 * count);
  for (let i = 0; i < messages.length; i++) messages[i] = Math.imul(i + 1, 0x9e3779b1) >>> 24;
  return messages;
}
