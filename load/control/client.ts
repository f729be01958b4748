/** Asks a running load to change its pace: what terminal and console do. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request as ask } from 'undici';
import { UserError, EXIT } from '../../user-error.ts';
import {
  CONTROL_FILE,
  type ControlFile,
  controlFile,
  controlRefusal,
  type ControlRequest,
  type ControlState,
  controlState,
} from './protocol.ts';

/** A load that measures may be busy. */
const TIMEOUT_MS = 10_000;

/**
 * @param folder of the run
 * @returns the state after it
 * @throws UserError: exit 2 for what cannot be done, 3 if no load runs there, 5 if it does not answer
 */
export async function controlRun(folder: string, request: ControlRequest): Promise<ControlState> {
  const file = await controlFileOf(folder);
  if (file === null) throw notRunning(folder);
  // Of its own: no proxy of the environment stands before this machine.
  const agent = new Agent();
  let response: { status: number; body: unknown };
  try {
    const { statusCode, body } = await ask(file.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${file.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(request),
      dispatcher: agent,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    response = { status: statusCode, body: await body.json().catch(() => null) };
  } catch (error) {
    if ((error as Error).name === 'TimeoutError')
      throw new UserError(`the load in ${folder} did not answer within ${TIMEOUT_MS / 1000} s`, {
        hint: 'its process stands still, or its machine is overloaded: try again, or Ctrl-C where it runs',
        exitCode: EXIT.broken,
        cause: error,
      });
    // A load that was killed leaves its file.
    throw notRunning(folder);
  } finally {
    await agent.close();
  }
  const { body } = response;
  if (response.status === 200) return controlState.parse(body);
  // Its port may be another program's by now.
  if (response.status !== 409) throw notRunning(folder);
  const { problem, hint } = controlRefusal.parse(body);
  throw new UserError(problem, { hint, exitCode: EXIT.usage });
}

/** Names of runs in `resultsFolder` that are under way, as far as their files say; the newest first. */
export async function runningLoads(resultsFolder: string): Promise<string[]> {
  const names = await readdir(resultsFolder).catch((): string[] => []);
  const found = await Promise.all(
    names.map(async (name) => ((await controlFileOf(join(resultsFolder, name))) ? name : null)),
  );
  return found.filter((name) => name !== null).sort().reverse(); // prettier-ignore
}

/** @returns null: there is none that could be read */
async function controlFileOf(folder: string): Promise<ControlFile | null> {
  try {
    const text = await readFile(join(folder, CONTROL_FILE), 'utf8');
    const parsed = controlFile.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

const notRunning = (folder: string): UserError =>
  new UserError(`no load runs in ${folder}`, {
    hint: 'it has ended, or its process was killed; npm run ctl -- status shows what runs',
    exitCode: EXIT.noData,
  });
