/** Assertions about what the leaderboard answered, what stands in the logs, and what must stand nowhere. Pure. */
import { microsecondsOf } from '../dump/times.ts';
import type { Evidence } from '../dump/evidence.ts';
import type { BatchFields, LeaderboardRow, TableRow } from '../dump/types.ts';
import { type Assertion, Faults, found } from './assertion.ts';

const SCORES = '/uptimescore/';

type ScoreLine = { block_producer_key: string; score: string; score_percent: string };

const isScoreLine = (value: unknown): value is ScoreLine => {
  if (typeof value !== 'object' || value === null) return false;
  const { block_producer_key: key, score, score_percent: percent } = value as Partial<ScoreLine>;
  return typeof key === 'string' && typeof score === 'string' && typeof percent === 'string';
};

/** @returns why the answer has not the shape of one; null: it has */
function shapeProblem({ path, status, body }: LeaderboardRow): string | null {
  const text = JSON.stringify(body).slice(0, 80);
  if (status === 0) return `no answer: ${text}`;
  const of = body as Record<string, unknown> | null;
  if (path === '/health')
    return status === 200 && of?.status === 'healthy' ? null : `${status} ${text}`;
  if (path === '/health/ready')
    return status === 200 && of?.status === 'ready' ? null : `${status} ${text}`;
  if (status === 404)
    return typeof of?.Error === 'string' && typeof of.Error_message === 'string' ? null : `404 ${text}`; // prettier-ignore
  // A query that failed is answered 200 with -1.
  return status === 200 && Array.isArray(body) && body.length > 0 && body.every(isScoreLine)
    ? null
    : `${status} ${text}`;
}

const leaderboardShape: Assertion = {
  name: 'leaderboard-shape',
  title:
    'every answer of the leaderboard is a list of scores, or says in its words that there is none',
  needs: ['leaderboard answers'],
  check({ leaderboard }) {
    const faults = new Faults();
    for (const row of leaderboard) {
      const problem = shapeProblem(row);
      if (problem !== null) faults.add(() => ({ what: `${row.path}: ${problem}` }));
    }
    return found(faults, { answers: leaderboard.length });
  },
};

const leaderboardRight: Assertion = {
  name: 'leaderboard-right',
  title: 'the scores that the leaderboard shows are those of the tables',
  needs: ['leaderboard answers', 'table nodes', 'table score_history'],
  check(evidence) {
    const faults = new Faults();
    const { leaderboard, tables } = evidence;
    const newest = newestHistory(evidence);
    let compared = 0;
    for (const row of leaderboard) {
      if (!row.path.startsWith(SCORES) || shapeProblem(row) !== null) continue;
      const key = row.path.slice(SCORES.length);
      const lines = row.status === 200 ? (row.body as ScoreLine[]) : [];
      if (key.includes('/')) continue;
      compared++;
      const wanted = key === '' ? allScores(tables.nodes ?? []) : newest(key, row.at_ms);
      const isRight =
        key === ''
          ? sameLines(lines, wanted) && isDescending(lines)
          : wanted.length === 0
            ? lines.length === 0
            : lines.length === 1 && wanted.some((one) => sameLines(lines, [one]));
      if (!isRight)
        faults.add(() => ({
          what: `${row.path} says ${wordsOf(lines)}, and the tables ${wordsOf(wanted.slice(0, 1))}`,
          ...(key !== '' && { submitter: key }),
        }));
    }
    return found(faults, { answers: compared });
  },
};

const wordsOf = (lines: readonly ScoreLine[]): string =>
  lines.length === 0
    ? 'nothing'
    : `${lines[0].score} (${lines[0].score_percent} %)${lines.length === 1 ? '' : ` and ${lines.length - 1} more`}`;

const allScores = (nodes: readonly TableRow<'nodes'>[]): ScoreLine[] =>
  nodes
    .filter(({ application_status: status, score }) => status === true && score !== null)
    .map(({ block_producer_key: key, score, score_percent: percent }) => ({
      block_producer_key: key ?? 'None',
      score: String(score),
      score_percent: percent ?? 'None',
    }));

const keyOfLine = (line: ScoreLine): string =>
  `${line.block_producer_key} ${line.score} ${line.score_percent}`;

function sameLines(a: readonly ScoreLine[], b: readonly ScoreLine[]): boolean {
  const [one, other] = [a, b].map((lines) => lines.map(keyOfLine).sort());
  return one.length === other.length && one.every((line, i) => line === other[i]);
}

const isDescending = (lines: readonly ScoreLine[]): boolean =>
  lines.every(({ score }, i) => i === 0 || Number(score) <= Number(lines[i - 1].score));

/** The newest row of a key at a moment, and the one before it where the newest may not have been committed yet. */
function newestHistory({ tables, events }: Evidence) {
  const committed = new Map(
    events
      .filter(({ kind }) => kind === 'batch')
      .map(({ at_ms: at, fields }) => [(fields as BatchFields).endSeconds * 1000, at]),
  );
  const keys = new Map((tables.nodes ?? []).map(({ id, block_producer_key: key }) => [id, key]));
  const rows = new Map<string, { atMs: number; line: ScoreLine }[]>();
  for (const {
    node_id: node,
    score_at: at,
    score,
    score_percent: percent,
  } of tables.score_history ?? []) {
    const key = keys.get(node ?? -1);
    if (!key || at === null) continue;
    const entry = {
      atMs: microsecondsOf(at) / 1000,
      line: {
        block_producer_key: key,
        score: String(score ?? 'None'),
        score_percent: percent ?? 'None',
      },
    };
    const of = rows.get(key);
    if (of === undefined) rows.set(key, [entry]);
    else of.push(entry);
  }
  for (const of of rows.values()) of.sort((a, b) => b.atMs - a.atMs);
  return (key: string, askedMs: number): ScoreLine[] => {
    const before = (rows.get(key) ?? []).filter(({ atMs }) => atMs <= askedMs);
    const isOpen = before.length > 0 && (committed.get(before[0].atMs) ?? 0) > askedMs;
    return before.slice(0, isOpen ? 2 : 1).map(({ line }) => line);
  };
}

const noErrorLines: Assertion = {
  name: 'no-error-lines',
  title: 'no component writes an error into its log, but those that are allowed',
  needs: ['logs'],
  check({ head, logs }) {
    const faults = new Faults();
    let [lines, allowed] = [0, 0];
    for (const { component, lines: of, errors } of logs) {
      lines += of;
      for (const { level, text, count } of errors)
        if (head.allowed.logWords.some((word) => text.includes(word))) allowed += count;
        else
          faults.add(() => ({
            what: `${component}, ${level}${count > 1 ? `, ${count} like it` : ''}: ${text}`,
          }));
    }
    return found(faults, { logs: logs.length, lines, 'kinds of errors': faults.count, allowed });
  },
};

const noSecrets: Assertion = {
  name: 'no-secrets',
  title: 'no password, token or private key stands in anything that the run wrote',
  needs: ['searched lines'],
  check({ secrets, searchedLines }) {
    const faults = new Faults();
    for (const { file, line, what } of secrets)
      faults.add(() => ({ what: `${file}, line ${line}: ${what}` }));
    return found(faults, { lines: searchedLines });
  },
};

export const ANSWER_ASSERTIONS: readonly Assertion[] = [
  leaderboardShape,
  leaderboardRight,
  noErrorLines,
  noSecrets,
];
