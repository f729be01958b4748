/** One run: live each second while it goes on, and the same page with its verdict, report and files when it is over. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { chartsOf, CHART_TITLES, type ChartDefinition } from '../../plots/charts.ts';
import type { ChartData } from '../../plots/data.ts';
import type { Page } from '../../report/page.ts';
import type { FaultLine, LiveGate, LiveMessage, Pace } from '../live/message.ts';
import { type ApiError, type ConsoleFacts, get, pathOf, post, type RunFacts } from './api.ts';
import { ChartView } from './chart.tsx';
import { bytes, cores, ms, number, share, whole } from './figures.ts';
import { useEvents } from './events.ts';
import { FileList } from './files.tsx';
import { Card, CommandLine, ConfirmButton, Figure, PageView, Problem, StatePill, toneOf } from './parts.tsx'; // prettier-ignore
import { hrefOf } from './place.ts';
import { go } from './route.ts';
import { RunItem } from './runs.tsx';
import { chartDataOf, clock, type LiveState, withMessage } from './series.ts';

const HEIGHTS: Record<string, number> = { throughput: 480, latency: 480, resources: 480, distribution: 480, breakpoint: 520, fleet: 620 }; // prettier-ignore
const TITLES: Record<string, string> = {
  throughput: 'Submissions and answers',
  latency: 'Latency',
  resources: 'CPU and memory',
  distribution: 'Distribution of the latency',
};

const LIVE_CHARTS: readonly string[] = ['throughput', 'latency', 'resources'];

const isLive = (state: LiveMessage['state']): boolean =>
  state === 'running' || state === 'preparing';

export function RunPage({
  id,
  facts,
  canChange,
}: {
  id: string;
  facts: ConsoleFacts | null;
  canChange: boolean;
}) {
  const { state, connection } = useEvents(pathOf(id, '/events'), 'run', withMessage);
  const [run, setRun] = useState<RunFacts | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [isStopping, setIsStopping] = useState(false);
  const now = state?.last ?? null;
  const phase = now?.state ?? null;
  useEffect(() => {
    get<RunFacts>(pathOf(id)).then((answer) => (setRun(answer), setError(null)), setError);
    // Once more when it is over: there are more files, and a verdict.
  }, [id, phase]);
  const stop = () => {
    setIsStopping(true);
    post(pathOf(id, '/stop')).catch((cause: ApiError) => {
      setIsStopping(false);
      setError(cause);
    });
  };
  if (now === null)
    return error === null ? <p class="soft">Loading…</p> : <Problem message={error.message} hint={error.hint} />; // prettier-ignore
  const live = isLive(now.state);
  const { plan } = now;
  return (
    <article class={`run-page ${toneOf(now.state)}`} data-state={now.state}>
      <header class="run-head">
        <div class="run-title">
          <p class="soft crumbs">
            <a href={hrefOf({ view: 'runs' })}>Runs</a> / {id.replaceAll('~', ' / ')}
          </p>
          <h1>
            {plan?.scenario ?? run?.row.scenario ?? 'Run'} <StatePill state={now.state} />
            {connection === 'lost' && <span class="pill warn">connection lost, trying again</span>}
          </h1>
          {plan !== null && (
            <p class="soft">
              {plan.pace} · {plan.target.embedded ? 'embedded backend' : plan.target.url} ·{' '}
              {whole(plan.producers)} producers · seed {plan.seed}
            </p>
          )}
        </div>
        <div class="run-actions">
          {
            live && canChange &&
            <ConfirmButton label={isStopping ? 'Stopping…' : 'Stop'} question="End this load? Its results stay valid." yes="Stop it" tone="danger" disabled={isStopping} onYes={stop} /> // prettier-ignore
          }
          {!live && canChange && run?.again && (
            <button type="button" onClick={() => go({ view: 'new', again: id })}>
              Run again
            </button>
          )}
          {!live && canChange && facts?.canWiki === true && <WikiButton id={id} />}
          {run?.files.some(({ name }) => name === 'report.html') && (
            <a
              class="button"
              href={pathOf(id, '/files/report.html')}
              target="_blank"
              rel="noopener"
            >
              Report
            </a>
          )}
        </div>
        {live && now.startT !== null && <Progress now={now} />}
      </header>
      {error !== null && <Problem message={error.message} hint={error.hint} />}
      {now.verdict !== null && (
        <p class={`verdict ${toneOf(now.state)}`} role="status">
          {now.verdict.sentence}
        </p>
      )}
      {now.notes.length > 0 && (
        <ul class="notes">
          {now.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      {now.state === 'preparing' && (
        <Card title="Preparing">
          <p class="soft">
            Submissions are signed and the target is asked; the load begins in a moment.
          </p>
          {now.preparing.length > 0 && (
            <pre tabIndex={0}>{now.preparing.slice(-12).join('\n')}</pre>
          )}
        </Card>
      )}
      {now.state === 'unfinished' && now.preparing.length > 0 && (
        <Card title="What its program said before it ended">
          <pre tabIndex={0}>{now.preparing.slice(-12).join('\n')}</pre>
        </Card>
      )}
      {live && now.pace !== null && now.startT !== null && canChange && (
        <Knob id={id} pace={now.pace} second={now.now?.sent ?? null} />
      )}
      {now.startT !== null && <Figures now={now} live={live} />}
      <Gates gates={now.gates} live={live} />
      {now.startT !== null && state !== null && <Charts id={id} state={state} live={live} />}
      <div class="columns">
        <Answers now={now} />
        <Processes now={now} />
        <Happened now={now} live={live} />
      </div>
      <Log state={state} />
      {run !== null && run.parts.length > 0 && (
        <Card title="Its loads">
          <ul class="runs">
            {run.parts.map((row) => (
              <RunItem key={row.id} row={row} />
            ))}
          </ul>
        </Card>
      )}
      {!live && now.startT !== null && <Report id={id} />}
      {run !== null && <Files id={id} run={run} />}
    </article>
  );
}

/** The pace of a load that was started for it; each change is a mark in the charts. */
function Knob({ id, pace, second }: { id: string; pace: Pace; second: number | null }) {
  const [text, setText] = useState('');
  const [error, setError] = useState<ApiError | null>(null);
  const { askedPerSecond, isPaused, mostPerSecond } = pace;
  const ask = (body: object) =>
    void post(pathOf(id, '/control'), body).then(
      () => setError(null),
      (cause: ApiError) => setError(cause),
    );
  const rate = (perSecond: number) => {
    const most = Math.min(perSecond, mostPerSecond ?? Infinity);
    ask({ action: 'rate', rate: `${Number(Math.max(most, 0.1).toPrecision(4))}/s` });
  };
  const base = askedPerSecond === null || askedPerSecond === 0 ? (second ?? 0) : askedPerSecond;
  return (
    <Card title="Pace" class="knob">
      <form
        class="knob-row"
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = text.trim();
          if (wanted !== '') ask({ action: 'rate', rate: /^[\d.]+$/.test(wanted) ? `${wanted}/s` : wanted }); // prettier-ignore
        }}
      >
        <span class="knob-now" role="status">
          <strong>
            {isPaused
              ? 'paused'
              : askedPerSecond === null
                ? 'the VUs’ own pace'
                : `${number(askedPerSecond)}/s`}
          </strong>{' '}
          <span class="soft">
            asked{mostPerSecond !== null && `, at most ${number(mostPerSecond)}/s`}
          </span>
        </span>
        <span class="knob-buttons">
          <button type="button" disabled={isPaused || base === 0} onClick={() => rate(base * 0.9)}>
            −10 %
          </button>
          <button type="button" disabled={isPaused || base === 0} onClick={() => rate(base * 1.1)}>
            +10 %
          </button>
          <label>
            <span class="hidden">new rate, submissions per second</span>
            <input
              type="text"
              inputMode="decimal"
              placeholder="300/s"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />{' '}
            {/* prettier-ignore */}
          </label>
          <button type="submit">Set rate</button>
          {isPaused ? (
            <button type="button" class="primary" onClick={() => ask({ action: 'resume' })}>
              Resume
            </button>
          ) : (
            <button type="button" onClick={() => ask({ action: 'pause' })}>
              Pause
            </button>
          )}
        </span>
      </form>
      {error !== null && <Problem message={error.message} hint={error.hint} />}
    </Card>
  );
}

