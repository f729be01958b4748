/**
 * The compose project of a private network, through docker's own command line, where minimina's does too little or too much: it does not look at what docker
 * answers, and its `network delete` removes the images of the nodes as well (`down --rmi all`), which are not this run's.
 */
import { askProgram, firstLine } from '../../system/run-program.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { processEnv } from '../environment.ts';

export type ComposeProject = {
  /** Its name: minimina takes that of the network. */
  name: string;
  /** The compose file: docker keeps its path with each container, so it is the mark by which they are known as this run's. */
  file: string;
  env: NodeJS.ProcessEnv;
};

const LONG_MS = 10 * 60_000;
const ASK_MS = 60_000;
const OF_PROJECT = 'com.docker.compose.project';

/** Containers anew, as the file says now; of services that are no longer in it they go. @throws UserError */
export const createContainers = (project: ComposeProject, signal: AbortSignal): Promise<string> =>
  docker(project, [...composeWords(project), 'create', '--force-recreate', '--remove-orphans'], LONG_MS, signal); // prettier-ignore

/** Containers, their volumes and network; images stay. @throws UserError, also where they are somebody else's */
export async function removeContainers(
  project: ComposeProject,
  signal: AbortSignal,
): Promise<void> {
  await refuseStrangers(project, signal);
  await docker(
    project,
    [...composeWords(project), 'down', '--volumes', '--remove-orphans'],
    LONG_MS,
    signal,
  );
}

/** @throws UserError (exit 2) where docker has containers of that name which were not made from this file */
export async function refuseStrangers(project: ComposeProject, signal: AbortSignal): Promise<void> {
  const { name, file } = project;
  const files = await listContainers(project, `{{.Label "${OF_PROJECT}.config_files"}}`, signal);
  const theirs = files.find((line) => line !== file);
  if (theirs !== undefined)
    throw new UserError(
      `docker has containers of a compose project "${name}" that are not this run's: they were made from ${theirs}`,
      { hint: 'give this run another --name', exitCode: EXIT.usage },
    );
}

/** What docker says of each container: `running`, `exited`, `created` … by its name, which is that of its service. @throws UserError */
export async function containerStates(
  project: ComposeProject,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const lines = await listContainers(project, '{{.Names}} {{.State}}', signal);
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

/** A line each, in docker's words for templates. */
async function listContainers(
  project: ComposeProject,
  format: string,
  signal: AbortSignal,
): Promise<string[]> {
  const filter = `label=${OF_PROJECT}=${project.name}`;
  const said = await docker(project, ['ps', '--all', '--filter', filter, '--format', format], ASK_MS, signal); // prettier-ignore
  return said.split('\n').filter(Boolean);
}

const composeWords = ({ name, file }: ComposeProject): string[] => ['compose', '-f', file, '-p', name]; // prettier-ignore

async function docker(
  { name, env }: ComposeProject,
  args: string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string> {
  const answer = await askProgram({
    file: 'docker',
    args,
    env: processEnv(env),
    timeoutMs,
    signal,
  });
  if (answer.kind === 'ended' && answer.exitCode === 0) return answer.output.stdout;
  const why =
    answer.kind === 'not started'
      ? answer.code
      : answer.kind === 'timed out'
        ? `no answer within ${timeoutMs / 60_000} minutes`
        : firstLine(answer.output.stderr) || `exit code ${answer.exitCode}`;
  const what = args[0] === 'compose' ? `docker compose ${args[5]}` : `docker ${args[0]}`;
  throw new UserError(`${what} failed for the network ${name}: ${why}`, {
    hint: 'does docker run, with its compose plugin, and may this user ask it?',
  });
}
