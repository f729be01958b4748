/** Starts the target of bench/sink.ts, a process of its own. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../paths.ts';

export type Sink = {
  /** Ends when it is disconnected. */
  process: ChildProcess;
  url: string;
  /** Posts since the last call. */
  takeCount(): Promise<number>;
  /** From here until {@link takeDigests} the SHA-256 of each body is taken, which costs the sink time. */
  watchBodies(): void;
  /** Posts since the last call, and the SHA-256 (hex) of the bodies, each once. */
  takeDigests(): Promise<{ count: number; digests: string[] }>;
};

export async function startSink(): Promise<Sink> {
  const child = fork(join(projectRoot, 'bench', 'sink.ts'), { execArgv: ['--import', 'tsx'] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const take = async () => {
    const answer = once(child, 'message');
    child.send('count');
    return ((await answer) as [{ count: number; digests: string[] }])[0];
  };
  return {
    process: child,
    url: `http://127.0.0.1:${port}/v1/submit`,
    takeCount: async () => (await take()).count,
    watchBodies: () => void child.send('digests'),
    takeDigests: take,
  };
}
