/** The real program in a run: which components are its own, how each is had, and what they need of the run. Pure. */
import type { Use } from '../stack/components/component.ts';
import type { Uses } from '../stack/components/use.ts';
import { LOAD_NETWORK } from './network/kinds.ts';

/** Images and programs of the real program; absent: the embedded component. */
export type Images = {
  /** UPTIME_SERVICE_IMAGE. */
  backend?: string;
  /** STATELESS_VERIFIER_IMAGE: what the original's coordinator starts for each mini-batch. */
  verifier?: string;
  /** MINA_DAEMON_IMAGE: nodes of a private network. */
  daemon?: string;
  /** A file and its first arguments; instead of `backend`. */
  backendProgram?: string;
  /** A file and its first arguments, or `image:IMAGE`. */
  coordinator?: string;
  leaderboard?: string;
};

/** State.wait_until_batch_ends of o1-labs/uptime-service-validation at 4a46a1e. */
const ORIGINAL_GRACE_MS = 120_000;

export const hasOriginalBackend = ({ backend, backendProgram }: Images): boolean =>
  backend !== undefined || backendProgram !== undefined;

/** How backend, coordinator and leaderboard are had, as far as they are not the embedded ones. */
export function usesOf(images: Images): Pick<Uses, 'backend' | 'coordinator' | 'leaderboard'> {
  const { backend, backendProgram, coordinator, leaderboard } = images;
  return {
    ...(backend !== undefined && { backend: { kind: 'image', image: backend } }),
    ...(backendProgram !== undefined && { backend: { kind: 'command', command: backendProgram } }),
    ...(coordinator !== undefined && { coordinator: programUse(coordinator) }),
    ...(leaderboard !== undefined && { leaderboard: programUse(leaderboard) }),
  };
}

const programUse = (text: string): Use =>
  text.startsWith('image:')
    ? { kind: 'image', image: text.slice('image:'.length) }
    : { kind: 'command', command: text };

/** What a backend under load takes to write what it has stamped already, and more: of the real two minutes a tenth of a short batch would be too little. */
const UNDER_LOAD_MS = 10_000;

/**
 * From the end of a batch until the coordinator looks at it, if it is not late: the original's 2 minutes, of an embedded one's shortened batch less.
 * @param run `network`: what sends
 */
export function graceMsOf({
  images,
  intervalSeconds,
  network,
}: {
  images: Images;
  intervalSeconds: number;
  network: { kind: string };
}): number {
  if (images.coordinator !== undefined) return ORIGINAL_GRACE_MS;
  const least = network.kind === LOAD_NETWORK ? UNDER_LOAD_MS : 1000;
  return Math.min(ORIGINAL_GRACE_MS, Math.max(least, intervalSeconds * 100));
}

/** What originals need that the run does not give them: known before anything is made. */
export function originalsProblems(
  { images, network }: { images: Images; network: string },
  intervalMs: number,
): string[] {
  const { backend, backendProgram, coordinator, verifier } = images;
  const problems: string[] = [];
  if (backend !== undefined && backendProgram !== undefined)
    problems.push('--backend and --backend-image (UPTIME_SERVICE_IMAGE) are the same component');
  if (backendProgram !== undefined && network === 'minimina')
    problems.push('--backend is not for --network minimina: --backend-image is');
  if (coordinator !== undefined && verifier === undefined)
    problems.push(
      '--coordinator needs --verifier-image (STATELESS_VERIFIER_IMAGE): the original starts its verifiers as containers',
    );
  if (coordinator !== undefined && intervalMs % 60_000 !== 0)
    problems.push(
      `--interval must be whole minutes for --coordinator, but is ${intervalMs / 1000} s`,
    );
  return problems;
}
