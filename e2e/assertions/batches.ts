/** Assertions about the batches of the coordinator. Pure. */
import { timeOfUs } from '../dump/times.ts';
import { type Assertion, Faults, found } from './assertion.ts';
import type { Batch } from './facts.ts';

const seconds = (at: number): string => timeOfUs(at * 1e6);
const nameOf = ({ startSeconds, endSeconds }: Pick<Batch, 'startSeconds' | 'endSeconds'>): string =>
  `${seconds(startSeconds)} to ${seconds(endSeconds)}`;

/** Each window once: two coordinators are the matter of another assertion. */
const windowsOf = (batches: readonly Batch[]): Batch[] =>
  batches.filter(
    ({ startSeconds, endSeconds }, i) =>
      batches[i - 1]?.startSeconds !== startSeconds || batches[i - 1]?.endSeconds !== endSeconds,
  );

const batchesCoverTime: Assertion = {
  name: 'batches-cover-time',
  title:
    'batches follow one another without gap or overlap, each of one survey interval, and cover every stored row',
  needs: ['stored rows', 'table bot_logs'],
  check({ head, tables }, facts) {
    const faults = new Faults();
    const windows = windowsOf(facts.batches);
    const { intervalSeconds } = head.coordinator;
    windows.forEach((window, i) => {
      const batch = { startSeconds: window.startSeconds, endSeconds: window.endSeconds };
      const length = window.endSeconds - window.startSeconds;
      if (length !== intervalSeconds)
        faults.add(() => ({
          what: `the batch ${nameOf(window)} has ${length} s, not ${intervalSeconds}`,
          batch,
        }));
      const before = windows[i - 1];
      if (before === undefined || before.endSeconds === window.startSeconds) return;
      const gap = window.startSeconds - before.endSeconds;
      faults.add(() => ({
        what:
          gap > 0
            ? `no batch from ${seconds(before.endSeconds)} to ${seconds(window.startSeconds)}`
            : `the batches ${nameOf(before)} and ${nameOf(window)} share ${-gap} s`,
        batch,
      }));
    });
    const initial = (tables.bot_logs ?? []).find(
      ({ batch_start_epoch, batch_end_epoch }) => batch_end_epoch === batch_start_epoch,
    );
    if (
      initial !== undefined &&
      windows.length > 0 &&
      initial.batch_end_epoch !== windows[0].startSeconds
    )
      // prettier-ignore
      faults.add(() => ({
        what: `the first batch begins at ${seconds(windows[0].startSeconds)}, not where the initial row says, ${seconds(initial.batch_end_epoch)}`,
      }));
    let uncovered = 0;
    let next = 0;
    for (const { row, us } of facts.rows) {
      while (next < windows.length && windows[next].endSeconds * 1e6 <= us) next++;
      if (next < windows.length && windows[next].startSeconds * 1e6 <= us) continue;
      uncovered++;
      faults.add(() => ({
        what: `${row.where}, submitted at ${row.submitted_at!}, is in no batch`,
        submitter: row.submitter!,
        ...submissionOf(facts.matched(head.verifiedIn).submissionOf, row),
      }));
    }
    return found(faults, {
      batches: windows.length,
      'rows in no batch': uncovered,
    });
  },
};

const submissionOf = (
  of: ReadonlyMap<unknown, { id: number }>,
  row: unknown,
): { submission?: number } => {
  const id = of.get(row)?.id;
  return id === undefined ? {} : { submission: id };
};

export const BATCH_ASSERTIONS: readonly Assertion[] = [batchesCoverTime];
