/** The same, with the cases that take long. */
import './rules.test.ts';
