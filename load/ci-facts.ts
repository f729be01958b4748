/** The commit and the job of a run in CI, from its environment. Pure. */
import type { Plan } from '../results/types.ts';

/**
 * Variables of GitHub Actions (docs.github.com, "Default environment variables"). What is no commit and no address of the web is left
 * out: it would stand in a report as a link.
 */
export function ciFacts(env: NodeJS.ProcessEnv): Pick<Plan, 'ci'> {
  const { GITHUB_SHA = '', GITHUB_SERVER_URL = '', GITHUB_REPOSITORY, GITHUB_RUN_ID } = env;
  const commit = /^[0-9a-f]{40,64}$/i.test(GITHUB_SHA) ? { commit: GITHUB_SHA } : {};
  const url =
    /^https?:\/\/[^/@\s]+$/.test(GITHUB_SERVER_URL) &&
    /^[\w.-]+\/[\w.-]+$/.test(GITHUB_REPOSITORY ?? '') &&
    /^\d+$/.test(GITHUB_RUN_ID ?? '')
      ? { url: `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}` }
      : {};
  const ci = { ...commit, ...url };
  return Object.keys(ci).length === 0 ? {} : { ci };
}
