/** Virtual users send signed submissions for a given time, each resting for its think time after an answer. */
export { iterate as default, options } from './lib/submit.ts';
