/**
 * What the contract tests share. Each case runs against the embedded component and, where a variable names a real one, against that: same cases, same answers.
 *
 *     REAL_BACKEND       its binary (LD_LIBRARY_PATH and the like from the environment). It listens on port 8080 of every address, so run the tests in a
 *                        network of their own: unshare -rn sh -c 'ip link set lo up; REAL_BACKEND=… npm run test:slow -- contract'
 *     REAL_COORDINATOR   a command that starts it, e.g. "python -m uptime_service_validation.coordinator.coordinator", with PYTHONPATH
 *     REAL_LEADERBOARD   a command that starts its API
 *     REAL_VERIFIER      the stateless verifier: called with stdin --no-checks
 */
import { networkInterfaces } from 'node:os';
import { isLoopbackAddress } from '../../system/loopback.ts';
import { commandProgram } from '../../stack/components/backend.ts';
import { stackFacts } from '../../stack/components/facts.ts';
import { planStack, type StackRequest } from '../../stack/components/plan.ts';
import { type RunningStack, startStack } from '../../stack/up.ts';
import { scratchFolder } from '../support/scratch.ts';

export type Kind = 'backend' | 'coordinator' | 'leaderboard' | 'verifier';

/** @returns null where no real one is named */
export function realCommand(kind: Kind): string | null {
  return process.env[`REAL_${kind.toUpperCase()}`] || null;
}

/** Whether nobody else can reach what listens on every address. */
export const isAlone = (): boolean =>
  Object.values(networkInterfaces())
    .flat()
    .every((one) => one === undefined || isLoopbackAddress(one.address));

/** A stack for one test; the test stops it. */
export async function contractStack(
  components: StackRequest['components'],
  more: Partial<Omit<StackRequest, 'settings'>> = {},
  settings: Partial<StackRequest['settings']> = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<RunningStack> {
  const request: StackRequest = {
    components,
    uses: {},
    variables: {},
    settings: {
      network: 'testnet',
      whitelist: null,
      hourlyLimit: 100_000,
      checksSignatures: true,
      // The originals lose what they lose.
      faithful: true,
      checksProofs: false,
      intervalSeconds: 1200,
      graceMs: null,
      miniBatches: 5,
      startSeconds: Math.floor(Date.now() / 1000),
      ...settings,
    },
    backendPort: 0,
    allowsRemote: false,
    folder: scratchFolder(),
    ...more,
  };
  const facts = await stackFacts(request, env);
  try {
    return await startStack(planStack(request, facts), { env, isBoundToUs: true });
  } finally {
    facts.letPortsGo();
  }
}

export { commandProgram };
