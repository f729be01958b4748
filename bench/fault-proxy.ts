/**
 * What the proxy of `--fault` costs while no fault is on: one request of 32 KB after another through it and straight to the target, in turns, and
 * the proxy's CPU time under 16 connections that send as fast as they are answered. The target is the sink, which costs next to nothing.
 */
import { Agent } from 'node:http';
import { startProxies } from '../faults/proxy/client.ts';
import { payloadBytes } from '../producers/payloads.ts';
import { recordedPayloads } from '../producers/templates.ts';
import { type BenchLine, median, treeCpuSeconds } from './measure.ts';
import { postMs } from './post-time.ts';
import { startSink } from './start-sink.ts';

/** An odd number. */
const PAIRS = 2001;
const WARM_UP = 200;
const CONNECTIONS = 16;
const REQUESTS = 12_000;

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const [payload] = await recordedPayloads();
  const body = await payloadBytes(payload);
  const sink = await startSink();
  const { hostname, port, pathname } = new URL(sink.url);
  const proxies = await startProxies([{ host: hostname, port: Number(port) }], 1);
  const agent = new Agent({ keepAlive: true });
  const through = `http://127.0.0.1:${proxies.ports[0]}${pathname}`;
  try {
    const times = { straight: [] as number[], through: [] as number[] };
    for (let i = -WARM_UP; i < PAIRS; i++) {
      const pair = {
        straight: await postMs(sink.url, body, agent),
        through: await postMs(through, body, agent),
      };
      if (i < 0) continue;
      times.straight.push(pair.straight);
      times.through.push(pair.through);
    }
    const [ours, peer] = [median(times.through), median(times.straight)];
    report({
      bench: 'fault-proxy',
      case: `one request of ${Math.round(body.length / 1024)} KB after another through the proxy, median`,
      value: Number(ours.toFixed(3)),
      unit: 'ms (less is better)',
      peer: 'the same straight to the target',
      peer_value: Number(peer.toFixed(3)),
      ratio: Number((ours / peer).toFixed(2)),
    });
    const before = treeCpuSeconds(proxies.pid);
    let left = REQUESTS;
    const startedMs = performance.now();
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        while (left-- > 0) await postMs(through, body, agent);
      }),
    );
    const seconds = (performance.now() - startedMs) / 1000;
    const perRequest = ((treeCpuSeconds(proxies.pid) - before) * 1000) / REQUESTS;
    report({
      bench: 'fault-proxy',
      case: `CPU of the proxy for one of them, ${CONNECTIONS} connections, ${Math.round(REQUESTS / seconds)} requests/s`,
      value: Number(perRequest.toFixed(4)),
      unit: 'ms (less is better)',
      peer: null,
      peer_value: null,
      ratio: null,
    });
  } finally {
    agent.destroy();
    await proxies.stop();
    sink.process.disconnect();
  }
}
