/** The same, with more calls of the real npm: each takes a second. */
import './npm-options.test.ts';
