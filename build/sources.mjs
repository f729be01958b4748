/** What a build is made from, and whether the one in dist/ is of it. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Rooms whose sources end in no bundle, and what is no source. */
const PASSED_OVER = new Set([
  'node_modules',
  'dist',
  'test',
  'docs',
  'examples',
  'deploy',
  'proofs',
  'e2e-runs',
]);
/** package-lock.json: the scenarios and the signer have packages inside. */
const FILES = ['package.json', 'package-lock.json', 'tsconfig.json', 'build.mjs'];

/**
 * SHA-256 over the names and bytes of all sources (some 300 files, 2 MB: 30 ms). Not over times: a checkout that is copied or mounted
 * has other ones.
 */
export function hashOfSources(root) {
  const hash = createHash('sha256');
  const add = (name) => hash.update(`\n${name}\n`).update(readFileSync(join(root, name)));
  for (const name of FILES) if (existsSync(join(root, name))) add(name);
  const walk = (folder) => {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = `${folder}/${entry.name}`;
      // Folders of runs lie in results/; they hold no source, but may hold a million files.
      if (entry.isDirectory()) {
        if (folder !== 'results') walk(name);
      } else if (/\.(tsx?|css|mjs)$/.test(entry.name)) add(name);
    }
  };
  for (const entry of readdirSync(root, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const isRoom = !entry.name.startsWith('.') && !PASSED_OVER.has(entry.name);
    if (entry.isDirectory() && isRoom) walk(entry.name);
    else if (/^[\w-]+\.ts$/.test(entry.name)) add(entry.name);
  }
  return hash.digest('hex');
}

/** `dist/build.json`: the hash of the sources, and the size in bytes of every file that was made. Written last. */
const stampOf = (dist) => join(dist, 'build.json');

export function readStamp(dist) {
  try {
    const { sources, files } = JSON.parse(readFileSync(stampOf(dist), 'utf8'));
    return typeof sources === 'string' && typeof files === 'object' ? { sources, files } : null;
  } catch {
    return null;
  }
}

export const stampText = (sources, files) => `${JSON.stringify({ sources, files })}\n`;

/** Whether all that the stamp names is there, and whole. */
export const isWhole = (dist, { files }) =>
  Object.entries(files).every(
    ([name, bytes]) => statSync(join(dist, name), { throwIfNoEntry: false })?.size === bytes,
  );

/**
 * Packages of `dependencies` that are not installed as package.json names them, in words; where a checkout was updated without `npm ci`.
 */
export function missingPackages(root) {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.entries(dependencies).flatMap(([name, wanted]) => {
    const version = wanted.slice(wanted.lastIndexOf('@') + 1); // npm:@scope/other@1.2.3
    const found = installedVersion(root, name);
    if (found === version) return [];
    return [`${name} ${version}${found === null ? '' : ` (here it is ${found})`}`];
  });
}

function installedVersion(folder, name) {
  try {
    const path = join(folder, 'node_modules', name, 'package.json');
    return JSON.parse(readFileSync(path, 'utf8')).version;
  } catch {
    const parent = dirname(folder);
    return parent === folder ? null : installedVersion(parent, name);
  }
}
