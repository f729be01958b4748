/** `npm run test:slow`: the longer of the runs, too. */
import './run.test.ts';
