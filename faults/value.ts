/** How the values of faults are written. Pure. */
import { parseDuration } from '../system/duration.ts';
import type { Problem } from './fault.ts';

/** `5%`, `0.5%`, `100%` -> 0 to 1, more than 0; null: it is no share. */
export function parseShare(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  const share = Number(match?.[1]) / 100;
  return share > 0 && share <= 1 ? share : null;
}

/** A share alone; without a value all. */
export function readShare(value: string | null): { share: number } | Problem {
  if (value === null) return { share: 1 };
  const share = parseShare(value);
  return share === null
    ? { problem: `must have a share of the requests from more than 0 % to 100 %, such as 5%, but has "${value}"` } // prettier-ignore
    : { share };
}

/** Longer would outlast every request. */
const LONGEST_MS = 3_600_000;

/** `200ms` or `100ms-300ms`. */
export function readTimes(value: string | null): { minMs: number; maxMs: number } | Problem {
  const ends = (value ?? '').split('-').map(parseDuration);
  const [minMs, maxMs = minMs] = ends;
  return minMs !== null && maxMs !== null && ends.length <= 2 && maxMs > 0 && minMs <= maxMs && maxMs <= LONGEST_MS
    ? { minMs, maxMs }
    : { problem: `must have a time of at most 1h such as 200ms, or two such as 100ms-300ms, but has "${value ?? ''}"` }; // prettier-ignore
}

const UNITS: Record<string, number> = { b: 1, kb: 1000, mb: 1_000_000 };
const FASTEST = 10_000_000_000;

/** `1MB/s`, `500KB/s`: 1 KB is 1,000 bytes. */
export function readBandwidth(value: string | null): { bytesPerSecond: number } | Problem {
  const match = /^(\d+(?:\.\d+)?)(B|KB|MB)\/s$/i.exec(value ?? '');
  const bytesPerSecond = Math.round(Number(match?.[1]) * UNITS[match?.[2].toLowerCase() ?? 'b']);
  return bytesPerSecond >= 1 && bytesPerSecond <= FASTEST
    ? { bytesPerSecond }
    : { problem: `must have a bandwidth from 1B/s to 10000MB/s, such as 1MB/s, but has "${value ?? ''}"` }; // prettier-ignore
}

/** `503` or `503:10%`. */
export function readStatus(value: string | null): { status: number; share: number } | Problem {
  const [code, share = '100%', more] = (value ?? '').split(':');
  const status = Number(code);
  const read = parseShare(share);
  return /^\d{3}$/.test(code) && status >= 400 && status <= 599 && read !== null && more === undefined
    ? { status, share: read }
    : { problem: `must have a status from 400 to 599, and may have a share, such as 503 or 503:10%, but has "${value ?? ''}"` }; // prettier-ignore
}
