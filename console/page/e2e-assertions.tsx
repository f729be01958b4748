/** What each assertion said: those that failed first, each with its counts, and examples with where to look on. */
import { useEffect, useState } from 'preact/hooks';
import type { Judged } from '../../e2e/judged.ts';
import { type ApiError, e2ePathOf, get } from './api.ts';
import { whole } from './figures.ts';
import { Card, Problem } from './parts.tsx';

const SIGN = { failed: '✕', held: '✓', 'no data': '∅' } as const;
const TONE = { failed: 'bad', held: 'good', 'no data': 'soft' } as const;

/** @param mark another one where there is something new @param onSearch shows the trace of what holds these words */
export function Assertions({
  id,
  mark,
  onSearch,
}: {
  id: string;
  mark: string;
  onSearch: (words: string) => void;
}) {
  const [found, setFound] = useState<{ judged: Judged[]; wanted: string[] } | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    get<{ judged: Judged[]; wanted: string[] }>(e2ePathOf(id, '/assertions')).then((answer) => (setFound(answer), setError(null)), setError); // prettier-ignore
  }, [id, mark]);
  if (error !== null) return <Problem message={error.message} hint={error.hint} />;
  if (found === null || found.judged.length === 0) return null;
  const { wanted, judged } = found;
  const count = (outcome: Judged['outcome']) => judged.filter((one) => one.outcome === outcome).length; // prettier-ignore
  const failed = judged.filter(({ outcome }) => outcome === 'failed');
  const item = (one: Judged) => <Assertion key={one.name} one={one} wanted={wanted} onSearch={onSearch} />; // prettier-ignore
  return (
    <Card
      title="Assertions"
      aside={
        <span class="soft">
          {count('failed')} failed · {count('held')} held · {count('no data')} without data
        </span>
      }
    >
      {failed.length > 0 && <ul class="assertions">{failed.map(item)}</ul>}
      {(['held', 'no data'] as const).map((outcome) => {
        const some = judged.filter((one) => one.outcome === outcome);
        return some.length === 0 ? null : (
          <details
            key={outcome}
            class="others"
            open={failed.length === 0 && outcome === 'held' ? true : undefined}
          >
            <summary>
              {some.length} {outcome === 'held' ? 'held' : 'could not be judged'}
            </summary>
            <ul class="assertions">{some.map(item)}</ul>
          </details>
        );
      })}
    </Card>
  );
}

/** One of them. */
function Assertion({
  one,
  wanted,
  onSearch,
}: {
  one: Judged;
  wanted: readonly string[];
  onSearch: (words: string) => void;
}) {
  return (
    <li class={`assertion ${TONE[one.outcome]}`} data-outcome={one.outcome}>
      <span class="sign" aria-hidden="true">
        {SIGN[one.outcome]}
      </span>
      <div class="assertion-main">
        <p>
          <code>{one.name}</code> <span class="hidden">{one.outcome}: </span>
          {wanted.includes(one.name) && <span class="pill warn">had to fail</span>}
        </p>
        <p>{one.title}</p>
        <p class="soft">
          {one.outcome === 'no data'
            ? `it needs ${one.lacks.join(', ')}`
            : [
                ...Object.entries(one.counts).map(([name, value]) => `${name} ${whole(value)}`), // prettier-ignore
                ...(one.note === undefined ? [] : [one.note]),
              ].join(', ')}
        </p>
        {one.outcome === 'failed' && one.examples.length > 0 && (
          <ul class="examples">
            {one.examples.map(({ what, submission, submitter, batch }, i) => (
              <li key={i}>
                <span>{what}</span>
                {submitter !== undefined && <code> {submitter}</code>}
                {batch !== undefined && (
                  <span class="soft">
                    {' '}
                    batch {new Date(batch.startSeconds * 1000).toISOString().slice(0, 19)}Z
                  </span>
                )}{' '}
                {(submission !== undefined || submitter?.startsWith('B62') === true) && (
                  <button
                    type="button"
                    class="small"
                    aria-label={`Trace of ${submission === undefined ? submitter! : `submission ${submission}`}`}
                    onClick={() =>
                      onSearch(submission === undefined ? submitter! : `#${submission}`)
                    }
                  >
                    Trace
                  </button>
                )}
                {one.leads?.[i] !== undefined && one.leads[i] !== '' && (
                  <code class="example">{one.leads[i]}</code>
                )}
              </li>
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}
