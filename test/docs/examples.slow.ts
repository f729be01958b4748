/** `npm run test:slow`: the examples that are whole loads. */
import './examples.test.ts';
