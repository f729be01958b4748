/** `npm run test:slow` runs some suites again, with more of the same: more seeds, more clocks, larger lists. */
export const thorough = process.env.MINA_TEST_THOROUGH === '1';
