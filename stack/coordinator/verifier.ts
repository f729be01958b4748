/** What verifies the rows of a time range before the coordinator counts them. */

export type Verifier = {
  /** For the log. */
  readonly name: string;
  /**
   * Verifies the rows with start <= submitted_at < end and writes state_hash, parent, height, slot, validation_error and verified into them. Mini-batches
   * of one batch run side by side; the same range may come again.
   * @param startMs of the server's clock, milliseconds since 1970; so `endMs`
   * @throws when rows may have stayed unverified
   */
  verifyWindow(startMs: number, endMs: number, signal: AbortSignal): Promise<void>;
};

/** Rows are verified by somebody else, or when they are stored. */
export const NO_VERIFIER: Verifier = { name: 'none', verifyWindow: () => Promise.resolve() };

export const verifierOf = (name: string, verifyWindow: Verifier['verifyWindow']): Verifier => ({
  name,
  verifyWindow,
});
