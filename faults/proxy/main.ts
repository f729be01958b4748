/**
 * The proxies of a load as a program, so that they take nothing of the time in which submissions are handed out. Commands come as JSON lines
 * on standard input, and each is answered with a line on standard output; when the input ends, it ends.
 *
 *     {"id":1,"do":"open","to":{"host":"127.0.0.1","port":8080},"seed":7,"port":21000}   -> {"id":1,"port":21000}
 *     {"id":2,"do":"add","toxic":{"kind":"latency","minMs":200,"maxMs":200}}             -> {"id":2}
 *     {"id":3,"do":"remove","added":2}                                                  -> {"id":3,"struck":0}
 */
import { createInterface } from 'node:readline';
import { FaultProxy, type Way } from './proxy.ts';
import type { Toxic } from './toxic.ts';

export type ProxyCommand =
  | { id: number; do: 'open'; to: Way; seed: number; port: number }
  | { id: number; do: 'add'; toxic: Toxic }
  | { id: number; do: 'remove'; added: number };
export type ProxyAnswer = { id: number; port?: number; struck?: number; problem?: string };

const proxies: FaultProxy[] = [];

async function act(command: ProxyCommand): Promise<Omit<ProxyAnswer, 'id'>> {
  switch (command.do) {
    case 'open': {
      const proxy = new FaultProxy(command.to, command.seed + proxies.length);
      await proxy.listen(command.port);
      proxies.push(proxy);
      return { port: proxy.port };
    }
    case 'add':
      for (const proxy of proxies) await proxy.add(command.id, command.toxic);
      return {};
    case 'remove': {
      let struck = 0;
      for (const proxy of proxies) struck += await proxy.remove(command.added);
      return { struck };
    }
  }
}

// Ctrl-C is its parent's business.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
let work = Promise.resolve();
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line) as ProxyCommand;
  work = work
    .then(() => act(command))
    .catch((error: unknown) => ({ problem: (error as Error).message }))
    .then((answer) => void process.stdout.write(`${JSON.stringify({ id: command.id, ...answer })}\n`)); // prettier-ignore
});
lines.on('close', () => process.exit(0));
