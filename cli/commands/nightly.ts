/** `npm run nightly -- --config nightly.yaml`: several loads, each held against its own nights; one exit code. */
import { join, relative, resolve } from 'node:path';
import { exitCodeOfEntry, exitCodeOfNight, isAboutTarget, type ScenarioEnd } from '../../judge/compare/night-verdict.ts'; // prettier-ignore
import { fingerprintsOf, nightsInLevel, seriesOf } from '../../judge/compare/series.ts';
import { ciFacts } from '../../load/ci-facts.ts';
import { dryRun } from '../../load/dry-run.ts';
import type { NightPlan } from '../../nightly/plan.ts';
import { runNight } from '../../nightly/run.ts';
import { usualResultsFolder } from '../../paths.ts';
import { nightSentence, type NightReport, type NightSeries } from '../../report/nightly/night.ts';
import { type NightExport, writeExports } from '../../report/nightly/exports.ts';
import { writeNightWiki } from '../../report/nightly/wiki.ts';
import { nightForGithub, NIGHT_FILES, writeNight } from '../../report/nightly/write.ts';
import { toGithub } from '../../report/to-github.ts';
import { HISTORY_FILE, type HistoryEntry, readHistory } from '../../results/history.ts';
import { countOf, formatDuration } from '../../results/units.ts';
import { type LoadLock, takeLoadLock } from '../../load/one-at-a-time.ts';
import { ensureResultsFolder } from '../../results/writer.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { listProblems } from '../../system/problems.ts';
import { Screen } from '../../system/screen.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { readNightConfig } from '../nightly-config.ts';
import { keyAccess } from '../passphrase.ts';
import { commitWiki, pushWiki } from '../wiki-git.ts';

export const nightly: Command = {
  name: 'nightly',
  summary:
    'Run several loads night by night, and report what got worse: a suspicion is measured again before it fails the night.',
  readsConfig: true,
  prints: ({ values }) => values['dry-run'] === true,
  options: [
    {
      name: 'config',
      type: 'path',
      argument: 'FILE',
      env: 'MINA_NIGHTLY_CONFIG',
      help: 'YAML file of the scenarios; examples/nightly.yaml is one',
    },
    {
      name: 'folder',
      type: 'path',
      argument: 'DIR',
      env: 'MINA_NIGHTLY_FOLDER',
      help: 'where runs, history and report lie, instead of what the file says (by default results/nightly)',
    },
    {
      name: 'dry-run',
      type: 'flag',
      help: 'show what each scenario would send and what its history says, and send nothing',
    },
    {
      name: 'report',
      type: 'flag',
      help: 'run nothing: write the report of the last night again, from the history',
    },
    {
      name: 'export',
      type: 'choice',
      argument: 'FORMAT',
      choices: ['benchmark-action', 'bencher', 'otava'],
      repeatable: true,
      help: 'also write what other programs read: of the last night benchmark-smaller.json and benchmark-bigger.json (github-action-benchmark) or bencher.json, of all nights otava-SCENARIO.csv; may be given several times',
    },
    { name: 'skip-pictures', type: 'flag', help: 'draw no trends' },
    {
      name: 'wiki',
      type: 'path',
      argument: 'DIR',
      help: 'run nothing: write the last night into this checkout of a wiki, a page with its trends and one for each run',
    },
    { name: 'commit', type: 'flag', help: 'with --wiki: commit what changed' },
    { name: 'push', type: 'flag', help: 'with --commit: push it' },
  ],
  async run({ values, stdout, stderr, env, cwd }) {
    if (values.config === undefined)
      throw new UserError('no configuration was given', {
        hint: 'npm run nightly -- --config examples/nightly.yaml',
        exitCode: EXIT.usage,
      });
    const problems = [
      ...(values.commit === true && values.wiki === undefined ? ['--commit needs --wiki'] : []),
      ...(values.push === true && values.commit !== true ? ['--push needs --commit'] : []),
    ];
    listProblems(problems, 'see npm run nightly -- --help');
    const path = resolve(cwd, values.config as string);
    const { plan, env: rest } = readNightConfig(
      path,
      env,
      values.folder as string | undefined,
      join(usualResultsFolder(cwd), 'nightly'),
    );
    if (values['dry-run'] === true) {
      for (const line of await dryNight(plan, rest)) stdout.write(`${line}\n`);
      return EXIT.passed;
    }
    const wiki = values.wiki as string | undefined;
    if (wiki !== undefined) {
      const report = await lastNight(plan, stderr);
      const { all, changed } = await writeNightWiki(plan.folder, report, wiki);
      for (const file of changed) stdout.write(`${relative(cwd, resolve(wiki, file))}\n`);
      if (values.commit === true) {
        const message = `Nightly ${report.id}\n\n${nightSentence(report)}`;
        if (!(await commitWiki({ folder: wiki, env }, all, message)))
          stdout.write('nothing to commit: the wiki has it already\n');
        if (values.push === true) await pushWiki({ folder: wiki, env });
      }
      return EXIT.passed;
    }
    const screen = new Screen(stdout);
    const show = async (report: NightReport): Promise<number> => {
      await writeNight(plan.folder, report, values['skip-pictures'] !== true);
      const formats = (values.export as NightExport[] | undefined) ?? [];
      for (const written of await writeExports(plan.folder, report, formats))
        screen.line(`written: ${written}`);
      await toGithub(
        nightForGithub(report),
        env,
        (line) => void (line.startsWith('note: ') ? stderr : stdout).write(`${line}\n`),
      );
      screen.line(`report: ${join(plan.folder, NIGHT_FILES.page)}`);
      screen.line(nightSentence(report));
      return exitCodeOfNight(report.ends);
    };
    if (values.report === true) return show(await lastNight(plan, stderr));
    const interrupts = listenForInterrupts();
    let lock: LoadLock | null = null;
    try {
      await ensureResultsFolder(plan.folder);
      lock = takeLoadLock(plan.folder, null, 'nightly');
      const night = await runNight(plan, {
        screen,
        output: stdout,
        env: rest,
        cwd,
        interrupts,
        // Nobody is there at night.
        confirm: undefined,
        keys: keyAccess(env, screen, interrupts.first),
        onFolder: (folder: string) => lock?.setRun(folder),
      });
      lock.release();
      return await show({
        id: night.id,
        startedAt: night.startedAt.toISOString(),
        tookMs: night.tookMs,
        ends: night.ends,
        series: seriesOfPlan(plan, night.history),
        removed: night.removed.length,
        ci: ciFacts(env).ci ?? {},
      });
    } finally {
      lock?.release();
      interrupts.stop();
      screen.end();
    }
  },
};

