/**
 * What a VU reports about a submission: one sample of the gauge `submission`, whose value packs the
 * submission's index and a code of 12 bits:
 *
 *     value = index * 4096 + code
 *
 * A float64 holds 53 bits, so indices go to 2^41; k6's CSV prints the value with `%f`, exactly.
 * Pure (no I/O, no `k6/*`, no `node:*`), so k6 scenarios and Node programs share it.
 *
 * | code | means |
 * |---|---|
 * | 0 | begun: this submission, the first of a lease, is about to be sent |
 * | 1 | the iteration threw at this submission |
 * | 2 | the lease ended before this submission: it and the rest of the lease are not sent |
 * | 3 | taken as a submission is (status and body), though another answer was the expected one |
 * | 100 to 999 | answered with this HTTP status |
 * | 1000 to 1999 | no answer: k6's error code (k6 docs, "Error codes") |
 * | + 2048 | the answer was the expected one, status and body |
 *
 * A lease sends its submissions one after another; one that was begun and has neither all its answers nor a code
 * 1 or 2 has exactly one submission in flight: the first without an answer.
 */
export const REPORT_METRIC = 'submission';
/**
 * A gauge of the same values, for submissions that are sent again after a failure: the code of the failed answer; then, when the same
 * is on its way again, 0. Its last answer is reported as {@link REPORT_METRIC}.
 */
export const RETRY_METRIC = 'submission_retry';
/** A gauge, reported once, with submission 0: when the scenario began, whole milliseconds since 1970, rounded down. */
export const START_METRIC = 'load_start';
/**
 * A gauge, once for each answer that was not the expected one (or none): `reason * 4096 + code`, where `reason` (u32) stands for the
 * answer's words (reasons.ts) and the code says what came, as in {@link REPORT_METRIC}. The words stand in k6.log.
 */
export const REASON_METRIC = 'submission_reason';
/** A gauge: by how many milliseconds a think time took longer than it should; only where that is {@link LATE_SLEEP_MS} or more. */
export const OVERRUN_METRIC = 'think_overrun';
/** A gauge: 1 for each iteration that had nothing to send, because its index lies beyond the plan's submissions. */
export const BEYOND_METRIC = 'beyond_plan';
/** k6 counts whole milliseconds, and a timer of an idle machine is late by one or two. */
export const LATE_SLEEP_MS = 5;
/** Tag of the requests of a load whose figures are kept apart: the group's place, a number. */
export const GROUP_TAG = 'group';
export const CODES = 4096;
export const CODE = { begun: 0, threw: 1, leaseEnded: 2, taken: 3, expected: 2048 } as const;

export const packReport = (index: number, code: number): number => index * CODES + code;

/**
 * Code of an answer. `status` 0: there was none, `errorCode` says why; k6 gives no error code (0) for a
 * cancelled request, which becomes 1000, its code for "anything else".
 */
export function answerCode(status: number, errorCode: number, expected: boolean): number {
  if (status === 0) return errorCode >= 1000 && errorCode < 2000 ? errorCode : 1000;
  return expected ? status + CODE.expected : status;
}
