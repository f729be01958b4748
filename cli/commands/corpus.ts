/** `npm run corpus`: signed submissions as files, for any other tool. */
import { listenForInterrupts } from '../../system/interrupts.ts';
import { Screen } from '../../system/screen.ts';
import { parseCreatedAt } from '../../mina/created-at.ts';
import { ERAS } from '../../mina/eras.ts';
import { HOURLY_LIMIT } from '../../mina/limits.ts';
import type { Network } from '../../mina/network.ts';
import { defaultProducers } from '../../producers/corpus-plan.ts';
import { EXPORT_FORMATS, exportSubmissions, type ExportFormat } from '../../producers/export.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { readProducers } from '../../producers/key-source.ts';
import { readSources, readTemplates } from '../../producers/templates.ts';
import { chooseEra, type EraChoice } from '../../producers/chain-origin.ts';
import { readChain, readHeaders } from '../../producers/chain-templates.ts';
import { countOf, formatBytes } from '../../results/units.ts';

import { EXIT } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { throwProblems } from '../parse.ts';
import { keyAccess } from '../passphrase.ts';
import {
  chainOption,
  ERA_OPTION,
  NETWORK_OPTION,
  payloadsOption,
  PRODUCERS_FILE_OPTION,
  producersOption,
  seedOption,
} from '../producer-options.ts';

export const corpus: Command = {
  name: 'corpus',
  summary: 'Write really signed submissions as files: the request bodies that a load would send.',
  options: [
    {
      name: 'count',
      type: 'integer',
      argument: 'N',
      min: 1,
      max: 1_000_000_000,
      help: 'how many submissions (needed)',
    },
    {
      name: 'out',
      type: 'path',
      argument: 'DIR',
      help: 'the folder to make (needed); it must be new or empty, but see --force',
    },
    {
      name: 'format',
      type: 'choice',
      argument: 'FORMAT',
      choices: EXPORT_FORMATS,
      default: 'json',
      help: 'json = one file a submission (000000.json …); ndjson = one a line of submissions.ndjson',
    },
    seedOption('decides the producers, their order and the choice of blocks'),
    NETWORK_OPTION,
    payloadsOption(' whose blocks are taken (two are shipped)'),
    chainOption('of --start'),
    ERA_OPTION,
    {
      name: 'snark-work-share',
      type: 'number',
      argument: 'SHARE',
      min: 0,
      max: 1,
      help: 'share of submissions with snark work, 0 to 1 (as in the recorded bodies)',
    },
    producersOption('the hourly limit asks for'),
    PRODUCERS_FILE_OPTION,
    {
      name: 'start',
      type: 'text',
      argument: 'TIME',
      help: 'created_at of the first, such as 2026-01-02T03:04:05Z (so that the last is now)',
    },
    {
      name: 'rate',
      type: 'number',
      argument: 'N',
      default: '10',
      min: 0.001,
      max: 1_000_000,
      help: 'submissions per second of created_at',
    },
    {
      name: 'force',
      type: 'flag',
      help: 'replace the submissions that an earlier run left in --out',
    },
  ],
  async run({ values, sources, stdout, env }) {
    const { startSeconds, perSecond } = check(values, sources);
    const count = values.count as number;
    const seed = values.seed as string;
    const network = values.network as Network;
    const folder = values.out as string;
    const file = values['producers-file'] as string | undefined;

    const payloads = values.payloads as string | undefined;
    const recorded = await readTemplates(payloads);
    const share = values['snark-work-share'] as number | undefined;
    if (share !== undefined) {
      const withWork = recorded.filter(({ hasSnarkWork }) => hasSnarkWork).length;
      const problems: string[] = [];
      if (share > 0 && withWork === 0)
        problems.push(`--snark-work-share is ${share}, but no recorded body has snark work`);
      if (share < 1 && withWork === recorded.length)
        problems.push(`--snark-work-share is ${share}, but every recorded body has snark work`);
      throwProblems(problems, 'give --payloads a folder that has both kinds');
    }
    const length = values.chain as number;
    const chosen =
      length === 0
        ? null
        : chooseEra(await readHeaders(await readSources(payloads), { mayDiffer: true }), {
            era: values.era as EraChoice,
            isChosen: sources.era !== 'default',
            network,
            fromMs: startSeconds * 1000 - 3 * length * ERAS.berkeley.slotTimeMs,
          });
    const screen = new Screen(stdout);
    if (chosen?.note) screen.line(`note: ${chosen.note}`);
    const interrupts = listenForInterrupts();
    // What is half made goes at the exit (system/new-folder.ts).
    interrupts.second.addEventListener('abort', () => process.exit(EXIT.interrupted));
    try {
      const fleet =
        file !== undefined
          ? await readProducers(file, keyAccess(env, screen, interrupts.first))
          : makeFleet({
              seed,
              count:
                (values.producers as number | undefined) ??
                defaultProducers({
                  submissions: count,
                  peakRatePerSecond: perSecond,
                  durationMs: (count / perSecond) * 1000,
                  hourlyLimit: HOURLY_LIMIT,
                }),
            });
      const templates =
        length === 0
          ? recorded
          : await readChain(payloads, {
              length,
              seed,
              endMs: startSeconds * 1000,
              origin: chosen!.origin,
              makers: { producers: fleet.producers, count },
            });
      const { bytes } = await exportSubmissions({
        folder,
        format: values.format as ExportFormat,
        force: values.force === true,
        fleet,
        templates,
        count,
        network,
        seed,
        createdAt: { startSeconds, perSecond },
        snarkWorkShare: share,
        onProgress: ({ signed }) =>
          screen.status(
            `signed ${signed.toLocaleString('en-US')} of ${countOf(count, 'submission')}`,
          ),
        signal: interrupts.first,
      });
      const start = new Date(startSeconds * 1000).toISOString().replace('.000Z', 'Z');
      screen.line(
        `${countOf(count, 'submission')} of ${countOf(fleet.producers.length, 'producer')} (${formatBytes(bytes)}) ` +
          `${count === 1 ? 'is' : 'are'} in ${folder}; --seed ${JSON.stringify(seed)} --start ${start} makes the same again`,
      );
      return EXIT.passed;
    } catch (error) {
      if (!interrupts.first.aborted) throw error;
      screen.line(`interrupted: nothing was written to ${folder}`);
      return EXIT.interrupted;
    } finally {
      interrupts.stop();
      screen.end();
    }
  },
};

