/** The simulated searches again, more of them. */
import './breakpoint.test.ts';
