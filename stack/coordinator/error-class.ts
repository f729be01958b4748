/**
 * Classes of the verifier's errors: what refuses submissions, counted. A text that nobody knows is a class of its own, and an alarm: in 2026
 * mainnet's "sok" refusals took 30,249 batches from 77 block producers in four months before anybody looked.
 * Source of the texts: o1-labs/submission-updater at 00cc565 and the stateless verifiers of both eras. Pure.
 */

export const ERROR_CLASSES = {
  'sok-mismatch': {
    what: 'the snark work’s proof is good, but its sok digest is another (MinaProtocol/mina#19299): the node’s fault, not the producer’s',
    texts: [
      'Transaction_snark.verify: Mismatched sok_message',
      "proof's sok message digest does not match the sok message",
    ],
  },
  proof: {
    what: 'the block’s proof was refused: a genesis block, a block of the other era, wrong fork constants',
    texts: ['(Pickles.verify dlog_check)'],
  },
  'block-undecodable': {
    what: 'the block is empty, missing or of another format',
    texts: ['Fail to decode block'],
  },
} as const;

export type KnownErrorClass = keyof typeof ERROR_CLASSES;
export type ErrorClass = KnownErrorClass | 'unknown';
export const KNOWN_ERROR_CLASSES = Object.keys(ERROR_CLASSES) as KnownErrorClass[];

/** @param text not empty */
export const errorClassOf = (text: string): ErrorClass =>
  KNOWN_ERROR_CLASSES.find((name) =>
    ERROR_CLASSES[name].texts.some((part) => text.includes(part)),
  ) ?? 'unknown';

export type Era = 'berkeley' | 'mesa' | 'not known';

/**
 * By the server's time, as the updater cuts (FORK_CUTOVER_TIME). @param cutoverMs null: there is no cutover, so the era is not known
 */
export const eraAt = (submittedAtMs: number, cutoverMs: number | null): Era =>
  cutoverMs === null ? 'not known' : submittedAtMs < cutoverMs ? 'berkeley' : 'mesa';

export type ErrorCount = {
  class: ErrorClass;
  era: Era;
  rows: number;
  /** Distinct submitters. */
  producers: number;
  /** One of the texts, shortened. */
  example: string;
};

const EXAMPLE_CHARACTERS = 200;

/** @returns one entry a class and era, most rows first */
export function countErrors(
  refused: Iterable<{ submitter: string; submittedAtMs: number; error: string }>,
  cutoverMs: number | null,
): ErrorCount[] {
  const counts = new Map<string, ErrorCount & { submitters: Set<string> }>();
  for (const { submitter, submittedAtMs, error } of refused) {
    const [name, era] = [errorClassOf(error), eraAt(submittedAtMs, cutoverMs)];
    const key = `${name} ${era}`;
    let count = counts.get(key);
    if (count === undefined) {
      const example = error.slice(0, EXAMPLE_CHARACTERS);
      count = { class: name, era, rows: 0, producers: 0, example, submitters: new Set() };
      counts.set(key, count);
    }
    count.rows++;
    count.submitters.add(submitter);
  }
  return [...counts.values()]
    .sort((a, b) => b.rows - a.rows)
    .map(({ submitters, ...count }) => ({ ...count, producers: submitters.size }));
}
