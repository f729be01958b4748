/** The same, with the cases that take long. */
import './producers-file.test.ts';
