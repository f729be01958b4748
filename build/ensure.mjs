/**
 * Sees to it that dist/ holds a build of the sources as they are. Any number of commands may do so at once, beside others that run:
 *
 * - Nothing is done where the stamp says that nothing has changed: a checkout that cannot be written works as it was built.
 * - One builds while the others wait for it; a lock whose owner is gone, or that is old, holds nobody back.
 * - Every file is written beside its place and renamed, chunks first: whoever reads sees an old build or a new one. Chunks have their hash
 *   in their name, and those of earlier builds stay for a week: a command that runs since then may still load them.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { bundle } from './bundle.mjs';
import { hashOfSources, isWhole, missingPackages, readStamp, stampText } from './sources.mjs';

const KEEP_MS = 7 * 24 * 3_600_000;
const LOCK_MS = 120_000;
const LOOK_MS = 100;

/** One sentence for the user, and what to do. */
export class BuildProblem extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/** @throws BuildProblem */
export async function ensureBuilt(root) {
  const dist = join(root, 'dist');
  const missing = missingPackages(root);
  if (missing.length > 0)
    throw new BuildProblem(
      missing.length === 1
        ? `a package is not installed: ${missing[0]}`
        : `${missing.length} packages are not installed: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ', …' : ''}`,
      `run "npm ci" in ${root}, as after every pull`,
    );
  const sources = hashOfSources(root);
  const isBuilt = () => {
    const stamp = readStamp(dist);
    return stamp !== null && stamp.sources === sources && isWhole(dist, stamp);
  };
  if (isBuilt()) return;
  const unlock = await lockOf(dist, isBuilt);
  try {
    if (isBuilt()) return;
    const files = await bundle(root).catch((error) => {
      throw new BuildProblem(
        `the build failed: ${error.message}`,
        'run "npm ci" after every pull; then try again',
      );
    });
    place(dist, files, sources);
  } catch (error) {
    throw error.syscall === undefined ? error : unwritable(dist, error);
  } finally {
    unlock();
  }
}

function unwritable(dist, { code }) {
  const state = readStamp(dist) === null ? 'is not built yet' : 'has changed since it was built';
  return new BuildProblem(
    `the toolkit ${state}, and ${dist} cannot be written (${code})`,
    'run "npm run build" where it can be written; from then on it may be read-only',
  );
}

/** @returns how to let go of the lock; it may be nobody's, for it only saves work */
async function lockOf(dist, isBuilt) {
  const path = join(dist, 'building');
  try {
    mkdirSync(dist);
  } catch (error) {
    if (error.code !== 'EEXIST') throw unwritable(dist, error);
  }
  const giveUpAt = performance.now() + LOCK_MS;
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw unwritable(dist, error);
    }
    if (isBuilt()) return () => undefined;
    if (performance.now() > giveUpAt || !isHeld(path)) {
      rmSync(path, { force: true });
      if (performance.now() > giveUpAt) return () => undefined;
    } else await setTimeout(LOOK_MS);
  }
}

function isHeld(path) {
  try {
    if (Date.now() - statSync(path).mtimeMs > LOCK_MS) return false;
    const pid = Number(readFileSync(path, 'utf8'));
    // Just made, and not yet written.
    if (pid === 0) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Chunks first, the programs that import them after, and the stamp last. */
function place(dist, files, sources) {
  const rank = (name) => (name.startsWith('chunks/') ? 0 : 1);
  const names = [...files.keys()].sort((a, b) => rank(a) - rank(b));
  for (const name of names) writeWhole(join(dist, name), files.get(name));
  const sizes = Object.fromEntries(names.map((name) => [name, files.get(name).length]));
  const before = readStamp(dist);
  writeWhole(join(dist, 'build.json'), stampText(sources, sizes));
  removeOld(dist, files, before === null ? [] : Object.keys(before.files));
}

function writeWhole(path, bytes) {
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  try {
    writeFileSync(part, bytes);
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/** A chunk's time is when the last build that has it was followed by one without: from then on it stays for {@link KEEP_MS}. */
function removeOld(dist, files, before) {
  const now = new Date();
  for (const name of before)
    if (name.startsWith('chunks/') && !files.has(name))
      try {
        utimesSync(join(dist, name), now, now);
      } catch {
        // gone
      }
  for (const name of readdirSync(join(dist, 'chunks'))) {
    const path = join(dist, 'chunks', name);
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (!files.has(`chunks/${name}`) && now.getTime() - changed > KEEP_MS)
      rmSync(path, { force: true });
  }
}
