/**
 * What can be made to go wrong on purpose, as data: one file a fault. A fault of the way stands between the load and its target, in a proxy
 * (proxy/); a fault of a component is done to a process that this toolkit started. Types alone.
 */
import type { ComponentName } from '../stack/components/component.ts';
import type { Toxic } from './proxy/toxic.ts';

/** What is wrong with a value, to stand after the fault's name: `must be …, but is "…"`. */
export type Problem = { problem: string };

/** Ends a fault. Called once, also when the load is interrupted. */
export type Undo = () => Promise<void>;

/** A component that this toolkit started, in the hand of whoever disturbs it. */
export type Held = {
  /** As a crash ends it. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Asks it to end and waits. */
  stop(): Promise<void>;
  /** Where it was, with what it had stored. @throws UserError if it does not come up */
  start(): Promise<void>;
  /** Its processes stand still (SIGSTOP) and go on (SIGCONT); they also go on when this process is killed meanwhile. */
  pause(): void;
  resume(): void;
  /** No file that it writes may grow any more, or all may again. @throws UserError where the machine cannot do that */
  limitFiles(isLimited: boolean): Promise<void>;
};

type Of = {
  name: string;
  /** For help and docs. */
  what: string;
  /** What a client sees of it. */
  shows: string;
  /** Of one with a value: how it is written, and an example; `isOptional`: it stands without, too. */
  value?: { argument: string; example: string; isOptional?: true };
};

export type WayFault = Of & {
  of: 'way';
  /** It looks at single requests, so they must not be encrypted. */
  readsRequests?: true;
  /** @param value null: none was given */
  read(value: string | null): Toxic | Problem;
};

export type ComponentFault = Of & {
  of: 'component';
  component: ComponentName;
  /** Nothing listens while it is on. */
  isDown?: true;
  /** Where it cannot be made, as a sentence; null: here. */
  isImpossible?(platform: NodeJS.Platform): string | null;
  begin(held: Held): Promise<Undo>;
};

export type Fault = WayFault | ComponentFault;
