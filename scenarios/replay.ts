/** Recorded request bodies are sent byte for byte, in order or at random. */
export { iterate as default, options } from './lib/submit.ts';
