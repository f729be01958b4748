/** The same with more moments. */
import './live.test.ts';
