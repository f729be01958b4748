/**
 * `npm run load -- --e2e`: joins a load and the harness, which know nothing of one another. The load goes through a system of the harness; then the
 * harness follows it to the end of the chain, and what it finds stands in the load's own results.
 */
import { brokenReason, addSent, followLoad, type Followed, type LoadIds, NOTHING_ACCEPTED } from '../e2e/load/follow.ts'; // prettier-ignore
import { withOwnSystem } from '../e2e/load/own.ts';
import { hasSystem, type LoadSystem, loadSystem } from '../e2e/load/system.ts';
import { loadTopology } from '../e2e/load/topology.ts';
import { type HarnessCall, withRun } from '../e2e/harness.ts';
import type { OpenState } from '../e2e/state.ts';
import { type Topology, topologyLines } from '../e2e/topology.ts';
import { verdictFrom } from '../judge/verdict.ts';
import { decide } from '../load/decide.ts';
import { describeDecision } from '../load/dry-run.ts';
import { Ending } from '../load/ending.ts';
import { gatherFacts } from '../load/facts.ts';
import type { LoadJob, Surroundings } from '../load/job.ts';
import { finishRun, type RunEnd, runLoad } from '../load/run.ts';
import type { EndToEndFigures, OptionValue } from '../results/types.ts';
import { writeSummary } from '../results/writer.ts';
import type { OptionValues } from '../system/option.ts';
import { listProblems } from '../system/problems.ts';
import { EXIT, UserError } from '../user-error.ts';

export type E2eLoad = {
  job: LoadJob;
  values: OptionValues;
  sources: Record<string, OptionValue['source']>;
  /** Of the harness: with the passwords of what it was given. */
  env: NodeJS.ProcessEnv;
};

type Place = { runs: string; name: string };

const placeOf = ({ values, sources }: E2eLoad): Place & { isNamed: boolean } => ({
  runs: values['e2e-folder'] as string,
  name: values['e2e-name'] as string,
  isNamed: sources['e2e-name'] !== 'default',
});

/** What it would do, without doing it. @throws UserError */
export async function dryRunOfE2e(load: E2eLoad): Promise<string[]> {
  const { runs, name, isNamed } = placeOf(load);
  if (!hasSystem(runs, name, isNamed)) {
    const { topology, lines } = await ownTopology(load, name);
    return [...lines, 'a system of its own, removed after the load:', ...topologyLines(topology)];
  }
  return withRun({ runs, name, topology: null, env: load.env }, async (open) => {
    const job = jobThrough(load, await loadSystem(open, load.env));
    const { facts } = await gatherFacts(job, load.env, null);
    return [
      ...describeDecision(job, decide(job, facts), facts.bodies.length),
      `the started system ${name}, which stays:`,
      ...topologyLines(open.state.topology),
    ];
  });
}

/** @returns the exit code */
export async function runThroughSystem(load: E2eLoad, surroundings: Surroundings): Promise<number> {
  const { screen, cwd, interrupts } = surroundings;
  const place = placeOf(load);
  const isOwn = !hasSystem(place.runs, place.name, place.isNamed);
  const call: HarnessCall = {
    env: load.env,
    cwd,
    signal: interrupts.first,
    giveUp: interrupts.second,
    say: (line) => screen.line(line),
    status: (text) => screen.status(text),
  };
  const topology = isOwn ? (await ownTopology(load, place.name)).topology : null;
  if (topology !== null)
    for (const line of ['a system of its own:', ...topologyLines(topology)]) screen.line(line);
  const ending = new Ending(interrupts);
  try {
    const end = await withRun({ ...place, topology, env: load.env }, (open) => {
      const run = () => loadThrough(open, load, isOwn, surroundings, ending, call);
      if (!isOwn) return run();
      ending.atOnce(() => screen.line(`the system of this load was not removed: npm run e2e -- teardown --name ${place.name} removes it`)); // prettier-ignore
      return withOwnSystem(open, call, run);
    });
    const { folder, summary } = end;
    if (folder === null || summary === null) return end.exitCode;
    return (await finishRun(folder, summary, screen, load.job.pictures, surroundings.env)).exitCode;
  } catch (error) {
    if (!interrupts.first.aborted || error instanceof UserError) throw error;
    screen.line('interrupted');
    return EXIT.interrupted;
  } finally {
    ending.stop();
  }
}

