/** `npm run test:slow`: a run of each scenario. */
import './scenarios.test.ts';
