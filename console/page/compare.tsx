/** Two runs side by side: the table of npm run compare, and their charts under each other on the same scale of time. */
import { useEffect, useState } from 'preact/hooks';
import { chartsOf } from '../../plots/charts.ts';
import type { ChartData } from '../../plots/data.ts';
import type { Page } from '../../report/page.ts';
import { type ApiError, get, pathOf } from './api.ts';
import { ChartView } from './chart.tsx';
import { Card, PageView, Problem } from './parts.tsx';
import { hrefOf } from './place.ts';

export function CompareView({ base, run }: { base: string; run: string }) {
  const [found, setFound] = useState<{ page: Page; unlike: string[] } | null>(null);
  const [charts, setCharts] = useState<[ChartData, ChartData] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    const enc = encodeURIComponent;
    get<{ page: Page; unlike: string[] }>(`/api/compare?base=${enc(base)}&run=${enc(run)}`).then(setFound, setError); // prettier-ignore
    Promise.all([
      get<ChartData>(pathOf(base, '/charts')),
      get<ChartData>(pathOf(run, '/charts')),
    ]).then(([a, b]) => {
      // The longer one says how long the axis is.
      const seconds = Math.max(a.span.seconds, b.span.seconds);
      setCharts([
        { ...a, span: { ...a.span, seconds } },
        { ...b, span: { ...b.span, seconds } },
      ]);
    }, setError);
  }, [base, run]);
  return (
    <article data-view="compare">
      <p class="soft crumbs">
        <a href={hrefOf({ view: 'runs' })}>Runs</a> / compare
      </p>
      <h1>Two runs side by side</h1>
      {error !== null && <Problem message={error.message} hint={error.hint} />}
      {found === null && error === null && <p class="soft">Comparing…</p>}
      {found !== null && (
        <>
          {found.unlike.length > 0 && (
            <ul class="notes">
              {found.unlike.map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ul>
          )}
          <Card title="Figures">
            <PageView page={found.page} />
          </Card>
        </>
      )}
      {charts !== null &&
        (['throughput', 'latency', 'resources'] as const).map((name) => (
          <div class="charts pair" key={name}>
            {charts.map((data, i) => {
              const definition = chartsOf(data).find((one) => one.name === name)!;
              const id = i === 0 ? base : run;
              return (
                <Card key={id} title={`${i === 0 ? 'Base' : 'Run'}: ${name}`} class="chart-card">
                  <p class="soft">
                    <a href={hrefOf({ view: 'run', id })}>{id}</a>
                  </p>
                  <ChartView definition={definition} height={name === 'resources' ? 480 : 360} />
                </Card>
              );
            })}
          </div>
        ))}
    </article>
  );
}
