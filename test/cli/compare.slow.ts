/** `npm run test:slow`: the comparisons that take long, too. */
import './compare.test.ts';
