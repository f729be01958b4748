/** Figures as the page writes them; a figure that is not known is a dash. Pure. */
import { formatBytes, formatMs, formatNumber, formatShare } from '../../results/units.ts';

export const DASH = '–';

const or =
  <T>(format: (value: T) => string) =>
  (value: T | null | undefined): string =>
    value === null || value === undefined ? DASH : format(value);

export const number = or(formatNumber);
export const whole = or((value: number) => Math.round(value).toLocaleString('en-US'));
export const ms = or(formatMs);
export const share = or(formatShare);
export const bytes = or(formatBytes);
export const cores = or((value: number) => value.toFixed(2));

/** `2026-01-02 03:04:05` of this browser's time. */
export const localTime = (rfc3339: string | null): string => {
  const time = rfc3339 === null ? NaN : Date.parse(rfc3339);
  if (Number.isNaN(time)) return DASH;
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
};
