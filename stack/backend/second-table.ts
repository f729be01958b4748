/**
 * Who has submitted in which second. A storage's key is made of both, so a second submission of one submitter within one second
 * would replace the first in some storages and be dropped by others; it is refused before anything is written.
 */

/** A clock may be set back, and requests are judged within milliseconds: a few seconds are enough. */
const KEPT_SECONDS = 10;

export type SecondTable = {
  /** @returns false if this submitter had this second before */
  take(submitter: string, second: string): boolean;
  /** Seconds that are remembered. */
  readonly size: number;
};

export function createSecondTable(): SecondTable {
  /** In the order in which they began, whatever the clock says. */
  const seconds = new Map<string, Set<string>>();
  return {
    get size() {
      return seconds.size;
    },
    take(submitter, second) {
      let submitters = seconds.get(second);
      if (submitters === undefined) {
        seconds.set(second, (submitters = new Set()));
        if (seconds.size > KEPT_SECONDS) seconds.delete(seconds.keys().next().value!);
      }
      if (submitters.has(submitter)) return false;
      submitters.add(submitter);
      return true;
    },
  };
}
