/**
 * The verifier's service as a program. Its environment is the submission updater's, and VERIFIER_HOST, VERIFIER_PORT, VERIFIER_BLOCKS (an S3 URL or a folder),
 * VERIFIER_NETWORK (the rule, see rule.ts), VERIFIER_TEST_TAKES_PROOFS (1: for tests, proofs count as right, unread; all else is checked). SIGTERM and SIGINT end it.
 */
import { surviveFileSizeLimit } from '../../system/file-size-limit.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { knownProof } from './known-proof.ts';
import { openProofPool, type ProofChecker } from './proof-pool.ts';
import { type Rule, RULES } from './rule.ts';
import { startVerifierService } from './service.ts';
import { updaterConfigOf } from './updater/config.ts';
import { openUpdater } from './updater/updater.ts';

surviveFileSizeLimit();
const { env } = process;
const takesProofs = env.VERIFIER_TEST_TAKES_PROOFS === '1';
const log = (line: string): void => void process.stderr.write(`${line}\n`);

/** In place of what checks proofs where none is read. */
const NO_PROOFS: ProofChecker = {
  check: () => Promise.reject(new Error('no proof is read here')),
  close: () => Promise.resolve(),
};

try {
  const rule = env.VERIFIER_NETWORK || 'auto';
  if (!(RULES as readonly string[]).includes(rule))
    throw new UserError(`VERIFIER_NETWORK must be one of ${RULES.join(', ')}, but is "${rule}"`, {
      hint: 'leave it out for auto',
      exitCode: EXIT.usage,
    });
  const updater = await openUpdater({
    config: updaterConfigOf(env, { blocks: env.VERIFIER_BLOCKS || undefined }),
    rule: rule as Rule,
    strict: false,
    keys: { block: null, transaction: null },
    openProofs: () =>
      takesProofs
        ? NO_PROOFS
        : openProofPool({
            backend: 'auto',
            known: knownProof(),
            onNote: (note) => log(`note: ${note}`),
          }),
    takesProofs,
    env,
    cwd: process.cwd(),
    log: (level, line) => log(`${level}: ${line}`),
  });
  if (takesProofs)
    log('note: proofs count as right, unread (VERIFIER_TEST_TAKES_PROOFS=1): for tests only');
  const service = await startVerifierService(updater, {
    host: env.VERIFIER_HOST || '127.0.0.1',
    port: Number(env.VERIFIER_PORT || 0),
    log,
  });
  log(`info: ${updater.name}; windows at ${service.url}/windows`);
  const stop = (): void =>
    void service
      .stop()
      .then(() => updater.close())
      .then(() => process.exit(EXIT.passed));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
} catch (error) {
  if (error instanceof UserError) log(`error: ${error.message} (${error.hint})`);
  else log(`error: ${(error as Error).stack}`);
  process.exitCode = error instanceof UserError ? error.exitCode : EXIT.broken;
}
