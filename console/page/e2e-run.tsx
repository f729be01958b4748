/** One end-to-end run: steps, counts and conditions each second while it goes on; assertions, traces, logs and files when it is over. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { e2eCountsChart } from '../../plots/e2e-counts.ts';
import type { Counts, E2eMessage, E2eStep } from '../live/e2e-message.ts';
import { type ApiError, type E2eFacts, e2ePathOf, get, post } from './api.ts';
import { ChartView } from './chart.tsx';
import { Assertions } from './e2e-assertions.tsx';
import { Logs } from './e2e-logs.tsx';
import { countsOf, type E2eLive, timeOf, withE2eMessage } from './e2e-series.ts';
import { Traces } from './e2e-trace.tsx';
import { useEvents } from './events.ts';
import { FileList } from './files.tsx';
import { DASH, localTime, whole } from './figures.ts';
import { Card, CommandLine, ConfirmButton, Figure, Problem, StatePill, toneOf } from './parts.tsx';
import { hrefOf } from './place.ts';
import { go } from './route.ts';

export function E2eRunPage({ id, canChange }: { id: string; canChange: boolean }) {
  const { state, connection } = useEvents(e2ePathOf(id, '/events'), 'e2e', withE2eMessage);
  const [facts, setFacts] = useState<E2eFacts | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [isStopping, setIsStopping] = useState(false);
  const [search, setSearch] = useState('');
  const last = state?.last ?? null;
  const done = last?.steps.filter(({ status }) => status === 'done').length ?? null;
  useEffect(() => {
    get<E2eFacts>(e2ePathOf(id)).then((answer) => (setFacts(answer), setError(null)), setError);
    // Once more after each step: there are more files, then a verdict.
  }, [id, done, last?.state]);
  if (last === null || state === null)
    return error === null ? <p class="soft">Loading…</p> : <Problem message={error.message} hint={error.hint} />; // prettier-ignore
  const live = last.state === 'running';
  const [name] = id.split('~');
  const stop = () => {
    setIsStopping(true);
    post(e2ePathOf(id, '/stop')).catch((cause: ApiError) => {
      setIsStopping(false);
      setError(cause);
    });
  };
  return (
    <article class={`run-page ${toneOf(last.state)}`} data-state={last.state}>
      <header class="run-head">
        <div class="run-title">
          <p class="soft crumbs">
            <a href={hrefOf({ view: 'e2e' })}>End-to-end runs</a> / {id.replace('~', ' / ')}
          </p>
          <h1>
            {name} <StatePill state={last.state} />
            {connection === 'lost' && <span class="pill warn">connection lost, trying again</span>}
          </h1>
          <p class="soft">
            {last.startedMs === null ? '' : localTime(new Date(last.startedMs).toISOString())}
            {last.endedMs !== null &&
              last.startedMs !== null &&
              ` · ${timeOf(last.endedMs - last.startedMs)}`}
          </p>
        </div>
        <div class="run-actions">
          {live && canChange && (
            <ConfirmButton
              label={isStopping ? 'Stopping…' : 'Stop'}
              question="End this run? Its logs are kept, and what it made is removed."
              yes="Stop it"
              tone="danger"
              disabled={isStopping}
              onYes={stop}
            />
          )}
          {!live && canChange && facts?.again && (
            <button type="button" onClick={() => go({ view: 'e2e-new', again: id })}>
              Run again
            </button>
          )}
        </div>
      </header>
      {error !== null && <Problem message={error.message} hint={error.hint} />}
      {last.sentence !== null && (
        <p class={`verdict ${toneOf(last.state)}`} role="status">
          {last.sentence}
        </p>
      )}
      <Steps last={last} />
      {last.counts !== null && <CountFigures counts={last.counts} />}
      <div class="columns">
        <CountsChart live={state} />
        <div>
          <Conditions last={last} live={live} />
          {last.topology.length > 0 && (
            <Card title="What it is made of">
              <pre tabIndex={0}>{last.topology.join('\n')}</pre>
            </Card>
          )}
        </div>
      </div>
      <Assertions
        id={id}
        mark={`${last.state} ${JSON.stringify(last.judged)}`}
        onSearch={setSearch}
      />
      <Traces id={id} mark={`${last.state} ${done}`} search={search} onSearch={setSearch} />
      {facts !== null && <Logs id={id} logs={facts.logs} isLive={live} />}
      {last.lines.length > 0 && (
        <Card title="What its program said">
          <pre tabIndex={0}>{last.lines.slice(-20).join('\n')}</pre>
        </Card>
      )}
      {facts !== null && facts.files.length > 0 && (
        <Card title="Files">
          <FileList files={facts.files} hrefOf={(file) => e2ePathOf(id, `/files/${file}`)} />
          {facts.command !== null && (
            <>
              <h3>The same run as a command line</h3>
              <CommandLine text={facts.command} />
            </>
          )}
        </Card>
      )}
    </article>
  );
}

const SIGNS: Record<E2eStep['status'], { tone: string; sign: string }> = {
  'to do': { tone: 'soft', sign: '○' },
  running: { tone: 'live', sign: '●' },
  done: { tone: 'good', sign: '✓' },
  failed: { tone: 'bad', sign: '✕' },
  'left out': { tone: 'soft', sign: '–' },
};

const countsText = (counts: Counts): string =>
  Object.entries(counts)
    .map(([name, value]) => `${name} ${value === null ? 'unknown' : whole(value)}`)
    .join(', ');

const Steps = ({ last }: { last: E2eMessage }) => (
  <Card title="Steps">
    <ol class="steps">
      {last.steps.map(({ name, title, status, ms, counts, message, hint }) => {
        const { tone, sign } = SIGNS[status];
        return (
          <li key={name} class={`step ${tone}`} data-step={name} data-status={status}>
            <span class="sign" aria-hidden="true">
              {sign}
            </span>
            <div class="step-main">
              <p>
                <strong>{name}</strong> <span class="soft">{title}</span>
              </p>
              {counts !== null && <p class="soft step-counts">{countsText(counts)}</p>}
              {message !== null && (
                <p class={status === 'failed' ? 'bad-text' : 'soft'}>{message}</p>
              )}
              {hint !== null && hint !== '' && <p class="soft">{hint}</p>}
            </div>
            <span class="step-time">
              <span class={status === 'to do' ? 'soft' : ''}>{status}</span>
              {ms !== null && <strong>{timeOf(ms)}</strong>}
            </span>
          </li>
        );
      })}
    </ol>
  </Card>
);

const SHOWN = ['planned', 'sent', 'accepted', 'stored', 'verified', 'scored', 'batches', 'open', 'late', 'disturbed']; // prettier-ignore
const NOTES: Record<string, string> = {
  open: 'of a time no batch covers yet',
  late: 'counted, not verified',
  batches: 'counted',
};

const CountFigures = ({ counts }: { counts: Counts }) => (
  <dl class="figures">
    {SHOWN.filter(
      (name) => name in counts && !(['late', 'disturbed'].includes(name) && counts[name] === 0),
    ).map((name) => (
      <Figure
        key={name}
        name={name[0].toUpperCase() + name.slice(1)}
        value={counts[name] === null ? DASH : whole(counts[name])}
        note={NOTES[name]}
        tone={name === 'late' ? 'warn' : ''}
      />
    ))}
  </dl>
);

function CountsChart({ live }: { live: E2eLive }) {
  const definition = useMemo(() => e2eCountsChart(countsOf(live)), [live]);
  if (live.points.length === 0) return null;
  return (
    <Card title="Counts over time" class="chart-card">
      <ChartView definition={definition} height={460} />
    </Card>
  );
}

function Conditions({ last, live }: { last: E2eMessage; live: boolean }) {
  const { conditions } = last;
  if (conditions.length === 0) return null;
  const time = (ms: number) => `${new Date(ms).toISOString().slice(11, 19)} UTC`;
  return (
    <Card title={live ? 'Waited for' : 'What was waited for'}>
      <ul class="gates one">
        {conditions.map(({ words, heldMs }) => (
          <li key={words} class={`gate ${heldMs === null ? 'soft' : 'good'}`}>
            <span class="sign" aria-hidden="true">
              {heldMs === null ? '…' : '✓'}
            </span>
            <span class="gate-words">{words}</span>
            <span class="gate-value">
              {heldMs === null ? (live ? 'not yet' : 'not seen') : time(heldMs)}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
