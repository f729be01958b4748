/** `npm run score -- FILE|postgres://…`: batches and scores computed from rows alone, and what they would have been. Nothing is written. */
import { resolve } from 'node:path';
import { markdownTable } from 'markdown-table';
import { countOf } from '../../results/units.ts';
import type { ErrorCount } from '../../stack/coordinator/error-class.ts';
import { readDatabase } from '../../stack/coordinator/offline/database.ts';
import { readDump } from '../../stack/coordinator/offline/dump.ts';
import { readRecordedRun } from '../../stack/coordinator/offline/recorded-run.ts';
import {
  reaching,
  replay,
  type Replay,
  type ReplayedBatch,
  type ReplaySettings,
  THRESHOLDS,
} from '../../stack/coordinator/offline/replay.ts';
import {
  kindOfFile,
  type OfflineSource,
  windowsOver,
  windowsWithin,
} from '../../stack/coordinator/offline/source.ts';
import {
  parseWhatIf,
  partlyExcluded,
  type WhatIf,
} from '../../stack/coordinator/offline/what-if.ts';
import { utcSeconds } from '../../stack/coordinator/window.ts';
import { listProblems } from '../../system/problems.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import {
  CUTOVER,
  databaseOf,
  isDatabaseUrl,
  isTime,
  KEEP_PREVIOUS,
  secondsOf,
  UPTIME_DAYS,
} from '../database-options.ts';

export const score: Command = {
  name: 'score',
  summary:
    'Score batches offline, from a recorded run, a plain dump (also gzipped) or a database, which is only read; --what-if shows what scores would have been.',
  operands: 'FILE|postgres://USER@HOST/DATABASE',
  prints: 'its result',
  options: [
    {
      name: 'what-if',
      type: 'text',
      argument: 'CHANGE',
      repeatable: true,
      help: 'exclude=START/END: batches wholly inside do not count; credit=CLASS or TEXT, with @HOURS: refused rows of this error give a point (where a real one lies within so many hours); sok-waiver: rows refused for their sok digest count',
    },
    {
      name: 'from',
      type: 'text',
      argument: 'TIME',
      check: isTime,
      help: 'first batch that is looked at (default: all)',
    },
    {
      name: 'to',
      type: 'text',
      argument: 'TIME',
      check: isTime,
      help: 'end of the last batch that is looked at',
    },
    {
      name: 'interval',
      type: 'duration',
      default: '20m',
      min: 1000,
      help: 'length of a batch, where there is no table bot_logs',
    },
    {
      name: 'batches',
      type: 'integer',
      argument: 'N',
      default: '20',
      min: 0,
      help: 'how many of the last batches are listed',
    },
    UPTIME_DAYS,
    KEEP_PREVIOUS,
    CUTOVER,
    { name: 'json', type: 'flag', help: 'all figures as one JSON object' },
  ],
  async run({ values, operands, cwd, env, stdout, stderr }) {
    if (operands.length !== 1)
      throw new UserError(
        operands.length === 0
          ? 'score needs to know what to read'
          : `score reads one source, but ${operands.length} were given`,
        {
          hint: 'npm run score -- FILE, or npm run score -- postgres://USER@HOST/DATABASE',
          exitCode: EXIT.usage,
        },
      );
    const parsed = parseWhatIf((values['what-if'] as string[] | undefined) ?? []);
    if ('problems' in parsed) {
      listProblems(parsed.problems, 'see npm run score -- --help');
      return EXIT.usage;
    }
    const { whatIf } = parsed;
    const bounds = { fromSeconds: secondsOf(values, 'from'), toSeconds: secondsOf(values, 'to') };
    if (bounds.fromSeconds !== null && bounds.toSeconds !== null)
      listProblems(
        bounds.fromSeconds < bounds.toSeconds ? [] : ['--to must be later than --from'],
        'see npm run score -- --help',
      );
    const source = await readSource(operands[0], bounds, { cwd, env });
    const interval = (values.interval as number) / 1000;
    const known =
      source.windows.length > 0
        ? source.windows
        : windowsOver(source.store, interval, bounds.fromSeconds);
    const windows = windowsWithin(known, bounds.fromSeconds, bounds.toSeconds);
    if (windows.length === 0)
      throw new UserError(`${source.name} has no batch in this time`, {
        hint: 'widen --from and --to; without bot_logs, rows and --interval make the batches',
        exitCode: EXIT.noData,
      });
    const settings: ReplaySettings = {
      uptimeDays: values['uptime-days'] as number,
      keepsPrevious: values['keep-previous'] === true,
      cutoverMs:
        (secondsOf(values, 'cutover') ?? null) === null
          ? null
          : secondsOf(values, 'cutover')! * 1000,
    };
    const partly = partlyExcluded(windows, whatIf);
    if (partly.length > 0)
      stderr.write(
        `warning: only partly inside what is excluded, so they count: batches ${partly.join(', ')}\n`,
      );
    const before = replay(source.store, windows, settings);
    const hasChange = Object.keys(whatIf).length > 0;
    const after = hasChange ? replay(source.store, windows, settings, whatIf) : null;
    if (values.json === true)
      stdout.write(
        `${JSON.stringify({ source: source.name, before: plain(before), after: after && plain(after) })}\n`,
      );
    else print(stdout, { source, before, after, whatIf, batches: values.batches as number });
    return EXIT.passed;
  },
};

async function readSource(
  text: string,
  bounds: { fromSeconds: number | null; toSeconds: number | null },
  { cwd, env }: Pick<CommandCall, 'cwd' | 'env'>,
): Promise<OfflineSource> {
  if (isDatabaseUrl(text)) return readDatabase(databaseOf(text, env, 'the database'), bounds);
  // Not repeated: it may hold a password.
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    throw new UserError('score reads no such URL', {
      hint: 'give a file, or postgres://USER@HOST/DATABASE',
      exitCode: EXIT.usage,
    });
  const path = resolve(cwd, text);
  const kind = await kindOfFile(path);
  return kind === 'recorded run' ? readRecordedRun(path) : readDump(path, kind === 'compressed');
}

