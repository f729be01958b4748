/**
 * What a class of answers means, in plain words. Statuses: uptime-service-backend,
 * src/delegation_backend/submit.go. Error codes: k6 documentation, "Error codes", and
 * grafana/k6, js/modules/k6/http (lib/netext/httpext/error_codes.go). Pure.
 */
import type { AnswerClass, SampleLine } from './types.ts';

/** The answer to a submission that the backend took. */
export const ACCEPTED: AnswerClass = '200';

const STATUS: Record<string, string> = {
  '200': 'accepted',
  '400': 'bad request: body not readable, a field missing, or created_at in the future',
  '401': 'refused: submitter not on the whitelist, or invalid signature',
  '404': 'not found: no such path at the target',
  '411': 'refused: no Content-Length',
  '413': 'refused: body too large',
  '429': 'refused: too many of one submitter (in an hour, or in one second)',
  '500': 'internal error of the target',
  '502': 'bad gateway: a proxy before the target got no valid answer',
  '503': 'unavailable: the target or a proxy before it is overloaded or down',
  '504': 'gateway timeout: a proxy before the target waited in vain',
};

const ERROR: Record<number, string> = {
  1000: 'no HTTP answer that could be read',
  1010: 'network error below HTTP',
  1020: 'the URL is not valid',
  1050: 'no answer within the request timeout',
  1100: 'name of the target not resolved',
  1101: 'no address found for the name of the target',
  1110: 'address blocked by k6 (blacklistIPs)',
  1111: 'host name blocked by k6 (blockHostnames)',
  1200: 'TCP error',
  1201: 'connection closed by the target while the request was sent (broken pipe)',
  1202: 'unknown TCP error',
  1210: 'could not connect',
  1211: 'could not connect in time (dial timeout)',
  1212: 'connection refused: nothing listens there',
  1213: 'could not connect (unknown system error)',
  1220: 'connection reset by the target',
  1300: 'TLS error',
  1310: 'certificate of an unknown authority',
  1311: 'certificate does not match the host name',
  1600: 'HTTP/2 error',
  1610: 'HTTP/2: the target closed the connection (GOAWAY)',
  1630: 'HTTP/2: stream error',
  1650: 'HTTP/2: connection error',
  1701: 'answer could not be decompressed',
};

/** Where only the hundred is known. */
const ERROR_HUNDRED: Record<number, string> = {
  11: 'name of the target not resolved',
  12: 'TCP error',
  13: 'TLS error',
  16: 'HTTP/2 error',
  17: 'answer could not be decoded',
};

/** Of hostile requests only (HostileFigures in types.ts). */
const HOSTILE: Record<string, string> = {
  'error:closed': 'the target closed the connection without an answer',
  'error:silent': 'nothing came while the connection was held',
  'error:dropped': 'reset by the sender, on purpose',
  'error:malformed': 'what came is no HTTP',
};

const STATUS_HUNDRED: Record<string, string> = {
  '1': 'an interim answer only',
  '2': 'an answer of success that the uptime backend does not give',
  '3': 'redirected: the target is somewhere else',
  '4': 'refused',
  '5': 'internal error of the target',
};

const errorCode = (answer: AnswerClass): number | null => {
  const digits = /^error:(\d+)$/.exec(answer)?.[1];
  return digits === undefined ? null : Number(digits);
};

/** One phrase without a final stop, e.g. `connection refused: nothing listens there`. */
export function describeAnswer(answer: AnswerClass): string {
  const code = errorCode(answer);
  if (code !== null)
    return ERROR[code] ?? ERROR_HUNDRED[Math.floor(code / 100)] ?? 'failed without an answer';
  return (
    STATUS[answer] ??
    HOSTILE[answer] ??
    STATUS_HUNDRED[answer.slice(0, 1)] ??
    'of a class this toolkit does not know'
  );
}

/** Short label of a chart's legend, e.g. `200 accepted`, `429 over the limit`, `no answer in time (k6 1050)`. */
export function labelAnswer(answer: AnswerClass): string {
  const code = errorCode(answer);
  if (code !== null) return `${(SHORT_ERROR[code] ?? describeAnswer(answer)).trim()} (k6 ${code})`;
  const short = SHORT_STATUS[answer];
  return short === undefined ? answer : `${answer} ${short}`;
}

const SHORT_STATUS: Record<string, string> = {
  '200': 'accepted',
  '400': 'bad request',
  '401': 'unauthorized',
  '404': 'not found',
  '411': 'no length',
  '413': 'too large',
  '429': 'over the limit',
  '500': 'internal error',
  '502': 'bad gateway',
  '503': 'unavailable',
  '504': 'gateway timeout',
};

const SHORT_ERROR: Record<number, string> = {
  1050: 'request timeout',
  1100: 'name not resolved',
  1101: 'name not resolved',
  1201: 'broken pipe',
  1210: 'dial failed',
  1211: 'dial timeout',
  1212: 'connection refused',
  1213: 'dial failed',
  1220: 'connection reset',
};

/** Order of classes wherever they are listed: accepted, other statuses rising, then failures by code. */
export function compareAnswers(a: AnswerClass, b: AnswerClass): number {
  const rank = (answer: AnswerClass) =>
    answer === ACCEPTED ? 0 : answer.startsWith('error:') ? 2 : 1;
  return rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true });
}

/** Sum of the answers by class. */
export function sumAnswers(
  samples: readonly Pick<SampleLine, 'answers'>[],
): Record<AnswerClass, number> {
  const sums: Record<AnswerClass, number> = {};
  for (const { answers } of samples)
    for (const [answer, count] of Object.entries(answers))
      sums[answer] = (sums[answer] ?? 0) + count;
  return sums;
}
