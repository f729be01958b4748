/** Which addresses are this machine. Pure. */
import { isIP } from 'node:net';

/** An IPv4-mapped IPv6 address as the IPv4 address it stands for; any other as it is. A URL writes `::ffff:7f00:1` for `::ffff:127.0.0.1`. */
function unmapped(address: string): string {
  const rest = /^(?:::|(?:0{1,4}:){5})ffff:(.+)$/i.exec(address)?.[1];
  if (rest === undefined || isIP(address) !== 6) return address;
  if (isIP(rest) === 4) return rest;
  const [high, low] = rest.split(':').map((part) => parseInt(part, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** 127.0.0.0/8, ::1, and the same written as IPv4-mapped IPv6. */
export function isLoopbackAddress(address: string): boolean {
  const plain = unmapped(address);
  if (isIP(plain) === 4) return plain.startsWith('127.');
  return isIP(plain) === 6 && /^(::|(0{1,4}:){7})0{0,3}1$/.test(plain);
}

/**
 * Whether a connection to this address stays on this machine: loopback, and the unspecified addresses, which a
 * connection takes for loopback (Linux, net/ipv4/route.c: ip_route_output_key). A listener on those is open to all.
 */
export const leadsToThisMachine = (address: string): boolean =>
  isLoopbackAddress(address) ||
  unmapped(address) === '0.0.0.0' ||
  (isIP(address) === 6 && /^[0:]+$/.test(address));