function WikiButton({ id }: { id: string }) {
  const [words, setWords] = useState('Write wiki page');
  const write = () => {
    setWords('Writing…');
    post<{ changed: string[] }>(pathOf(id, '/wiki')).then(
      ({ changed }) => setWords(changed.length === 0 ? 'The wiki has it already' : `${changed.length} files written`), // prettier-ignore
      (cause: ApiError) => setWords(cause.message),
    );
  };
  return (
    <button type="button" onClick={write}>
      {words}
    </button>
  );
}

function Progress({ now }: { now: LiveMessage }) {
  const total = now.elapsedMs + (now.leftMs ?? 0);
  const done = total === 0 ? 0 : now.elapsedMs / total;
  return (
    <div class="progress-row">
      <div
        class="progress"
        role="progressbar"
        aria-label="Time of the load"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(done * 100)}
      >
        {' '}
        {/* prettier-ignore */}
        <span style={{ width: `${(done * 100).toFixed(2)}%` }} />
      </div>
      <span class="time">
        <strong>{clock(now.elapsedMs)}</strong>
        {now.leftMs !== null && <span class="soft"> · {clock(now.leftMs)} left</span>}
      </span>
    </div>
  );
}

function Figures({ now, live }: { now: LiveMessage; live: boolean }) {
  const { totals, stored } = now;
  const second = live ? now.now : null;
  const { errorRate } = totals;
  const latency = (of: 'p50' | 'p95' | 'p99') => ms(second?.[of] ?? totals[of]);
  return (
    <dl class="figures">
      <Figure
        name="Submissions per second"
        value={number(second?.sent ?? totals.submissionsPerSecond)}
        note={`${whole(totals.sent)} in all`}
      />{' '}
      {/* prettier-ignore */}
      <Figure name="Accepted" value={whole(totals.accepted)} note={second === null ? bytes(totals.bytesSent) + ' sent' : `${number(second.accepted)} in the last second`} />{' '}
      {/* prettier-ignore */}
      <Figure name="Errors" value={share(errorRate)} note={`${whole(totals.errors)} answers`} tone={errorRate !== null && errorRate > 0 ? 'warn' : ''} />{' '}
      {/* prettier-ignore */}
      <Figure name="p50" value={latency('p50')} note={live ? `${ms(totals.p50)} so far` : undefined} />
      <Figure
        name="p95"
        value={latency('p95')}
        note={live ? `${ms(totals.p95)} so far` : undefined}
      />
      <Figure
        name="p99"
        value={latency('p99')}
        note={live ? `${ms(totals.p99)} so far` : undefined}
      />
      {second !== null && <Figure name="VUs" value={number(second.vus)} />}
      {
        stored !== null &&
        <Figure name="Stored" value={whole(stored.stored)} note={stored.notStored > 0 ? `${whole(stored.notStored)} lost` : 'none lost'} tone={stored.notStored > 0 ? 'bad' : 'good'} /> // prettier-ignore
      }
      {
        (totals.late > 0 || totals.dropped > 0) &&
        <Figure name="Not on time" value={whole(totals.late + totals.dropped)} note={`${whole(totals.dropped)} dropped`} tone="warn" /> // prettier-ignore
      }
      {totals.retries > 0 && <Figure name="Sent again" value={whole(totals.retries)} />}
    </dl>
  );
}

