/** What the verifier takes of o1js. Here, because a module is looked up from where it is imported: stack/verifier/proof-worker.ts loads this file. */
export { initializeBindings, setBackend, setNumberOfWorkers, verify } from 'o1js';
