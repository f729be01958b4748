/**
 * Readings of an agent on another machine as a source: its times are moved to this machine's clock by the
 * offset that request round trips show; a broken connection is a gap and a note, and is made anew.
 */
import type { ProcessReading, ResourceLine } from '../results/types.ts';
import type { AgentConnection, AgentLink } from './agent-link.ts';
import {
  present,
  reasonOf,
  READ_LIMIT_MS,
  withLimit,
  type MonitorClock,
  type MonitorSource,
} from './source.ts';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const OPEN_LIMIT_MS = 20_000;
/** Round trips of one estimate: that of the shortest one errs by half of it at most. */
const CLOCK_QUESTIONS = 5;
const CLOCK_EVERY_MS = 60_000;
/** A smaller offset is not worth a note. */
const NOTED_OFFSET_MS = 100;
/** A connection that says nothing for this many of the agent's intervals, and this long, is dead. */
const SILENT_INTERVALS = 4;
const SILENT_MS = 10_000;
const LONGEST_NAME = 200;

/**
 * How far the agent's clock is ahead, in milliseconds: t - (sent + received) / 2 of the shortest round trip
 * (Cristian, "Probabilistic clock synchronization", 1989); the error is at most half of `roundTripMs`.
 */
export async function clockOffset(
  ask: (signal: AbortSignal) => Promise<number>,
  { epochMs, monotonicMs, after }: MonitorClock,
): Promise<{ offsetMs: number; roundTripMs: number }> {
  let best = { offsetMs: 0, roundTripMs: Infinity };
  for (let i = 0; i < CLOCK_QUESTIONS; i++) {
    const sentMs = monotonicMs();
    const sentEpochMs = epochMs();
    const t = await withLimit(READ_LIMIT_MS, ask, after);
    const roundTripMs = monotonicMs() - sentMs;
    if (roundTripMs < best.roundTripMs)
      best = { offsetMs: t - (sentEpochMs + roundTripMs / 2), roundTripMs };
  }
  return best;
}

/** Who uses which name: two sources never write under one. */
export class Names {
  readonly #owners = new Map<string, unknown>();
  constructor(taken: Iterable<string> = []) {
    for (const name of taken) this.#owners.set(name, 'taken');
  }
  /** `name`, or with `prefix` if another owner has it. */
  claim(owner: unknown, name: string, prefix: string): string {
    for (const candidate of [name, `${prefix} ${name}`]) {
      const before = this.#owners.get(candidate);
      if (before !== undefined && before !== owner) continue;
      this.#owners.set(candidate, owner);
      return candidate;
    }
    return `${prefix} ${name}`;
  }
}

const KINDS = ['process', 'host', 'postgres', 'note'];

/** What another machine sends is checked: a run's folder must stay readable. */
function readingIn(value: unknown): ResourceLine | null {
  const { kind, ...fields } = value as Record<string, unknown>;
  if (!KINDS.includes(kind as string)) return null;
  for (const [key, field] of Object.entries(fields)) {
    const isText = key === 'name' || (kind === 'note' && key === 'text');
    if (isText ? typeof field !== 'string' : typeof field !== 'number' || field < 0) return null;
  }
  const { t, name, text, cores } = fields;
  if (typeof t !== 'number') return null;
  if (
    kind === 'host'
      ? typeof cores !== 'number'
      : typeof name !== 'string' || name.length > LONGEST_NAME
  )
    return null;
  if (kind === 'note' && typeof text !== 'string') return null;
  return value as ResourceLine;
}

export type AgentSourceOptions = {
  link: AgentLink;
  /** Before each name of its readings; null: only where the name is in use. */
  label: string | null;
  names: Names;
};

