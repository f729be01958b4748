/**
 * Starts any set of the program's components in order of dependency, knows them by name while they run, and stops them in reverse order. The same for a
 * command in the foreground and for a harness whose parts are processes of different days:
 *
 *     const plan = planStack(request, await stackFacts(request, env));
 *     const stack = await startStack(plan, { env, onNote, isBoundToUs: false });
 *     await stack.stopOne('postgres'); await stack.startOne('postgres');
 *     await stack.release();                       // it runs on
 *     await (await openStack(folder, { env }))?.stop();   // another process, another day
 *
 * Each component is a process of its own, or a container, and writes to `FOLDER/logs/NAME.log`. `FOLDER/stack.json` says what runs. Everything that is made
 * bears the stack's name: processes in their environment, containers, networks as a label, volumes in their name.
 */
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, isRunning, processesWith } from '../system/process-identity.ts';
import { UserError } from '../user-error.ts';
import { postgresFolderElsewhere } from './components/facts.ts';
import { prepare } from './components/prepare.ts';
import type {
  Addresses,
  ComponentName,
  PlannedComponent,
  Program,
} from './components/component.ts';
import type { StackPlan } from './components/plan.ts';
import { readState, removeState, type StackState, writeState } from './components/state.ts';
import { attach } from './drivers/attach.ts';
import { startCommand } from './drivers/command.ts';
import {
  type Engine,
  makeNetwork,
  removeLeftContainers,
  removeNetwork,
  removeVolumes,
  startContainer,
} from './drivers/container.ts';
import {
  type Component,
  type ComponentEnd,
  lastWords,
  type StartOptions,
  STOP_MS,
} from './drivers/driver.ts';
import { startEmbedded } from './drivers/embedded.ts';
import { type ReadyQuestion, takesConnections } from './drivers/ready.ts';
import { getPostgres } from './services/postgres-versions.ts';
import { watchOver } from './watchman.ts';

export type RunningStack = {
  readonly plan: StackPlan;
  /** As they are reached from this machine; with passwords. */
  readonly addresses: Addresses;
  /** Where a component's log is. */
  logOf(name: ComponentName): string;
  /** Which of them run, as far as this process knows. */
  readonly running: readonly ComponentName[];
  /** Whether it runs now, looked at. */
  isUp(name: ComponentName): boolean;
  /** The next end of a component that nobody here wanted; null: the stack was stopped or released. */
  readonly ended: Promise<{ name: ComponentName; end: ComponentEnd } | null>;
  /** Asks it to end and waits; nothing where it does not run. Others are left as they are. */
  stopOne(name: ComponentName, withinMs?: number): Promise<void>;
  /** As a crash ends it. */
  killOne(name: ComponentName): Promise<void>;
  /** Again, where it was, with what it had stored; nothing where it runs. @throws UserError */
  startOne(name: ComponentName, signal?: AbortSignal): Promise<void>;
  /** Stops all in reverse order and removes what was made: data too, unless `keepsData`. Logs stay where the folder is the user's. */
  stop(options?: { keepsData?: boolean }): Promise<void>;
  /** Leaves it running; this process can end. */
  release(): Promise<void>;
};

export type StartStackOptions = {
  env: NodeJS.ProcessEnv;
  /** It is stopped when this process ends, however it ends. */
  isBoundToUs: boolean;
  /** The folder was made for this stack and goes with it. */
  removesFolder?: boolean;
  /** One sentence about what takes long, or what was not expected. */
  onNote?: (text: string) => void;
  onStarted?: (component: PlannedComponent) => void;
  signal?: AbortSignal;
};

export const logFileOf = (folder: string, name: ComponentName): string =>
  join(folder, 'logs', `${name}.log`);

/**
 * @throws UserError (exit 5) where a component does not become ready: those that were started are stopped, and what was made is removed; the
 * reason of `signal`
 */
