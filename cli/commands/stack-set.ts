/** `npm run stack -- up --component …`: any set of the program's components, in the foreground until Ctrl-C, or by itself until `stack down`. */
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMPONENTS } from '../../stack/components/index.ts';
import {
  COMPONENT_NAMES,
  type ComponentName,
  type PlannedComponent,
} from '../../stack/components/component.ts';
import { stackFacts } from '../../stack/components/facts.ts';
import { planStack, type StackPlan, type StackRequest } from '../../stack/components/plan.ts';
import {
  type GivenVariables,
  PRESETS,
  readComponents,
  readUses,
  readVariables,
  type Uses,
} from '../../stack/components/use.ts';
import { logFileOf, type RunningStack, startStack } from '../../stack/up.ts';
import { type Follower, followFile } from '../../system/follow-file.ts';
import { type Interrupts, listenForInterrupts } from '../../system/interrupts.ts';
import type { OptionSpec } from '../../system/option.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { CommandCall } from '../command.ts';

const SET = 'A set of components';

/** Of a set alone; the backend's own options are in stack.ts. */
export const SET_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'component',
    type: 'text',
    argument: 'NAME,…',
    repeatable: true,
    group: SET,
    help: `which components to run, with commas between (default: the backend alone): ${COMPONENT_NAMES.map((name) => `${name} (${COMPONENTS[name].summary})`).join(', ')}; what they need comes along`,
  },
  {
    name: 'use',
    type: 'text',
    argument: 'NAME=HOW',
    repeatable: true,
    group: SET,
    help: 'how a component is had: embedded (the default; postgres=embedded:16 is the version that production runs), command:PROGRAM ARGS, image:IMAGE (docker or podman), or the URL of one that is there, such as postgres=postgres://USER@HOST/DATABASE',
  },
  {
    name: 'set',
    type: 'text',
    argument: 'NAME.VARIABLE=VALUE',
    repeatable: true,
    group: SET,
    help: 'a variable of a component; without =VALUE it is that of the environment',
  },
  {
    name: 'preset',
    type: 'choice',
    choices: Object.keys(PRESETS),
    group: SET,
    help: 'images, tags and variables of the program as it is operated; --use goes before it',
  },
  {
    name: 'interval',
    type: 'duration',
    default: '20m',
    min: 1000,
    group: SET,
    help: 'length of a batch of the coordinator, in whole seconds',
  },
  {
    name: 'proofs',
    type: 'flag',
    group: SET,
    help: 'the verifier checks proofs, too (npm ci --prefix proofs)',
  },
  {
    name: 'folder',
    type: 'path',
    argument: 'DIR',
    group: SET,
    help: 'for logs, data and state (default: one for the time it runs)',
  },
  {
    name: 'detach',
    type: 'flag',
    group: SET,
    help: 'start and end; it runs until npm run stack -- down --folder DIR',
  },
  {
    name: 'engine',
    type: 'choice',
    choices: ['docker', 'podman'],
    group: SET,
    help: 'what runs images (default: docker, else podman)',
  },
];

/** What of them means nothing to the backend alone. */
const OF_SETS = SET_OPTIONS.map(({ name }) => name).filter((name) => name !== 'component');
/** What of the backend's options means nothing to a set: data lie in --folder, and everything listens on 127.0.0.1. */
const NOT_OF_SETS = ['host', 'storage'] as const;

/** More than the backend alone, as it always was. */
export function isSet({ values, sources }: CommandCall): boolean {
  const components = ((values.component as string[] | undefined) ?? []).join(',');
  return (
    !['', 'backend'].includes(components) ||
    OF_SETS.some((name) => sources[name] === 'flag' && values[name] !== undefined)
  );
}

type Parsed = { components: ComponentName[]; uses: Uses; variables: GivenVariables };

function parsed({ values, sources, env }: CommandCall, problems: string[]): Parsed {
  const words = (name: string): string[] => (values[name] as string[] | undefined) ?? [];
  const preset: Uses =
    values.preset === undefined ? {} : PRESETS[values.preset as keyof typeof PRESETS];
  const named = readComponents(words('component'), problems);
  const given = readUses(words('use'), problems);
  const components =
    words('component').length > 0
      ? named
      : values.preset === undefined
        ? (['backend'] as ComponentName[])
        : COMPONENT_NAMES.filter((name) => preset[name] !== undefined);
  // Of a preset only what the set has: the rest of it is no fault of the user's.
  const uses = { ...preset, ...given };
  for (const name of COMPONENT_NAMES)
    if (given[name] === undefined && !isNear(name, components)) delete uses[name];
  for (const name of NOT_OF_SETS)
    if (sources[name] === 'flag')
      problems.push(`--${name} has no effect on a set of components: ${name === 'host' ? 'all listen on 127.0.0.1' : 'data lie in --folder'}`); // prettier-ignore
  if (values.detach === true && values.folder === undefined)
    problems.push('--detach needs --folder DIR, by which the stack is found again');
  if ((values.interval as number) % 1000 !== 0) problems.push('--interval must be whole seconds');
  return { components, uses, variables: readVariables(words('set'), env, problems) };
}