export function agentSource({ link, label, names }: AgentSourceOptions): MonitorSource {
  const owner = {};
  const prefix = label ?? link.host;
  const nameOf = (name: string) =>
    label === null
      ? names.claim(owner, name, prefix)
      : names.claim(owner, `${label} ${name}`, prefix);

  return {
    name: prefix,
    start({ clock, emit }) {
      const stopping = new AbortController();
      let machine = prefix;
      let wake: () => void = () => undefined;
      let sinceMs: number | null = null; // of the outage
      let trouble: string | undefined;
      let offsetNoted: number | null = null;
      let oddNoted = false;
      const note = (text: string) => emit({ t: clock.epochMs(), kind: 'note', name: prefix, text });

      /** The whole of the other machine stands like a process: `host` means the machine of the load. */
      function ofThisRun(line: ResourceLine, offsetMs: number): ResourceLine {
        const t = Math.round(line.t - offsetMs);
        if (line.kind !== 'host') return { ...line, t, name: nameOf(line.name) };
        return present<ProcessReading>({
          t,
          kind: 'process',
          name: names.claim(owner, `machine ${machine}`, prefix),
          cpuCores: line.cpuCores,
          cpuPercentOfMachine: line.cpuPercentOfMachine,
          rssBytes: line.memoryUsedBytes,
          networkReceivedBytesPerSecond: line.networkReceivedBytesPerSecond,
          networkSentBytesPerSecond: line.networkSentBytesPerSecond,
        });
      }

      async function follow(connection: AgentConnection, signal: AbortSignal): Promise<void> {
        let offset: number | null = null;
        let lastLineMs = clock.monotonicMs();
        let silentMs = SILENT_MS;
        let waiting: ResourceLine[] = [];
        let failed: (error: unknown) => void = () => undefined;
        const failure = new Promise<never>((_, reject) => (failed = reject));
        signal.addEventListener('abort', () => failed(new Error('stopped')), { once: true });
        let cancelTimer: () => void;

        async function measure(): Promise<void> {
          const { offsetMs, roundTripMs } = await clockOffset(
            (signal) => connection.askClock(signal),
            clock,
          );
          const moved = Math.abs(offsetMs - (offsetNoted ?? 0)) > NOTED_OFFSET_MS + roundTripMs;
          if (moved) {
            offsetNoted = offsetMs;
            const way = offsetMs > 0 ? 'ahead' : 'behind';
            note(
              `its clock is ${Math.round(Math.abs(offsetMs))} ms ${way} (within ${Math.ceil(roundTripMs / 2)} ms); its times are moved by that`,
            );
          }
          offset = offsetMs;
          for (const line of waiting) emit(ofThisRun(line, offset));
          waiting = [];
        }
        let measuredMs = clock.monotonicMs();
        const watch = () => {
          const nowMs = clock.monotonicMs();
          if (nowMs - lastLineMs > silentMs)
            return failed(new Error(`it said nothing for ${Math.round(silentMs / 1000)} s`));
          if (nowMs - measuredMs > CLOCK_EVERY_MS) {
            measuredMs = nowMs;
            measure().catch(failed);
          }
          cancelTimer = clock.after(1000, watch);
        };
        cancelTimer = clock.after(1000, watch);

        const read = async () => {
          let greeted = false;
          for await (const text of connection.lines) {
            if (stopping.signal.aborted) return;
            lastLineMs = clock.monotonicMs();
            if (text.trim() === '') continue;
            let value: unknown;
            try {
              value = JSON.parse(text);
            } catch {
              value = null;
            }
            if (typeof value !== 'object' || value === null) {
              if (!greeted) throw new Error('it is no agent of this toolkit');
              continue;
            }
            const line = value as { kind: string };
            if (line.kind === 'hello') {
              const { format, intervalMs, host } = line as Record<string, unknown>;
              if (format !== 1) throw new Error(`it speaks format ${String(format)}, not 1`);
              if (typeof intervalMs === 'number')
                silentMs = Math.max(SILENT_MS, SILENT_INTERVALS * intervalMs);
              if (typeof host === 'string' && host !== '')
                machine = label ?? host.slice(0, LONGEST_NAME);
              greeted = true;
              if (sinceMs !== null) {
                const seconds = ((clock.monotonicMs() - sinceMs) / 1000).toFixed(1);
                note(`answers again after ${seconds} s; there are no readings of that time`);
              }
              sinceMs = null;
              trouble = undefined;
              measure().catch(failed);
              continue;
            }
            if (!greeted) throw new Error('it is no agent of this toolkit');
            connection.take(line);
            if (line.kind === 'beat' || line.kind === 'clock') continue;
            const reading = readingIn(line);
            if (reading === null) {
              if (!oddNoted) note('sent a line that is no reading; such lines are left out');
              oddNoted = true;
            } else if (offset === null) waiting.push(reading);
            else emit(ofThisRun(reading, offset));
          }
          throw new Error('it ended the connection');
        };
        try {
          const reading = read();
          reading.catch(() => undefined);
          failure.catch(() => undefined);
          await Promise.race([reading, failure]);
        } finally {
          cancelTimer();
        }
      }

      const pause = (ms: number) =>
        new Promise<void>((resolve) => {
          const cancel = clock.after(ms, resolve);
          wake = () => {
            cancel();
            resolve();
          };
        });

      async function run(): Promise<void> {
        let waitMs = FIRST_WAIT_MS;
        while (!stopping.signal.aborted) {
          const openedMs = clock.monotonicMs();
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
            if (stopping.signal.aborted) break;
            const text = reasonOf(error);
            if (text !== trouble) note(`gives no readings (${link.url}): ${text}`);
            trouble = text;
            sinceMs ??= clock.monotonicMs();
          } finally {
            connection?.close();
            ended.abort();
          }
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
    },
  };
}
