/** Mutated submissions: whatever they hold, there is an answer, it is a line of JSON, and nothing of the input has changed. */
import assert from 'node:assert/strict';
import { answerLine } from '../../../stack/verifier/answer.ts';
import { submissionOfRow } from '../../../stack/verifier/submission-json.ts';
import type { Verifier } from '../../../stack/verifier/verifier.ts';
import {
  checkerThat,
  mesaBlock,
  recordedRow,
  verifierWith,
  WITH_WORK,
  WITHOUT_WORK,
} from '../../support/verifier.ts';

/** xorshift32: the same numbers on every machine. */
function randomSource(seed: number): (limit: number) => number {
  let state = seed * 2654435761 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const ODD_VALUES: unknown[] = [
  null, '', 0, -1, 1e99, true, [], {}, 'AAAA', '=', 'A', '\u0000', '3NK', { raw_block: 'x' }, 'é'.repeat(99),
]; // prettier-ignore
const TELLING = [0, 1, 0x1f, 0x20, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff];

/** Changes some bytes of a base64 text, or its length. */
function mutated(text: string, below: (limit: number) => number): string {
  const bytes = Buffer.from(text, 'base64');
  let end = bytes.length;
  for (let i = 0; i < 1 + below(4); i++) {
    // The beginning is where a decoder looks at every byte; the end of a header is the other place.
    const at = Math.min(below(4) === 0 ? below(bytes.length) : below(1700), bytes.length - 1);
    const kind = below(6);
    if (kind === 0) end = below(bytes.length + 1);
    else bytes[at] = kind < 3 ? TELLING[below(TELLING.length)] : below(256);
  }
  return bytes.subarray(0, end).toString('base64');
}

export type FuzzCounts = { valid: number; refused: number; notCheckable: number };

export async function fuzzVerifier(count: number, seed: number): Promise<FuzzCounts> {
  const below = randomSource(seed);
  const sources = [recordedRow(WITH_WORK, '1'), recordedRow(WITHOUT_WORK, '2')];
  sources.push({ ...sources[0], raw_block: Buffer.from(mesaBlock()).toString('base64') });
  const verifiers: Verifier[] = [
    verifierWith(),
    verifierWith({ strict: true, rule: 'mainnet' }),
    verifierWith({ proofs: checkerThat(() => true) }),
    verifierWith({ rule: 'rampup', proofs: checkerThat(() => false) }),
    verifierWith({ rule: 'mesa', proofs: checkerThat(() => new Error('away')) }),
  ];
  const counts: FuzzCounts = { valid: 0, refused: 0, notCheckable: 0 };
  for (let run = 0; run < count; run++) {
    const row: Record<string, unknown> = { ...sources[below(sources.length)] };
    const field = below(8);
    if (field < 5) row.raw_block = mutated(row.raw_block as string, below);
    else if (field === 5 && typeof row.snark_work === 'string')
      row.snark_work = mutated(row.snark_work, below);
    else {
      const names = Object.keys(row);
      row[names[below(names.length)]] = ODD_VALUES[below(ODD_VALUES.length)];
    }
    const verdict = await verifiers[below(verifiers.length)].verify(submissionOfRow(row));
    const line = answerLine(row, verdict);
    const answer = JSON.parse(line) as Record<string, unknown>;
    assert.ok(!line.includes('\n'));
    for (const name of [
      'state_hash',
      'parent',
      'height',
      'slot',
      'validation_error',
      'verified',
      'checks',
    ])
      assert.ok(name in answer, name);
    if (verdict.error !== null) {
      assert.ok(verdict.verified && verdict.facts === null && verdict.error !== '');
      counts.refused++;
    } else {
      assert.ok(verdict.facts !== null);
      if (verdict.verified) counts.valid++;
      else counts.notCheckable++;
    }
  }
  return counts;
}
