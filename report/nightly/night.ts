/** What a night's report is made of, and the sentences that its forms share. Pure. */
import type { ReadFigure } from '../../judge/compare/figures.ts';
import { exitCodeOfNight, type ScenarioEnd } from '../../judge/compare/night-verdict.ts';
import { levelsOf, type SeriesNight } from '../../judge/compare/series.ts';
import type { CiFacts } from '../../results/types.ts';
import { countOf } from '../../results/units.ts';
import { EXIT } from '../../user-error.ts';
import { formatRatio } from '../compare/page.ts';
import { VERDICT_WORD } from '../../judge/verdict-words.ts';

export type NightSeries = {
  scenario: string;
  figure: ReadFigure;
  nights: readonly SeriesNight[];
};

export type NightReport = {
  id: string;
  /** RFC 3339. */
  startedAt: string;
  tookMs: number;
  ends: readonly ScenarioEnd[];
  series: readonly NightSeries[];
  /** Folders that were removed. */
  removed: number;
  ci: CiFacts;
};

/** Ends that are a scenario's alone, in words. */
const END_WORDS: Readonly<Record<number, string>> = {
  ...VERDICT_WORD,
  [EXIT.usage]: 'NOT BEGUN',
};

/** The word of a scenario, of its run and its series together. */
export function endWord({ exitCode, entry }: ScenarioEnd): string {
  if (exitCode === EXIT.noData && entry?.suspicions.some(({ outcome }) => outcome === 'open'))
    return 'NOT DECIDED';
  return END_WORDS[exitCode] ?? END_WORDS[EXIT.broken];
}

/** Why a scenario ended as it did, in words. */
export function endReason({ entry, fault }: ScenarioEnd): string {
  const confirmed = entry?.suspicions.filter(({ outcome }) => outcome === 'confirmed') ?? [];
  const open = entry?.suspicions.filter(({ outcome }) => outcome === 'open') ?? [];
  return [
    ...confirmed.map(({ figure, words }) => `${figure} got worse, confirmed: ${words}`),
    ...open.map(({ figure, words }) => `${figure} is suspected, and not decided: ${words}`),
    ...(fault !== null ? [fault] : entry !== null && (entry.exitCode !== EXIT.passed || confirmed.length + open.length === 0) ? [entry.sentence] : []), // prettier-ignore
  ]
    .map(withoutWord)
    .join('; ');
}

/** The word of a run's verdict stands beside it already. */
function withoutWord(sentence: string): string {
  const word = Object.values(VERDICT_WORD).find((one) => sentence.startsWith(`${one}: `));
  return word === undefined ? sentence : sentence.slice(word.length + 2);
}

/** The one sentence of a night. */
export function nightSentence({ ends }: Pick<NightReport, 'ends'>): string {
  const code = exitCodeOfNight(ends);
  const passed = ends.filter(({ exitCode }) => exitCode === EXIT.passed).length;
  const others = ends.filter(({ exitCode }) => exitCode !== EXIT.passed);
  const suspicions = ends.flatMap(({ entry }) => entry?.suspicions ?? []);
  const cleared = suspicions.filter(({ outcome }) => outcome === 'cleared').length;
  const word = code === EXIT.usage ? 'NOT BEGUN' : (VERDICT_WORD[code] ?? 'BROKEN');
  const clearedWords =
    cleared === 0 ? '' : `, ${countOf(cleared, 'suspicion')} measured again and cleared`;
  if (others.length === 0)
    return `${word}: ${countOf(passed, 'scenario')}${clearedWords === '' ? ', nothing suspicious' : clearedWords}.`;
  return `${word}: ${others
    .map((end) => `${end.name} (${endWord(end)}): ${endReason(end).replace(/\.$/, '')}`)
    .join('; ')}${passed === 0 ? '' : `; ${countOf(passed, 'scenario')} passed`}${clearedWords}.`;
}

/** This night's figure over the median of the nights of its level before it; null: there are none. */
export function againstLevel({ nights }: NightSeries): number | null {
  const before = nights.slice(0, -1);
  const level = levelsOf(before).at(-1);
  return level === undefined ? null : nights.at(-1)!.value / level.value;
}

export const ratioWords = (ratio: number | null): string =>
  ratio === null ? 'first night' : formatRatio(ratio);

/** Its picture's file, without the ending; a name that every system and GitHub's upload of artefacts take. */
export const trendFile = ({ scenario, figure }: NightSeries): string =>
  `trend-${scenario}-${figure.name}`.replaceAll(/[^\w.-]+/g, '-');
