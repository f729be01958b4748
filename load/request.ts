/** What the user asked for, checked, with defaults in place: what a scenario's definition makes a load of. Types alone. */
import type { EraChoice } from '../producers/chain-origin.ts';
import type { SizeRange } from '../producers/network-templates.ts';
import type { BodySize } from '../producers/sized-templates.ts';
import type { Stage } from '../results/types.ts';

/** Starts per unit of time, e.g. 500 per 1000 ms; a whole number, as k6 wants it. */
export type Rate = { starts: number; timeUnitMs: number };

/** A simulated network of block producers. Shares: 0 to 1. */
export type FleetRequest = {
  /** By what the network's time is divided. */
  speedup: number;
  forkShare: number;
  lateShare: number;
  laggingShare: number;
  nodesPerProducer: number;
  sameSecondShare: number;
  /** Of nodes that stay on the old chain at a hard fork. */
  stayedShare: number;
  /** null: as recorded. */
  blockBytes: SizeRange | null;
};

/** Rounds of a base rate, a stress rate and a pause. */
export type RoundsRequest = {
  rounds: number;
  basePerSecond: number;
  stressPerSecond: number;
  baseMs: number;
  stressMs: number;
  pauseMs: number;
  /** Of the producers, stopped in each round; 0 to 1. */
  stoppedShare: number;
};

/** Parts of a mix, as the user writes them. `hostile` is not sent by k6: load/hostile does it beside. */
export const PART_KINDS = ['load', 'big-blocks', 'replay', 'hostile'] as const;
export type PartKind = (typeof PART_KINDS)[number];
export type PartWeight = { kind: PartKind; weight: number };

export type LoadRequest = {
  /** One of scenarios/*.ts; its definition is load/scenarios/index.ts `definitionOf`. */
  scenario: string;
  vus: number;
  /** Whether somebody chose `vus`; an open model plans its own else. */
  vusChosen?: boolean;
  durationMs: number;
  /** Makes an open model of the scenarios that can be one. */
  rate?: Rate | null;
  /** Its pace can be changed while it runs. */
  steerable?: boolean;
  /** Of a ramp: VUs, or starts per the rate's unit of time. */
  stages?: Stage[] | null;
  /** Of a spike. */
  burst?: { factor: number; fromMs: number; lengthMs: number } | null;
  warmUpMs?: number;
  think: { minMs: number; maxMs: number };
  requestTimeoutMs: number;
  seed: string;
  network: 'testnet' | 'mainnet';
  /** Of new blocks. */
  era?: EraChoice;
  /** Whether somebody chose it: the default gives way where it does not fit. */
  eraChosen?: boolean;
  /** When a hard fork from Berkeley to Mesa is rehearsed, ms after the load began; null: none is. */
  forkAtMs?: number | null;
  /** null: as many as the load needs. */
  producers: number | null;
  /** Of large bodies. */
  sizes?: readonly BodySize[] | undefined;
  /** Of a simulated network. */
  fleet?: FleetRequest | null;
  /** Of a load in rounds. */
  rounds?: RoundsRequest | null;
  /** Of recorded requests at the times of the recording: by what these are divided. */
  timeFactor?: number | null;
  /** Of recorded requests by others than their submitters: whether they sign anew, or the recorded signatures stay, which then fit no more. */
  byOthers?: { signatures: 'valid' | 'broken' } | null;
  /** Of several kinds of requests. */
  mix?: readonly PartWeight[] | undefined;
};
