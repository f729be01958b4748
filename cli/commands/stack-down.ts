/** `npm run stack -- down`: stops a stack that runs by itself, or that a killed command left. */
import { countOf } from '../../results/units.ts';
import { endByName, openStack } from '../../stack/up.ts';
import { EXIT } from '../../user-error.ts';
import type { Command } from '../command.ts';
import { required } from '../database-options.ts';
import { noStack } from './stack-set.ts';

export const stackDown: Command = {
  name: 'stack down',
  summary: 'Stop the components of a stack in reverse order, and remove what it made.',
  options: [
    {
      name: 'folder',
      type: 'path',
      argument: 'DIR',
      help: 'the folder with which the stack was started',
    },
    {
      name: 'stack',
      type: 'text',
      argument: 'NAME',
      help: 'its name, such as delegation-1a2b3c4d: where the folder is gone, what bears it is ended',
    },
    {
      name: 'engine',
      type: 'choice',
      choices: ['docker', 'podman'],
      help: 'where the folder is gone: whose containers are looked through',
    },
    { name: 'keep-data', type: 'flag', help: 'leave its data where they are' },
  ],
  async run({ values, env, stdout, stderr }) {
    const folder = required(
      values.folder as string | undefined,
      '--folder is missing: which stack?',
      'npm run stack -- down --folder DIR',
    );
    const stack = await openStack(folder, {
      env,
      onNote: (text) => void stderr.write(`${text}\n`),
    });
    if (stack === null) {
      if (values.stack === undefined) throw noStack(folder);
      const engine = values.engine as string | undefined;
      const ended = await endByName(
        values.stack as string,
        engine === undefined ? null : { command: engine, env },
      );
      stdout.write(`ended ${countOf(ended.processes, 'process', 'processes')} of it\n`);
      return EXIT.passed;
    }
    const names = stack.plan.components
      .filter(({ name }) => stack.isUp(name))
      .map(({ name }) => name);
    await stack.stop({ keepsData: values['keep-data'] === true });
    stdout.write(
      names.length === 0
        ? 'nothing of it ran any more; what it had made was removed\n'
        : `stopped ${names.reverse().join(', ')}\n`,
    );
    return EXIT.passed;
  },
};
