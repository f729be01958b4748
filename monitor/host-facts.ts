/** What the machine is, for plan.json: figures of two runs compare only when these are alike. */
import { arch, cpus, release, totalmem, type } from 'node:os';
import { readCgroupLimits } from './cgroup-limits.ts';

export type HostFacts = Record<string, string | number | null>;

/** `value` if it comes in time, else null; never throws, never waits longer. */
async function within<T>(value: Promise<T>, limitMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  try {
    return await Promise.race([value, limit]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

const orNull = <T extends string | number>(value: T | undefined): T | null =>
  value === undefined || value === '' || value === 0 ? null : value;

/**
 * CPU, memory, system and virtualisation of this machine, through systeminformation; what it cannot tell
 * within `limitMs` is null or comes from node:os. Neither host name nor serial numbers: results are published.
 */
export async function hostFacts(limitMs = 3000): Promise<HostFacts> {
  const deadline = performance.now() + limitMs;
  const left = () => Math.max(0, deadline - performance.now());
  const si = await within(
    import('systeminformation').then((module) => module.default),
    left(),
  );
  const [cpu, system, os] = si
    ? await Promise.all([
        within(si.cpu(), left()),
        within(si.system(), left()),
        within(si.osInfo(), left()),
      ])
    : [null, null, null];
  // A machine of 64 cores with a limit of 2 behaves like one of 2.
  const limits = readCgroupLimits();
  const cores = cpus();
  const inContainer = /container/i.test(system?.model ?? '');
  return {
    cpuModel: orNull(cpu ? `${cpu.manufacturer} ${cpu.brand}`.trim() : cores[0]?.model),
    cpuSpeedGHz: orNull(cpu?.speed),
    cpuGovernor: orNull(cpu?.governor),
    cores: cores.length,
    physicalCores: orNull(cpu?.physicalCores),
    cpuLimitCores: limits.cpuQuotaCores,
    memoryBytes: totalmem(),
    memoryLimitBytes: limits.memoryLimitBytes,
    os: os ? `${os.distro} ${os.release}`.trim() : type(),
    kernel: os?.kernel ?? release(),
    arch: arch(),
    virtualisation: system?.virtual ? orNull(system.virtualHost) : null,
    container: inContainer ? system!.model : null,
    node: process.version,
  };
}
