/**
 * What the recorder answers where nothing stands behind it: as the uptime backend would to a good submission, after the checks that need
 * neither key nor clock: routes, Content-Length, size, and the form of the body. Signature, whitelist, time and hourly limit are not
 * looked at. Pure.
 */
import { MAX_BODY_BYTES } from '../../mina/limits.ts';
import { parseSubmission, SubmissionError } from '../../mina/submission.ts';
import { routeOf } from '../backend/paths.ts';
import { type Answer, ANSWERS } from '../backend/checks.ts';

export type StandInAnswer = Answer & { contentType?: string; location?: string };

const TEXT = 'text/plain; charset=utf-8';

/** What is answered before the body. @returns null: the body decides */
export function answerToHead(request: {
  target: string;
  isChunked: boolean;
  contentLength: number;
}): StandInAnswer | null {
  const route = routeOf(request.target);
  switch (route.kind) {
    case 'submit':
      if (request.isChunked) return ANSWERS.noLength;
      return request.contentLength > MAX_BODY_BYTES ? ANSWERS.tooLong : null;
    case 'health':
      return { status: 200, body: '{"status":"ok"}\n', contentType: TEXT };
    case 'moved':
      return { status: 301, body: '', location: route.location };
    case 'bad':
      return { status: 400, body: '400 Bad Request', contentType: TEXT };
    case 'online':
    case 'metrics':
    case 'other':
      return { status: 200, body: 'delegation backend service', contentType: TEXT };
  }
}

/** @param body whole; null: larger than what is kept in memory, and then taken as it is */
export function answerToBody(body: Uint8Array | null): StandInAnswer {
  if (body === null) return { ...ANSWERS.ok, contentType: TEXT };
  try {
    parseSubmission(body);
    return { ...ANSWERS.ok, contentType: TEXT };
  } catch (error) {
    if (!(error instanceof SubmissionError)) throw error;
    const answer = error.problem === 'decode' ? ANSWERS.undecodable : ANSWERS.incomplete;
    return { ...answer, contentType: TEXT };
  }
}
