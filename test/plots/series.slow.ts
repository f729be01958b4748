/** The same, with an hour of seconds. */
import './series.test.ts';
