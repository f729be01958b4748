/** A component of this toolkit, as a process of its own: a program of dist/, started with the Node that runs here. */
import { nodeArguments } from '../node-arguments.ts';
import { startCommand, type CommandComponent } from './command.ts';
import type { Component, StartOptions } from './driver.ts';

export type EmbeddedComponent = Omit<CommandComponent, 'file' | 'args' | 'cwd'> & {
  /** Its file in dist/, such as `backend.js`. */
  program: string;
  args?: readonly string[];
};

export const startEmbedded = (
  { program, args = [], ...component }: EmbeddedComponent,
  options: StartOptions,
): Promise<Component> =>
  startCommand(
    {
      ...component,
      file: process.execPath,
      args: [...nodeArguments(program), ...args],
    },
    options,
  );
