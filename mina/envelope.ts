/**
 * The layout of a signed submission as the toolkit sends it: a body template, made once per block, whose
 * last bytes but one (the final `}`) are an envelope of fixed size. Every submission of a template
 * differs in its envelope only, so a sender patches 267 bytes in place.
 * Pure (no I/O, no `k6/*`, no `node:*`), so k6 scenarios and Node programs share it.
 *
 *     {"version":1,"data":{"block":"…"[,"snark_work":"…"],"created_at":"<20>","peer_id":"<52>"},
 *      "signature":"<96>","submitter":"<55>"}          (no white space; wrapped here for reading)
 *
 * The lengths never change: RFC 3339 whole seconds with Z; base58 of 38 bytes 00 24 08 01 12 20 + Ed25519
 * key (12D3KooW…); base58check of version 0x9A + 65 bytes; base58check of version 0xCB + 35 bytes.
 */

/** Offsets and lengths in bytes, from the start of the envelope. */
export const ENVELOPE = {
  createdAt: { offset: 0, bytes: 20 },
  peerId: { offset: 33, bytes: 52 },
  signature: { offset: 101, bytes: 96 },
  submitter: { offset: 212, bytes: 55 },
  bytes: 267,
} as const;

/** What stands between the slots of an envelope, in order. */
export const ENVELOPE_JOINTS = ['","peer_id":"', '"},"signature":"', '","submitter":"'] as const;

/** After the envelope: closes the submitter's string and the object. */
export const ENVELOPE_END = '"}';

/**
 * One record of `envelopes.bin`: template index (u32 LE), envelope (267 bytes, ASCII), padding (zero).
 * `producer` is not stored: the submitter names it.
 */
export const RECORD = { templateOffset: 0, envelopeOffset: 4, bytes: 272 } as const;

/** One body template inside `bodies.bin`. All in bytes. */
export type BodyTemplate = {
  /** Where the body starts in `bodies.bin`. */
  offset: number;
  /** Length of the whole body, envelope included. */
  bytes: number;
  /**
   * Where the envelope starts, from the start of the body: always `bytes - ENVELOPE.bytes - 2`. Absent: a recorded body that
   * is sent byte for byte; the envelope of its record says who submits it, as the body itself does.
   */
  envelopeOffset?: number;
  /** The answer that is right for it. Absent: that of an accepted submission. */
  expected?: ExpectedAnswer;
  /** Of a load whose figures are kept apart by sizes or kinds: the place among them. */
  group?: number;
};

/** `body` null: any body, as where a proxy answers in its own words. */
export type ExpectedAnswer = { status: number; body: string | null };

/** `corpus.json`: what a corpus folder holds. Beside it lie `bodies.bin` and `envelopes.bin`. */
export type CorpusIndex = {
  format: 1;
  /** Records in `envelopes.bin`. Submission i is record i. */
  count: number;
  producers: number;
  network: 'testnet' | 'mainnet';
  seed: string;
  /** created_at of record 0 and of the last record, RFC 3339. */
  firstCreatedAt: string;
  lastCreatedAt: string;
  templates: BodyTemplate[];
};
