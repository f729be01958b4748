/** The same, with the cases that take long. */
import './evidence.test.ts';
