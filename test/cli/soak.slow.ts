/** The same, with the cases that take long. */
import './soak.test.ts';
