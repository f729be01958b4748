/** `npm run test:slow`: the longer of the loads, too. */
import './reconcile.test.ts';
