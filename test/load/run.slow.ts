/** All ends of a load. */
import './run.test.ts';
