/** A trace's line as stages in their order, each with its moment and how long after the request was sent. Pure. */
import type { TraceLine } from '../../e2e/trace/trace.ts';

export type Stage = {
  name: string;
  /** ms since 1970; null: nothing says when. */
  atMs: number | null;
  /** Since it was sent; null: not known. */
  afterMs: number | null;
  what: string;
  isBad: boolean;
};

const clock = (ms: number): string => `${new Date(ms).toISOString().slice(11, 19)}Z`;

export function stagesOf(line: TraceLine): Stage[] {
  const { sent_ms: sentMs, status, attempts } = line;
  const stages: Stage[] = [];
  const add = (name: string, atMs: number | undefined, what: string, isBad = false) =>
    stages.push({
      name,
      atMs: atMs ?? null,
      // A storage stamps whole seconds: that lies before the moment of sending as a rule.
      afterMs: atMs === undefined ? null : Math.max(0, atMs - sentMs),
      what,
      isBad,
    });
  add('sent', sentMs, attempts > 1 ? `${attempts} attempts` : 'one attempt');
  if (status === 0) add('not answered', undefined, 'no answer came', true);
  else add('answered', line.answered_ms, `status ${status}`, status !== 200);
  for (const [storage, { submitted_ms: at, where }] of Object.entries(line.stored ?? {}))
    add(`stored in ${storage}`, at, `${where}; the storage has whole seconds`);
  for (const storage of line.displaced_in ?? [])
    add(`not in ${storage}`, undefined, 'it holds another submission of that block producer and second', true); // prettier-ignore
  const { mini_batch: part } = line;
  if (part !== undefined) add('picked', part.until_ms, `mini-batch ${clock(part.from_ms)} to ${clock(part.until_ms)}`); // prettier-ignore
  if (line.verdict !== undefined) {
    const by = [line.binary, line.rule].filter((one) => one !== undefined).join(', rule ');
    const words = [line.error ?? '', by === '' ? '' : `by ${by}`].filter((one) => one !== '').join('; '); // prettier-ignore
    add(line.verdict, line.verified_ms, words, line.verdict !== 'verified');
  }
  const { batch } = line;
  if (batch !== undefined) add('counted', line.counted_ms, `batch ${batch.bot_log_id}, ${clock(batch.start_seconds * 1000)} to ${clock(batch.end_seconds * 1000)}`); // prettier-ignore
  if (line.weight !== undefined) add('shortlisted', line.counted_ms, `weight of its state ${line.weight}`); // prettier-ignore
  if (line.point_id !== undefined) add('point', line.counted_ms, `row ${line.point_id} of points`);
  if (line.score !== undefined) add('score', line.counted_ms, `${line.score.score ?? 'none'}, ${line.score.percent ?? '–'} %`); // prettier-ignore
  if (line.shown_ms !== undefined) add('shown', line.shown_ms, 'the leaderboard said it');
  return stages;
}
