/** `npm run report -- RUN…`: the report of runs in all its forms, and runs judged again, from their result folders only. */
import { relative, resolve } from 'node:path';
import { judgeAgain } from '../../judge/again.ts';
import { parseGate } from '../../judge/gates.ts';
import { FORM_FILES, type FileForm, USUAL_FORMS, writeForms } from '../../report/describe.ts';
import { amount, outcomeOf } from '../../report/outcome.ts';
import { printLine } from '../../report/print-line.ts';
import { reportToGithub } from '../../report/to-github.ts';
import { writeWiki } from '../../report/wiki.ts';
import { readSummed } from '../../results/sum-reader.ts';
import type { RunView as Run } from '../../results/sums.ts';
import type { Gate } from '../../results/types.ts';
import type { OptionValues } from '../../system/option.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';
import { makeOutFolder } from '../out-folder.ts';
import { commitWiki, pushWiki } from '../wiki-git.ts';

const FORMS = [...(Object.keys(FORM_FILES) as FileForm[]), 'line'] as const;
type Form = (typeof FORMS)[number];

const isForm = (text: string): text is Form => (FORMS as readonly string[]).includes(text);
const formsOf = (text: string): string[] =>
  text.split(',').map((part) => part.trim()).filter((part) => part !== ''); // prettier-ignore

export const report: Command = {
  name: 'report',
  summary:
    'Write the report of one or more runs with its pictures, or judge them again, from their result folders.',
  operands: 'RUN…',
  options: [
    {
      name: 'form',
      type: 'text',
      argument: 'LIST',
      default: USUAL_FORMS.join(','),
      check: (text) => {
        const wrong = formsOf(text).filter((form) => !isForm(form));
        if (wrong.length === 0 && formsOf(text).length > 0) return null;
        return `must be a list of ${FORMS.join(', ')}, but is "${text}"`;
      },
      help: 'what to write, separated by commas: md (report.md with pictures), html (report.html, one file), junit (junit.xml), summary (job-summary.md), line (one line for a chat, on the standard output); for other programs hgrm (latencies as HdrHistogram prints them), benchmark-smaller and benchmark-bigger (github-action-benchmark), bencher, otava',
    },
    {
      name: 'out',
      type: 'path',
      argument: 'DIR',
      help: "write the report there instead of into the run's own folder",
    },
    {
      name: 'gate',
      type: 'text',
      argument: 'CONDITION',
      repeatable: true,
      help: 'judge the run again by this condition, such as "p95<800ms", which replaces the one of the same figure; changes nothing in its folder, and the exit code is the new verdict; may be given several times',
    },
    {
      name: 'wiki',
      type: 'path',
      argument: 'DIR',
      help: 'write page, pictures and a line in Test-Reports.md into this checkout of a wiki',
    },
    { name: 'commit', type: 'flag', help: 'with --wiki: commit what changed' },
    { name: 'push', type: 'flag', help: 'with --commit: push it' },
  ],
  async run({ values, sources, operands, stdout, stderr, cwd, env }) {
    checkOptions(values, operands, sources.form !== 'default');
    const gates = (values.gate as string[] | undefined) ?? [];
    const wiki = values.wiki as string | undefined;
    // Who judges again or writes a wiki asks for no other file.
    const isAsked = sources.form !== 'default' || values.out !== undefined;
    const forms =
      isAsked || (gates.length === 0 && wiki === undefined) ? formsOf(values.form as string) : [];
    const say = (line: string) => void stdout.write(`${line}\n`);
    const codes: number[] = [];
    const written = new Set<string>();
    const titles: string[] = [];
    for (const folder of operands) {
      const stored = await readSummed(resolve(cwd, folder));
      const run = gates.length === 0 ? stored : rejudged(stored, gates, say, codes);
      const out = (values.out as string | undefined) ?? run.folder;
      await writeAll(run, forms, out, (path) => say(relative(cwd, path)));
      const { id, passed, sentence } = outcomeOf(run);
      if (forms.includes('line')) say(printLine(outcomeOf(run)));
      if (wiki !== undefined) {
        const { all, changed } = await writeWiki(run, wiki);
        all.forEach((file) => written.add(file));
        changed.forEach((file) => say(relative(cwd, resolve(wiki, file))));
        titles.push(`Load test ${id}: ${passed ? 'passed' : 'not passed'}\n\n${sentence}`);
      }
      await reportToGithub(
        run,
        env,
        (line) => void (line.startsWith('note: ') ? stderr : stdout).write(`${line}\n`),
      );
    }
    if (wiki !== undefined && values.commit === true) {
      const message = titles.length === 1 ? titles[0] : `Load tests\n\n${titles.join('\n\n')}`;
      if (!(await commitWiki({ folder: wiki, env }, [...written], message)))
        say('nothing to commit: the wiki has it already');
      if (values.push === true) await pushWiki({ folder: wiki, env });
    }
    return worstOf(codes);
  },
};

