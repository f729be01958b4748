/** A deed of the harness in the middle of a run, as data; see ../disturbances.ts. */
import type { ComponentName } from '../../stack/components/component.ts';

export type Disturbance = {
  /** Of its event; each once in a run. */
  name: string;
  /** Milliseconds after the network begins to send, or a count that is so large. */
  when: { afterMs: number } | { count: string; atLeast: number };
  /** `crash`: killed, and started again. */
  do:
    | { kind: 'restart' | 'crash'; component: ComponentName }
    /** The verifier is asked for the time of a batch (from 0) once more. */
    | { kind: 'verify'; batch: number };
};
