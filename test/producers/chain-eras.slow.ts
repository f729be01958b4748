/** `npm run test:slow`: every era and network, too. */
import './chain-eras.test.ts';
