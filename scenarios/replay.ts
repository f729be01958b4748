/** Recorded request bodies: byte for byte, or signed anew by others; in order, at random, or at the times of the recording. */
export { iterate as default, options } from './lib/submit.ts';
