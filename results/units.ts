/** Figures as a reader wants them: three digits, a unit, a space between. Pure. */

/** Up to three significant digits below 1,000, whole numbers with commas above: `0.52`, `8.6`, `123`, `14,035`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (Math.round(size) >= 1000) return Math.round(value).toLocaleString('en-US');
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(3)));
}

/** `0.52 ms`, `52 ms`, `1.25 s`, `265 s`. */
export const formatMs = (ms: number): string =>
  ms >= 999.5 ? `${formatNumber(ms / 1000)} s` : `${formatNumber(ms)} ms`;

/** Decimal units, as in the charts: `512 B`, `46.2 KB`, `1.3 MB`, `4.21 GB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${formatNumber(value)} ${units[unit]}`;
}

/** Of memory: `+1.3 MB/min`, `-46 KB/min`. */
export const formatGrowth = (bytesPerMinute: number): string =>
  `${bytesPerMinute < 0 ? '-' : '+'}${formatBytes(Math.abs(bytesPerMinute))}/min`;

/** A share (0 to 1) as `0 %`, `0.31 %`, `12.4 %`; a share that is not 0 or 1 never reads as such. */
export function formatShare(share: number): string {
  if (share > 0 && share < 0.0001) return '< 0.01 %';
  if (share < 1 && share > 0.9999) return '> 99.99 %';
  return `${Number((share * 100).toFixed(2))} %`;
}

/** `45 s`, `10 min`, `1 min 30 s`, `1 h 5 min`, `250 ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${formatNumber(ms)} ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'min'],
    [seconds % 60, 's'],
  ];
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** Seconds since the start as `mm:ss`, or `h:mm:ss` where `hours` is set. */
export function formatClock(seconds: number, hours: boolean): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return hours ? `${h}:${two(m)}:${two(s)}` : `${two(h * 60 + m)}:${two(s)}`;
}

/** RFC 3339 to `2026-01-02 03:04 UTC`; text that is no time is given back as it is. */
export function formatDate(rfc3339: string): string {
  const time = Date.parse(rfc3339);
  if (Number.isNaN(time)) return rfc3339;
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** `1 submission`, `1,204 submissions`, `2 recorded bodies`. */
export const countOf = (count: number, one: string, many = `${one}s`): string =>
  `${formatNumber(count)} ${count === 1 ? one : many}`;
