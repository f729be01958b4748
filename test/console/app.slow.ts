/** What of app.test.ts takes long: pictures. */
import './app.test.ts';