export async function startStack(
  plan: StackPlan,
  options: StartStackOptions,
): Promise<RunningStack> {
  const { folder } = plan;
  const before = readState(folder);
  if (before !== null)
    throw new UserError(`${folder} holds the stack ${before.plan.stack} already`, {
      hint: `stop it first: npm run stack -- down --folder ${folder}`,
    });
  if (existsSync(join(folder, 'data')))
    throw new UserError(`${join(folder, 'data')} holds the data of an earlier stack`, {
      hint: 'choose another folder, or remove it',
    });
  mkdirSync(join(folder, 'logs'), { recursive: true });
  // As root PostgreSQL runs as another user, who must pass through.
  mkdirSync(join(folder, 'data'), { recursive: true });
  if (options.removesFolder) chmodSync(folder, 0o711);
  const state: StackState = {
    format: 1,
    plan,
    removesFolder: options.removesFolder === true,
    owner: options.isBoundToUs ? identityOf(process.pid) : null,
    running: {},
  };
  writeState(folder, state);
  const stack = new Stack(state, options);
  try {
    if (options.isBoundToUs) stack.watch();
    await stack.startAll(options.signal);
  } catch (error) {
    // What failed first is what counts.
    await stack.stop().catch((problem: Error) => options.onNote?.(problem.message));
    throw error;
  }
  return stack;
}

/** @returns a stack that another process started; null: there is none in this folder. @throws UserError */
export async function openStack(
  folder: string,
  options: Pick<StartStackOptions, 'env' | 'onNote'>,
): Promise<RunningStack | null> {
  const state = readState(folder);
  if (state === null) return null;
  const stack = new Stack(state, { ...options, isBoundToUs: false });
  await stack.takeOver();
  return stack;
}

/** Ends what bears the name of a stack whose folder is gone. */
export async function endByName(
  stack: string,
  engine: Engine | null,
): Promise<{ processes: number }> {
  const processes = processesWith({ DELEGATION_TOOLKIT_STACK: stack }).filter(
    (pid) => pid !== process.pid,
  );
  const endAll = (signal: NodeJS.Signals): void => {
    for (const pid of processes)
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended.
      }
  };
  endAll('SIGTERM');
  const left = (): boolean =>
    processes.some((pid) => processesWith({ DELEGATION_TOOLKIT_STACK: stack }).includes(pid));
  for (const untilMs = performance.now() + STOP_MS; left() && performance.now() < untilMs;)
    await sleep(100);
  if (left()) endAll('SIGKILL');
  if (engine !== null) await removeLeftContainers(engine, stack);
  rmSync(postgresFolderElsewhere(stack), { recursive: true, force: true, maxRetries: 3 });
  return { processes: processes.length };
}

/** @throws UserError where something else listens where it is to listen */
async function refuseTakenPort(name: ComponentName, ready: ReadyQuestion): Promise<void> {
  const port =
    ready.kind === 'http' ? Number(new URL(ready.url).port) : 'port' in ready ? ready.port : null;
  if (port === null || !(await takesConnections(port, AbortSignal.timeout(ASK_PORT_MS)))) return;
  throw new UserError(`${name} cannot start: something else listens on port ${port}`, {
    hint: 'end it, or start the stack with --port 0, which takes any free ports',
  });
}

const ASK_PORT_MS = 2000;

class Stack implements RunningStack {
  readonly plan: StackPlan;
  readonly #state: StackState;
  readonly #options: StartStackOptions;
  readonly #running = new Map<ComponentName, Component>();
  readonly #engine: Engine | null;
  #letGo: () => void = () => undefined;
  #onEnd: (end: { name: ComponentName; end: ComponentEnd } | null) => void = () => undefined;
  readonly ended = new Promise<{ name: ComponentName; end: ComponentEnd } | null>((resolve) => {
    this.#onEnd = resolve;
  });

