import { fastImplementation } from './fast-implementation.ts';
import { schnorrSuite } from './schnorr-suite.ts';

schnorrSuite(
  'mina/signer.ts (WebAssembly), 1,000 random signatures each way',
  fastImplementation(),
  {
    oracleCases: 1000,
    propertyRuns: 1000,
    textChanges: 1000,
  },
);