const GATE_SIGN = { pass: '✓', fail: '✕', 'no data': '…' } as const;

function Gates({ gates, live }: { gates: readonly LiveGate[]; live: boolean }) {
  if (gates.length === 0) return null;
  return (
    <Card title={live ? 'Gates so far' : 'Gates'}>
      <ul class="gates">
        {gates.map((gate) => {
          const tone = gate.state === 'pass' ? 'good' : gate.state === 'fail' ? 'bad' : 'soft';
          const words = gate.value === null ? (live ? (gate.atTheEnd ? 'known at the end' : 'no data yet') : 'no data') : `${number(gate.value)}${gate.unit === '' ? '' : ` ${gate.unit}`}`; // prettier-ignore
          return (
            <li key={gate.name} class={`gate ${tone}`}>
              <span class="sign" aria-hidden="true">
                {GATE_SIGN[gate.state]}
              </span>
              <span class="gate-name">{gate.name}</span>
              <span class="gate-value">
                <span class="hidden">{gate.state}, </span>
                {words}
                {gate.isChance && ', may be chance'}
              </span>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Charts({ id, state, live }: { id: string; state: LiveState; live: boolean }) {
  const atTheEnd = useEndCharts(id, !live);
  const [isRecent, setIsRecent] = useState(false);
  const isLong = state.last.seconds > 300;
  const recent = isRecent && isLong;
  const definitions = useMemo(
    () => chartsOf(chartDataOf(state, recent)).filter(({ name }) => LIVE_CHARTS.includes(name)), // prettier-ignore
    [state, recent],
  );
  return (
    <>
      {isLong && (
        <div class="switch" role="group" aria-label="Time that the charts show">
          <button type="button" aria-pressed={!recent} onClick={() => setIsRecent(false)}>
            Whole run
          </button>
          <button type="button" aria-pressed={recent} onClick={() => setIsRecent(true)}>
            Last 5 minutes
          </button>
          {live && !recent && <span class="soft">one step is {state.whole.stepS} s</span>}
        </div>
      )}
      <div class="charts">
        {[...definitions, ...atTheEnd].map((definition) => (
          <ChartCard key={definition.name} definition={definition} />
        ))}
      </div>
    </>
  );
}

const ChartCard = ({ definition }: { definition: ChartDefinition }) => (
  <Card title={TITLES[definition.name] ?? CHART_TITLES[definition.name]} class="chart-card">
    <ChartView definition={definition} height={HEIGHTS[definition.name] ?? definition.height} />
  </Card>
);

/** A run in which nothing was accepted has no latency: five charts without a point say no more than one. */
const showsSomething = (definition: ChartDefinition): boolean =>
  definition.config().data.datasets.some(({ data }) => data.length > 0);

/** Those that the end of a run brings: the distribution, a search, a fleet. */
function useEndCharts(id: string, has: boolean): ChartDefinition[] {
  const [data, setData] = useState<ChartData | null>(null);
  useEffect(() => {
    if (has) get<ChartData>(pathOf(id, '/charts')).then(setData, () => setData(null));
  }, [id, has]);
  return useMemo(
    () => data === null ? [] : chartsOf(data).filter((one) => !LIVE_CHARTS.includes(one.name) && showsSomething(one)), // prettier-ignore
    [data],
  );
}

function Answers({ now }: { now: LiveMessage }) {
  const { answers, totals } = now;
  if (totals.sent === 0) return null;
  return (
    <Card title="Errors">
      {answers.length === 0 ? (
        <p class="soft calm">None: every answer was the expected one.</p>
      ) : (
        <ul class="errors">
          {answers.map(({ answer, label, what, count, share: part, lastS, examples }) => (
            <li key={answer}>
              <div class="error-head">
                <strong>{label}</strong>
                <span class="n">
                  {whole(count)} · {share(part)}
                </span>
              </div>
              <div class="bar" aria-hidden="true">
                <span style={{ width: `${Math.max(1, part * 100)}%` }} />
              </div>
              <p class="soft">
                {what}; last at {clock(lastS * 1000)}
              </p>
              {examples.map((example) => (
                <code key={example} class="example">
                  {example}
                </code>
              ))}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Processes({ now }: { now: LiveMessage }) {
  if (now.processes.length === 0) return null;
  const words: Record<string, string> = { backend: 'target', k6: 'generator', toolkit: 'toolkit' };
  return (
    <Card title="Target and generator">
      <table class="processes">
        <thead>
          <tr>
            <th>process</th>
            <th class="n">CPU (cores)</th>
            <th class="n">memory</th>
          </tr>
        </thead>
        <tbody>
          {now.processes.map(({ name, cpuCores, rssBytes }) => (
            <tr key={name}>
              <th scope="row">
                {name}
                {words[name] !== undefined && words[name] !== name && (
                  <span class="soft"> {words[name]}</span>
                )}{' '}
                {/* prettier-ignore */}
              </th>
              <td class="n">{cores(cpuCores)}</td>
              <td class="n">{bytes(rssBytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

const MOST_HAPPENED = 60;

/** All that is a mark in the charts, as a list: events, rounds, changes of the pace, faults. The newest first. */
function Happened({ now, live }: { now: LiveMessage; live: boolean }) {
  const moments = [...now.events, ...now.rounds, ...now.control.filter(({ kind }) => kind !== 'fault')]; // prettier-ignore
  const all = [
    ...moments.map(({ atS, text }) => ({ atS, text, until: '', fault: null })),
    ...now.faults.map((fault) => ({ ...fault, until: ` to ${endOf(fault, live)}`, fault })),
  ];
  if (all.length === 0) return null;
  const newest = all.sort((a, b) => b.atS - a.atS).slice(0, MOST_HAPPENED);
  return (
    <Card title="What happened">
      <ol class="events" tabIndex={0} aria-label="What happened, the newest first">
        {newest.map(({ atS, until, text, fault }, i) => (
          <li key={`${atS} ${i}`}>
            <span class="soft">
              {clock(atS * 1000)}
              {until}
            </span>{' '}
            {fault !== null && <strong class="bad-text">fault </strong>}
            {text}
            {fault !== null && fault.problem !== null && (
              <span class="soft"> ({fault.problem})</span>
            )}
          </li>
        ))}
      </ol>
    </Card>
  );
}

const endOf = ({ untilS }: FaultLine, live: boolean): string =>
  untilS !== null ? clock(untilS * 1000) : live ? 'now' : 'the end';

const time = (t: number): string => new Date(t).toISOString().slice(11, 19);
const isWorse = (level: string): boolean => !['info', 'debug', 'trace', 'notice'].includes(level);

/** Errors and warnings by their shape, and the last records as they came. */
function Log({ state }: { state: LiveState | null }) {
  if (state === null || (state.last.logs.length === 0 && state.tail.length === 0)) return null;
  const { last } = state;
  return (
    <Card title="The target’s log">
      <div class="columns">
        {last.logs.length === 0 ? (
          <p class="soft calm">No error and no warning so far.</p>
        ) : (
          <ul class="errors">
            {last.logs.map(({ shape, level, count, allowed, lastT, example }) => (
              <li key={`${level} ${shape}`}>
                <div class="error-head">
                  <strong>
                    {level}
                    {allowed && <span class="soft"> expected</span>}
                  </strong>
                  <span class="n">{whole(count)}</span>
                </div>
                <code class="example">{example ?? shape}</code>
                <p class="soft">last at {time(lastT)} UTC</p>
              </li>
            ))}
          </ul>
        )}
        {state.tail.length > 0 ? <Tail state={state} /> : <Seconds state={state} />}
      </div>
    </Card>
  );
}

const SHOWN_LINES = 100;

/** The newest first; of one source, or of one word, where somebody asks. */
function Tail({ state: { tail } }: { state: LiveState }) {
  const [search, setSearch] = useState('');
  const [isOfWorse, setIsOfWorse] = useState(false);
  const words = search.trim().toLowerCase();
  const sources = new Set(tail.map(({ source }) => source)).size;
  const found = tail.filter(({ level, source, text }) => (!isOfWorse || isWorse(level)) && (words === '' || `${source} ${level} ${text}`.toLowerCase().includes(words))); // prettier-ignore
  return (
    <div>
      <div class="log-tools">
        <input
          type="search"
          class="search"
          placeholder="Search in the last lines…"
          aria-label="Search in the last lines of the log"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={isOfWorse}
            onChange={(event) => setIsOfWorse(event.currentTarget.checked)}
          />{' '}
          warnings and errors
        </label>
      </div>
      <ol class="log" tabIndex={0} aria-label="Last lines of the log">
        {found
          .slice(-SHOWN_LINES)
          .reverse()
          .map(({ n, t, source, level, text }) => (
            <li key={n}>
              <span class="soft">{time(t)}</span>{' '}
              <span
                class={!isWorse(level) ? 'soft' : level === 'warning' ? 'warn-text' : 'bad-text'}
              >
                {level}
              </span>{' '}
              {sources > 1 && <span class="soft">{source} </span>}
              {text}
            </li>
          ))}
        {found.length === 0 && <li class="soft">no line of the last {tail.length}</li>}
      </ol>
    </div>
  );
}

/** Of folders without the lines themselves. */
const Seconds = ({ state: { logLines } }: { state: LiveState }) => (
  <ol class="log" tabIndex={0} aria-label="Last lines of the log">
    {logLines
      .slice(-60)
      .reverse()
      .map(({ t, shape, count, level }, i) => (
        <li key={`${t} ${shape} ${i}`}>
          <span class="soft">{time(t)}</span>{' '}
          <span class={level === 'warning' ? 'warn-text' : 'bad-text'}>{level}</span> {shape}
          {count > 1 && <span class="soft"> ×{count}</span>}
        </li>
      ))}
  </ol>
);

function Report({ id }: { id: string }) {
  const [page, setPage] = useState<Page | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    get<Page>(pathOf(id, '/report')).then(setPage, setError);
  }, [id]);
  if (error !== null) return <Problem message={error.message} hint={error.hint} />;
  if (page === null) return null;
  return (
    <Card title="Report" class="report">
      <PageView page={page} without={['verdict', 'gates', 'pictures']} />
    </Card>
  );
}

function Files({ id, run }: { id: string; run: RunFacts }) {
  if (run.files.length === 0) return null;
  return (
    <Card title="Files">
      <FileList files={run.files} hrefOf={(name) => pathOf(id, `/files/${name}`)} />
      {run.command !== null && (
        <>
          <h3>The same load as a command line</h3>
          <CommandLine text={run.command} />
        </>
      )}
    </Card>
  );
}
