/** Block producers as the network has them: each at its own times, its own blocks, again after a failure. */
export { iterate as default, options } from './lib/submit.ts';
