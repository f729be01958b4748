/** The way of one submission, found by its block producer, its created_at or any word of it; and how long each stage took over all of them. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { TraceLine } from '../../e2e/trace/trace.ts';
import { stageLagsChart } from '../../plots/stage-lags.ts';
import type { TraceFound, TraceLags } from '../server/e2e-trace.ts';
import { type ApiError, e2ePathOf, get } from './api.ts';
import { ChartView } from './chart.tsx';
import { ms, whole } from './figures.ts';
import { Card, Problem } from './parts.tsx';
import { type Stage, stagesOf } from './trace-stages.ts';

const TYPING_MS = 250;

/** @param mark another one where there is something new */
export function Traces({
  id,
  mark,
  search,
  onSearch,
}: {
  id: string;
  mark: string;
  search: string;
  onSearch: (words: string) => void;
}) {
  const [found, setFound] = useState<TraceFound | null>(null);
  const [lags, setLags] = useState<TraceLags | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Before it is judged there is none.
    get<TraceLags>(e2ePathOf(id, '/lags')).then(setLags, () => setLags(null));
  }, [id, mark]);
  const has = lags !== null && lags.submissions > 0;
  useEffect(() => {
    if (!has) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      get<TraceFound>(
        e2ePathOf(id, `/trace?search=${encodeURIComponent(search)}`),
        stop.signal,
      ).then(
        (answer) => (setFound(answer), setError(null)),
        (cause: ApiError) => !stop.signal.aborted && setError(cause),
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [id, mark, search, has]);
  const chart = useMemo(() => (lags === null ? null : stageLagsChart('', lags.picture)), [lags]);
  useEffect(() => {
    // A click on an example leads here.
    if (search.startsWith('#') || search.startsWith('B62')) field.current?.scrollIntoView({ block: 'center' }); // prettier-ignore
  }, [search]);
  if (!has || chart === null) return null;
  return (
    <>
      <Card title="The way of one submission" id="trace">
        <input
          type="search"
          ref={field}
          class="search wide"
          placeholder="Block producer (B62…), created_at, state hash, node, #number…"
          aria-label="Search a submission"
          value={search}
          onInput={(event) => onSearch(event.currentTarget.value)}
        />
        {error !== null && <Problem message={error.message} hint={error.hint} />}
        {found !== null && (
          <>
            <p class="soft" role="status">
              {found.lines.length === 0
                ? 'No submission holds these words'
                : `${found.more ? 'the first ' : ''}${found.lines.length} of ${whole(lags.submissions)} submissions`}
            </p>
            <ul class="traces">
              {found.lines.map((line, i) => (
                <Trace
                  key={line.id}
                  line={line}
                  open={found.lines.length === 1 || (search !== '' && i === 0)}
                />
              ))}
            </ul>
          </>
        )}
      </Card>
      <div class="columns">
        <Card title="How long each stage took" class="chart-card">
          <ChartView definition={chart} height={580} />
        </Card>
        <Card title="Since it was sent">
          <LagTable lags={lags} />
        </Card>
      </div>
    </>
  );
}

const LagTable = ({ lags }: { lags: TraceLags }) => (
  <>
    <div
      class="scroll"
      tabIndex={0}
      role="region"
      aria-label="Time of each stage since the submission was sent"
    >
      <table class="lags">
        <thead>
          <tr>
            <th>stage</th>
            <th class="n">submissions</th>
            <th class="n">p50</th>
            <th class="n">p95</th>
            <th class="n">p99</th>
            <th class="n">longest</th>
          </tr>
        </thead>
        <tbody>
          {lags.lags.map(({ name, what, count, p50Ms, p95Ms, p99Ms, maxMs }) => (
            <tr key={name}>
              <th scope="row">
                {name} <span class="soft">{what}</span>
              </th>
              <td class="n">{whole(count)}</td>
              <td class="n">{ms(p50Ms)}</td>
              <td class="n">{ms(p95Ms)}</td>
              <td class="n">{ms(p99Ms)}</td>
              <td class="n">{ms(maxMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
    <h3>The last stage that submissions reached</h3>
    <ul class="chips">
      {Object.entries(lags.reached)
        .filter(([, count]) => count > 0)
        .map(([stage, count]) => (
          <li key={stage} class="chip">
            {stage} {whole(count)}
          </li>
        ))}
    </ul>
  </>
);

function Trace({ line, open }: { line: TraceLine; open: boolean }) {
  const stages = stagesOf(line);
  const lastMs = Math.max(1, ...stages.map(({ afterMs }) => afterMs ?? 0));
  return (
    <li>
      <details class="trace" open={open || undefined}>
        <summary>
          <span class="trace-id">#{line.id}</span>
          <code>{line.submitter}</code>
          <span class="soft">{line.created_at}</span>
          <span class={`pill ${line.reached === 'point' ? 'good' : 'soft'}`}>{line.reached}</span>
        </summary>
        <ol class="stages">
          {stages.map((stage, i) => (
            <StageView key={i} stage={stage} lastMs={lastMs} />
          ))}
        </ol>
        <p class="soft trace-more">
          node {line.node} · {line.era} · block <code>{line.block_hash}</code>
          {line.state_hash !== undefined && (
            <>
              {' '}
              · state <code>{line.state_hash}</code>
            </>
          )}
        </p>
      </details>
    </li>
  );
}

const StageView = ({
  stage: { name, atMs, afterMs, what, isBad },
  lastMs,
}: {
  stage: Stage;
  lastMs: number;
}) => (
  <li class={`stage ${isBad ? 'bad' : ''}`}>
    <strong>{name}</strong>
    <span class="n">{atMs === null ? '' : `${new Date(atMs).toISOString().slice(11, 23)}Z`}</span>
    <span class="n stage-lag">{afterMs === null ? '' : `+${ms(afterMs)}`}</span>
    <span class="stage-bar" aria-hidden="true">
      {afterMs !== null && (
        <span style={{ width: `${Math.max(0.5, (afterMs / lastMs) * 100)}%` }} />
      )}
    </span>
    <span class="soft stage-what">{what}</span>
  </li>
);
