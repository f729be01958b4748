/** The k6 that tests run: the one that a user would get (K6_BIN, PATH, cache, download, build). */
import { resolveK6 } from '../../load/k6/binary.ts';

let found: Promise<string> | undefined;

export const k6Path = (): Promise<string> =>
  (found ??= resolveK6({ env: process.env }).then(({ path }) => path));
