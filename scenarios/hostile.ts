/** The good load beside hostile requests: those come from Node (load/hostile), which can send what k6 cannot. */
export { iterate as default, options } from './lib/submit.ts';
