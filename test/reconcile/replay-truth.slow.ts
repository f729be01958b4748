/** All clocks of the suite of the same name. */
import './replay-truth.test.ts';
