import './signer.test.ts';
import { fastImplementation } from './fast-implementation.ts';
import { schnorrSuite } from './schnorr-suite.ts';

schnorrSuite(
  'mina/signer.ts (WebAssembly), 1,000 random signatures each way, every byte changed',
  fastImplementation(),
  {
    oracleCases: 1000,
    propertyRuns: 1000,
    textChanges: Infinity,
    bitChanges: Infinity,
  },
);
