/** VUs, or submissions per second, go up and down in stages. */
export { iterate as default, options } from './lib/submit.ts';
