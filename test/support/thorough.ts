/** `npm run test:slow` runs some suites again, with more of the same: more seeds, more clocks, larger lists. */
export const thorough = process.env.MINA_TEST_THOROUGH === '1';

/** Of a test that takes long and whose subject others touch too: its file is imported by a slow one of the same name, and there it runs. */
export const slowOnly = thorough ? {} : { skip: 'part of npm run test:slow' };
