/** Whether this machine has a local port for the connection of each VU. Pure; load, dry run and doctor ask the same function. */
import { formatNumber } from '../results/units.ts';

/**
 * Connections to several targets may share a port, those to one target may not (ip(7), ip_local_port_range).
 * @param ports null: not known. @returns what is wrong, as a sentence without its stop; null: nothing
 */
export function localPortsProblem(call: {
  vus: number;
  ports: number | null;
}): { problem: string; hint: string } | null {
  const { vus, ports } = call;
  if (ports === null || vus <= ports) return null;
  return {
    problem: `${formatNumber(vus)} VUs need as many local ports, but this machine has ${formatNumber(ports)}`,
    hint: `widen the range (sysctl net.ipv4.ip_local_port_range="1024 65535"), or use at most ${formatNumber(ports)} VUs`,
  };
}
