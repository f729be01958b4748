/** Which addresses are this machine. Pure. */
import { isIP } from 'node:net';

/** 127.0.0.0/8, ::1, and the same written as IPv4-mapped IPv6. */
export function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  if (isIP(plain) === 4) return plain.startsWith('127.');
  return plain === '::1';
}
