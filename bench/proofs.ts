/**
 * Proofs through o1js, on one process: the first, which makes what all later ones share, and each further one; the native back end beside WebAssembly. Nothing
 * is measured where o1js is not installed.
 */
import assert from 'node:assert/strict';
import { knownProof } from '../stack/verifier/known-proof.ts';
import { type Backend, openProofPool, whyNoProofs } from '../stack/verifier/proof-pool.ts';
import type { BenchLine } from './measure.ts';

const PROOFS = 5;

/** Seconds of the wall clock: the work is done by another process. */
async function measure(backend: Backend): Promise<{ first: number; further: number }> {
  const known = knownProof();
  const pool = openProofPool({ workers: 1, backend, known });
  try {
    const startedMs = performance.now();
    // It checks a known one before it says that it is ready.
    assert.equal(await pool.check(known), true);
    const first = (performance.now() - startedMs) / 1000;
    const seconds: number[] = [];
    for (let i = 0; i < PROOFS; i++) {
      const beganMs = performance.now();
      assert.equal(await pool.check(known), true);
      seconds.push((performance.now() - beganMs) / 1000);
    }
    return { first, further: Math.min(...seconds) };
  } finally {
    await pool.close();
  }
}

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const why = whyNoProofs();
  if (why !== null) {
    process.stderr.write(`bench proofs: ${why} (npm ci --prefix proofs): nothing is measured\n`);
    return;
  }
  const native = await measure('native').catch(() => null);
  if (native !== null) reportOf(report, 'native', native, null);
  reportOf(report, 'WebAssembly', await measure('wasm'), native);
}

type Seconds = Awaited<ReturnType<typeof measure>>;

/** Seconds: a ratio below 1 is better, and of WebAssembly it is above. */
function reportOf(
  report: (line: BenchLine) => void,
  name: string,
  ours: Seconds,
  native: Seconds | null,
): void {
  for (const [what, key] of [
    ['from the start of a process to its second answer', 'first'],
    ['each further proof', 'further'],
  ] as const)
    report({
      bench: 'proofs',
      case: `${what}, ${name}`,
      value: Number(ours[key].toPrecision(3)),
      unit: 's',
      peer: native === null ? null : 'native',
      peer_value: native === null ? null : Number(native[key].toPrecision(3)),
      ratio: native === null ? null : Number((ours[key] / native[key]).toFixed(2)),
    });
}
