/** The same, with the cases that take long. */
import './ending.test.ts';