/** The series of each scenario on the fingerprint that was seen last. */
function seriesOfPlan(plan: NightPlan, entries: readonly HistoryEntry[]): NightSeries[] {
  return plan.scenarios.flatMap(({ name, figures }) => {
    const [fingerprint] = fingerprintsOf(entries, name);
    if (fingerprint === undefined) return [];
    return figures.flatMap((figure): NightSeries[] => {
      const nights = seriesOf(entries, { scenario: name, figure: figure.name, fingerprint });
      return nights.length === 0 ? [] : [{ scenario: name, figure, nights }];
    });
  });
}

/** As the history knows it. @throws UserError (exit 3) if there is none */
async function lastNight(plan: NightPlan, stderr: CommandCall['stderr']): Promise<NightReport> {
  const { entries, note } = await readHistory(join(plan.folder, HISTORY_FILE));
  if (note !== null) stderr.write(`note: ${note}\n`);
  const last = entries.at(-1);
  if (last === undefined)
    throw new UserError(`there was no night yet in ${plan.folder}`, {
      hint: 'run one: the same command without --report',
      exitCode: EXIT.noData,
    });
  const ofNight = entries.filter(({ night }) => night === last.night);
  const endMs = Date.parse(last.t) + last.tookMs;
  return {
    id: last.night,
    startedAt: ofNight[0].t,
    tookMs: endMs - Date.parse(ofNight[0].t),
    ends: plan.scenarios.map(({ name }): ScenarioEnd => {
      const entry = ofNight.find(({ scenario }) => scenario === name) ?? null;
      return entry === null
        ? { name, entry, exitCode: EXIT.noData, fault: 'not run in this night' }
        : {
            name,
            entry,
            exitCode: exitCodeOfEntry(entry),
            fault: isAboutTarget(entry.exitCode) ? null : entry.sentence,
          };
    }),
    series: seriesOfPlan(plan, entries),
    removed: 0,
    ci: last.commit === undefined ? {} : { commit: last.commit },
  };
}

async function dryNight(plan: NightPlan, env: NodeJS.ProcessEnv): Promise<string[]> {
  const { entries, note } = await readHistory(join(plan.folder, HISTORY_FILE));
  const lines = [
    ...(note === null ? [] : [`note: ${note}`]),
    `${countOf(plan.scenarios.length, 'scenario')} in ${plan.folder}, the last ${countOf(plan.keep, 'run')} of each series stay, ${plan.withinMs === null ? 'no limit of time' : `at most ${formatDuration(plan.withinMs)}`}`,
  ];
  for (const { name, job, figures, rounds, good } of plan.scenarios) {
    const [fingerprint] = fingerprintsOf(entries, name);
    const known = figures.map((figure) => {
      const nights =
        fingerprint === undefined
          ? []
          : seriesOf(entries, { scenario: name, figure: figure.name, fingerprint });
      return `${figure.name} (${countOf(nightsInLevel(nights), 'night')})`;
    });
    lines.push(
      '',
      `${name}:`,
      ...(await dryRun(job, env)).map((line) => `  ${line}`),
      `  nights        ${known.join(', ')}`,
      `  second stage  ${good === null ? 'three runs again, against its own nights' : `${rounds} rounds beside the good version at ${good.url}`}`,
    );
  }
  return lines;
}
