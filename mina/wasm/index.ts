/** What mina/signer.ts calls. Arguments are addresses and byte counts in linear memory unless they say otherwise. */
export { poseidonParameters } from './poseidon';
export { LANES } from './curve';
export {
  KEY_PEER_ID,
  KEY_PUBLIC,
  KEY_TEXT,
  addKey,
  allocateSeenKey,
  allocateTable,
  decodeKey,
  hashEnd,
  hashMiddle,
  hashStart,
  hashState,
  keyAt,
  laneKeys,
  laneMessages,
  laneSignatures,
  reserveInput,
  setTable,
  signInput,
  signLanes,
  start,
  verifyInput,
} from './schnorr';
export {
  beginTemplate,
  clearTemplates,
  hashTemplate,
  laneCreatedAt,
  laneRecords,
  laneTemplates,
  signEnvelopes,
  templateTail,
  templateTailBytes,
} from './submission';
export {
  forgetKimchiInput,
  kimchiHash,
  kimchiInput,
  kimchiParameters,
  kimchiResult,
  newKimchiSponge,
  startKimchiSponge,
} from './kimchi'; // for mina/state-hasher.ts

// For the tests: field, permutation and multiples of the generator by themselves.
export {
  fpFromInteger,
  fpInvert,
  fpSqrt,
  fpToInteger,
  fqMulAdd,
  integerFromBytes,
  integerToBytes,
} from './field';
export { addLimbs, fpMul, fpSquare, fpSub, fpSubReduced } from './unrolled';
export { permute } from './poseidon';
export {
  addGeneratorMultiple,
  generatorMultiples,
  jacobianToAffine,
  laneDigits,
  laneInfinity,
  lanePoints,
  recode8,
  setInfinity,
} from './curve';
export { halfDigits0, halfDigits1, splitScalar } from './endomorphism';
export { POINT_TABLE_BYTES, addTableMultiple, fillPointTable, multiplyPoint } from './curve';
