/** What came of a run: from its measures to reconcile.json and summary.json. Pure but for the clock, which is an argument. */
import { judgeGates } from '../judge/gates.ts';
import {
  allowedMisses,
  generatorLimit,
  generatorNotes,
  growthNotes,
} from '../judge/generator-limit.ts';
import { faultFacts, lossesOf } from '../judge/reasons.ts';
import { verdictOf } from '../judge/verdict.ts';
import type { LookOutcome } from '../reconcile/look.ts';
import { loadTimeOf } from '../results/rates.ts';
import type { Reconcile, Summary } from '../results/types.ts';
import type { LoadJob } from './job.ts';
import { generatorFigures } from './generator-evidence.ts';
import { figuresOf } from './k6/figures.ts';
import type { Measures } from './measures.ts';
import { countNotes } from './notes.ts';
import { partFigures } from './parts.ts';
import type { PreparedRun } from './prepare.ts';
import { definitionOf } from './scenarios/index.ts';
import { isLoopbackHost } from './target/targets.ts';

export type Findings = { reconcile: Reconcile; summary: Summary };

type Case = {
  job: Pick<LoadJob, 'request' | 'transport'>;
  prepared: Pick<PreparedRun, 'plan' | 'decision' | 'k6Plan' | 'feed' | 'parts' | 'notes'> & {
    writer: { id: string };
  };
  measures: Measures;
  /** In the target's storage; null: it was not looked into. */
  found: LookOutcome | null;
  /** Of the target's log; undefined: none was in sight. */
  logs: Summary['logs'];
  interrupted: boolean;
  endedAt: Date;
};

export function findingsOf(run: Case): Findings {
  const { job, prepared, measures, found, logs, interrupted } = run;
  const { plan, decision, k6Plan, feed } = prepared;
  const { aggregator, resources, broken, hostile } = measures;
  const { totals } = aggregator;
  const inFlight = aggregator.inFlight().length;
  const reconcile: Reconcile = {
    format: 1,
    planned: plan.corpus.submissions,
    sent: totals.sent,
    answers: totals.answers,
    accepted: totals.accepted,
    unknown: inFlight,
    resent: totals.resent,
    stored: found?.stored ?? null,
    notStored: found?.notStored ?? null,
    ...(found && { look: found.look }),
  };
  const { processes, generator: known } = resources.figures(totals);
  const throttling = measures.quota.figures();
  const generator = generatorFigures(aggregator, plan.load, {
    ...known,
    ...(throttling && { throttling }),
  });
  const { refusals } = measures;
  const isCut = interrupted || broken.length > 0;
  const time = loadTimeOf(plan.load, {
    beganMs: aggregator.startMs ?? measures.startedAt.getTime(),
    stoppedMs: isCut ? (measures.stoppedMs ?? measures.endedMs) : null,
    lastEndMs: totals.lastEndMs,
  });
  const loadMs = time.endedMs - time.beganMs;
  const figures = {
    ...figuresOf(aggregator, { loadMs, inFlight, isCut }),
    processes,
    generator,
    ...(refusals.length > 0 && { refusals }),
  };
  const limit = generatorLimit({
    sent: totals.sent,
    loadMs,
    schedule: figures.schedule ?? null,
    allowedMisses: allowedMisses(decision.gates),
    generator,
    refusals,
    answerP50Ms: figures.latency?.p50Ms ?? null,
    targetIsAmongOthers: !decision.isWatched && targetsThisMachine(k6Plan),
    feeder: feed?.figures() ?? null,
  });
  const gates = judgeGates(decision.gates, { ...figures, hostile, reconcile, logs });
  const faults = measures.faults?.figures(Math.round(time.beganMs)) ?? null;
  const facts = {
    figures,
    faults: faults && faultFacts(faults, measures.faults!.errorsIn(faults, time.beganMs)),
    broken,
    interrupted,
    missing: lossesOf(reconcile),
    generatorLimit: limit,
  };
  const notes = [
    ...prepared.notes,
    ...measures.notes,
    ...(found?.notes ?? []),
    ...countNotes({
      load: plan.load,
      totals,
      figures,
      inFlight,
      unsaidMs: measures.isKilled ? measures.endedMs - (totals.lastEndMs ?? time.beganMs) : null,
      insecureSkipTlsVerify: job.transport.insecureSkipTlsVerify,
      hostile,
    }),
    ...growthNotes(processes),
    ...generatorNotes({ generator, loadMs }, limit),
  ];
  const { targets } = k6Plan;
  const summary: Summary = {
    format: 1,
    id: prepared.writer.id,
    scenario: plan.scenario,
    startedAt: measures.startedAt.toISOString(),
    endedAt: run.endedAt.toISOString(),
    loadMs: Math.round(loadMs),
    loadBeganMs: Math.round(time.beganMs),
    loadEndedMs: Math.round(time.endedMs),
    firstEndMs: totals.firstEndMs,
    lastEndMs: totals.lastEndMs,
    interrupted,
    figures,
    ...(targets !== null && {
      targets: aggregator.byTarget().map((counts, i) => ({ ...targets[i], ...counts })),
    }),
    ...partsOf(run),
    ...(hostile && { hostile }),
    ...(faults && { faults }),
    ...(logs && { logs }),
    gates,
    notes,
    verdict: verdictOf(facts, gates),
  };
  return { reconcile, summary };
}

/** Figures by size or kind. */
function partsOf({ job, prepared, measures }: Case): Pick<Summary, 'sizes' | 'kinds'> {
  const { parts, plan } = prepared;
  const field = definitionOf(plan.scenario).parts?.figures;
  if (parts === null || field === undefined) return {};
  const { aggregator, hostile } = measures;
  const weight = job.request.mix?.find(({ kind }) => kind === 'hostile')?.weight;
  const beside = hostile && weight !== undefined ? { weight, figures: hostile } : null;
  return { [field]: partFigures(parts.list, aggregator.byGroup(), beside) };
}

/** Whether a target is this machine, so that its processor time is among the others'. */
const targetsThisMachine = ({ url, targets }: PreparedRun['k6Plan']): boolean =>
  (targets ?? [{ url }]).some((target) => isLoopbackHost(target.url));
