/** Bodies from 17 KB to 50 MB, and just over the limit, which must be refused. */
export { iterate as default, options } from './lib/submit.ts';
