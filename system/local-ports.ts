/** How many ports this machine may take for connections of its own. */
import { readFileSync } from 'node:fs';

/**
 * Source: ip(7), ip_local_port_range: the first and the last one.
 * @param rangeFile another file of the same form, for tests
 * @returns null: not known
 */
export function localPorts(rangeFile = '/proc/sys/net/ipv4/ip_local_port_range'): number | null {
  try {
    const range = /^(\d+)\s+(\d+)\s*$/.exec(readFileSync(rangeFile, 'utf8'));
    return range === null ? null : Math.max(0, Number(range[2]) - Number(range[1]) + 1);
  } catch {
    return null;
  }
}
