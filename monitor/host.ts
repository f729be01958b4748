/**
 * The whole machine: CPU, memory, load, network. On Linux from /proc (about 0.05 ms a reading; the same
 * through systeminformation takes 2 ms and starts processes), elsewhere from systeminformation.
 */
import { readdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import type { HostReading } from '../results/types.ts';
import { readSmallFile } from './small-file.ts';
import { parseHostCpu, parseLoadavg, parseMeminfo, parseNetDev } from './procfs.ts';

/** A reading without its time; differences are against the reading before, the first has none. */
export type HostFigures = Omit<HostReading, 't' | 'kind'>;
export type HostSource = { read(): Promise<HostFigures> };

type NetworkBytes = { received: number; sent: number };

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** `undefined` for a text that could not be had. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/**
 * Whether bytes of this interface pass another one again: bridges, VLANs, bonds, tunnels, and the host's
 * ends of container links. (Linux, Documentation/ABI/testing/sysfs-class-net.)
 */
function isVirtualOnTop(sysRoot: string, name: string): boolean {
  if (/^(veth|cali|docker|br-|virbr|ifb|dummy)/.test(name)) return true;
  const folder = join(sysRoot, 'class/net', name);
  const type = attempt(() => /^DEVTYPE=(.+)$/m.exec(readSmallFile(join(folder, 'uevent')))?.[1]);
  if (type !== undefined && type !== 'wlan' && type !== 'wwan') return true;
  return attempt(() => readdirSync(folder).includes('tun_flags')) ?? false;
}

/** A rate per second, or nothing when the counter went back (an interface was made anew). */
function rate(before: number | undefined, now: number | undefined, intervalMs: number) {
  if (before === undefined || now === undefined || now < before || intervalMs <= 0)
    return undefined;
  return Math.round(((now - before) * 1000) / intervalMs);
}

export type LinuxHostOptions = {
  procRoot?: string;
  sysRoot?: string;
  monotonicMs?: () => number;
};

export function linuxHost({
  procRoot = '/proc',
  sysRoot = '/sys',
  monotonicMs = () => performance.now(),
}: LinuxHostOptions = {}): HostSource {
  const onTop = new Map<string, boolean>();
  let cpuBefore: ReturnType<typeof parseHostCpu> | undefined;
  let networkBefore: { atMs: number; links?: NetworkBytes; loopback?: NetworkBytes } | undefined;

  const text = (name: string) => attempt(() => readSmallFile(join(procRoot, name)));

  function readNetwork(): { atMs: number; links?: NetworkBytes; loopback?: NetworkBytes } {
    const atMs = monotonicMs();
    const content = text('net/dev');
    if (content === undefined) return { atMs };
    let links: NetworkBytes | undefined;
    let loopback: NetworkBytes | undefined;
    for (const [name, bytes] of parseNetDev(content)) {
      if (name === 'lo') {
        loopback = bytes;
        continue;
      }
      if (!onTop.has(name)) onTop.set(name, isVirtualOnTop(sysRoot, name));
      if (onTop.get(name)) continue;
      links = {
        received: (links?.received ?? 0) + bytes.received,
        sent: (links?.sent ?? 0) + bytes.sent,
      };
    }
    return { atMs, links, loopback };
  }

  return {
    read() {
      const cpu = parseHostCpu(text('stat') ?? '');
      const memory = parseMeminfo(text('meminfo') ?? '');
      const load1 = parseLoadavg(text('loadavg') ?? '');
      const network = readNetwork();
      const figures: HostFigures = { cores: cpu?.cores ?? cpus().length };
      if (cpu && cpuBefore && cpu.cores === cpuBefore.cores) {
        const total = cpu.total - cpuBefore.total;
        const busy = cpu.busy - cpuBefore.busy;
        // Linux may take back a little idle time, and then more than all was busy. Busy time never goes back.
        const share = Math.min(1, busy / total);
        if (total > 0 && busy >= 0) {
          figures.cpuCores = round(share * cpu.cores, 4);
          figures.cpuPercentOfMachine = round(share * 100, 2);
        }
      }
      if (memory) {
        figures.memoryUsedBytes = memory.total - memory.available;
        figures.memoryTotalBytes = memory.total;
      }
      if (load1 !== null) figures.load1 = load1;
      if (networkBefore) {
        const intervalMs = network.atMs - networkBefore.atMs;
        const { links: was, loopback: loopbackWas } = networkBefore;
        const { links: is, loopback: loopbackIs } = network;
        const received = rate(was?.received, is?.received, intervalMs);
        const sent = rate(was?.sent, is?.sent, intervalMs);
        const loopback = rate(loopbackWas?.sent, loopbackIs?.sent, intervalMs);
        if (received !== undefined) figures.networkReceivedBytesPerSecond = received;
        if (sent !== undefined) figures.networkSentBytesPerSecond = sent;
        if (loopback !== undefined) figures.loopbackBytesPerSecond = loopback;
      }
      if (cpu) cpuBefore = cpu;
      networkBefore = network;
      return Promise.resolve(figures);
    },
  };
}

/** macOS, Windows and others. */
export function portableHost(): HostSource {
  let started = false;
  return {
    async read() {
      const { default: si } = await import('systeminformation');
      const [cpu, memory, network] = await Promise.allSettled([
        si.currentLoad(),
        si.mem(),
        si.networkStats(),
      ]);
      const cores = cpus().length;
      const figures: HostFigures = { cores };
      // The first load is a mean since boot, the first rates are null.
      if (started && cpu.status === 'fulfilled') {
        figures.cpuCores = round((cpu.value.currentLoad / 100) * cores, 4);
        figures.cpuPercentOfMachine = round(cpu.value.currentLoad, 2);
      }
      if (memory.status === 'fulfilled') {
        figures.memoryUsedBytes = memory.value.total - memory.value.available;
        figures.memoryTotalBytes = memory.value.total;
      }
      if (process.platform !== 'win32') figures.load1 = round(loadavg()[0] ?? 0, 2);
      if (started && network.status === 'fulfilled') {
        const sum = (rates: (number | null)[]) =>
          Math.round(rates.reduce<number>((all, one) => all + (one ?? 0), 0));
        const links = network.value;
        figures.networkReceivedBytesPerSecond = sum(links.map(({ rx_sec }) => rx_sec));
        figures.networkSentBytesPerSecond = sum(links.map(({ tx_sec }) => tx_sec));
      }
      started = true;
      return figures;
    },
  };
}
