/** Dumps, assertions, incidents, loads and traces: one process for all, since all look at the same run. */
import './assertions-cases.ts';
import './dump-cases.ts';
import './export-cases.ts';
import './incidents-cases.ts';
import './load-cases.ts';
import './trace-cases.ts';
