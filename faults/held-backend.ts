/**
 * The embedded backend of a run that may be killed, stopped, paused and started again in its place: for the rest of the run it is one
 * backend, whose process changes.
 */
import { askProgram } from '../system/run-program.ts';
import { guardPaused } from '../system/guard.ts';
import type { BackendExit, BackendProcess } from '../stack/backend-process.ts';
import { UserError } from '../user-error.ts';
import type { Held } from './fault.ts';

export type HeldBackend = BackendProcess & {
  readonly held: Held;
  /** Called with the pid of each process that takes its place. */
  onStarted(call: (pid: number) => void): void;
};

const PRLIMIT_MS = 10_000;

/**
 * @param start a backend; null: the first one, where it likes, else one in its place: at this port, with its storage and its log
 * @throws UserError if the first one does not start
 */
export async function holdBackend(
  start: (port: number | null) => Promise<BackendProcess>,
): Promise<HeldBackend> {
  let running: BackendProcess | null = await start(null);
  const first = running;
  let pid = running.pid;
  let letGo: (() => void) | null = null;
  const listeners: ((pid: number) => void)[] = [];
  let onEnd: (exit: BackendExit) => void = () => undefined;
  const exited = new Promise<BackendExit>((resolve) => (onEnd = resolve));

  /** What ends it while it is the running one was wanted by nobody. */
  const watch = (one: BackendProcess): void =>
    void one.exited.then((exit) => {
      if (running === one) onEnd(exit);
    });
  watch(running);

  /** Nothing where it does not run; from here on its end is wanted. */
  const take = (): BackendProcess | null => {
    const one = running;
    running = null;
    return one;
  };
  /** It and all that it started. @throws Error of the system if it is gone */
  const signal = (name: NodeJS.Signals): void => void process.kill(process.platform === 'win32' ? pid : -pid, name); // prettier-ignore
  const resume = (): void => {
    if (letGo === null) return;
    letGo();
    letGo = null;
    try {
      signal('SIGCONT');
    } catch {
      // It has ended.
    }
  };
  const stop = async (stopMs?: number): Promise<void> => {
    resume();
    await take()?.stop(stopMs);
  };
  let isOver = false;
  const held: Held = {
    async kill() {
      const one = take();
      if (one === null) return;
      signal('SIGKILL');
      await one.exited;
    },
    stop,
    async start() {
      if (isOver) return;
      const one = await start(first.port);
      running = one;
      pid = one.pid;
      watch(one);
      for (const call of listeners) call(pid);
    },
    pause() {
      // Before: a process that stands still must not be without somebody who wakes it.
      letGo ??= guardPaused(pid);
      signal('SIGSTOP');
    },
    resume,
    async limitFiles(isLimited) {
      const answer = await askProgram({
        file: 'prlimit',
        // The soft limit alone: back up to the hard one needs no rights.
        args: [`--pid=${pid}`, `--fsize=${isLimited ? '0:' : 'unlimited:'}`],
        env: { PATH: process.env.PATH },
        timeoutMs: PRLIMIT_MS,
      });
      if (answer.kind === 'ended' && answer.exitCode === 0) return;
      const why = answer.kind === 'ended' ? answer.output.stderr.trim() : answer.kind;
      throw new UserError(`the file limit of the backend could not be changed: prlimit ${why}`, {
        hint: 'prlimit belongs to util-linux; a hard limit of this shell (ulimit -Hf) must be unlimited',
      });
    },
  };
  return {
    url: first.url,
    port: first.port,
    notes: first.notes,
    get pid() {
      return pid;
    },
    exited,
    async stop(stopMs) {
      isOver = true;
      await stop(stopMs);
      onEnd({ code: 0, signal: null });
    },
    held,
    onStarted: (call) => void listeners.push(call),
  };
}
