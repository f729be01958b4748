/** Removes all that this run made and nothing else, after any half-done step: processes, databases, folders; at last the state itself. */
import { existsSync } from 'node:fs';
import { postgresConfigOf } from '../../system/postgres.ts';
import { UserError } from '../../user-error.ts';
import { stopProcesses, processesOf } from '../components/run.ts';
import { withDatabase } from '../database.ts';
import { dropOwnDatabase, endPostmaster, removeOwnFolder } from '../own.ts';
import { isAlive } from '../process-identity.ts';
import type { OpenState, Owned } from '../state.ts';
import type { Step, StepContext } from './context.ts';

/** What would go, in words: for `--dry-run`, and what teardown says. */
export const ownedWords = (one: Owned): string => {
  switch (one.kind) {
    case 'folder':
      return `folder ${one.path}`;
    case 'process':
      return `process ${one.process.pid} (${one.name})${isAlive(one.process) ? '' : ', which has ended'}`;
    case 'database':
      return `database ${one.name} of ${one.url}`;
    case 'objects':
      return `objects below ${one.url}`;
    case 'keyspace':
      return `keyspace ${one.name} of ${one.url}`;
    case 'containers':
      return `containers with the label ${one.label}`;
    case 'minimina':
      return `network ${one.network} of minimina`;
  }
};

export const teardown: Step = {
  name: 'teardown',
  title: 'all that the run made is removed',
  needs: [],
  limitMs: () => 10 * 60_000,
  counts: ['removed'],
  async run(context) {
    const { open, progress, say } = context;
    const removed = await removeOwned(context);
    for (const line of removed) say(`teardown: removed ${line}`);
    progress({ removed: removed.length });
    // Its own state goes last: until then a teardown that is killed can be done again.
    removeOwnFolder(open.folder, open.state.owner, existsSync(open.folder));
  },
};

/** All but the folder of the state. What fails is said at the end; the rest goes nevertheless. */
async function removeOwned(context: StepContext): Promise<string[]> {
  const { open } = context;
  const removed: string[] = [];
  const failures: string[] = [];
  const attempt = async (one: Owned, action: () => Promise<boolean>): Promise<void> => {
    const words = ownedWords(one);
    try {
      if (await action()) removed.push(words);
      open.disown(one);
    } catch (error) {
      context.signal.throwIfAborted();
      failures.push(`${words}: ${(error as Error).message}`);
    }
  };
  // In a server of the run the database goes with it; in another it must go before the run forgets how to reach it.
  for (const one of open.state.owned.filter((other) => other.kind === 'database').reverse())
    await attempt(one, () => dropDatabase(one, context));
  for (const { name } of processesOf(open).reverse())
    if ((await stopProcesses(open, (other) => other === name)).length > 0)
      removed.push(`process ${name}`);
  for (const one of open.state.owned.filter((other) => other.kind === 'folder').reverse()) {
    if (one.path === open.folder) continue;
    await attempt(one, async () => {
      await endPostmaster(one.path);
      return removeOwnFolder(one.path, open.state.owner, existsSync(one.path));
    });
  }
  if (failures.length > 0)
    throw new UserError(failures.join('\n'), {
      hint: 'the state stays, so that npm run e2e -- teardown can be done again',
    });
  return removed;
}

function dropDatabase(
  { url, name }: Extract<Owned, { kind: 'database' }>,
  { env, signal, open }: { env: NodeJS.ProcessEnv; signal: AbortSignal; open: OpenState },
): Promise<boolean> {
  return withDatabase(postgresConfigOf(new URL(url), env), signal, (client) =>
    dropOwnDatabase(client, name, open.state.owner),
  );
}
