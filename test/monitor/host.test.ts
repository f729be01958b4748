import assert from 'node:assert/strict';
import { cpus, hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hostFacts } from '../../monitor/host-facts.ts';
import { linuxHost, portableHost } from '../../monitor/host.ts';
import { FakeProc } from './fake-proc.ts';

/** name -> [received, sent] */
const netDev = (interfaces: Record<string, [number, number]>) =>
  'Inter-|\n face |\n' +
  Object.entries(interfaces)
    .map(([name, [received, sent]]) => `${name}: ${received} 0 0 0 0 0 0 0 ${sent} 0 0 0 0 0 0 0\n`)
    .join('');

test('the machine: differences of two readings, links counted once', async (t) => {
  const proc = new FakeProc(t);
  proc.file('class/net/br0/uevent', 'DEVTYPE=bridge\nINTERFACE=br0\n');
  proc.file('class/net/wlan0/uevent', 'DEVTYPE=wlan\n');
  proc.file('class/net/vpn0/tun_flags', '0x1001\n');
  proc.file('stat', 'cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\ncpu1 1\n');
  proc.file('meminfo', 'MemTotal: 1000 kB\nMemAvailable: 400 kB\n');
  proc.file('loadavg', '1.50 1 1 1/2 3\n');
  proc.file('net/dev', netDev({ lo: [5, 5], eth0: [100, 200], wlan0: [1, 1] }));
  let now = 0;
  const options = { procRoot: proc.root, sysRoot: proc.root, monotonicMs: () => now };
  const host = linuxHost(options);
  assert.deepEqual(await host.read(), {
    cores: 2,
    memoryUsedBytes: 614_400,
    memoryTotalBytes: 1_024_000,
    load1: 1.5,
  });
  now = 2000;
  proc.file('stat', 'cpu  150 0 125 925 0 0 0 0 0 0\ncpu0 1\ncpu1 1\n');
  proc.file('meminfo', 'MemTotal: nonsense\n');
  proc.file('loadavg', '');
  const links: Record<string, [number, number]> = {
    lo: [4005, 4005],
    eth0: [2100, 600],
    wlan0: [1, 3],
    br0: [9e9, 9e9],
  };
  proc.file('net/dev', netDev({ ...links, vpn0: [9e9, 9e9], veth12: [9e9, 9e9] }));
  assert.deepEqual(await host.read(), {
    cores: 2,
    cpuCores: 0.75,
    cpuPercentOfMachine: 37.5,
    networkReceivedBytesPerSecond: 1000,
    networkSentBytesPerSecond: 201,
    loopbackBytesPerSecond: 2000,
  });
  // A counter that went back: absent, not negative. Files that are gone: absent, no exception.
  proc.file('net/dev', netDev({ eth0: [0, 0] }));
  now = 3000;
  assert.equal((await host.read()).networkReceivedBytesPerSecond, undefined);
  const nothing = await linuxHost({ ...options, procRoot: join(proc.root, 'none') }).read();
  assert.deepEqual(nothing, { cores: cpus().length });
});

test('a faulty /proc/stat: no figure or all of it, never a small share', async (t) => {
  const proc = new FakeProc(t);
  const host = linuxHost({ procRoot: proc.root, sysRoot: proc.root });
  const percent = async (user: number, idle: string) => {
    const line = ` ${user} 0 0 ${idle} 0 0 0 0 0 0\n`;
    proc.file('stat', `cpu ${line}cpu0${line}`);
    return (await host.read()).cpuPercentOfMachine;
  };
  // As a faulty lxcfs gives it: a constant idle time of 19 digits beside one busy core.
  for (let i = 0; i < 14; i++)
    assert.equal(await percent(10162498 + i * 100, '8317131874320235395'), undefined, `${i}`);
  assert.equal(await percent(1000, '5000'), undefined);
  assert.equal(await percent(1100, '5000'), 100);
  assert.equal(await percent(1200, '4990'), 100); // idle time goes back a little
  assert.equal(await percent(1100, '5190'), undefined); // busy time went back
  assert.equal(await percent(1200, '5290'), 50);
  assert.equal(await percent(0, '0'), undefined); // another machine, all goes back
  assert.equal(await percent(25, '75'), 25);
});

test('this machine, directly and through systeminformation', async () => {
  for (const host of [portableHost(), ...(process.platform === 'linux' ? [linuxHost()] : [])]) {
    const first = await host.read();
    assert.equal(first.cpuCores, undefined);
    assert.equal(first.networkSentBytesPerSecond, undefined);
    assert.ok(first.memoryUsedBytes! > 0 && first.memoryUsedBytes! < first.memoryTotalBytes!);
    assert.ok(first.cores >= 1);
  }
});

test('the facts of this machine name neither it nor its serial numbers', async () => {
  const facts = await hostFacts();
  assert.equal(facts.cores, cpus().length);
  assert.equal(facts.node, process.version);
  assert.ok(Number(facts.memoryBytes) > 0);
  for (const [name, value] of Object.entries(facts)) {
    assert.ok(value === null || ['string', 'number'].includes(typeof value), name);
    assert.notEqual(value, hostname());
  }
});

test('without time the facts are those that cost nothing', async () => {
  const facts = await hostFacts(0);
  assert.equal(facts.cores, cpus().length);
  assert.equal(facts.virtualisation, null);
});
