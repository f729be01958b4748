/** One connection to an agent, from its greeting to its end: what its lines are, its clock, and its silence. */
import type { ResourceLine } from '../results/types.ts';
import type { AskClock } from './agent-clock.ts';
import type { AgentConnection } from './agent-link.ts';
import { readingIn } from './agent-readings.ts';
import type { MonitorClock } from './source.ts';

const CLOCK_EVERY_MS = 60_000;
/** A connection that says nothing for this many of the agent's intervals, and this long, is dead. */
const SILENT_INTERVALS = 4;
const SILENT_MS = 10_000;
const WATCH_MS = 1000;

export type AgentSession = {
  connection: AgentConnection;
  clock: MonitorClock;
  /** @returns how far the agent's clock is ahead, in milliseconds */
  measureOffset: (ask: AskClock) => Promise<number>;
  /** It is an agent of this toolkit, on the machine `host` ('': it does not say). */
  onGreeting: (host: string) => void;
  onReading: (line: ResourceLine, offsetMs: number) => void;
  /** A line that is no reading. */
  onOddLine: () => void;
  /** Ends the session. */
  signal: AbortSignal;
};

/** @returns undefined: it is no JSON object */
function objectIn(text: string): { kind: string } | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as { kind: string }) : undefined;
  } catch {
    return undefined;
  }
}

/** Follows a connection to its end. @throws Error: always when it ends before `signal` does, with the reason */
export async function followAgent(session: AgentSession): Promise<void> {
  const { connection, clock, signal } = session;
  let offset: number | null = null;
  /** Readings that came before the first offset was known. */
  let waiting: ResourceLine[] = [];
  let lastLineMs = clock.monotonicMs();
  let measuredMs = lastLineMs;
  let silentMs = SILENT_MS;
  let failed: (error: unknown) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => (failed = reject));
  signal.addEventListener('abort', () => failed(new Error('stopped')), { once: true });

  async function measure(): Promise<void> {
    const measured = await session.measureOffset((limit) => connection.askClock(limit));
    offset = measured;
    for (const line of waiting) session.onReading(line, measured);
    waiting = [];
  }

  function greet({ format, intervalMs, host }: Record<string, unknown>): void {
    if (format !== 1) throw new Error(`it speaks format ${String(format)}, not 1`);
    if (typeof intervalMs === 'number')
      silentMs = Math.max(SILENT_MS, SILENT_INTERVALS * intervalMs);
    session.onGreeting(typeof host === 'string' ? host : '');
    measure().catch(failed);
  }

  async function read(): Promise<void> {
    let greeted = false;
    for await (const text of connection.lines) {
      if (signal.aborted) return;
      lastLineMs = clock.monotonicMs();
      if (text.trim() === '') continue;
      const line = objectIn(text);
      if (line?.kind === 'hello') {
        greet(line);
        greeted = true;
        continue;
      }
      if (!greeted) throw new Error('it is no agent of this toolkit');
      if (line === undefined) continue;
      connection.take(line);
      if (line.kind === 'beat' || line.kind === 'clock') continue;
      const reading = readingIn(line);
      if (reading === null) session.onOddLine();
      else if (offset === null) waiting.push(reading);
      else session.onReading(reading, offset);
    }
    throw new Error('it ended the connection');
  }

  let cancelTimer: () => void;
  const watch = () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lastLineMs > silentMs)
      return failed(new Error(`it said nothing for ${Math.round(silentMs / 1000)} s`));
    if (nowMs - measuredMs > CLOCK_EVERY_MS) {
      measuredMs = nowMs;
      measure().catch(failed);
    }
    cancelTimer = clock.after(WATCH_MS, watch);
  };
  cancelTimer = clock.after(WATCH_MS, watch);
  try {
    const reading = read();
    // Of the two, only the first is waited for.
    reading.catch(() => undefined);
    failure.catch(() => undefined);
    await Promise.race([reading, failure]);
  } finally {
    cancelTimer();
  }
}