  constructor(state: StackState, options: StartStackOptions) {
    this.plan = state.plan;
    this.#state = state;
    this.#options = options;
    const { engine } = state.plan;
    this.#engine = engine === null ? null : { command: engine, env: options.env };
  }

  get addresses(): Addresses {
    return this.plan.addresses;
  }

  get running(): readonly ComponentName[] {
    return [...this.#running.keys()];
  }

  logOf(name: ComponentName): string {
    return logFileOf(this.plan.folder, name);
  }

  isUp(name: ComponentName): boolean {
    const handle = this.#running.get(name)?.handle;
    if (handle === undefined) return false;
    return handle.kind === 'container' ? true : isRunning(handle);
  }

  watch(): void {
    this.#letGo = watchOver(this.plan, this.#options.env);
  }

  async takeOver(): Promise<void> {
    for (const { name, url } of this.plan.components) {
      const handle = this.#state.running[name];
      if (handle !== undefined)
        this.#keep(
          name,
          await attach({ name, url, marks: this.#marks(name) }, handle, this.#engine),
        );
    }
  }

  async startAll(signal?: AbortSignal): Promise<void> {
    const { network, stack, components } = this.plan;
    if (network !== null) await makeNetwork(this.#engine!, network, stack);
    for (const component of components) {
      await this.startOne(component.name, signal);
      this.#options.onStarted?.(component);
    }
  }

  async startOne(name: ComponentName, signal?: AbortSignal): Promise<void> {
    const planned = this.#planned(name);
    if (planned.kind === 'nothing' || this.#running.has(name)) return;
    const options: StartOptions = {
      logFile: this.logOf(name),
      marks: this.#marks(name),
      signal,
      onBegun: (handle) => {
        this.#state.running[name] = handle;
        this.#write();
      },
    };
    const component = await this.#start(planned, options);
    this.#keep(name, component);
    for (const preparation of planned.preparations) {
      signal?.throwIfAborted();
      await prepare(preparation).catch((cause: unknown) => {
        if (cause instanceof UserError) throw cause;
        // Its folder may be gone when this is read: its log is named by its words, not by its path.
        const words = lastWords(this.logOf(name), 0);
        throw new UserError(`${name} could not be made ready: ${(cause as Error).message}`, {
          hint: words === '' ? 'it left no word in its log' : `the last lines of its log: ${words}`,
          cause,
        });
      });
    }
  }

  async #start(
    planned: Exclude<PlannedComponent, { kind: 'nothing' }>,
    options: StartOptions,
  ): Promise<Component> {
    const { name, url, ready, variables } = planned;
    // Else somebody else's server would answer that it is ready.
    await refuseTakenPort(name, ready);
    if (planned.kind === 'container') {
      const { container } = planned;
      const { stack, network } = this.plan;
      return startContainer(
        {
          name,
          url,
          ready,
          env: variables,
          engine: this.#engine!,
          stack,
          ...container,
          network: (container.network === 'stack' ? network : container.network) ?? undefined,
          ...(container.network === 'stack' && { alias: name }),
        },
        options,
      );
    }
    for (const folder of planned.folders) mkdirSync(folder, { recursive: true });
    const env = {
      ...(planned.inherits ? this.#options.env : { PATH: this.#options.env.PATH, HOME: this.#options.env.HOME }), // prettier-ignore
      ...variables,
    };
    const { program } = planned;
    if (program.kind === 'dist')
      return startEmbedded(
        { name, url, ready, env, program: program.file, args: program.args },
        options,
      );
    if (program.kind === 'postgres') {
      const { signal } = options;
      const { env: ours, onNote } = this.#options;
      const module = await getPostgres(program.version, ours, { signal, onNote });
      const variables = { ...env, POSTGRES_SERVICE_MODULE: module };
      return startEmbedded({ name, url, ready, env: variables, program: 'postgres.js' }, options);
    }
    const { file, args, cwd } = await this.#programOf(program, options.signal);
    return startCommand({ name, url, ready, env, file, args, ...(cwd && { cwd }) }, options);
  }

  /** Services' programs are fetched where they are not there yet. */
  async #programOf(
    program: Exclude<Program, { kind: 'dist' | 'postgres' }>,
    signal?: AbortSignal,
  ): Promise<{ file: string; args: readonly string[]; cwd?: string }> {
    const { env, onNote } = this.#options;
    switch (program.kind) {
      case 'file':
        return program;
      case 'versitygw': {
        const { getVersitygw } = await import('./services/versitygw.ts');
        return { file: await getVersitygw(env, { signal, onNote }), args: program.args };
      }
      case 'cassandra': {
        const { prepareCassandra } = await import('./services/cassandra.ts');
        onNote?.('Cassandra takes half a minute; its jars are fetched with Maven where they are not there yet'); // prettier-ignore
        return { ...(await prepareCassandra(program, env)), cwd: program.folder };
      }
    }
  }

  #keep(name: ComponentName, component: Component): void {
    this.#running.set(name, component);
    void component.ended.then((end) => {
      if (this.#running.get(name) !== component) return;
      this.#forget(name);
      this.#onEnd({ name, end });
    });
  }

  #forget(name: ComponentName): void {
    this.#running.delete(name);
    delete this.#state.running[name];
    this.#write();
  }

  async stopOne(name: ComponentName, withinMs?: number): Promise<void> {
    await this.#end(name, (component) => component.stop(withinMs));
  }

  async killOne(name: ComponentName): Promise<void> {
    await this.#end(name, (component) => component.kill());
  }

  async #end(name: ComponentName, end: (component: Component) => Promise<void>): Promise<void> {
    const component = this.#running.get(this.#planned(name).name);
    if (component === undefined) return;
    // Wanted: nobody is told.
    this.#running.delete(name);
    await end(component);
    this.#forget(name);
  }

  async stop({ keepsData = false }: { keepsData?: boolean } = {}): Promise<void> {
    const { folder, stack, components } = this.plan;
    this.#onEnd(null);
    for (const { name } of [...components].reverse()) await this.stopOne(name);
    // What was begun, and not written down: the process that started it was killed.
    for (const pid of processesWith({ DELEGATION_TOOLKIT_STACK: stack }))
      if (pid !== process.pid)
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has just ended.
        }
    // Until it has done its part, the state stays: it can be tried again.
    await this.#cleanEngine(keepsData);
    if (!keepsData)
      for (const path of [join(folder, 'data'), ...this.#foldersElsewhere()])
        rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    removeState(folder);
    if (this.#state.removesFolder && !keepsData)
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    this.#letGo();
  }

  async #cleanEngine(keepsData: boolean): Promise<void> {
    if (this.#engine === null) return;
    const { stack, network, volumes } = this.plan;
    await removeLeftContainers(this.#engine, stack);
    if (network !== null) await removeNetwork(this.#engine, network);
    if (!keepsData) await removeVolumes(this.#engine, volumes);
  }

  /** Data that could not lie in the folder. */
  #foldersElsewhere(): string[] {
    return this.plan.components.flatMap((component) =>
      component.kind === 'process'
        ? component.folders.filter((path) => !path.startsWith(join(this.plan.folder, '/')))
        : [],
    );
  }

  async release(): Promise<void> {
    this.#onEnd(null);
    const components = [...this.#running.values()];
    this.#running.clear();
    for (const component of components) await component.release();
    this.#letGo();
  }

  #planned(name: ComponentName): PlannedComponent {
    const planned = this.plan.components.find((one) => one.name === name);
    if (planned === undefined)
      throw new RangeError(
        `${name} is not in this stack: ${this.plan.components.map((one) => one.name).join(', ')}`,
      );
    return planned;
  }

  #marks(component: ComponentName): { stack: string; component: string } {
    return { stack: this.plan.stack, component };
  }

  #write(): void {
    writeState(this.plan.folder, this.#state);
  }
}