function checkOptions(values: OptionValues, operands: readonly string[], hasForm: boolean): void {
  const gates = (values.gate as string[] | undefined) ?? [];
  const forms = formsOf(values.form as string);
  const problems = [
    ...(operands.length === 0 ? ['no run was given'] : []),
    ...gates.flatMap((text) => {
      const rule = parseGate(text);
      return 'problem' in rule ? [`--gate ${rule.problem}`] : [];
    }),
    ...(values.out !== undefined && operands.length > 1
      ? [`--out takes the report of one run, but ${operands.length} runs were given`]
      : []),
    ...(gates.length > 0 && values.wiki !== undefined
      ? ['--gate and --wiki exclude each other: a wiki shows what the run was judged by']
      : []),
    ...(gates.length > 0 &&
    hasForm &&
    forms.some((form) => form !== 'line') &&
    values.out === undefined
      ? ["--gate changes nothing in the run's folder, so --form needs --out"]
      : []),
    ...(values.commit === true && values.wiki === undefined ? ['--commit needs --wiki'] : []),
    ...(values.push === true && values.commit !== true ? ['--push needs --commit'] : []),
  ];
  if (problems.length === 0) return;
  throw new UserError(problems.join('\n'), {
    hint:
      operands.length === 0
        ? 'give one or more result folders, e.g. npm run report -- results/2026-01-02T03-04-05Z-load'
        : 'see npm run report -- --help',
    exitCode: EXIT.usage,
  });
}

async function writeAll(
  run: Run,
  forms: readonly string[],
  out: string,
  say: (path: string) => void,
): Promise<void> {
  const files = (Object.keys(FORM_FILES) as FileForm[]).filter((form) => forms.includes(form));
  if (files.length === 0) return;
  if (out !== run.folder) await makeOutFolder(out);
  if (files.includes('md')) {
    const { renderPictures } = await import('../../plots/render.ts');
    await renderPictures(run, { out });
  }
  for (const path of await writeForms(run, files, out)) say(path);
}

/** The run with other gates and another verdict, both printed; its folder stays as it is. */
function rejudged(
  run: Run,
  own: readonly string[],
  say: (line: string) => void,
  codes: number[],
): Run {
  const { gates, verdict } = judgeAgain(run, own);
  const rows = gates.map(gateRow);
  const widths = [0, 1, 2].map((i) => rows.reduce((most, row) => Math.max(most, row[i].length), 0));
  for (const row of rows)
    say(`  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
  say(verdict.sentence);
  codes.push(verdict.exitCode);
  return { ...run, summary: run.summary && { ...run.summary, gates, verdict } };
}

const gateRow = ({ name, state, value, limit, unit }: Gate): string[] => [
  name,
  state,
  value === null ? '' : `observed ${amount(value, unit)}`,
  `limit ${amount(limit, unit)}`,
];

/** Of several runs the gravest, in the order of a verdict's reasons (judge/verdict.ts). */
const GRAVEST_FIRST = [EXIT.broken, EXIT.interrupted, EXIT.noData, EXIT.generatorLimited, EXIT.gateFailed]; // prettier-ignore
const worstOf = (codes: readonly number[]): number =>
  GRAVEST_FIRST.find((code) => codes.includes(code)) ?? EXIT.passed;
