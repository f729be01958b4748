/** Hours of load in constant memory: submissions are signed while they are sent (scenarios/lib/feed.ts). */
export { iterate as default, options } from './lib/submit.ts';
