/** `npm run producers`: who submits, as a file: also the whitelist of a backend. */
import { listenForInterrupts } from '../../system/interrupts.ts';
import { Screen } from '../../system/screen.ts';
import {
  type Fleet,
  FLEET_FORMATS,
  type FleetFormat,
  formatFleet,
  makeFleet,
} from '../../producers/fleet.ts';
import { readProducers } from '../../producers/key-source.ts';

import { HOSTILE_PRODUCERS, hostileFleet } from '../../load/hostile/material.ts';
import { countOf } from '../../results/units.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { throwProblems } from '../parse.ts';
import { keyAccess } from '../passphrase.ts';
import { seedOption } from '../producer-options.ts';
import { writeWhole } from '../../whole-file.ts';

export const producers: Command = {
  name: 'producers',
  summary:
    'List the public keys of the block producers that a load submits for, e.g. as whitelist.',
  options: [
    {
      name: 'count',
      type: 'integer',
      argument: 'N',
      default: '1000',
      min: 1,
      max: 1_000_000,
      help: 'how many; a longer list begins with the shorter one',
    },
    seedOption(
      'decides the keys: the same on every machine; whoever knows it has the private keys',
    ),
    {
      name: 'producers-file',
      type: 'path',
      argument: 'PATH',
      env: 'MINA_LOAD_PRODUCERS_FILE',
      help: 'list the producers of these private keys instead of a fleet from the seed: a list, a Mina wallet file or a folder of them',
    },
    {
      name: 'for-hostile',
      type: 'flag',
      help: `list the ${HOSTILE_PRODUCERS} producers of hostile requests (the scenario hostile, and mixed with them) instead: the whitelist of their target needs them beside those of the load`,
    },
    {
      name: 'format',
      type: 'choice',
      argument: 'FORMAT',
      choices: FLEET_FORMATS,
      default: 'text',
      help: 'text = one public key a line, as a whitelist file; csv and json = with peer ids',
    },
    {
      name: 'out',
      type: 'path',
      argument: 'FILE',
      default: '-',
      help: 'where to write; - for standard output',
    },
  ],
  prints: 'its result',
  async run({ values, sources, stdout, stderr, env }) {
    const file = values['producers-file'] as string | undefined;
    const isHostile = values['for-hostile'] === true;
    const excluded = (by: string, ...names: string[]) =>
      names
        .filter((name) => sources[name] === 'flag')
        .map((name) => `--${name} and --${by} exclude each other`);
    if (isHostile)
      throwProblems(
        excluded('for-hostile', 'count', 'producers-file'),
        'the producers of hostile requests follow from the seed alone, and are always as many',
      );
    else if (file !== undefined)
      throwProblems(
        excluded('producers-file', 'count', 'seed'),
        'the producers of a file are those that it lists',
      );
    const fleet = isHostile
      ? hostileFleet(values.seed as string)
      : file === undefined
        ? makeFleet({ seed: values.seed as string, count: values.count as number })
        : await openProducers(file, env, stderr);
    if (fleet === null) return EXIT.interrupted;
    const content = formatFleet(fleet, values.format as FleetFormat);
    const out = values.out as string;
    if (out === '-') await print(stdout, content);
    else {
      await writeWhole(out, content).catch((cause: unknown) => {
        throw new UserError(`cannot write ${out} (${(cause as NodeJS.ErrnoException).code})`, {
          hint: 'give --out a file in a folder that exists and where you may write',
          exitCode: EXIT.usage,
          cause,
        });
      });
      stderr.write(`${countOf(fleet.producers.length, 'producer')} written to ${out}\n`);
    }
    return EXIT.passed;
  },
};

/** Progress, notes and questions go to `stderr`. @returns null when interrupted */
async function openProducers(
  path: string,
  env: CommandCall['env'],
  stderr: CommandCall['stderr'],
): Promise<Fleet | null> {
  const screen = new Screen(stderr);
  const interrupts = listenForInterrupts();
  interrupts.second.addEventListener('abort', () => process.exit(EXIT.interrupted));
  try {
    return await readProducers(path, keyAccess(env, screen, interrupts.first));
  } catch (error) {
    if (!interrupts.first.aborted) throw error;
    screen.line('interrupted: nothing was written');
    return null;
  } finally {
    interrupts.stop();
    screen.end();
  }
}

/** A list of a million is long: it is written before the process ends. What goes wrong is main's (cli/main.ts). */
const print = (stdout: CommandCall['stdout'], content: string): Promise<void> =>
  new Promise((resolve) => stdout.write(content, () => resolve()));
