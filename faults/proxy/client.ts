/** The proxies before the targets of a load: one process for all of them, started here and spoken to by lines. */
import getPort from 'get-port';
import { distFile } from '../../paths.ts';
import { LineCutter } from '../../system/lines.ts';
import { NotStartedError, startProgram } from '../../system/run-program.ts';
import { UserError } from '../../user-error.ts';
import { quietPorts } from '../ports.ts';
import type { ProxyAnswer, ProxyCommand } from './main.ts';
import type { Way } from './proxy.ts';
import type { Toxic } from './toxic.ts';

export type Proxies = {
  pid: number;
  /** On 127.0.0.1, in the order of the ways. */
  ports: number[];
  /** On the way to all of them. @returns takes it off, and says how many requests or connections it struck */
  add(toxic: Toxic): Promise<() => Promise<number>>;
  /** Resolves when the process has ended, whoever wanted it. */
  ended: Promise<void>;
  stop(): Promise<void>;
};

const STOP_MS = 2000;

type Asked = ProxyCommand extends infer One ? (One extends ProxyCommand ? Omit<One, 'id'> : never) : never; // prettier-ignore

/** @param seed any integer. @throws UserError (exit 5) if it does not start */
export async function startProxies(ways: readonly Way[], seed: number): Promise<Proxies> {
  const waiting = new Map<number, { resolve: (answer: ProxyAnswer) => void; reject: (error: Error) => void }>(); // prettier-ignore
  const cutter = new LineCutter();
  let isOver = false;
  const program = await startProgram({
    file: process.execPath,
    args: ['--enable-source-maps', distFile('fault-proxy.js')],
    env: {},
    stdin: 'pipe',
    stderr: 'keep',
    stdout(chunk) {
      for (const line of cutter.push(chunk)) {
        const answer = JSON.parse(line) as ProxyAnswer;
        const one = waiting.get(answer.id);
        waiting.delete(answer.id);
        if (answer.problem === undefined) one?.resolve(answer);
        else one?.reject(new Error(answer.problem));
      }
    },
  }).catch((cause: unknown) => {
    throw cause instanceof NotStartedError
      ? new UserError(`the proxy for faults did not start (${cause.code})`, { hint: 'may this user start programs?', cause }) // prettier-ignore
      : cause;
  });
  const ended = program.ended.then(({ exitCode, signal, stderr }) => {
    isOver = true;
    const error = new Error(`the proxy for faults ended with ${signal ?? `exit code ${exitCode}`} ${stderr.slice(0, 200)}`.trim()); // prettier-ignore
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  let last = 0;
  const ask = (command: Asked): Promise<ProxyAnswer & { asked: number }> => {
    const id = ++last;
    if (isOver) return Promise.reject(new Error('the proxy for faults has ended'));
    return new Promise<ProxyAnswer>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      program.stdin!.write(`${JSON.stringify({ id, ...command })}\n`);
    }).then((answer) => ({ ...answer, asked: id }));
  };
  const stop = async (): Promise<void> => {
    program.stdin!.end();
    await program.stop({ signal: 'SIGTERM', killAfterMs: STOP_MS });
  };
  try {
    const ports: number[] = [];
    for (const to of ways) {
      const port = await getPort({ port: quietPorts(), host: '127.0.0.1' });
      const answer = await ask({ do: 'open', to, seed, port });
      ports.push(answer.port!);
    }
    return {
      pid: program.pid,
      ports,
      async add(toxic) {
        const { asked } = await ask({ do: 'add', toxic });
        return async () => (await ask({ do: 'remove', added: asked })).struck ?? 0;
      },
      ended,
      stop,
    };
  } catch (cause) {
    await stop();
    throw new UserError(`the proxy for faults did not start: ${(cause as Error).message}`, {
      hint: 'try again; npm run doctor says what this machine has',
      cause,
    });
  }
}