/** What the table cannot say. @throws UserError (exit 2) with every problem */
function check(
  values: CommandCall['values'],
  sources: CommandCall['sources'],
): { startSeconds: number; perSecond: number } {
  const problems: string[] = [];
  const { count, out, start, rate } = values;
  if (count === undefined) problems.push('--count is missing: how many submissions?');
  if (out === undefined) problems.push('--out is missing: in which folder?');
  if (values.producers !== undefined && values['producers-file'] !== undefined)
    problems.push('--producers and --producers-file exclude each other');
  if ((values.chain as number) > 0 && values['snark-work-share'] !== undefined)
    problems.push(
      '--chain and --snark-work-share exclude each other: in a chain the maker of a block submits without snark work, the others with it',
    );
  if (sources.era === 'flag' && values.chain === 0)
    problems.push('--era has no effect without --chain: the recorded blocks go as they are');
  const perSecond = rate as number;
  const spanSeconds = Math.floor(((count as number) - 1) / perSecond);
  let startSeconds = Math.floor(Date.now() / 1000) - spanSeconds;
  if (start !== undefined) {
    const time = parseCreatedAt(start as string);
    if (time === null)
      problems.push(
        `--start must be a time such as 2026-01-02T03:04:05Z, but is "${start as string}"`,
      );
    else startSeconds = time.seconds;
  }
  const lastSeconds = startSeconds + spanSeconds;
  if (startSeconds < 0 || lastSeconds >= 2 ** 32)
    problems.push(
      `${sources.start === 'flag' ? '--start' : '--count and --rate'}: created_at must be from 1970 to 2106`,
    );
  throwProblems(problems, 'see npm run corpus -- --help');
  return { startSeconds, perSecond };
}
