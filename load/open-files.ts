/** Whether this machine lets k6 have a connection for each VU. Pure; load, dry run and doctor ask the same function. */
import { formatNumber } from '../results/units.ts';

/** What k6, or a backend on this machine, has open beside a connection for each VU: samples, logs, bodies, submissions being written. */
const BESIDE = 100;

/** @returns files that k6 wants to have open: a connection of each VU to each target */
export const filesNeeded = (vus: number, targets: number): number =>
  vus * Math.max(1, targets) + BESIDE;

/** VUs for which a limit is enough. */
export const vusWithin = (limit: number, targets = 1): number =>
  Math.max(0, Math.floor((limit - BESIDE) / targets));

/** @param limit null: not known. @returns what is wrong, as a sentence without its stop; null: nothing */
export function openFilesProblem(call: {
  vus: number;
  targets: number;
  limit: number | null;
}): { problem: string; hint: string } | null {
  const needed = filesNeeded(call.vus, call.targets);
  if (call.limit === null || needed <= call.limit) return null;
  return {
    problem: `${formatNumber(call.vus)} VUs need about ${formatNumber(needed)} open files, but this machine allows ${formatNumber(call.limit)} to a process`,
    hint: `raise the limit (ulimit -n ${needed}, in a container --ulimit nofile=${needed}), or use at most ${formatNumber(vusWithin(call.limit, call.targets))} VUs`,
  };
}
