/** Turns are played in their time and always undone; what cannot be made or undone is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Held } from '../../faults/fault.ts';
import { type FaultEvent, FaultPlayer, type Place } from '../../faults/player.ts';
import { type AskedFault, parseFault, turnsOf } from '../../faults/schedule.ts';
import { until } from '../support/until.ts';

type Log = { events: FaultEvent[]; deeds: string[]; broken: string[] };

function playerOf(texts: string[], loadMs: number, change: Partial<Held> = {}): { player: FaultPlayer; log: Log } {
  const log: Log = { events: [], deeds: [], broken: [] };
  const did = (deed: string) => () => {
    log.deeds.push(deed);
    return Promise.resolve();
  };
  const backend: Held = {
    kill: did('kill'),
    stop: did('stop'),
    start: did('start'),
    pause: () => void log.deeds.push('pause'),
    resume: () => void log.deeds.push('resume'),
    limitFiles: (on) => did(on ? 'limit' : 'unlimit')(),
    ...change,
  };
  const proxies: Place['proxies'] = {
    add({ kind }) {
      log.deeds.push(`+${kind}`);
      return Promise.resolve(() => {
        log.deeds.push(`-${kind}`);
        return Promise.resolve(7);
      });
    },
  };
  const player = new FaultPlayer({
    turns: turnsOf(texts.map((text) => parseFault(text) as AskedFault), loadMs),
    place: { proxies, backend },
    onEvent: (event) => void log.events.push(event),
    onBroken: (sentence) => void log.broken.push(sentence),
  });
  return { player, log };
} // prettier-ignore

const states = ({ events }: Log): string[] => events.map(({ turn, state }) => `${turn} ${state}`);

test('what is on from the beginning is on before it, the rest comes in its time, and each ends', async () => {
  const { player, log } = playerOf(['reset=5%', 'backend-kill@200ms+100ms'], 400);
  await player.begin();
  assert.deepEqual(log.deeds, ['+reset']);
  assert.deepEqual(player.on, ['reset=5%']);
  player.loadHasBegun(0);
  player.loadHasBegun(0);
  await until(() => log.events.length === 4, () => log); // prettier-ignore
  assert.deepEqual(log.deeds, ['+reset', 'kill', 'start', '-reset']);
  assert.deepEqual(states(log), ['0 begun', '1 begun', '1 ended', '0 ended']);
  assert.deepEqual([log.events[3].struck, log.events[2].struck], [7, undefined]);
  await player.stop();
  assert.equal(log.events.length, 4);
});

test('a load that ends sooner: what is on is undone once, what was to come never is', async () => {
  const { player, log } = playerOf(['backend-pause', 'latency=1s@1h+1h'], 1e8); // prettier-ignore
  await player.begin();
  player.loadHasBegun(5000);
  await Promise.all([player.stop(), player.stop()]);
  assert.deepEqual(log.deeds, ['pause', 'resume']);
  assert.deepEqual(states(log), ['0 begun', '0 ended']);
  await player.begin();
  assert.equal(log.deeds.length, 2);
});

test('a stop in the middle of a beginning waits for it and undoes it', async () => {
  let go: () => void = () => undefined;
  const { player, log } = playerOf(['backend-kill'], 1000, { kill: () => new Promise((resolve) => (go = resolve)) }); // prettier-ignore
  const begun = player.begin();
  await until(() => log.events.length === 1);
  const stopped = player.stop();
  go();
  await Promise.all([begun, stopped]);
  assert.deepEqual(log.deeds, ['start']);
});

test('what cannot be made is said and the load goes on; what cannot be undone breaks it', async () => {
  const failing = () => Promise.reject(new Error('no prlimit'));
  const made = playerOf(['disk-full'], 1000, { limitFiles: failing });
  await made.player.begin();
  await made.player.stop();
  assert.deepEqual(states(made.log), ['0 begun', '0 failed']);
  assert.deepEqual([made.log.events[1].problem, made.log.broken], ['no prlimit', []]);
  const undone = playerOf(['backend-stop'], 1000, { start: () => Promise.reject(new Error('port taken')) }); // prettier-ignore
  await undone.player.begin();
  await undone.player.stop();
  assert.deepEqual(states(undone.log), ['0 begun', '0 stuck']);
  assert.match(undone.log.broken[0], /backend-stop could not be undone \(port taken\)/);
});
