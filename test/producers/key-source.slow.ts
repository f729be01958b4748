/** The same, with the cases that take long. */
import './key-source.test.ts';
