/** One VU sends a few submissions; each answer is looked at, and what is not as expected stands in k6's log. */
export { iterate as default, options } from './lib/submit.ts';
