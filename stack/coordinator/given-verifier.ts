/** Verifiers beside the coordinator: the toolkit's service, or a program that is called with two times, as the original calls its workers. */
import { askProgram, firstLine } from '../../system/run-program.ts';
import { httpFetch } from '../../system/http.ts';
import { type Verifier, verifierOf } from './verifier.ts';

/** Proofs of a mini-batch may take an hour. */
const WITHIN_MS = 4 * 3_600_000;

/** @param url of the service (stack/verifier/service.ts) */
export const serviceVerifier = (url: string): Verifier =>
  verifierOf(url, async (startMs, endMs, signal) => {
    const response = await httpFetch(`${url}/windows`, {
      method: 'POST',
      body: JSON.stringify({ startMs, endMs }),
      signal,
    });
    if (response.status !== 200) throw new Error(`the verifier answered ${response.status}`);
    const { error } = (await response.json()) as { error?: string };
    if (error !== undefined) throw new Error(error);
  });

/** `2006-01-02 15:04:05.0-0700`, as the original's arguments. */
const timeText = (ms: number): string =>
  new Date(ms).toISOString().replace('T', ' ').replace(/0*Z$/, '+0000').replace('.+', '.0+');

/** @param words program and first arguments; START and END follow. Its exit code is believed, unlike by the original */
export const programVerifier = (
  [file, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  onLine: (line: string) => void,
): Verifier =>
  verifierOf(file, async (startMs, endMs, signal) => {
    const answer = await askProgram({
      file,
      args: [...args, timeText(startMs), timeText(endMs)],
      env,
      timeoutMs: WITHIN_MS,
      signal,
      onStderrLine: onLine,
    });
    if (answer.kind === 'not started') throw new Error(`${file} did not start (${answer.code})`);
    if (answer.kind === 'timed out') throw new Error(`${file} did not end within four hours`);
    if (answer.exitCode !== 0)
      throw new Error(
        `${file} ended with ${answer.signal ?? `exit code ${answer.exitCode}`}: ${firstLine(answer.output.stderr)}`,
      );
  });
