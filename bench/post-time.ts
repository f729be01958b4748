/** How long one request takes that sends a body, over connections that stay. */
import { once } from 'node:events';
import { type Agent, type IncomingMessage, request } from 'node:http';

/** @returns milliseconds from its begin to the end of its answer */
export async function postMs(to: string, body: Buffer, agent: Agent): Promise<number> {
  const startedMs = performance.now();
  const sent = request(to, { method: 'POST', agent, headers: { 'Content-Length': body.length } });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return performance.now() - startedMs;
}
