/** The same, with the cases that take long. */
import './run.test.ts';