/** The load, and what became of it in the chain. @throws UserError where it could not begin */
async function loadThrough(
  open: OpenState,
  load: E2eLoad,
  isOwn: boolean,
  surroundings: Surroundings,
  ending: Ending,
  call: HarnessCall,
): Promise<RunEnd> {
  const { screen, interrupts, env } = surroundings;
  const system = await loadSystem(open, load.env);
  const job = jobThrough(load, system);
  let ids: LoadIds | null = null;
  const end = await runLoad(
    job,
    {
      ...surroundings,
      env: { ...env, ...system.secrets },
      onSent: async (sent) => void (ids = await addSent(open, sent)),
    },
    { given: null, ending, onSummary: () => undefined },
  );
  const { folder, summary } = end;
  if (folder === null || summary === null) return end;
  if (interrupts.first.aborted) {
    screen.line('interrupted: the chain is not judged');
    return end;
  }
  const found = await followed(open, ids, end, { isOwn, load }, call);
  if (found.figures !== null) summary.e2e = found.figures;
  summary.verdict = verdictFrom(
    [...(summary.verdict.reasons ?? []), ...found.reasons],
    summary.figures,
  );
  writeSummary(folder, summary);
  return end;
}

/** Never throws: the load's results are valid, whatever became of the chain. */
async function followed(
  open: OpenState,
  ids: LoadIds | null,
  { folder, summary }: RunEnd,
  { isOwn, load }: { isOwn: boolean; load: E2eLoad },
  call: HarnessCall,
): Promise<{ figures: EndToEndFigures | null; reasons: Followed['reasons'] }> {
  if (ids === null || summary!.figures.accepted === 0)
    return { figures: null, reasons: [NOTHING_ACCEPTED] };
  const waitMs = (load.values['e2e-wait'] as number | undefined) ?? null;
  try {
    return await followLoad(open, ids, folder!, { isOwn, waitMs }, call);
  } catch (error) {
    const reason = call.signal.aborted ? ({ kind: 'interrupted' } as const) : brokenReason(error);
    return { figures: null, reasons: [reason] };
  }
}

/** As the load itself decides: its producers, the era of its blocks, what the backend lets through in an hour. */
async function ownTopology(
  { job, env }: E2eLoad,
  name: string,
): Promise<{ topology: Topology; lines: string[] }> {
  const { facts } = await gatherFacts(job, env, null);
  const decision = decide(job, facts);
  const made = loadTopology({
    name,
    seed: job.request.seed,
    producers: decision.producers,
    // Recorded blocks as they are, too, are of Berkeley.
    era: decision.era === 'mesa' ? 'mesa' : 'berkeley',
    hourlyLimit: decision.backend!.hourlyLimit,
    faithful: job.faithful,
    durationMs: decision.shape.durationMs,
  });
  if ('problems' in made) {
    listProblems(made.problems, 'see npm run load -- --help');
    throw new Error('problems without words');
  }
  return { topology: made.topology, lines: describeDecision(job, decision, facts.bodies.length) };
}

/** The same load, aimed at the system, by producers that it knows. @throws UserError (exit 2) with all that it does not have */
function jobThrough({ job, sources }: E2eLoad, system: LoadSystem): LoadJob {
  const { request } = job;
  const isChosen = (option: string) =>
    !['default', 'scenario'].includes(sources[option] ?? 'default');
  const problems: string[] = [];
  if (isChosen('seed') && request.seed !== system.seed)
    problems.push(
      `--seed is "${request.seed}", and the producers of the system ${system.name} are of the seed "${system.seed}"`,
    );
  if (isChosen('producers') && (request.producers ?? 0) > system.producers)
    problems.push(
      `--producers is ${request.producers}, and the system ${system.name} knows ${system.producers}`,
    );
  if (job.faithful && !system.isFaithful)
    problems.push(
      `--faithful belongs to a system that is made for the load: the backend of ${system.name} runs as it was set up`,
    );
  if (request.eraChosen === true && request.era !== system.era)
    problems.push(`--era is ${request.era}, and the system ${system.name} is of ${system.era}`);
  listProblems(
    problems,
    'leave these options out, or set up a system with them: npm run e2e -- setup --network load …',
  );
  return {
    ...job,
    request: {
      ...request,
      seed: system.seed,
      producers: Math.min(request.producers ?? system.producers, system.producers),
      ...(request.eraChosen !== true && { era: system.era }),
    },
    targets: [{ url: system.backendUrl, weight: 1 }],
    targetPid: system.backendPid,
    storage: system.storage,
    faithful: false,
  };
}
