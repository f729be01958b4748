/** Submissions of several kinds by weight; hostile requests come from Node beside them (load/hostile). */
export { iterate as default, options } from './lib/submit.ts';
