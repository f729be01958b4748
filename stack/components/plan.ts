/**
 * Which components of a set start, in which order, how, where, and with which variables. Pure: what only looking can tell are {@link StackFacts}.
 * All problems of a request are reported at once.
 */
import { join } from 'node:path';
import { isLoopbackAddress } from '../../system/loopback.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { COMPONENTS } from './index.ts';
import {
  type Addresses,
  type ComponentName,
  COMPONENT_NAMES,
  type PlanContext,
  type PlannedComponent,
  type StackSecrets,
  type StackSettings,
  type Use,
} from './component.ts';
import type { GivenVariables, Uses } from './use.ts';

export type StackRequest = {
  /** What is asked for; services that they need come along. */
  components: readonly ComponentName[];
  uses: Uses;
  variables: GivenVariables;
  settings: StackSettings;
  /** Of the backend; null: the usual one, or another where that is taken; 0: any free one, and so for all components. */
  backendPort: number | null;
  /** A listener on every address is wanted. */
  allowsRemote: boolean;
  /** Holds state, logs and data. */
  folder: string;
};

export type StackFacts = {
  /** Names everything that is made: containers, networks, processes. */
  stack: string;
  secrets: StackSecrets;
  /** Free ports, two for each component: the usual one where it is free. */
  ports: Record<ComponentName, { port: number; other: number }>;
  /** Of those that cannot be chosen: why they cannot be listened on. */
  taken: ReadonlyMap<number, string>;
  /** `docker` or `podman` with its path; null: neither is there. */
  engine: string | null;
  /** Why it cannot run images; null: it can, or there are none. */
  engineProblem: string | null;
  /** Of embedded services and given programs: why they cannot be had. */
  missing: Partial<Record<ComponentName, string>>;
  /** The folder of PostgreSQL's data: as root it runs as another user, who must be able to enter it. */
  postgresFolder: string;
  env: Readonly<Record<string, string | undefined>>;
};

export type StackPlan = {
  stack: string;
  folder: string;
  /** In the order of their start. */
  components: readonly PlannedComponent[];
  /** As they are reached from this machine. */
  addresses: Addresses;
  /** null: nothing is a container. */
  engine: string | null;
  /** Of containers that reach each other; null: none. */
  network: string | null;
  /** Of the engine, to be removed with the stack. */
  volumes: readonly string[];
  settings: StackSettings;
  /** What the user should know. */
  notes: readonly string[];
};

const DEFAULT_USE: Use = { kind: 'embedded' };

/** What is asked for and what that needs. */
export function withNeeds(components: readonly ComponentName[], uses: Uses): ComponentName[] {
  const wanted = new Set<ComponentName>();
  const add = (name: ComponentName): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    // Its own are the business of who runs it.
    if (uses[name]?.kind !== 'url') COMPONENTS[name].needs.forEach(add);
  };
  components.forEach(add);
  // What is given is meant to be used.
  for (const name of COMPONENT_NAMES) if (uses[name]?.kind === 'url') wanted.add(name);
  return COMPONENT_NAMES.filter((name) => wanted.has(name));
}

/** What is wrong with the request, and what is not as it would have to be on this machine. */
type Problems = { usage: string[]; machine: string[] };

/**
 * @param before problems of the words that the request was read from
 * @throws UserError with every problem, a line each: exit 2, or 5 where only this machine lacks something
 */
export function planStack(
  request: StackRequest,
  facts: StackFacts,
  before: readonly string[] = [],
): StackPlan {
  const problems: Problems = { usage: [...before], machine: [] };
  const names = withNeeds(request.components, request.uses);
  const useOf = (name: ComponentName): Use => request.uses[name] ?? DEFAULT_USE;
  for (const name of COMPONENT_NAMES)
    if (!names.includes(name)) {
      if (request.uses[name] !== undefined)
        problems.usage.push(`--use ${name} has no effect: ${name} is not among the components`);
      if (request.variables[name] !== undefined)
        problems.usage.push(`--set ${name} has no effect: ${name} is not among the components`);
    }
  const world = new World(request, facts, names, useOf);
  for (const name of names) world.add(name, problems);
  if (facts.engineProblem !== null && names.some((name) => useOf(name).kind === 'image'))
    problems.machine.push(`images cannot be run: ${facts.engineProblem}`);
  const { usage, machine } = problems;
  if (usage.length + machine.length > 0)
    throw new UserError([...usage, ...machine].join('\n'), {
      hint: 'see npm run stack -- up --help, and docs/stack.md',
      exitCode: usage.length > 0 ? EXIT.usage : EXIT.broken,
    });
  return world.plan();
}

