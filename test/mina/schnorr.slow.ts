import { publicKeyOf, sign, verify } from '../../mina/schnorr.ts';
import { schnorrSuite } from './schnorr-suite.ts';

// The counts that the fast signer runs by default; the reference takes most of a minute for them.
schnorrSuite(
  'reference (BigInt), 1,000 random signatures each way',
  { sign, verify, publicKeyOf },
  { oracleCases: 1000, propertyRuns: 100, textChanges: 1000, bitChanges: Infinity },
);
