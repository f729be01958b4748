/** The same, with the cases that take long. */
import './coordinator.test.ts';
