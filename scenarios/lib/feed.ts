/** Where records come from in a load too long for a corpus, or steered: the feeder (load/feeder/feeder.ts), asked for each lease. */
import http from 'k6/http';
import { FEED_STATUS, type FeederSource, NOT_YET } from './plan.ts';

/** A feeder that lets a VU wait this long has failed. */
const TIMEOUT_MS = 30_000;
/** A turn may be far away, while the load pauses; a connection on which nothing comes for so long is asked for anew. */
const LONGEST_WAIT_MS = 5000;

/**
 * @returns a function that fills `into` with the records of submissions `first` to `first + n - 1`; false: their turn had not come by
 * `endsAt` (ms since 1970). It throws if the feeder does not give them
 */
export function feederOf({
  url,
  paced,
}: FeederSource): (first: number, n: number, into: Uint8Array, endsAt: number) => boolean {
  // None of what belongs to the target: its headers, its cookies (a jar of its own), and for Go no proxy stands before loopback
  // (golang.org/x/net/http/httpproxy, useProxy).
  const params = {
    responseType: 'binary',
    timeout: TIMEOUT_MS,
    jar: new http.CookieJar(),
  } as const;
  const { get } = http;
  const ask = (path: string, into: Uint8Array): void => {
    const { status, body, error } = get(`${url}/${path}`, params);
    if (status !== FEED_STATUS)
      throw new Error(`the feeder gave no records: ${status === 0 ? error : `status ${status}`}`);
    into.set(new Uint8Array(body));
  };
  if (!paced)
    return (first, n, into) => {
      ask(`${first}/${n}`, into);
      return true;
    };
  return (first, n, into, endsAt) => {
    for (;;) {
      const leftMs = Math.floor(endsAt - Date.now());
      if (leftMs <= 0) return false;
      ask(`${first}/${n}/${Math.min(LONGEST_WAIT_MS, leftMs)}`, into);
      // u32 LE, in the place of the template's index: RECORD.templateOffset is 0.
      const isThere =
        into[0] + into[1] * 2 ** 8 + into[2] * 2 ** 16 + into[3] * 2 ** 24 !== NOT_YET;
      if (isThere) return Date.now() < endsAt;
    }
  };
}
