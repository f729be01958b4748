/** The same, with the cases that take long. */
import './wiki.test.ts';
