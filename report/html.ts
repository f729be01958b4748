/** The HTML report of a run: its parts read from dist/ and from the packages, and put together. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chartsOf } from '../plots/charts.ts';
import { chartData } from '../plots/data.ts';
import type { RunView as Run } from '../results/sums.ts';
import { distFile } from '../paths.ts';
import { UserError } from '../user-error.ts';
import { printHtml, styleOf } from './print-html.ts';
import { printSummary } from './print-summary.ts';
import { pageOfRun } from './run-page.ts';

/** Of a GitHub issue, 65,536 characters. */
const ISSUE_LIMIT_BYTES = 60_000;
/** What an issue needs: the rest stands in the report. */
const ISSUE_SECTIONS = [
  'verdict',
  'gates',
  'answers',
  'log',
  'what-was-sent',
  'figures',
  'how-it-was-run',
  'machine',
];

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64');

function read(path: () => string): Buffer {
  try {
    return readFileSync(path());
  } catch (cause) {
    throw new UserError(`a part of the HTML report cannot be read: ${(cause as Error).message}`, {
      hint: 'run `npm ci`, then `npm run build`',
      cause,
    });
  }
}

/** The letters of Latin alphabets; others have the browser's own. */
function fonts(): { weight: number; base64: string }[] {
  const require = createRequire(import.meta.url);
  return [400, 600].map((weight) => {
    const name = `@fontsource/inter/files/inter-latin-${weight}-normal.woff2`;
    return { weight, base64: read(() => require.resolve(name)).toString('base64') };
  });
}

/**
 * @returns the document
 * @throws UserError if a part of it is not installed; Error if a stored histogram is broken
 */
export function htmlReport(run: Run): string {
  const data = chartData(run);
  const pictures = chartsOf(data).filter(({ whyEmpty }) => whyEmpty === null).map(({ name }) => `${name}.canvas`); // prettier-ignore
  const page = pageOfRun(run, pictures);
  const text = read(() => distFile('report-page.js'))
    .toString('utf8')
    .trim();
  const faces = fonts();
  const issuePage = {
    ...page,
    sections: page.sections.filter(({ id }) => ISSUE_SECTIONS.includes(id)),
  };
  const { commit, url } = run.plan?.ci ?? {};
  // `…/OWNER/NAME/actions/runs/N`: the commit's page is beside it.
  const repository = url?.replace(/\/actions\/runs\/\d+$/, '');
  return printHtml(page, run.summary?.verdict.passed === true ? 'passed' : 'failed', {
    program: { text, hash: sha256(text) },
    styleHash: sha256(styleOf(faces)),
    fonts: faces,
    // The encoded histogram is not drawn: its buckets are.
    chartData: { ...data, latency: data.latency && { ...data.latency, hdr: '' } },
    issue: printSummary(issuePage, ISSUE_LIMIT_BYTES),
    links: [
      ...(url === undefined ? [] : [{ words: 'CI run', url }]),
      ...(commit === undefined || repository === undefined
        ? []
        : [{ words: `commit ${commit.slice(0, 7)}`, url: `${repository}/commit/${commit}` }]),
    ],
  });
}
