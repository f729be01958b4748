/**
 * `stack.json`: what a stack is and what of it runs, so that another process, on another day, can stop it. It holds the passwords that the stack made for its own
 * services, and belongs to its user alone (mode 0600).
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, UserError } from '../../user-error.ts';
import type { Handle } from '../drivers/driver.ts';
import type { ProcessIdentity } from '../../system/process-identity.ts';
import { writeWholeSync } from '../../whole-file.ts';
import type { StackPlan } from './plan.ts';
import type { ComponentName } from './component.ts';

export type StackState = {
  format: 1;
  plan: StackPlan;
  /** Of the folder, what the stack made and may remove; a folder of the user's own stays. */
  removesFolder: boolean;
  /** The process without which it is not to run; null: it runs by itself. */
  owner: ProcessIdentity | null;
  /** What runs, or did when this was written. */
  running: Partial<Record<ComponentName, Handle>>;
};

const FORMAT = 1;
const pathIn = (folder: string): string => join(folder, 'stack.json');

export const writeState = (folder: string, state: StackState): void =>
  writeWholeSync(pathIn(folder), `${JSON.stringify(state, null, 1)}\n`, { mode: 0o600 });

/** @returns null where there is none. @throws UserError for one that is not ours to read */
export function readState(folder: string): StackState | null {
  let text: string;
  try {
    text = readFileSync(pathIn(folder), 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code === 'ENOTDIR')
      throw new UserError(`${folder} is a file, not a folder`, {
        hint: 'give --folder a folder: for logs, data and state of a stack',
        exitCode: EXIT.usage,
        cause,
      });
    throw new UserError(`${pathIn(folder)} cannot be read: ${(cause as Error).message}`, {
      hint: 'it belongs to the user who started the stack',
      cause,
    });
  }
  let state: StackState | null = null;
  try {
    state = JSON.parse(text) as StackState;
  } catch {
    // said below
  }
  if (state?.format !== FORMAT)
    throw new UserError(`${pathIn(folder)} is no state of a stack of this version`, {
      hint: 'stop it with the version that started it, or remove the folder when nothing of it runs',
    });
  return state;
}

export const removeState = (folder: string): void => rmSync(pathIn(folder), { force: true });
