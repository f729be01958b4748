/** What stands on top: the run in a line, its verdict, what to look at, and notes. Pure. */
import { HINT_WORDS } from '../../judge/verdict-words.ts';
import { paceInWords } from '../../results/pace.ts';
import { type RunView as Run, sumsOf } from '../../results/sums.ts';
import type { Plan, Summary } from '../../results/types.ts';
import { countOf, formatDate, formatDuration, formatNumber } from '../../results/units.ts';
import { type Block, code, joined, paragraph, type Section, type Text } from '../page.ts';

export const idOf = ({ plan, summary, folder }: Run): string =>
  plan?.id ?? summary?.id ?? folder.split(/[\\/]/).at(-1)!;

export const titleOf = (run: Run): string => `Load test ${idOf(run)}`;

/** When it began, RFC 3339; undefined: not known. */
export function startOf(run: Run): string | undefined {
  if (run.summary !== null) return run.summary.startedAt;
  const first = sumsOf(run).samples.first.at(0);
  return first === undefined ? run.plan?.plannedAt : new Date(first.t).toISOString();
}

export function headSection(run: Run, figures: Summary['figures']): Section {
  return {
    id: 'verdict',
    title: null,
    blocks: [
      paragraph(joined(factsOf(run), ' · ')),
      paragraph([{ strong: [verdictWords(run, figures)] }]),
      ...hints(run),
      ...notes(run),
    ],
  };
}

function factsOf(run: Run): Text[] {
  const { plan, summary } = run;
  const facts: Text[] = [];
  const scenario = plan?.scenario ?? summary?.scenario;
  if (scenario !== undefined) facts.push(`scenario ${scenario}`);
  if (plan) {
    const { durationMs, iterations, executor } = plan.load;
    facts.push(
      paceInWords(plan.load),
      executor === 'shared-iterations' && iterations !== null
        ? countOf(iterations, 'submission')
        : formatDuration(durationMs),
      targetWords(plan.target),
    );
  }
  const startedAt = startOf(run);
  if (startedAt !== undefined) facts.push(formatDate(startedAt));
  if (plan?.ci?.commit !== undefined) facts.push(['commit ', code(plan.ci.commit.slice(0, 12))]);
  if (plan?.ci?.url !== undefined) facts.push(['CI run ', code(plan.ci.url)]);
  return facts;
}

function targetWords({ url, embedded, targets = [] }: Plan['target']): Text {
  const urls = targets.length > 1 ? targets.map((target) => target.url) : [url];
  return [
    urls.length > 1 ? 'targets ' : 'target ',
    ...joined(
      urls.map((one) => [code(one)]),
      ', ',
    ),
    ...(embedded ? [' (embedded backend)'] : []),
  ];
}

/** The verdict in a sentence; of a run that did not end by itself, that there is none. */
export function verdictWords({ summary }: Run, figures: Summary['figures']): string {
  if (summary) return summary.verdict.sentence;
  return `NO VERDICT: the run did not end by itself; ${formatNumber(figures.accepted)} of ${countOf(figures.sent, 'submission')} ${figures.sent === 1 ? 'was' : 'were'} accepted until then.`;
}

/** Where all failed for one reason, what to look at. */
function hints({ summary }: Run): Block[] {
  return (summary?.verdict.reasons ?? []).flatMap((reason) =>
    reason.kind === 'most frequent error' && reason.hint !== undefined
      ? paragraph(`What to look at: ${HINT_WORDS[reason.hint]}.`)
      : [],
  );
}

function notes(run: Run): Block[] {
  const happened = sumsOf(run).readings.notes.map(
    (line) => `${line.name}: ${line.text} (${new Date(line.t).toISOString().slice(11, 19)} UTC)`,
  );
  const items = [...(run.summary?.notes ?? []), ...run.notes, ...happened];
  return items.length === 0 ? [] : [{ kind: 'notes', items }];
}
