/** How components are had, as words: `--use backend=command:./bin`, `--set backend.LOG_LEVEL=debug`, presets. Pure. */
import { COMPONENTS, isComponentName } from './index.ts';
import { didYouMean } from '../../system/suggest.ts';
import { type ComponentName, COMPONENT_NAMES, type Use } from './component.ts';

export type Uses = Partial<Record<ComponentName, Use>>;
/** Component -> variable -> value. */
export type GivenVariables = Partial<Record<ComponentName, Record<string, string>>>;

const known = COMPONENT_NAMES.join(', ');

/** A list of components, with commas between. */
export function readComponents(words: readonly string[], problems: string[]): ComponentName[] {
  const names = words.flatMap((word) => word.split(',')).map((name) => name.trim());
  for (const name of names)
    if (!isComponentName(name))
      problems.push(
        `--component does not know "${name}"${didYouMean(name, COMPONENT_NAMES)}; it takes ${known}`,
      );
  return COMPONENT_NAMES.filter((name) => names.includes(name));
}

/** `NAME=embedded`, `NAME=embedded:VERSION`, `NAME=command:PROGRAM ARGS`, `NAME=image:IMAGE`, `NAME=URL`. */
export function readUses(words: readonly string[], problems: string[]): Uses {
  const uses: Uses = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(at, 0));
    const what = word.slice(at + 1);
    if (at === -1) {
      problems.push('--use must be NAME=embedded, NAME=command:PROGRAM, NAME=image:IMAGE or NAME=URL'); // prettier-ignore
      continue;
    }
    if (!isComponentName(name)) {
      problems.push(
        `--use does not know the component "${name}"${didYouMean(name, COMPONENT_NAMES)}; it takes ${known}`,
      );
      continue;
    }
    if (uses[name] !== undefined) problems.push(`--use says twice how ${name} is had`);
    const use = useOf(what);
    if (use === null)
      // Not repeated: it may hold a password.
      problems.push(`--use ${name}=… must be embedded, command:PROGRAM, image:IMAGE or a URL`);
    else if (!COMPONENTS[name].kinds.includes(use.kind))
      problems.push(
        `--use ${name}=… cannot be ${use.kind === 'url' ? 'a URL' : `"${use.kind}"`}: ${name} is ${COMPONENTS[name].kinds.join(', ')}`,
      );
    else if (use.kind === 'embedded' && use.version !== undefined && !isVersion(name, use.version))
      problems.push(`--use ${name}=embedded:${use.version}: ${versionsOf(name)}`);
    else uses[name] = use;
  }
  return uses;
}

const isVersion = (name: ComponentName, version: string): boolean =>
  COMPONENTS[name].versions?.includes(version) === true;

function versionsOf(name: ComponentName): string {
  const { versions } = COMPONENTS[name];
  return versions === undefined
    ? `there is one embedded ${name} only, without a version`
    : `the embedded ${name} is ${versions.join(' or ')}`;
}

function useOf(what: string): Use | null {
  if (what === 'embedded') return { kind: 'embedded' };
  const rest = (prefix: string): string | null =>
    what.startsWith(prefix) && what.length > prefix.length ? what.slice(prefix.length) : null;
  const [version, command, image] = [rest('embedded:'), rest('command:'), rest('image:')];
  if (version !== null) return { kind: 'embedded', version };
  if (command !== null) return { kind: 'command', command };
  if (image !== null) return { kind: 'image', image };
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(what) ? { kind: 'url', url: what } : null;
}

/** `NAME.VARIABLE=VALUE`; without `=` the value is that of the user's environment, so that no secret stands in a list of processes. */
export function readVariables(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  problems: string[],
): GivenVariables {
  const given: GivenVariables = {};
  for (const word of words) {
    const match = /^([^.=]+)\.([A-Za-z_][A-Za-z0-9_]*)(=(.*))?$/s.exec(word);
    if (match === null) {
      problems.push('--set must be NAME.VARIABLE=VALUE, or NAME.VARIABLE for what the environment says'); // prettier-ignore
      continue;
    }
    const [, name, variable, assigned, text] = match;
    const value = assigned === undefined ? env[variable] : text;
    if (!isComponentName(name))
      problems.push(
        `--set does not know the component "${name}"${didYouMean(name, COMPONENT_NAMES)}; it takes ${known}`,
      );
    else if (value === undefined)
      problems.push(`--set ${name}.${variable}: the environment has no ${variable}`);
    else (given[name] ??= {})[variable] = value;
  }
  return given;
}

/**
 * The program as o1-labs operates it: images and tags of 2026. Each image is pushed by the workflow of its repository (.github/workflows/publish.yaml of
 * o1-labs/uptime-service-backend at de13d4e, uptime-service-validation at 0eb3c8d, submission-updater at 2bf9805; publish.yml of
 * delegation-program-leaderboard at 49ac4a8, which puts its name twice); the tags are those of o1-labs/uptime-service-e2e, .env.example at 107eef8.
 */
export const PRESETS = {
  o1labs: {
    postgres: { kind: 'image', image: 'postgres:16-alpine' },
    s3: { kind: 'image', image: 'minio/minio' },
    backend: { kind: 'image', image: 'ghcr.io/o1-labs/uptime-service-backend:v2.0.5' },
    verifier: { kind: 'image', image: 'ghcr.io/o1-labs/submission-updater:main-97163be' },
    coordinator: { kind: 'image', image: 'ghcr.io/o1-labs/uptime-service-validation:v2.0.10' },
    leaderboard: {
      kind: 'image',
      image:
        'ghcr.io/o1-labs/delegation-program-leaderboard-delegation-program-leaderboard-api:main-main-49ac4a8',
    },
  },
} as const satisfies Record<string, Uses>;
