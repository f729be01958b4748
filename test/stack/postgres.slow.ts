/** The same, with the cases that take long. */
import './postgres.test.ts';
