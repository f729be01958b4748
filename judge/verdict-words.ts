/** The sentences of a verdict, made of its reasons. No other place says them, and nothing reads them. Pure. */
import { describeAnswer } from '../results/answers.ts';
import type { BreakpointFigures, Summary, VerdictHint, VerdictReason } from '../results/types.ts';
import { countOf, formatMs, formatNumber } from '../results/units.ts';
import { EXIT } from '../user-error.ts';

type ReasonOf<Kind extends VerdictReason['kind']> = Extract<VerdictReason, { kind: Kind }>;

/** The word that a verdict begins with. */
export const VERDICT_WORD: Readonly<Record<number, string>> = {
  [EXIT.passed]: 'PASSED',
  [EXIT.noData]: 'NO DATA',
  [EXIT.generatorLimited]: 'GENERATOR-LIMITED',
  [EXIT.broken]: 'BROKEN',
  [EXIT.gateFailed]: 'FAILED',
  [EXIT.interrupted]: 'INTERRUPTED',
};

const ofGenerator = (generator: number | undefined, words: string): string =>
  generator === undefined ? words : `generator ${generator}: ${words}`;

const WORDS: { [Kind in VerdictReason['kind']]: (reason: ReasonOf<Kind>) => string } = {
  broken: ({ words, generator }) => ofGenerator(generator, words),
  interrupted: () => 'the results up to then are valid',
  'end to end': ({ words }) => words,
  'end to end not judged': ({ words }) => words,
  'no data': ({ failedIterations }) =>
    failedIterations === 0
      ? 'not one submission was answered, so the run proves nothing'
      : `not one submission was answered, and ${countOf(failedIterations, 'iteration')} of the generator failed, so the run proves nothing`,
  'generator-limited': ({ words, rate, generator }) =>
    ofGenerator(
      generator,
      words ??
        (rate === undefined
          ? 'this machine cannot send more, and the target took it'
          : `this machine cannot even send ${formatNumber(rate)}/s`),
    ),
  gate: ({ name, state, value, unit }) =>
    state === 'no data' || value === null
      ? `no data for ${name}`
      : `${name} does not hold (${`${formatNumber(value)} ${unit}`.trim()})`,
  missing: ({ count }) =>
    `${formatNumber(count)} of them ${count === 1 ? 'is' : 'are'} not in the storage`,
  faults: ({ turns, errors, of }) =>
    `${countOf(turns, 'fault')} ${turns === 1 ? 'was' : 'were'} made on purpose${
      of === 0
        ? ''
        : `, and ${errors === of ? (of === 1 ? 'the only error' : `all ${formatNumber(of)} errors`) : `${formatNumber(errors)} of ${countOf(of, 'error')}`} came in ${turns === 1 ? 'its' : 'their'} time or before the load had recovered`
    }`,
  'most frequent error': (reason) => errorWords(reason),
  'lowest rate failed': ({ rate, gates }) =>
    `the gates do not even hold at ${formatNumber(rate)}/s: ${gates.join(', ')}`,
  'not confirmed': ({ rate, throttlesAfterMs }) =>
    throttlesAfterMs === undefined || rate === undefined
      ? 'no rate near what was found held over a longer load; not confirmed'
      : `at ${formatNumber(rate)}/s the target throttles after ${Math.round(throttlesAfterMs / 1000)} s; not confirmed`,
};

/** One reason in words, to stand inside a sentence; of a kind that a later toolkit added, its name. */
export function reasonWords(reason: VerdictReason): string {
  const words = WORDS[reason.kind] as ((one: VerdictReason) => string) | undefined;
  return words?.(reason) ?? reason.kind;
}

const MOST_WORDS = 160;

function errorWords({ answer, count, of, text }: ReasonOf<'most frequent error'>): string {
  const name = answer.startsWith('error:') ? describeAnswer(answer) : `answer ${answer}`;
  const said =
    text === undefined
      ? answer === '200'
        ? " without the backend's body"
        : answer.startsWith('error:')
          ? ''
          : ` (${describeAnswer(answer)})`
      : ` "${text.length > MOST_WORDS ? `${text.slice(0, MOST_WORDS)}…` : text}"`;
  return `${count === of ? 'every' : 'most frequent'} error: ${name}${said}, ${
    count === of ? countOf(count, 'time') : `${formatNumber(count)} of ${formatNumber(of)}`
  }`;
}

/** What to do about it; a sentence without its full stop. */
export const HINT_WORDS: Readonly<Record<VerdictHint, string>> = {
  clock:
    "the target's clock is behind this machine's: set both by NTP (compare `date -u` on the two)",
  network:
    'the target belongs to another network than the signatures, or checks them by other keys: look at --network',
  whitelist:
    "the target's whitelist does not know these producers: give it their public keys (npm run producers prints them), or send as producers that it knows (--producers-file)",
  address: 'nothing at this address takes submissions: look at --target and its port',
};

