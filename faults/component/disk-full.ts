import type { ComponentFault } from '../fault.ts';

/**
 * A full disk without root and without a disk: the limit of file sizes of the running process becomes 0, so every write to a file
 * fails (EFBIG; Node ignores SIGXFSZ, node/src/node.cc). Its log cannot be written either, as on a full disk.
 */
export const diskFull: ComponentFault = {
  name: 'disk-full',
  of: 'component',
  component: 'backend',
  what: 'the backend cannot write to any file, as on a full disk (its limit of file sizes becomes 0: Linux, with prlimit of util-linux)',
  shows: '503, and nothing stored; what was answered 200 is stored',
  isImpossible: (platform) =>
    platform === 'linux' ? null : 'only Linux changes the limits of a process that runs',
  async begin(held) {
    await held.limitFiles(true);
    return () => held.limitFiles(false);
  },
};