/** As JSON has it. */
const plain = ({ batches, surveys, scores, errors, changes }: Replay) => ({
  surveys,
  changes,
  errors,
  reaching: Object.fromEntries(
    THRESHOLDS.map((threshold, i) => [threshold, reaching({ scores } as Replay)[i]]),
  ),
  scores: Object.fromEntries(scores),
  batches: batches.map(({ window, scored, ...batch }) => ({
    start: utcSeconds(window.startSeconds),
    end: utcSeconds(window.endSeconds),
    ...batch,
    scored: scored.size,
  })),
});

const table = (head: string[], rows: string[][]): string =>
  markdownTable([head, ...rows], { align: head.map((_, i) => (i === 0 ? 'l' : 'r')) });

function print(
  stdout: CommandCall['stdout'],
  {
    source,
    before,
    after,
    whatIf,
    batches,
  }: {
    source: OfflineSource;
    before: Replay;
    after: Replay | null;
    whatIf: WhatIf;
    batches: number;
  },
): void {
  const shown = batches === 0 ? [] : (after ?? before).batches.slice(-batches);
  const parts = [
    `${source.name}: ${countOf(source.store.count, 'row')}, ${countOf(before.batches.length, 'batch', 'batches')} (${countOf(before.surveys, 'survey')}), ${countOf(before.scores.size, 'block producer')}`,
  ];
  if (shown.length > 0)
    parts.push(heading('Batches', shown.length, before.batches.length), batchTable(shown));
  if (before.errors.length > 0) parts.push('Validation errors', errorTable(before.errors));
  parts.push('Scores', after === null ? scoreTable(before, source) : changeTable(before, after));
  parts.push('Block producers at or above', thresholdTable(before, after));
  if (after !== null) parts.push(changeWords(after, whatIf));
  stdout.write(`${parts.join('\n\n')}\n`);
}

const heading = (name: string, shown: number, all: number): string =>
  shown === all ? name : `${name} (the last ${shown} of ${all})`;

const batchTable = (batches: readonly ReplayedBatch[]): string =>
  table(
    ['start', 'rows', 'count', 'producers', 'states', 'selected', 'shortlisted', 'points', 'score'],
    batches.map((batch) => [
      `${utcSeconds(batch.window.startSeconds)}${batch.excluded ? ' excluded' : ''}`,
      ...[batch.rows, batch.counting, batch.producers, batch.states, batch.selected].map(String),
      ...[batch.shortlisted, batch.points, batch.scored.size].map(String),
    ]),
  );

const errorTable = (errors: readonly ErrorCount[]): string =>
  table(
    ['class', 'era', 'rows', 'producers', 'example'],
    errors.map((error) => [
      error.class === 'unknown' ? 'UNKNOWN' : error.class,
      error.era,
      String(error.rows),
      String(error.producers),
      error.example.replaceAll('|', '\\|').replaceAll('\n', ' '),
    ]),
  );

/** Best first. */
const sortedScores = ({ scores }: Replay) =>
  [...scores].sort(([a, { points: x }], [b, { points: y }]) => y - x || (a < b ? -1 : 1));

function scoreTable(replayed: Replay, { recorded }: OfflineSource): string {
  const hasRecorded = recorded.size > 0;
  return table(
    ['block producer', 'score', 'percent', ...(hasRecorded ? ['in the table nodes'] : [])],
    sortedScores(replayed).map(([key, { points, percent }]) => {
      const there = recorded.get(key);
      const words = there === undefined ? 'none' : `${there.points} (${there.percent} %)`;
      return [key, String(points), percent, ...(hasRecorded ? [words] : [])];
    }),
  );
}

const changeTable = (before: Replay, after: Replay): string =>
  table(
    ['block producer', 'before', 'percent', 'after', 'percent', 'threshold'],
    sortedScores(after).map(([key, now]) => {
      const then = before.scores.get(key)!;
      const passed = THRESHOLDS.filter(
        (threshold) => Number(then.percent) < threshold !== Number(now.percent) < threshold,
      );
      const word = Number(now.percent) < Number(then.percent) ? 'falls below' : 'reaches';
      return [
        key,
        String(then.points),
        then.percent,
        String(now.points),
        now.percent,
        passed.length === 0
          ? ''
          : `${word} ${passed.map((threshold) => `${threshold} %`).join(', ')}`,
      ];
    }),
  );

function thresholdTable(before: Replay, after: Replay | null): string {
  const row = (name: string, replayed: Replay) => [name, ...reaching(replayed).map(String)];
  return table(
    ['', ...THRESHOLDS.map((threshold) => `${threshold} %`)],
    [
      row(after === null ? 'now' : 'before', before),
      ...(after === null ? [] : [row('after', after)]),
    ],
  );
}

function changeWords({ changes, surveys }: Replay, whatIf: WhatIf): string {
  const words: string[] = [];
  if (whatIf.exclude !== undefined)
    words.push(
      `${countOf(changes.excluded, 'batch', 'batches')} excluded: ${countOf(surveys, 'survey')} left`,
    );
  if (whatIf.credit !== undefined) words.push(`${countOf(changes.credited, 'point')} credited`);
  if (whatIf.sokWaiver === true)
    words.push(
      `${countOf(changes.waived, 'row')} waived; of ${changes.unwaived} nobody else sent the block, so their state is not known and they stay refused`,
    );
  return `What if: ${words.join('; ')}.`;
}
