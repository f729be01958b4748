/** The section "Accepted and stored": what a look into the target's storage has shown. Pure. */
import type {
  LookReason,
  Reconcile,
  ReconcileClasses,
  ReconcileLine,
  StorageLook,
} from '../../results/types.ts';
import { countOf, formatDuration, formatNumber, formatShare } from '../../results/units.ts';
import { type Block, code, paragraph, type Section, table } from '../page.ts';

/** Class, what it says, and its name in the list; in the order of the table. */
const CLASSES: readonly [keyof ReconcileClasses, string][] = [
  ['right', 'accepted, and stored as it was sent'],
  ['different', '❌ accepted, and stored otherwise than it was sent'],
  ['missing', '❌ accepted, and not stored'],
  [
    'sameSecond',
    '❌ accepted, and not stored: another one of the submitter is stored at that second',
  ],
  ['refusedStored', '❌ refused, and stored all the same'],
  ['unknownStored', 'without an answer, and stored'],
  ['unknownNotStored', 'without an answer, and not stored'],
  ['foreign', 'stored in the time of the run, and not sent by it'],
  ['hostile', 'stored for the hostile sender'],
  ['retried', 'second entries of submissions that failed and were sent again'],
  ['doubles', '❌ entries of a submission beyond its first'],
  ['unreadable', '❌ entries that cannot be read'],
];
/** Rows that are there also when they count nothing. */
const ALWAYS: readonly (keyof ReconcileClasses)[] = ['right', 'different', 'missing', 'sameSecond'];

const EXAMPLES_OF: Record<ReconcileLine['class'], string> = {
  different: 'Stored otherwise',
  missing: 'Not stored',
  'same second': 'Not stored, another one has the second',
  'refused but stored': 'Stored though refused',
  unknown: 'Without an answer',
  foreign: 'Not sent by this run',
  double: 'Beyond the first',
  unreadable: 'Cannot be read',
};

/** @returns nothing where no storage was to be looked at */
export function storedSection(reconcile: Reconcile | null): Section[] {
  const look = reconcile?.look;
  if (!look) return [];
  return [{ id: 'stored', title: 'Accepted and stored', blocks: blocksOf(look) }];
}

function blocksOf(look: StorageLook): Block[] {
  const { classes, storage, failure, ownPairs = 0 } = look;
  if (classes === undefined)
    return [
      paragraph(
        `Nothing is known of what is stored. ${storage}${failure === undefined ? ' was not read to its end' : `: ${failure}`}.`,
      ),
    ];
  const accepted = classes.right + classes.different + classes.missing + classes.sameSecond;
  const rows = CLASSES.filter(([name]) => classes[name] > 0 || ALWAYS.includes(name)).map(
    ([name, what]) => [
      // A cross where there is nothing, or nothing of the target's, would say the contrary.
      classes[name] === (name === 'sameSecond' ? ownPairs : 0) ? what.replace('❌ ', '') : what,
      formatNumber(classes[name]),
      ALWAYS.includes(name) && accepted > 0 ? formatShare(classes[name] / accepted) : '',
    ],
  );
  return [
    paragraph(howItWasRead(look)),
    table(['Submissions', 'Count', 'Share of the accepted'], rows),
    ...(ownPairs === 0
      ? []
      : [
          paragraph(
            `${countOf(ownPairs, 'submission')} of the same second ${ownPairs === 1 ? 'is' : 'are'} no loss of the target: the run itself sent another one of the submitter less than a second before or after, and no storage of the program keeps both.`,
          ),
        ]),
    ...eraTable(look),
    ...verifierWords(look, classes.right),
    ...reasonWords(look),
    ...examplesOf(look),
  ];
}

function howItWasRead(look: StorageLook): string {
  const { storage, readings, waitedMs, blocksCompared, clockAheadMs, complete, failure } = look;
  const sentences = [
    `Each submission that was sent was looked for in ${storage} by submitter, created_at, block and peer id, and compared field by field`,
    blocksCompared === null || blocksCompared === undefined
      ? 'this storage keeps no blocks, so their bytes were not compared'
      : `the bytes of ${countOf(blocksCompared, 'block')} ${blocksCompared === 1 ? 'was' : 'were'} compared with what was sent`,
    `${readings === 1 ? 'It was read once' : `It was read ${formatNumber(readings)} times, the last time counts`}, ${formatDuration(waitedMs)} after the load the figures stood`,
  ];
  if (typeof clockAheadMs === 'number' && clockAheadMs !== 0)
    sentences.push(
      `The target's clock is about ${formatDuration(Math.abs(clockAheadMs))} ${clockAheadMs > 0 ? 'ahead' : 'behind'}`,
    );
  if (!complete)
    sentences.push(
      `A later reading did not come to its end${failure === undefined ? '' : ` (${failure})`}`,
    );
  return `${sentences.map((text) => text[0].toUpperCase() + text.slice(1)).join('. ')}.`;
}

