/** A component that is a process of this machine: how it is watched and ended, by who started it or by another process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, type ProcessIdentity, processesWith } from '../../system/process-identity.ts';
import { type Component, type ComponentEnd, type Marks, marksOf, STOP_MS } from './driver.ts';

const LOOK_EVERY_MS = 100;

/** Resolves when it no longer runs, looked at from outside. */
export async function untilGone(identity: ProcessIdentity, signal?: AbortSignal): Promise<void> {
  while (isRunning(identity)) await sleep(LOOK_EVERY_MS, undefined, { ref: true, signal });
}

/** Nothing where the process is gone, or another has its id. */
export function signalTo(identity: ProcessIdentity, name: NodeJS.Signals, whole = false): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(whole && process.platform !== 'win32' ? -identity.pid : identity.pid, name);
  } catch {
    // It has just ended.
  }
}

/** What a component left behind: children that outlived it. */
export function killMarked(marks: Marks): void {
  for (const pid of processesWith(marksOf(marks)))
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
}

/**
 * @param identity also of its process group
 * @param ended how it ended, by who started it; null: it was taken over, and is looked at from outside
 */
export function processComponent(
  { name, url, marks }: { name: string; url: string | null; marks: Marks },
  identity: ProcessIdentity,
  started: { ended: Promise<ComponentEnd>; release: () => void } | null,
): Component {
  const released = new AbortController();
  const ended =
    started?.ended ??
    untilGone(identity, released.signal).then(
      (): ComponentEnd => ({ exitCode: null, signal: null }),
      () => new Promise<ComponentEnd>(() => undefined),
    );
  const endBy = async (signal: NodeJS.Signals, withinMs: number): Promise<void> => {
    // The leader alone is asked: it knows how its own children end. By force all of them go.
    signalTo(identity, signal, signal === 'SIGKILL');
    const timer = setTimeout(() => signalTo(identity, 'SIGKILL', true), withinMs);
    try {
      if (started === null) await untilGone(identity);
      else await started.ended;
    } finally {
      clearTimeout(timer);
    }
    killMarked(marks);
  };
  let stopping: Promise<void> | null = null;
  return {
    name,
    url,
    handle: { kind: 'process', ...identity },
    ended,
    stop: (withinMs = STOP_MS) => (stopping ??= endBy('SIGTERM', withinMs)),
    kill: () => (stopping ??= endBy('SIGKILL', STOP_MS)),
    release() {
      released.abort();
      started?.release();
      return Promise.resolve();
    },
  };
}
