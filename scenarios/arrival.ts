/** An open model: submissions begin at a fixed rate, whatever the answers take. */
export { iterate as default, options } from './lib/submit.ts';
