/**
 * Readings of an agent on another machine as a source: its times are moved to this machine's clock by the
 * offset that request round trips show; a broken connection is a gap and a note, and is made anew.
 */
import { watchedOffset } from './agent-clock.ts';
import type { AgentConnection, AgentLink } from './agent-link.ts';
import { agentReadings, LONGEST_NAME, type SourceNames } from './agent-readings.ts';
import { followAgent } from './agent-session.ts';
import { reasonOf, withLimit, type MonitorClock, type MonitorSource } from './source.ts';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const OPEN_LIMIT_MS = 20_000;

export type AgentSourceOptions = {
  link: AgentLink;
  /** Before each name of its readings; null: only where the name is in use. */
  label: string | null;
  names: SourceNames;
};

export function agentSource({ link, label, names }: AgentSourceOptions): MonitorSource {
  const prefix = label ?? link.host;
  const ofThisRun = agentReadings(label, link.host, names);
  return {
    name: prefix,
    start({ clock, emit }) {
      const note = (text: string) => emit({ t: clock.epochMs(), kind: 'note', name: prefix, text });
      const measureOffset = watchedOffset(clock, note);
      const outage = notedOutage(link.url, clock, note);
      let machine = prefix;
      let oddNoted = false;

      return keptConnection(link, clock, {
        follow: (connection, signal) =>
          followAgent({
            connection,
            clock,
            signal,
            measureOffset,
            onGreeting(host) {
              if (host !== '') machine = label ?? host.slice(0, LONGEST_NAME);
              outage.ended();
            },
            onReading: (line, offsetMs) => emit(ofThisRun(line, offsetMs, machine)),
            onOddLine() {
              if (!oddNoted) note('sent a line that is no reading; such lines are left out');
              oddNoted = true;
            },
          }),
        onBroken: (error) => outage.began(error),
      });
    },
  };
}

/** Notes each new reason why there are no readings, and how long there were none. */
function notedOutage(url: string, clock: MonitorClock, note: (text: string) => void) {
  let sinceMs: number | null = null;
  let trouble: string | undefined;
  return {
    began(error: unknown): void {
      const text = reasonOf(error);
      if (text !== trouble) note(`gives no readings (${url}): ${text}`);
      trouble = text;
      sinceMs ??= clock.monotonicMs();
    },
    ended(): void {
      if (sinceMs !== null) {
        const seconds = ((clock.monotonicMs() - sinceMs) / 1000).toFixed(1);
        note(`answers again after ${seconds} s; there are no readings of that time`);
      }
      sinceMs = null;
      trouble = undefined;
    },
  };
}

type ConnectionUse = {
  /** Ends when the connection does, or throws what broke it. */
  follow: (connection: AgentConnection, signal: AbortSignal) => Promise<void>;
  onBroken: (error: unknown) => void;
};

/** Opens the link, and again whenever it breaks, after ever longer waits. @returns what ends it */
function keptConnection(
  link: AgentLink,
  clock: MonitorClock,
  { follow, onBroken }: ConnectionUse,
): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  let wake: () => void = () => undefined;
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });

  async function once(): Promise<void> {
    let connection: AgentConnection | undefined;
    const ended = new AbortController();
    stopping.signal.addEventListener('abort', () => ended.abort(), {
      once: true,
      signal: ended.signal,
    });
    try {
      // The limit is that of the opening; the connection lives until `ended`.
      connection = await withLimit(
        OPEN_LIMIT_MS,
        () => link.open(ended.signal),
        clock.after,
        stopping.signal,
      );
      await follow(connection, ended.signal);
    } catch (error) {
      if (!stopping.signal.aborted) onBroken(error);
    } finally {
      connection?.close();
      ended.abort();
    }
  }

  async function run(): Promise<void> {
    let waitMs = FIRST_WAIT_MS;
    while (!stopping.signal.aborted) {
      const openedMs = clock.monotonicMs();
      await once();
      // One that lasted begins anew with a short wait.
      if (clock.monotonicMs() - openedMs > LONGEST_WAIT_MS) waitMs = FIRST_WAIT_MS;
      if (!stopping.signal.aborted) await pause(waitMs);
      waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    }
  }
  const running = run();
  return {
    async stop() {
      stopping.abort();
      wake();
      await running;
    },
  };
}
