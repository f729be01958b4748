/** `npm run console`: a page on this machine that starts loads, watches them, and shows what they left. */
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { consoleApp } from '../../console/server/app.ts';
import { readAssets } from '../../console/server/assets.ts';
import { auditOf } from '../../console/server/audit.ts';
import { listen } from '../../console/server/listen.ts';
import { commandProgram } from '../../console/server/child.ts';
import { E2eFolders } from '../../console/server/e2e-folders.ts';
import { E2eRuns } from '../../console/server/e2e-runs.ts';
import { Loads } from '../../console/server/loads.ts';
import type { GivenOptions, Planned, Planner } from '../../console/server/planner.ts';
import { wordsOf } from '../../console/server/planner.ts';
import { RunFolders } from '../../console/server/run-list.ts';
import { decide } from '../../load/decide.ts';
import { describeDecision } from '../../load/dry-run.ts';
import { gatherFacts } from '../../load/facts.ts';
import { SCENARIOS } from '../../load/scenarios/index.ts';
import { checkAddress } from '../../load/target/target.ts';
import { distFile, toolkitVersion, usualResultsFolder } from '../../paths.ts';
import { ensureResultsFolder } from '../../results/writer.ts';
import { listenForInterrupts } from '../../system/interrupts.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { e2ePlannerOf } from '../console-e2e.ts';
import { GROUP_HEADINGS } from '../help.ts';
import { parseCommandLine } from '../parse.ts';
import { checkedJob, CONSOLE_URL, load } from './load.ts';

