/** All cases of the pictures, and a day. */
import './render.test.ts';