/** Grows component by component, each with what was there before. */
class World {
  readonly #request: StackRequest;
  readonly #facts: StackFacts;
  readonly #names: readonly ComponentName[];
  readonly #useOf: (name: ComponentName) => Use;
  readonly #planned: PlannedComponent[] = [];
  /** From this machine, and from within the stack's network. */
  readonly #outside: Addresses = {};
  readonly #inside: Addresses = {};
  /** Reached by name within the stack's network. */
  readonly #inNetwork = new Set<ComponentName>();
  readonly #notes: string[] = [];

  constructor(
    request: StackRequest,
    facts: StackFacts,
    names: readonly ComponentName[],
    useOf: (name: ComponentName) => Use,
  ) {
    this.#request = request;
    this.#facts = facts;
    this.#names = names;
    this.#useOf = useOf;
  }

  add(name: ComponentName, { usage, machine }: Problems): void {
    const definition = COMPONENTS[name];
    const use = this.#useOf(name);
    const missing = this.#facts.missing[name];
    if (missing !== undefined) machine.push(`${name}: ${missing}`);
    if (use.kind === 'url') {
      const read = definition.read!(use.url, this.#facts.env);
      if ('problem' in read) {
        usage.push(`--use ${name}: ${read.problem}`);
        return;
      }
      this.#know(name, read.address, read.address);
      this.#planned.push({
        name,
        how: 'given',
        url: shownUrl(use.url),
        needs: [],
        kind: 'nothing',
      });
      return;
    }
    const near = [...definition.needs, ...definition.takes].filter((one) =>
      this.#names.includes(one),
    );
    const network = this.#networkFor(near);
    const port = this.#portOf(name, use, network, { usage, machine });
    const context = this.#contextOf(name, use, network, port);
    usage.push(...(definition.problems?.(context) ?? []));
    // What it needs had a problem of its own.
    if (definition.needs.some((one) => this.#outside[one as keyof Addresses] === undefined)) return;
    const parts = definition.plan(context);
    const address = definition.address(context, { host: '127.0.0.1', port });
    if (parts.kind === 'container' && parts.container.network !== 'host') {
      this.#inNetwork.add(name);
      this.#know(
        name,
        address,
        definition.address(context, { host: name, port: definition.containerPort! }),
      );
    } else this.#know(name, address, address);
    if (parts.kind === 'container' && parts.container.network === 'host' && name === 'backend') {
      if (!this.#request.allowsRemote)
        usage.push(
          `backend: ${(use as { image: string }).image} would listen on every address of this machine, because what it needs is no container; that needs --allow-remote`,
        );
      this.#notes.push('the backend listens on every address of this machine');
    }
    if (use.kind === 'command' && name === 'backend')
      this.#notes.push(
        'a backend of your own listens where it wants; the original does on every address of this machine',
      );
    const own = this.#request.variables[name];
    if (own !== undefined && parts.kind === 'nothing')
      usage.push(`--set ${name} has no effect: ${name} is not started by this stack`);
    const about = {
      name,
      how: howOf(use),
      url: parts.kind === 'nothing' ? null : shownAddress(address),
      needs: near,
    };
    this.#planned.push(
      parts.kind === 'nothing'
        ? { ...about, kind: 'nothing' }
        : { ...about, ...parts, variables: { ...parts.variables, ...own } },
    );
  }

  #know(
    name: ComponentName,
    outside: Addresses[keyof Addresses] | null,
    inside: Addresses[keyof Addresses] | null,
  ): void {
    // The definition of a component gives the address of its own kind.
    if (outside) Object.assign(this.#outside, { [name]: outside });
    if (inside) Object.assign(this.#inside, { [name]: inside });
  }

  /** Containers reach each other by name, and what is elsewhere; what listens on loopback only those of the host's network reach. */
  #networkFor(near: readonly ComponentName[]): 'host' | 'stack' {
    const isReached = (name: ComponentName): boolean => {
      if (this.#inNetwork.has(name)) return true;
      const use = this.#useOf(name);
      return use.kind === 'url' && !pointsToLoopback(use.url);
    };
    return near.every(isReached) ? 'stack' : 'host';
  }

  #portOf(
    name: ComponentName,
    use: Use,
    network: 'host' | 'stack',
    { usage, machine }: Problems,
  ): number {
    const { backendPort } = this.#request;
    // 0 is no choice, but for what can be told one.
    const chosen = name === 'backend' ? backendPort || null : null;
    const fixed = COMPONENTS[name].fixedPort?.(use, network) ?? null;
    if (fixed !== null && use.kind === 'image' && chosen !== null && chosen !== fixed)
      usage.push(
        `--port ${chosen} has no effect: ${name} listens on ${fixed}, whatever it is told`,
      );
    const port = chosen ?? fixed;
    if (port === null) return this.#facts.ports[name].port;
    const why = this.#facts.taken.get(port);
    if (why !== undefined) machine.push(`${name}: ${why}`);
    return port;
  }

  #contextOf(name: ComponentName, use: Use, network: 'host' | 'stack', port: number): PlanContext {
    const { settings, folder } = this.#request;
    const { facts } = { facts: this.#facts };
    return {
      use,
      settings,
      addresses: use.kind === 'image' && network === 'stack' ? this.#inside : this.#outside,
      port,
      otherPort: facts.ports[name].other,
      folder: name === 'postgres' ? facts.postgresFolder : join(folder, 'data', name),
      blocksFolder: join(folder, 'data', 'backend'),
      secrets: facts.secrets,
      stack: facts.stack,
      engine: facts.engine,
      network,
      verifier: this.#names.includes('verifier') ? this.#useOf('verifier') : null,
      env: facts.env,
    };
  }

  plan(): StackPlan {
    const containers = this.#planned.flatMap((one) => (one.kind === 'container' ? [one] : []));
    const callsEngine = this.#names.some((name) => this.#useOf(name).kind === 'image');
    return {
      stack: this.#facts.stack,
      folder: this.#request.folder,
      components: this.#planned,
      addresses: this.#outside,
      engine: callsEngine ? this.#facts.engine : null,
      network: containers.some(({ container }) => container.network === 'stack')
        ? this.#facts.stack
        : null,
      volumes: containers.flatMap(({ container }) =>
        container.volumes.map(({ from }) => from).filter((from) => !from.includes('/')),
      ),
      settings: this.#request.settings,
      notes: this.#notes,
    };
  }
}

