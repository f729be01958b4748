/** The same, with the cases that take long. */
import './keys.test.ts';