export const console_: Command = {
  name: 'console',
  summary: 'Serve a page on this machine that starts loads, watches them live, and shows results.',
  options: [
    {
      name: 'port',
      type: 'integer',
      argument: 'N',
      default: '8089',
      env: 'MINA_LOAD_CONSOLE_PORT',
      min: 0,
      max: 65_535,
      help: 'where it listens, on 127.0.0.1 and [::1]; if it is in use, the next free one',
    },
    {
      name: 'results',
      type: 'path',
      argument: 'DIR',
      default: 'results',
      env: 'MINA_LOAD_RESULTS',
      help: 'the results folder to show and to write to; with --read-only also the folder of a single run',
    },
    {
      name: 'e2e',
      type: 'path',
      argument: 'DIR',
      default: 'e2e-runs',
      help: 'the folder of end-to-end runs to show and to write to; with --read-only also the folder of a single run, or a dump',
    },
    {
      name: 'read-only',
      type: 'flag',
      help: 'show results and change nothing, e.g. of an artefact of a CI',
    },
    {
      name: 'wiki',
      type: 'path',
      argument: 'DIR',
      help: 'the checkout of a wiki into which the page of a run may be written',
    },
    {
      name: 'token-env',
      type: 'text',
      argument: 'VARIABLE',
      help: 'the environment variable that holds the token for changes (16 characters or more), for scripts; without it a new one is made and shown',
    },
  ],
  async run({ values, sources, cwd, stdout, env }) {
    const readOnly = values['read-only'] === true;
    const e2eFolder = values.e2e as string;
    const results = resultsOf({ values, sources, cwd });
    const wiki = (values.wiki as string | undefined) ?? null;
    const token = tokenOf(values['token-env'] as string | undefined, env);
    checkFolders(results, { readOnly, wiki });
    if (!readOnly) await ensureResultsFolder(results);
    const say = (line: string) => void stdout.write(`${line}\n`);
    const folders = new RunFolders(results);
    const interrupts = listenForInterrupts();
    // The address is known when it listens, and the app is there before.
    let url = '';
    // What a load runs, a script of the user's own too, is not to have the token.
    const tokenVariable = values['token-env'] as string | undefined;
    const program = (...words: string[]) => {
      const childEnv: NodeJS.ProcessEnv = { ...env, [CONSOLE_URL]: url };
      if (tokenVariable !== undefined) delete childEnv[tokenVariable];
      return commandProgram(distFile('cli.js'), words, { cwd, env: childEnv });
    };
    const loads = new Loads(folders, (words) => program('load', ...words, `--results=${folders.root}`)); // prettier-ignore
    const e2eFolders = new E2eFolders(e2eFolder);
    const e2eRuns = new E2eRuns(
      e2eFolders,
      (words) => program('e2e', 'run', ...words, `--folder=${e2eFolders.root}`),
      { results: folders.root, url: () => url },
    );
    const { app, stop } = consoleApp({
      version: toolkitVersion(),
      folders,
      resultsOption: sources.results === 'default' ? null : results,
      repeatable: load.options.filter(({ repeatable }) => repeatable).map(({ name }) => name),
      changes: readOnly ? null : { token, loads, planner: plannerOf(env, cwd, folders.root), wiki },
      e2e: {
        folders: e2eFolders,
        folderOption: sources.e2e === 'default' ? null : e2eFolder,
        changes: readOnly ? null : { runs: e2eRuns, planner: e2ePlannerOf(env, cwd, e2eFolders.root) }, // prettier-ignore
      },
      audit: auditOf(readOnly ? null : folders.root, say),
      assets: readAssets(),
    });
    const server = await listen((request, bindings) => app.fetch(request, bindings), values.port as number); // prettier-ignore
    ({ url } = server);
    try {
      say(`console: ${url}/${readOnly ? '' : `#token=${token}`}`);
      say(readOnly ? `it shows ${folders.root} and changes nothing; Ctrl-C ends it` : 'the address holds a token that may start and stop loads: give it to nobody; Ctrl-C ends the console, and what it started'); // prettier-ignore
      await new Promise<void>((resolve) => {
        if (interrupts.first.aborted) resolve();
        interrupts.first.addEventListener('abort', () => resolve());
      });
      await loads.end(() => say('the load that the console started is ended, its results are kept (Ctrl-C again: at once)'), interrupts.second); // prettier-ignore
      await e2eRuns.end(() => say('the end-to-end run that the console started is ended: its logs are kept, and what it made is removed (Ctrl-C again: at once)'), interrupts.second); // prettier-ignore
    } finally {
      stop();
      await server.close();
      interrupts.stop();
    }
    return EXIT.passed;
  },
};

/** Of an artefact that holds end-to-end runs alone: none, so the list of loads is that of a folder without any. */
function resultsOf({
  values,
  sources,
  cwd,
}: Pick<CommandCall, 'values' | 'sources' | 'cwd'>): string {
  if (sources.results !== 'default') return values.results as string;
  const usual = usualResultsFolder(cwd);
  const isE2eAlone =
    values['read-only'] === true && sources.e2e !== 'default' && !existsSync(usual);
  return isE2eAlone ? (values.e2e as string) : usual;
}

const SHORTEST_TOKEN = 16;

/** @throws UserError (exit 2) */
function tokenOf(variable: string | undefined, env: NodeJS.ProcessEnv): string {
  if (variable === undefined) return randomBytes(24).toString('base64url');
  const token = env[variable] ?? '';
  if (token.length >= SHORTEST_TOKEN && /^[\w.~-]+$/.test(token)) return token;
  throw new UserError(
    `--token-env ${variable}: ${token === '' ? 'there is no such variable' : `the token must have ${SHORTEST_TOKEN} characters or more, of letters, digits and . _ ~ -`}`,
    { hint: 'set it, e.g. to the output of: openssl rand -hex 24', exitCode: EXIT.usage },
  );
}

/** @throws UserError (exit 2) */
function checkFolders(
  results: string,
  { readOnly, wiki }: { readOnly: boolean; wiki: string | null },
): void {
  const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true; // prettier-ignore
  const problems = [
    ...(readOnly && !isFolder(results) ? [`there is no folder ${results} to show`] : []),
    ...(wiki !== null && !isFolder(wiki) ? [`--wiki: there is no folder ${wiki}`] : []),
    ...(wiki !== null && readOnly ? ['--wiki has no effect with --read-only'] : []),
    ...(!readOnly && existsSync(join(results, 'plan.json'))
      ? [`${results} is the folder of one run: it can only be shown, with --read-only`]
      : []),
  ];
  if (problems.length > 0)
    throw new UserError(problems.join('\n'), {
      hint: 'see npm run console -- --help',
      exitCode: EXIT.usage,
    });
}

/** The command line's own reading of options, and its own decision. */
function plannerOf(env: NodeJS.ProcessEnv, cwd: string, results: string): Planner {
  // Of another script than load, npm's own words explain nothing.
  const ours = { ...env, npm_lifecycle_event: undefined };
  const plan = async (given: GivenOptions): Promise<Planned> => {
    try {
      const words = [...wordsOf(given), `--results=${results}`];
      const parsed = parseCommandLine(load, words, ours, cwd);
      const { job } = checkedJob({ ...parsed, env: ours, cwd });
      const { facts } = await gatherFacts(job, ours, null);
      const decision = decide(job, facts);
      const options = { ...job.options };
      delete options.results;
      return {
        lines: describeDecision(job, decision, facts.bodies.length).map(lineParts),
        gates: decision.gates.map(({ expression }) => expression),
        options,
        remoteHosts: await remoteOf(
          job.targets.map(({ url }) => url),
          job.transport.proxy,
        ),
      };
    } catch (error) {
      if (error instanceof UserError) return { problems: error.message.split('\n') };
      throw error;
    }
  };
  return {
    options: load.options,
    scenarios: SCENARIOS.map((scenario) => ({
      name: scenario.name,
      summary: scenario.summary,
      defaults: scenario.defaults,
      // With new blocks: whatever can be chosen is shown.
      uses: scenario.uses({ chain: 1 }),
    })),
    headings: GROUP_HEADINGS,
    plan,
  };
}

/** The name of a line of the dry run ends where its column does. */
const NAME_CHARACTERS = 14;
const lineParts = (line: string): { name: string; text: string } => ({
  name: line.slice(0, NAME_CHARACTERS).trim(),
  text: line.slice(NAME_CHARACTERS),
});

/** Hosts that are not this machine. @throws UserError for a name without an address */
async function remoteOf(urls: readonly string[], proxy: string | null): Promise<string[]> {
  const remote: string[] = [];
  for (const url of urls)
    await checkAddress(url, {
      allowRemote: false,
      proxy,
      confirm: () => {
        remote.push(new URL(url).host);
        return Promise.resolve(true);
      },
    });
  return [...new Set(remote)];
}
