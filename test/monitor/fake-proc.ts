/** A folder of the form of /proc, made by a test. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { scratchFolder } from '../support/scratch.ts';

export type FakeProcess = {
  comm?: string;
  state?: string;
  parentPid?: number;
  /** Clock ticks. */
  utime?: number;
  cutime?: number;
  starttime?: number;
  rssPages?: number;
  /** Thread id -> pids of its children; default: one thread without children. */
  threads?: Record<number, number[]>;
  openFiles?: number;
  /** Storage bytes; null: the file cannot be read. */
  io?: { read: number; write: number } | null;
};

export class FakeProc {
  readonly root: string;
  readonly #childrenFiles: boolean;

  /** @param childrenFiles false: a kernel without CONFIG_PROC_CHILDREN */
  constructor(t: TestContext, childrenFiles = true) {
    this.#childrenFiles = childrenFiles;
    this.root = scratchFolder(t);
    this.file('uptime', '10.00 20.00\n');
  }

  file(name: string, text: string): void {
    const path = join(this.root, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  }

  set(pid: number, process: FakeProcess): void {
    this.remove(pid);
    const { comm = 'node', state = 'S', parentPid = 1, utime = 0, cutime = 0 } = process;
    const { starttime = pid, rssPages = 10, threads = { [pid]: [] }, openFiles = 3 } = process;
    const count = Object.keys(threads).length;
    this.file(
      `${pid}/stat`,
      `${pid} (${comm}) ${state} ${parentPid} 0 0 0 -1 0 0 0 0 0 ${utime} 0 ${cutime} 0 20 0 ${count} 0 ${starttime} 0 ${rssPages} 0 0\n`,
    );
    for (const [tid, children] of Object.entries(threads)) {
      this.file(`${pid}/task/${tid}/comm`, comm);
      if (this.#childrenFiles)
        this.file(`${pid}/task/${tid}/children`, children.map((child) => `${child} `).join(''));
    }
    mkdirSync(join(this.root, `${pid}/fd`));
    for (let fd = 0; fd < openFiles; fd++) this.file(`${pid}/fd/${fd}`, '');
    const { io = { read: 0, write: 0 } } = process;
    if (io) this.file(`${pid}/io`, `rchar: 1\nread_bytes: ${io.read}\nwrite_bytes: ${io.write}\n`);
  }

  remove(pid: number): void {
    rmSync(join(this.root, String(pid)), { recursive: true, force: true });
  }
}
