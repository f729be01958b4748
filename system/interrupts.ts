/**
 * Ctrl-C, once and twice. A terminal signals the whole process group and npm passes the signal on again
 * (npm/cli#5021), so one key press may arrive two or three times: what comes within a second counts once.
 */
const DEBOUNCE_MS = 1000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type SignalSource = {
  on(signal: string, listener: () => void): unknown;
  off(signal: string, listener: () => void): unknown;
};

export type Interrupts = {
  /** Aborted by the first interrupt. */
  readonly first: AbortSignal;
  /** Aborted by the second one. */
  readonly second: AbortSignal;
  /** As the first interrupt, from elsewhere than a terminal; later calls do nothing. */
  interrupt(): void;
  stop(): void;
};

/** Listens until `stop`; while it does, the signals no longer end the process. */
export function listenForInterrupts(
  source: SignalSource = process,
  now: () => number = () => performance.now(),
): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  let lastAt = -Infinity;
  const listener = () => {
    const sinceLast = now() - lastAt;
    if (sinceLast < DEBOUNCE_MS) return;
    lastAt = now();
    if (first.signal.aborted) second.abort();
    else first.abort();
  };
  for (const signal of SIGNALS) source.on(signal, listener);
  return {
    first: first.signal,
    second: second.signal,
    interrupt: () => first.abort(),
    stop: () => SIGNALS.forEach((signal) => source.off(signal, listener)),
  };
}
