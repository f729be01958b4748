/** Waits until the network has sent all, every stored submission is verified, and batches cover the time of all of them. */
import { setTimeout } from 'node:timers/promises';
import { type Condition, type Counts, equals, reaches, waitFor } from '../conditions.ts';
import { openCounter } from '../counter.ts';
import { disturb } from '../disturbances.ts';
import { graceMsOf } from '../originals.ts';
import { stagingOf } from '../staging/index.ts';
import { LOAD_NETWORK } from '../network/kinds.ts';
import { cycleMs, sendingMs, type Topology } from '../topology.ts';
import type { Step } from './context.ts';

const SHOWN = ['planned', 'sent', 'accepted', 'stored', 'verified', 'scored', 'batches'] as const;
/** Beyond what is planned: a busy machine, a verifier that is behind. Nothing waits so long unless something is wrong. */
const SPARE_MS = 120_000;

/** Nodes of a private network take 15 to 30 minutes until they submit. */
const BOOTSTRAP_MS = 45 * 60_000;

/** Of nodes that submit for ever: nobody says how much is to come. */
function conditionsOfNodes({ batches, intervalSeconds, network }: Topology): Condition[] {
  const withinMs = BOOTSTRAP_MS + (batches + 2) * intervalSeconds * 1000;
  return [
    reaches(
      'stored',
      network.producers,
      BOOTSTRAP_MS,
      'as many submissions are stored as there are producers',
    ),
    reaches('scored', 1, withinMs, 'a submission scores'),
    reaches('full batches', batches, withinMs, `${batches} batches with submissions are counted`),
  ];
}

/** After a load: of its last batch, and of a coordinator that is not quite in time. */
const LOAD_SPARE_MS = 60_000;

/**
 * When all that a load has sent has come to the end of the chain.
 * @param waitMs how long it may take; null: three batches, the pauses that the coordinator makes after each, and a minute
 */
export function conditionsOfLoad(topology: Topology, waitMs: number | null): Condition[] {
  const intervalMs = topology.intervalSeconds * 1000;
  const withinMs = waitMs ?? 3 * intervalMs + 2 * graceMsOf(topology) + LOAD_SPARE_MS;
  return [
    ...(topology.network.kind === LOAD_NETWORK
      ? []
      : [reaches('ended', 1, sendingMs(topology) + cycleMs(topology) + SPARE_MS, 'the network has sent all, and has an answer to it')]), // prettier-ignore
    reaches('stored', 1, withinMs, 'something is stored'),
    {
      name: 'open = 0',
      words: 'batches cover the time of every stored submission',
      of: ['open', 'batches', 'stored'],
      holds: ({ open }) => open === 0,
      withinMs,
    },
    equals('verified', 'stored', withinMs, 'every stored submission is verified'),
  ];
}

/** What is waited for, and how long: pure, so that a test sees it. */
export function conditionsOf(topology: Topology): Condition[] {
  const { batches, intervalSeconds } = topology;
  if (topology.network.kind === 'minimina') return conditionsOfNodes(topology);
  if (topology.network.kind === LOAD_NETWORK) return conditionsOfLoad(topology, null);
  const intervalMs = intervalSeconds * 1000;
  const staging = stagingOf(topology);
  const disturbances = staging.disturbances?.(topology) ?? [];
  // Each is counted twice where there are two.
  const wanted = batches * (staging.double?.component === 'coordinator' ? 2 : 1);
  const sentMs = sendingMs(topology) + cycleMs(topology) + SPARE_MS;
  // A batch that holds what came at the end, and its verification.
  const countedMs = sentMs + 3 * intervalMs;
  return [
    reaches('ended', 1, sentMs, 'the network has sent all, and has an answer to it'),
    reaches('stored', 1, sentMs, 'something is stored'),
    reaches('batches', wanted, countedMs, `${wanted} batches are counted`),
    {
      name: 'open = 0',
      words: 'batches cover the time of every stored submission',
      of: ['open', 'batches', 'stored'],
      holds: ({ open, ended }) => open === 0 && ended === 1,
      withinMs: countedMs,
    },
    equals('verified', 'stored', countedMs, 'every stored submission is verified'),
    ...(disturbances.length === 0
      ? []
      : [reaches('disturbed', disturbances.length, sentMs, 'all disturbances were made')]),
  ];
}

export const wait: Step = {
  name: 'wait',
  title: 'all is sent, stored, verified and counted',
  needs: ['start'],
  limitMs: (topology) =>
    Math.max(...conditionsOf(topology).map(({ withinMs }) => withinMs)) + 60_000,
  counts: SHOWN,
  async run({ open, env, signal, event, progress }) {
    const counter = await openCounter(open, env, signal);
    try {
      await waitFor({
        conditions: conditionsOf(open.state.topology),
        async read(): Promise<Counts> {
          const counts = await counter.read();
          await disturb(open, counts, { env, signal, event, nowMs: Date.now() });
          return { ...counts, disturbed: open.state.disturbed.length };
        },
        clock: {
          now: () => Date.now(),
          sleep: (ms, by) => setTimeout(ms, undefined, { signal: by }),
        },
        signal,
        onChange(counts) {
          progress(counts);
          event('counts', counts);
        },
        ...(counter.everyMs !== undefined && { everyMs: counter.everyMs }),
        onHeld: ({ name, words }, counts) => event('condition', { name, words, counts }),
      });
    } finally {
      await counter.close();
    }
  },
};
