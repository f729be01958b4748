/** A burst on a base load, of VUs or of submissions per second. */
export { iterate as default, options } from './lib/submit.ts';