/** Asked for, or needed by what is. */
function isNear(name: ComponentName, components: readonly ComponentName[]): boolean {
  const needed = new Set<ComponentName>(components);
  for (const one of [...COMPONENT_NAMES].reverse())
    if (needed.has(one)) COMPONENTS[one].needs.forEach((other) => needed.add(other));
  return needed.has(name);
}

export async function upSet(call: CommandCall): Promise<number> {
  const { values, sources, env, stdout, stderr } = call;
  const problems: string[] = [];
  const { components, uses, variables } = parsed(call, problems);
  const given = values.folder as string | undefined;
  const folder = given ?? join(tmpdir(), `delegation-stack-${randomUUID().slice(0, 8)}`);
  const request: StackRequest = {
    components,
    uses,
    variables,
    settings: {
      network: values.network as string,
      whitelist: (values.whitelist as string | undefined) ?? (env.DELEGATION_WHITELIST_URL || null),
      hourlyLimit: values['hourly-limit'] as number,
      checksSignatures: values['no-verify'] !== true,
      faithful: values.faithful === true,
      checksProofs: values.proofs === true,
      intervalSeconds: (values.interval as number) / 1000,
      graceMs: null,
      miniBatches: 5,
      startSeconds: Math.floor(Date.now() / 1000),
    },
    backendPort: sources.port === 'default' ? null : (values.port as number),
    allowsRemote: values['allow-remote'] === true,
    folder,
  };
  const facts = await stackFacts(request, env, (values.engine as string | undefined) ?? null);
  // All that is wrong is said before anything is made.
  const plan = planStack(request, facts, problems);
  const interrupts = listenForInterrupts();
  const isDetached = values.detach === true;
  const followers = isDetached ? [] : follow(plan, stdout);
  try {
    const stack = await startStack(plan, {
      env,
      isBoundToUs: !isDetached,
      removesFolder: given === undefined,
      onNote: (text) => void stderr.write(`${text}\n`),
      signal: interrupts.first,
    });
    facts.letPortsGo();
    stdout.write(`${tableOf(plan).join('\n')}\n`);
    for (const note of plan.notes) stderr.write(`note: ${note}\n`);
    stdout.write(
      `logs are in ${join(folder, 'logs')}, passwords in ${join(folder, 'stack.json')}; `,
    );
    if (isDetached) {
      stdout.write(`stop it with npm run stack -- down --folder ${folder}\n`);
      await stack.release();
      return EXIT.passed;
    }
    stdout.write('Ctrl-C stops\n');
    return await untilEnd(stack, interrupts, stderr);
  } catch (error) {
    if (!interrupts.first.aborted) throw error;
    return EXIT.interrupted;
  } finally {
    facts.letPortsGo();
    followers.forEach((follower) => follower.stop());
    interrupts.stop();
  }
}

/** Each line of a log with its component's name before it. */
function follow({ folder, components }: StackPlan, stdout: NodeJS.WritableStream): Follower[] {
  const started = components.filter(({ kind }) => kind !== 'nothing');
  const width = Math.max(0, ...started.map(({ name }) => name.length));
  return started.map(({ name }) =>
    followFile(logFileOf(folder, name), (line) =>
      stdout.write(`${name.padEnd(width)} | ${line}\n`),
    ),
  );
}

/** Name, how it is had, where it is reached. */
export function tableOf({ components }: { components: readonly PlannedComponent[] }): string[] {
  const rows = components.map((one) => [one.name, one.how, one.url ?? '']);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell))
      .join('  ')
      .trimEnd(),
  );
}

async function untilEnd(
  stack: RunningStack,
  interrupts: Interrupts,
  stderr: NodeJS.WritableStream,
): Promise<number> {
  const stopped = new Promise<null>((resolve) => {
    if (interrupts.first.aborted) resolve(null);
    interrupts.first.addEventListener('abort', () => resolve(null));
  });
  // In a hurry: who watches over the stack stops it after us.
  interrupts.second.addEventListener('abort', () => process.exit(EXIT.interrupted));
  const end = await Promise.race([stack.ended, stopped]);
  await stack.stop();
  if (end === null) return EXIT.passed;
  stderr.write(
    `error: ${end.name} ended with ${end.end.signal ?? `exit code ${end.end.exitCode ?? 'unknown'}`}; the others were stopped\n`,
  );
  return EXIT.broken;
}

/** @throws UserError where nobody knows of a stack there */
export function noStack(folder: string): UserError {
  return new UserError(`there is no stack in ${folder}`, {
    hint: 'give the folder with which it was started: npm run stack -- down --folder DIR',
    exitCode: EXIT.usage,
  });
}
