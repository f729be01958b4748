/**
 * Texts of Linux's /proc and /sys as plain objects. Every parser gives null for a text it cannot trust,
 * so that a figure is absent, never wrong. Pure (no I/O).
 * Formats: Linux, Documentation/filesystems/proc.rst; proc_pid_stat(5), proc_pid_io(5), getauxval(3).
 */

/** `/proc/PID/stat`, as far as the monitor needs it. Times in clock ticks (USER_HZ). */
export type ProcStat = {
  pid: number;
  /** One letter; Z and X: ended, and not yet or just now waited for. */
  state: string;
  parentPid: number;
  /** CPU time of all threads, ended ones included. */
  utime: number;
  stime: number;
  /** CPU time of ended children that were waited for, and of theirs. */
  cutime: number;
  cstime: number;
  threads: number;
  /** Since boot; together with the pid it names a process for good. */
  starttime: number;
  rssPages: number;
};

const COUNT = /^\d+$/;
/** Beyond 2^53 a difference of two counters is rounding: seen of lxcfs, an idle time of 19 digits. */
const isCount = (text: string): boolean => COUNT.test(text) && Number.isSafeInteger(Number(text));

/** The name stands in parentheses, may hold blanks, parentheses and line ends: count from the last `)`. */
export function parseProcStat(text: string): ProcStat | null {
  const open = text.indexOf(' (');
  const close = text.lastIndexOf(') ');
  if (open === -1 || close < open) return null;
  // From field 3 (state) on; see proc_pid_stat(5) for the numbers.
  const fields = text.slice(close + 2).split(' ', 22);
  const pid = text.slice(0, open);
  const [state = ''] = fields;
  const read = (field: number): number => {
    const digits = fields[field - 3];
    return digits !== undefined && COUNT.test(digits) ? Number(digits) : NaN;
  };
  const stat: ProcStat = {
    pid: COUNT.test(pid) ? Number(pid) : NaN,
    state,
    parentPid: read(4),
    utime: read(14),
    stime: read(15),
    cutime: read(16),
    cstime: read(17),
    threads: read(20),
    starttime: read(22),
    rssPages: read(24),
  };
  const sound =
    /^[A-Za-z]$/.test(state) &&
    Object.values(stat).every((value) => typeof value === 'string' || Number.isSafeInteger(value));
  return sound ? stat : null;
}

/**
 * `/proc/PID/task/TID/schedstat` (Documentation/scheduler/sched-stats.rst): CPU time of one thread in
 * nanoseconds, where /proc/PID/stat counts whole clock ticks, and the time that it was ready to run and waited for a processor
 * (run delay). @returns milliseconds
 */
export function parseSchedstat(text: string): { cpuMs: number; waitedMs: number } | null {
  const [, ran, waited] = /^(\d+) (\d+) \d+\s*$/.exec(text) ?? [];
  return ran === undefined ? null : { cpuMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 };
}

/** Bytes that reached or came from storage (not the page cache), waited-for children included. */
export type IoBytes = { readBytes: number; writeBytes: number };

/** `/proc/PID/io`. */
export function parseProcIo(text: string): IoBytes | null {
  const readBytes = /^read_bytes: (\d+)$/m.exec(text)?.[1];
  const writeBytes = /^write_bytes: (\d+)$/m.exec(text)?.[1];
  if (readBytes === undefined || writeBytes === undefined) return null;
  if (!isCount(readBytes) || !isCount(writeBytes)) return null;
  return { readBytes: Number(readBytes), writeBytes: Number(writeBytes) };
}

/** `/proc/PID/task/TID/children`: pids with blanks between. */
export const parseChildren = (text: string): number[] =>
  text
    .split(' ')
    .filter((pid) => COUNT.test(pid))
    .map(Number);

/** `/proc/stat`: ticks of all cores since boot. `busy` leaves out idle, waiting for I/O and stolen time. */
export function parseHostCpu(text: string): { cores: number; busy: number; total: number } | null {
  const line = /^cpu +(.+)$/m.exec(text)?.[1];
  const cores = text.match(/^cpu\d+ /gm)?.length ?? 0;
  if (line === undefined || cores === 0) return null;
  // user nice system idle iowait irq softirq steal; guest time (9, 10) is inside user and nice.
  const ticks = line.split(' ').slice(0, 8);
  if (ticks.length < 4 || !ticks.every(isCount)) return null;
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] =
    ticks.map(Number);
  const busy = user + nice + system + irq + softirq;
  const total = busy + idle + iowait + steal;
  return Number.isSafeInteger(total) ? { cores, busy, total } : null;
}

/** `/proc/meminfo` in bytes. `available` is the kernel's estimate of what programs could still get. */
export function parseMeminfo(text: string): { total: number; available: number } | null {
  const kib = (name: string): number | undefined => {
    const digits = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1];
    return digits === undefined ? undefined : Number(digits) * 1024;
  };
  const total = kib('MemTotal');
  const available = kib('MemAvailable');
  if (total === undefined || available === undefined || available > total) return null;
  return { total, available };
}

/** `/proc/loadavg`: mean number of runnable and blocked tasks over the last minute. */
export function parseLoadavg(text: string): number | null {
  const first = /^(\d+\.\d+) /.exec(text)?.[1];
  return first === undefined ? null : Number(first);
}

/** `/proc/uptime` in seconds. */
export function parseUptime(text: string): number | null {
  const first = /^(\d+(?:\.\d+)?)\b/.exec(text)?.[1];
  return first === undefined ? null : Number(first);
}

/** `/proc/net/dev`: bytes per interface since it came up. */
export function parseNetDev(text: string): Map<string, { received: number; sent: number }> {
  const interfaces = new Map<string, { received: number; sent: number }>();
  for (const line of text.split('\n').slice(2)) {
    const colon = line.lastIndexOf(':');
    const columns = line
      .slice(colon + 1)
      .trim()
      .split(/ +/);
    if (colon === -1 || columns.length < 16 || !columns.every(isCount)) continue;
    interfaces.set(line.slice(0, colon).trim(), {
      received: Number(columns[0]),
      sent: Number(columns[8]),
    });
  }
  return interfaces;
}

/**
 * `/proc/self/auxv` of a 64-bit process: pairs of 8-byte words. It holds what `getconf CLK_TCK` and
 * `getconf PAGESIZE` print, without starting a process.
 */
export function parseAuxv(
  bytes: Uint8Array,
  littleEndian: boolean,
): { clockTicks?: number; pageBytes?: number } {
  const AT_PAGESZ = 6n;
  const AT_CLKTCK = 17n;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: { clockTicks?: number; pageBytes?: number } = {};
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const type = view.getBigUint64(at, littleEndian);
    const value = Number(view.getBigUint64(at + 8, littleEndian));
    if (value <= 0) continue;
    if (type === AT_CLKTCK && value <= 1e6) found.clockTicks = value;
    if (type === AT_PAGESZ && value <= 2 ** 24) found.pageBytes = value;
  }
  return found;
}
