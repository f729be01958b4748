/** What the counts of a run say to its reader, beside the figures. Pure. */
import { labelAnswer } from '../results/answers.ts';
import type { HostileFigures, LoadShape, Summary } from '../results/types.ts';
import type { SampleAggregator } from './k6/samples.ts';

export function countNotes(facts: {
  load: Pick<LoadShape, 'vus' | 'warmUpMs'>;
  totals: SampleAggregator['totals'];
  figures: Pick<Summary['figures'], 'schedule' | 'warmUpAnswers' | 'submissionsPerSecond'>;
  /** Requests under way at the stop. */
  inFlight: number;
  /** From the last report of a k6 that was killed to its end, ms; null: it ended in order, and has said all. */
  unsaidMs: number | null;
  insecureSkipTlsVerify: boolean;
  hostile: HostileFigures | undefined;
}): string[] {
  const { load, totals, inFlight } = facts;
  const { schedule, warmUpAnswers } = facts.figures;
  const { vus, warmUpMs = 0 } = load;
  const notes: string[] = [];
  if (warmUpMs > 0)
    notes.push(
      `the first ${warmUpMs / 1000} s were warm-up: ${warmUpAnswers ?? 0} answers count, but not in the latencies`,
    );
  const retried = Object.entries(totals.retries);
  if (retried.length > 0)
    notes.push(
      `requests that failed were sent again, as nodes do: ${retried.map(([answer, count]) => `${count} × ${labelAnswer(answer)}`).join(', ')}; of each submission the last answer counts`,
    );
  const moreVus = `because nearly all ${vus} VUs waited for answers; --vus N has more of them ready for a target this slow`;
  const lateBusy = schedule?.lateWhileBusy ?? 0;
  if (lateBusy > 0) notes.push(`${lateBusy} starts were late ${moreVus}`);
  const droppedBusy = schedule ? schedule.dropped - schedule.droppedWhileFree : 0;
  if (droppedBusy > 0) notes.push(`${droppedBusy} starts were dropped ${moreVus}`);
  if (facts.insecureSkipTlsVerify)
    notes.push("nobody checked the target's certificate (--insecure-skip-tls-verify)");
  const { unlisted, cases = [] } = facts.hostile ?? {};
  if (unlisted)
    notes.push(
      `the target's whitelist has ${unlisted.listed} of the ${unlisted.of} producers of the hostile requests, so ${cases.filter(({ played, cut, notRun }) => played + cut === 0 && notRun !== undefined).length} of ${cases.length} cases were not run: ${unlisted.command} prints the keys that it needs`,
    );
  if (totals.resent > 0)
    notes.push(
      `the load outran its corpus: ${totals.resent} submissions were sent a second time or more`,
    );
  if (totals.beyondPlan > 0)
    notes.push(
      `k6 began ${totals.beyondPlan} ${totals.beyondPlan === 1 ? 'iteration' : 'iterations'} after the last submission of the plan, which sent nothing: a machine that stood still makes it catch up`,
    );
  if (inFlight > 0)
    notes.push(`${inFlight} requests were under way at the stop: the backend may have stored them`);
  if (facts.unsaidMs !== null && totals.sent > 0) {
    const most = unsaid(facts.unsaidMs, facts.figures.submissionsPerSecond ?? 0, vus);
    notes.push(
      `k6 was killed ${(facts.unsaidMs / 1000).toFixed(1)} s after its last report: up to about ${most} submissions of that time stand in no figure, and the backend may have stored them`,
    );
  }
  if (totals.otherBody > 0)
    notes.push(
      `${totals.otherBody} answers had status 200 but not the backend's body: did they pass by the submit route?`,
    );
  if (totals.faultyLines > 0)
    notes.push(`${totals.faultyLines} lines of k6's sample stream were cut off and not counted`);
  return notes;
}

/** A load is not even. */
const UNEVEN = 1.5;

/** What a k6 may have sent in the time of which it reported nothing: at the rate of the load, and what was under way. */
const unsaid = (ms: number, perSecond: number, vus: number): number =>
  Math.ceil((UNEVEN * perSecond * ms) / 1000) + vus;
