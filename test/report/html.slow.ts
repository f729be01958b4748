/** `npm run test:slow`: pages in a real browser, too. */
import './html.test.ts';
