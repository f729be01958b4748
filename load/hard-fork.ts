/** A hard fork that a load rehearses (--fork-at): what is wrong with it, and what of it stands in a dry run. Pure. */
import { type EraName, ERAS } from '../mina/eras.ts';
import type { ChainFork } from '../producers/chain-templates.ts';
import { hardForkAt, LEAST_SLOTS_BEFORE } from '../producers/fork-times.ts';
import type { LoadRequest } from './request.ts';

/** The era before: the fork of 2026. */
export const FORK_FROM: EraName = 'berkeley';
const FORK_TO: EraName = 'mesa';

type ForkOf = Pick<
  LoadRequest,
  'forkAtMs' | 'durationMs' | 'stages' | 'era' | 'eraChosen' | 'fleet'
>;

const loadMs = ({ durationMs, stages }: ForkOf): number =>
  stages ? stages.reduce((sum, stage) => sum + stage.durationMs, 0) : durationMs;

/** How many milliseconds of the network's time one of the load has; null: the chain is laid over the load, whatever its time. */
const speedupOf = ({ fleet }: ForkOf): number | null => fleet?.speedup ?? null;

/** @returns sentences, none where there is no fork */
export function forkProblems(request: ForkOf): string[] {
  const { forkAtMs = null, era, eraChosen = false } = request;
  const durationMs = loadMs(request);
  if (forkAtMs === null) return [];
  const problems: string[] = [];
  if (eraChosen && era !== FORK_TO)
    problems.push(
      `--fork-at goes from ${ERAS[FORK_FROM].label} to ${ERAS[FORK_TO].label}, so --era ${era} does not go with it`,
    );
  const seconds = (ms: number) => `${ms / 1000} s`;
  if (forkAtMs <= 0 || forkAtMs >= durationMs)
    return [
      ...problems,
      `--fork-at must lie within the load of ${seconds(durationMs)}, but is ${seconds(forkAtMs)}`,
    ];
  const speedup = speedupOf(request);
  if (speedup === null) return problems;
  const leastMs = (LEAST_SLOTS_BEFORE * ERAS[FORK_FROM].slotTimeMs) / speedup;
  const { genesisMs } = hardForkAt(FORK_FROM, forkAtMs * speedup);
  if (forkAtMs < leastMs || genesisMs / speedup >= durationMs)
    problems.push(
      `--fork-at must be ${LEAST_SLOTS_BEFORE} slots of ${ERAS[FORK_FROM].label} after the beginning (${seconds(leastMs)} at --speedup ${speedup}) and one before the end, but is ${seconds(forkAtMs)} of ${seconds(durationMs)}`,
    );
  return problems;
}

/** Of a chain that is laid over a load; null: there is no fork. */
export function forkOf(request: ForkOf): ChainFork | null {
  const { forkAtMs = null } = request;
  return forkAtMs === null
    ? null
    : { from: FORK_FROM, to: FORK_TO, share: forkAtMs / loadMs(request) };
}

/** Of a fleet, for the dry run; null: there is no fork. */
export function forkLine({ forkAtMs = null, fleet }: ForkOf): string | null {
  if (forkAtMs === null || !fleet) return null;
  const { transactionsEndMs, chainEndMs, genesisMs } = hardForkAt(
    FORK_FROM,
    forkAtMs * fleet.speedup,
  );
  const at = (ms: number) => `${(ms / fleet.speedup / 1000).toFixed(1)} s`;
  return `hard fork     no transactions from ${at(transactionsEndMs)} on, no blocks from ${at(chainEndMs)}, genesis of ${ERAS[FORK_TO].label} at ${at(genesisMs)}`;
}
