/** Removes all that this run made and nothing else, after any half-done step: processes, databases, stacks, folders; at last the state itself. */
import { existsSync } from 'node:fs';
import { isRunning } from '../../system/process-identity.ts';
import { postgresConfigOf } from '../../system/postgres.ts';
import { UserError } from '../../user-error.ts';
import { withDatabase } from '../database.ts';
import { dropOwnDatabase, removeOwnFolder } from '../own.ts';
import { removePrivateNetwork } from '../network/private.ts';
import { removeOwnObjects } from '../own-objects.ts';
import { killLost, stopProcess } from '../processes.ts';
import { removePart } from '../stacks.ts';
import type { Owned } from '../state.ts';
import type { Step, StepContext } from './context.ts';

/** What would go, in words: for `--dry-run`, and what teardown says. */
export const ownedWords = (one: Owned): string => {
  switch (one.kind) {
    case 'folder':
      return `folder ${one.path}`;
    case 'process':
      return `process ${one.process.pid} (${one.name})${isRunning(one.process) ? '' : ', which has ended'}`;
    case 'database':
      return `database ${one.name} of ${one.url}`;
    case 'stack':
      return `${one.part}, with their data`;
    case 'objects':
      return `objects below ${one.url}`;
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

const STOP_MS = 10_000;
/** Who uses something goes before it. */
const ORDER: readonly Owned['kind'][] = [
  'process',
  'minimina',
  'stack',
  'database',
  'objects',
  'folder',
];

/** All but the folder of the state. What fails is said at the end; the rest goes nevertheless. */
async function removeOwned(context: StepContext): Promise<string[]> {
  const { open, signal } = context;
  const removed: string[] = [];
  const failures: string[] = [];
  const inOrder = [...open.state.owned]
    .reverse()
    .sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  for (const one of inOrder) {
    if (one.kind === 'folder' && one.path === open.folder) continue;
    const words = ownedWords(one);
    try {
      if (await remove(one, context)) removed.push(words);
      open.disown(one);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`${words}: ${(error as Error).message}`);
    }
  }
  const lost = killLost(open.state.owner);
  if (lost > 0) removed.push(`${lost} processes that nobody had written down`);
  if (failures.length > 0)
    throw new UserError(failures.join('\n'), {
      hint: 'the state stays, so that npm run e2e -- teardown can be done again',
    });
  return removed;
}

/** @returns whether it was there. @throws UserError where it is not ours, or does not go */
function remove(one: Owned, { open, env, signal }: StepContext): Promise<boolean> {
  const { owner } = open.state;
  switch (one.kind) {
    case 'process':
      return stopProcess(open, one.name, STOP_MS);
    case 'stack':
      return removePart(open, one.part, env);
    case 'database':
      return withDatabase(postgresConfigOf(new URL(one.url), env), signal, (client) =>
        dropOwnDatabase(client, one.name, owner),
      );
    case 'folder':
      return Promise.resolve(removeOwnFolder(one.path, owner, existsSync(one.path)));
    case 'objects':
      return removeOwnObjects(one.url, owner, env, signal);
    case 'minimina':
      return removePrivateNetwork(one, env, signal);
  }
}
