/** The same, with the cases that take long. */
import './timed-starts.test.ts';