/** What the figures say, e.g. `990 of 1,000 submissions were accepted, 16.7 submissions/s, p95 52.4 ms`. */
function figuresWords(figures: Summary['figures'], reasons: readonly VerdictReason[]): string {
  const { sent, accepted, expected, submissionsPerSecond, latency } = figures;
  const were = sent === 1 ? 'was' : 'were';
  const counts =
    expected === undefined
      ? `${formatNumber(accepted)} of ${countOf(sent, 'submission')} ${were} accepted`
      : `${formatNumber(expected)} of ${countOf(sent, 'submission')} ${were} answered as expected, ${formatNumber(accepted)} accepted`;
  const parts = [
    counts,
    ...reasons.filter(({ kind }) => kind === 'missing').map(reasonWords),
    ...(submissionsPerSecond === null
      ? []
      : [`${formatNumber(submissionsPerSecond)} submissions/s`]),
    ...(latency === null ? [] : [`p95 ${formatMs(latency.p95Ms)}`]),
  ];
  const errors = reasons.filter(({ kind }) => kind === 'most frequent error').map(reasonWords);
  const faults = reasons.filter(({ kind }) => kind === 'faults').map(reasonWords);
  return [parts.join(', '), ...errors, ...faults].join('; ');
}

const isOfChain = (kind: VerdictReason['kind'] | null): boolean =>
  kind === 'end to end' || kind === 'end to end not judged';

/**
 * The verdict of a load in one sentence.
 * @param kind that decides; null: the run has passed
 * @param reasons by weight
 */
export function verdictSentence(
  exitCode: number,
  kind: VerdictReason['kind'] | null,
  reasons: readonly VerdictReason[],
  figures: Summary['figures'],
): string {
  const deciding = reasons.filter((reason) => reason.kind === kind).map(reasonWords);
  const isLimited = kind === 'generator-limited';
  const why = [...new Set(deciding), ...(isLimited ? ['this says little about the target'] : [])];
  // Of a load through the whole program both are said: what the chain did, and what the load.
  const others = isOfChain(kind)
    ? reasons.filter((reason) => reason.kind === 'gate').map(reasonWords)
    : reasons.filter((reason) => isOfChain(reason.kind)).map(reasonWords);
  const facts = kind === 'no data' ? [] : [figuresWords(figures, reasons)];
  return `${VERDICT_WORD[exitCode]}: ${[...why, ...others, ...facts].join('; ')}.`;
}

/** What a search has come to up to now. */
export function searchWords({
  rate,
  low,
  high,
  confirmedRate,
  trials,
  holdMs,
}: BreakpointFigures): { range: string; confirmed: string; count: string } {
  return {
    range:
      rate === null || low === null || high === null
        ? trials.some(({ outcome }) => outcome === 'held')
          ? 'no knee is given'
          : 'no rate was seen to hold'
        : `the knee lies at ${formatNumber(rate)} submissions/s, with 95 % probability between ${formatNumber(low)} and ${formatNumber(high)}`,
    confirmed:
      confirmedRate === null
        ? ''
        : `${formatNumber(confirmedRate)}/s held over the last, longer load`,
    count: `${countOf(trials.length, 'trial')} of ${holdMs / 1000} s`,
  };
}

/** The verdict of a search in one sentence. @param kind that decides; null: the search has found its rate */
export function searchSentence(
  exitCode: number,
  kind: VerdictReason['kind'] | null,
  reasons: readonly VerdictReason[],
  figures: BreakpointFigures,
): string {
  const { range, confirmed, count } = searchWords(figures);
  const why = reasons.filter((reason) => reason.kind === kind).map(reasonWords);
  const withConfirmed = [range, confirmed].filter((part) => part !== '').join('; ');
  const say = (word: string, ...parts: string[]): string =>
    `${word}: ${parts.filter((part) => part !== '').join('; ')} (${count}).`;
  const word = VERDICT_WORD[exitCode];
  switch (kind) {
    case null:
      return figures.end === 'holds the highest'
        ? say('PASSED', 'the highest rate asked for holds', confirmed)
        : say('FOUND', withConfirmed);
    case 'interrupted':
      return say(word, `up to then ${range}`);
    case 'generator-limited':
      return say(word, ...why, confirmed);
    case 'lowest rate failed':
      return say(word, ...why);
    case 'not confirmed':
      return say(word, ...why, range);
    case 'broken':
      return say(word, ...why, range);
    case 'gate':
    case 'no data':
    case 'end to end':
    case 'end to end not judged':
    case 'missing':
    case 'faults':
    case 'most frequent error':
      return say(word, ...why, withConfirmed);
  }
}
