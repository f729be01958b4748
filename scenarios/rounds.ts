/** Rounds of a base rate, a stress rate and a pause, in each of which other producers are stopped; each start has its own time. */
export { iterate as default, options } from './lib/submit.ts';
