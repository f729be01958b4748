/** A small load with a truth of its own: who was answered 200 is remembered by name, and looked for in the storage afterwards. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFleet } from '../../producers/fleet.ts';
import { backendAnswers, expand } from './support.ts';
import { until } from '../support/until.ts';

/** Each posts once in a while: no two of a producer are of one second. */
const PRODUCERS = 400;
const SENDERS = 8;
const PAUSE_MS = 40;
/** A target that hangs for longer is given up by its sender, as a node does. */
const ANSWER_MS = 30_000;

const producers = makeFleet({ seed: 'disturbed', count: PRODUCERS }).producers.map(
  ({ publicKey }) => publicKey,
);
type Body = { submitter: string; data: Record<string, unknown> };
const plain = JSON.parse(expand(backendAnswers.bodies[0].body).toString('utf8')) as Body;

/** What was sent bears its name as the commit of its node; every storage keeps that. */
const nameOf = (n: number): string => `sent-${n}`;

export type DisturbedLoad = {
  /** By answer: a status, or `no answer`. */
  readonly answers: ReadonlyMap<string, number>;
  readonly accepted: ReadonlySet<string>;
  /** Until so many more were answered 200. */
  untilAccepted(more: number): Promise<void>;
  /** Until so many more got anything else. */
  untilRefused(more: number): Promise<void>;
  stop(): Promise<void>;
};

/** @param url of a backend that checks no signatures */
export function startDisturbedLoad(url: string): DisturbedLoad {
  const answers = new Map<string, number>();
  const accepted = new Set<string>();
  let refused = 0;
  let next = 0;
  const stopping = new AbortController();
  const count = (answer: string): void => void answers.set(answer, (answers.get(answer) ?? 0) + 1);
  const send = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const n = next++;
      const block = Buffer.from(`block ${n % 50} ${'x'.repeat(2000)}`).toString('base64');
      const body = JSON.stringify({
        ...plain,
        submitter: producers[n % PRODUCERS],
        data: { ...plain.data, block, built_with_commit_sha: nameOf(n) },
      });
      try {
        const response = await fetch(`${url}/v1/submit`, {
          method: 'POST',
          body,
          signal: AbortSignal.timeout(ANSWER_MS),
        });
        await response.arrayBuffer();
        count(String(response.status));
        if (response.status === 200) accepted.add(nameOf(n));
        else refused++;
      } catch {
        count('no answer');
        refused++;
      }
      await sleep(PAUSE_MS);
    }
  };
  const senders = Array.from({ length: SENDERS }, send);
  return {
    answers,
    accepted,
    async untilAccepted(more) {
      const from = accepted.size;
      await until(() => accepted.size >= from + more, () => Object.fromEntries(answers)); // prettier-ignore
    },
    async untilRefused(more) {
      const from = refused;
      await until(() => refused >= from + more, () => Object.fromEntries(answers)); // prettier-ignore
    },
    async stop() {
      stopping.abort();
      await Promise.all(senders);
    },
  };
}

/** What was answered 200 and is not there. */
export function lostOf(load: DisturbedLoad, stored: Iterable<string>): string[] {
  const there = new Set(stored);
  return [...load.accepted].filter((name) => !there.has(name));
}

/** Everything that was answered 200 is there; what was not may be. */
export function nothingLost(load: DisturbedLoad, stored: Iterable<string>): void {
  const lost = lostOf(load, stored);
  assert.deepEqual(
    lost,
    [],
    `${lost.length} of ${load.accepted.size} accepted ones are not stored`,
  );
}
