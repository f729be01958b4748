/** k6 as a Go program: its module, and how this toolkit builds it. */
import { buildGoProgram, checkGo, type GoBuild, type GoProgram } from '../../system/go-program.ts';
import { K6_RELEASE } from './probe.ts';

const K6_MODULE = 'go.k6.io/k6/v2';

const K6: GoProgram = {
  name: 'k6',
  module: K6_MODULE,
  version: K6_RELEASE,
  package: K6_MODULE,
  goNeeded: '1.25.0',
  // From sum.golang.org, so that this version is the right one even where GONOSUMDB or GOFLAGS=-insecure is set; Go adds those of
  // the dependencies itself.
  goSum: `${K6_MODULE} v${K6_RELEASE} h1:FXtQJeClRQm25eraUvz/cbn2xcYZThs6cv2lBnid8tM=
${K6_MODULE} v${K6_RELEASE}/go.mod h1:7OY2MP0BM2TOKvOXmHbWixaIXmLVnZbbSWiKSQnQnSU=
`,
  // Counted: k6 v2.2.0, Go 1.26.8, Linux, cold cache.
  packages: 780,
};

/** Builds k6, see {@link buildGoProgram}. */
export const buildK6 = (call: GoBuild): Promise<string> => buildGoProgram(K6, call);

/** @returns Go's version, once it is known to build k6. @throws as {@link checkGo} */
export const checkGoForK6 = (
  go: string,
  options: { env: NodeJS.ProcessEnv; timeoutMs?: number; signal?: AbortSignal },
): Promise<string> => checkGo(go, options, K6);
