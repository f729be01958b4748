/** A trial of the search for the highest rate that holds: submissions begin at a fixed rate. load/breakpoint/ chooses the rates. */
export { iterate as default, options } from './lib/submit.ts';
