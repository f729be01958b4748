/** The same with longer chains. */
import './chain-templates.test.ts';
