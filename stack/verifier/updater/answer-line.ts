/**
 * A line of a verifier's output: an answer, a malformed one, or nothing of ours (a verifier with a configuration file logs between its answers).
 * Source: o1-labs/submission-updater at 00cc565, src/command.go (parseDelegationVerifyOutput).
 */
import { z } from 'zod';
import type { RowResult } from './row.ts';

export type Answer = {
  id: string;
  submitted_at: string;
  submitter: string;
  result: RowResult;
};

/** Every submission that is sent has it, and it is given back. */
const MARK = 'submitted_at_date';

const text = z.string().nullish();
const number = z.number().int().nullish();
/** null and absent are one, as in Go: the zero value. */
const shape = z.looseObject({
  id: text,
  submitted_at_date: text,
  submitted_at: z.iso.datetime({ offset: true }).nullish(),
  submitter: text,
  state_hash: text,
  parent: text,
  height: number,
  slot: number,
  validation_error: text,
  verified: z.boolean().nullish(),
});

export type AnswerLine = { answer: Answer } | { malformed: string } | 'no answer';

export function readAnswerLine(line: string): AnswerLine {
  const record = line.trim();
  if (record === '') return 'no answer';
  let json: unknown;
  try {
    json = JSON.parse(record);
  } catch {
    // One that was cut short: the verifier died while it wrote.
    return record.includes(MARK) ? { malformed: record } : 'no answer';
  }
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, MARK)) return 'no answer';
  const parsed = shape.safeParse(json);
  if (!parsed.success) return { malformed: record };
  const { data } = parsed;
  return {
    answer: {
      id: data.id ?? '',
      submitted_at: data.submitted_at ?? '',
      submitter: data.submitter ?? '',
      result: {
        stateHash: data.state_hash || null,
        parent: data.parent || null,
        // A refused row has neither; where there is no hash, 0 is the absence of a number.
        height: data.state_hash ? (data.height ?? 0) : data.height || null,
        slot: data.state_hash ? (data.slot ?? 0) : data.slot || null,
        validationError: data.validation_error || null,
        verified: data.verified ?? false,
      },
    },
  };
}
