/** Where records come from in a load too long for a corpus: the feeder (load/feeder/feeder.ts), asked for each lease. */
import http from 'k6/http';
import { FEED_STATUS, type FeederSource } from './plan.ts';

/** A feeder that lets a VU wait this long has failed. */
const TIMEOUT_MS = 30_000;

/**
 * @returns a function that fills `into` with the records of submissions `first` to `first + n - 1`; it throws if the
 * feeder does not give them
 */
export function feederOf({
  url,
}: FeederSource): (first: number, n: number, into: Uint8Array) => void {
  // None of what belongs to the target: its headers, its cookies (a jar of its own), and for Go no proxy stands before loopback
  // (golang.org/x/net/http/httpproxy, useProxy).
  const params = {
    responseType: 'binary',
    timeout: TIMEOUT_MS,
    jar: new http.CookieJar(),
  } as const;
  const { get } = http;
  return (first, n, into) => {
    const { status, body, error } = get(`${url}/${first}/${n}`, params);
    if (status !== FEED_STATUS)
      throw new Error(`the feeder gave no records: ${status === 0 ? error : `status ${status}`}`);
    into.set(new Uint8Array(body));
  };
}