/** What became of the accepted ones of each era. */
function eraTable({ eras = [] }: StorageLook): Block[] {
  if (eras.length === 0) return [];
  const rows = eras.map(({ era, right, different, missing, sameSecond }) => [
    era,
    formatNumber(right + different + missing + sameSecond),
    formatNumber(right),
    formatNumber(different),
    formatNumber(missing),
    formatNumber(sameSecond),
  ]);
  return [
    table(
      ['Era of the block', 'Accepted', 'Stored as sent', 'Otherwise', 'Not stored', 'Same second'],
      rows,
    ),
  ];
}

/** What a verifier has written beside the right ones; nothing where it has written nothing. */
function verifierWords({ verified, validationErrors = 0 }: StorageLook, right: number): Block[] {
  if (verified === undefined) return [];
  const faulty =
    validationErrors === 0
      ? ''
      : `; beside ${formatNumber(validationErrors)} it wrote a validation error`;
  return [
    paragraph(
      `The verifier has verified ${formatNumber(verified)} of the ${countOf(right, 'submission')} stored as sent${faulty}.`,
    ),
  ];
}

const REASONS: {
  [Kind in LookReason['kind']]: (reason: Extract<LookReason, { kind: Kind }>) => string;
} = {
  clock: ({ aheadMs, allowedMs }) =>
    `the target's clock is ${away(aheadMs)} the generator's, more than the ${formatDuration(allowedMs)} allowed for, so the storage was read again around that time`,
  'other time': ({ aheadMs, allowedMs, entries }) =>
    `these recorded bodies are stored at another time only, ${away(aheadMs)} the run (${countOf(entries, 'entry', 'entries')}): an earlier replay left them, or the target's clock is off by more than ${formatDuration(allowedMs)}`,
  'nothing found': ({ allowedMs }) =>
    `not one accepted submission is there: it is another target's storage, or the clocks differ by more than ${formatDuration(allowedMs)}`,
};
const away = (aheadMs: number): string =>
  `${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'}`;

/** Why less was found than was accepted, as far as the look can see it. */
const reasonWords = ({ reasons = [] }: StorageLook): Block[] =>
  reasons.map((reason) => {
    const words = REASONS[reason.kind] as (reason: LookReason) => string;
    return paragraph(`What the look shows: ${words(reason)}.`);
  });

function examplesOf({ examples = [], foreignNotListed = 0 }: StorageLook): Block[] {
  if (examples.length === 0) return [];
  const rows = examples.map((line) => [
    EXAMPLES_OF[line.class] ?? line.class,
    line.index === undefined ? '' : String(line.index),
    line.submitter ?? '',
    line.created_at ?? '',
    detailsOf(line),
  ]);
  const more =
    foreignNotListed === 0
      ? ''
      : ` without ${formatNumber(foreignNotListed)} of those that this run did not send`;
  return [
    table(['Example', 'Index', 'Submitter', 'created_at', 'What is to be seen'], rows, [
      'left',
      'right',
      'left',
      'left',
      'left',
    ]),
    paragraph([
      'Up to five of each kind; the whole list is ',
      code('reconcile.ndjson'),
      `${more}.`,
    ]),
  ];
}

/** What a line says beside its submission. */
function detailsOf(line: ReconcileLine): string {
  const parts: string[] = [];
  for (const [name, { sent, stored }] of Object.entries(line.fields ?? {}))
    parts.push(`${name}: sent ${valueText(sent)}, stored ${valueText(stored)}`);
  // Of one without an answer it is when its request ended, or when a gateway answered for the target.
  if (line.answered_at !== undefined)
    parts.push(
      `${line.class === 'unknown' ? 'its request ended' : 'answered'} ${line.answered_at}`,
    );
  if (line.kept_at !== undefined) parts.push(`the other one is of ${line.kept_at}`);
  if (line.own_pair === true) parts.push('the run sent both within a second');
  if (line.stored !== undefined) parts.push(line.stored ? 'stored' : 'not stored');
  if (line.where !== undefined) parts.push(line.where);
  if (line.fault !== undefined) parts.push(line.fault);
  return parts.join('; ');
}

const MOST_SHOWN = 40;
const valueText = (value: string | number | null): string => {
  if (value === null) return 'nothing';
  const text = String(value);
  if (text === '') return 'an empty text';
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
};