function howOf(use: Exclude<Use, { kind: 'url' }>): string {
  if (use.kind === 'command') return `command ${use.command}`;
  if (use.kind === 'image') return `image ${use.image}`;
  return use.version === undefined ? 'embedded' : `embedded ${use.version}`;
}

const pointsToLoopback = (text: string): boolean => {
  const host = new URL(text).hostname.replace(/^\[(.*)\]$/, '$1');
  const endpoint = new URL(text).searchParams.get('endpoint');
  return (
    host === 'localhost' ||
    isLoopbackAddress(host) ||
    (endpoint !== null && URL.canParse(endpoint) && pointsToLoopback(endpoint))
  );
};

/** Without user and parameters. */
function shownUrl(text: string): string {
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname}`;
}

function shownAddress(address: Addresses[keyof Addresses] | null | undefined): string | null {
  switch (address?.kind) {
    case 'http':
      return address.url;
    case 'postgres':
      return `postgres://${address.user}@${address.host}:${address.port}/${address.database}`;
    case 's3':
      return `${address.endpoint ?? 'https://s3.amazonaws.com'}/${address.account}-${address.suffix}`;
    case 'cassandra':
      return `cassandra://${address.host}:${address.port}/${address.keyspace}`;
    case 'called':
    case undefined:
      return null;
  }
}
