/** What of e2e.test.ts takes long: a dump that is judged. */
import './e2e.test.ts';
