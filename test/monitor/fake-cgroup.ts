/** Trees of the form of /proc and /sys/fs/cgroup in one temporary folder, made by a test. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { scratchFolder } from '../support/scratch.ts';

export class FakeCgroups {
  readonly root: string;
  readonly procRoot: string;

  constructor(t: TestContext) {
    this.root = scratchFolder(t);
    this.procRoot = join(this.root, 'proc');
  }

  file(name: string, text: string): void {
    const path = join(this.root, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  }

  remove(name: string): void {
    rmSync(join(this.root, name), { recursive: true, force: true });
  }

  /** Mounts as in mountinfo; `''`: version 2. */
  mounts(...mounts: [controllers: string, folder: string, root?: string][]): void {
    const lines = mounts.map(([controllers, folder, root = '/'], i) => {
      const point = join(this.root, folder).replaceAll(' ', '\\040');
      const type = controllers === '' ? 'cgroup2 cgroup2 rw' : `cgroup cgroup rw,${controllers}`;
      return `${30 + i} 23 0:${28 + i} ${root} ${point} rw,relatime shared:${i} - ${type}\n`;
    });
    this.file('proc/self/mountinfo', `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n${lines.join('')}`);
  }

  /** A process with its groups as in /proc/PID/cgroup. */
  process(pid: number, cgroup: string, starttime = pid): void {
    this.file(`proc/${pid}/cgroup`, cgroup);
    this.file(
      `proc/${pid}/stat`,
      `${pid} (app) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ${starttime} 0 10 0 0\n`,
    );
    this.network(pid, 0, 0);
  }

  network(pid: number, received: number, sent: number): void {
    const link = (name: string, rx: number, tx: number) =>
      `${name}: ${rx} 1 0 0 0 0 0 0 ${tx} 1 0 0 0 0 0 0\n`;
    this.file(
      `proc/${pid}/net/dev`,
      `Inter-|\n face |\n${link('    lo', 999, 999)}${link('  eth0', received, sent)}`,
    );
  }

  /** Figures of a group of version 2. */
  v2(folder: string, figures: { cpuUs: number; memory?: number; inactive?: number }): void {
    const { cpuUs, memory = 5_000_000, inactive = 1_000_000 } = figures;
    this.file(
      `${folder}/cpu.stat`,
      `usage_usec ${cpuUs}\nuser_usec 1\nsystem_usec 1\nnr_periods ${cpuUs / 1e5}\nnr_throttled ${cpuUs / 2e5}\nthrottled_usec 5\n`,
    );
    this.file(`${folder}/memory.current`, `${memory}\n`);
    this.file(
      `${folder}/memory.stat`,
      `anon 1\nfile 2\nactive_file 3\ninactive_file ${inactive}\n`,
    );
    this.file(`${folder}/memory.peak`, '9000000\n');
    this.file(`${folder}/pids.current`, '12\n');
    this.file(`${folder}/cgroup.procs`, '100\n101\n');
    this.file(
      `${folder}/io.stat`,
      '8:0 rbytes=1000 wbytes=2000 rios=1 wios=2 dbytes=0 dios=0\n253:0 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0\n7:0\n',
    );
  }
}
