/** The list of runs: verdicts, a search, two to compare. */
import { useState } from 'preact/hooks';
import { formatDuration } from '../../results/units.ts';
import type { RunRow } from './api.ts';
import { DASH, localTime, ms, number, share, whole } from './figures.ts';
import { useListed } from './listed.ts';
import { Problem, StatePill, toneOf } from './parts.tsx';
import { hrefOf } from './place.ts';
import { go } from './route.ts';

export function RunsView({ canStart }: { canStart: boolean }) {
  const { search, setSearch, found, error, showMore } = useListed<RunRow>('/api/runs');
  const [chosen, setChosen] = useState<string[]>([]);
  const choose = (id: string) =>
    setChosen((before) =>
      before.includes(id) ? before.filter((one) => one !== id) : [...before.slice(-1), id],
    );
  // The older one is the base.
  const [base, run] = [...chosen].sort();
  return (
    <>
      <div class="toolbar">
        <h1>Runs</h1>
        <input
          type="search"
          class="search"
          placeholder="Search by scenario, verdict, target, seed, commit…"
          aria-label="Search the runs"
          value={search}
          onInput={(event) => {
            setSearch(event.currentTarget.value);
          }}
        />
        <button
          type="button"
          disabled={chosen.length !== 2}
          onClick={() => go({ view: 'compare', base, run })}
        >
          {' '}
          {/* prettier-ignore */}
          Compare {chosen.length} of 2
        </button>
        {canStart && (
          <a class="button primary" href={hrefOf({ view: 'new' })}>
            New load
          </a>
        )}
      </div>
      {error !== null && <Problem message={error.message} hint={error.hint} />}
      {found !== null && found.runs.length === 0 && (
        <div class="empty">
          <p class="empty-title">{search === '' ? 'No run yet' : 'No run holds these words'}</p>
          <p class="soft">
            {search === ''
              ? canStart
                ? 'Start a load here, or with npm run load: both appear in this list.'
                : 'There is no load in this folder. One that npm run load writes into it appears here.'
              : 'Search for a part of a scenario, a verdict, a target or a seed.'}
          </p>
          {search === '' && canStart && (
            <a class="button primary" href={hrefOf({ view: 'new' })}>
              Start the first one
            </a>
          )}
        </div>
      )}
      {found !== null && found.runs.length > 0 && (
        <ul class="runs" aria-label="Runs">
          {found.runs.map(
            (row) =>
            <RunItem key={row.id} row={row} chosen={chosen.includes(row.id)} onChoose={() => choose(row.id)} />, // prettier-ignore
          )}
        </ul>
      )}
      {found?.more && (
        <button type="button" class="more" onClick={showMore}>
          Show older runs
        </button>
      )}
    </>
  );
}

export function RunItem({
  row,
  chosen,
  onChoose,
}: {
  row: RunRow;
  chosen?: boolean;
  onChoose?: () => void;
}) {
  const target = row.embedded ? 'embedded backend' : (row.target ?? DASH);
  return (
    <li class={`run ${toneOf(row.state)}`}>
      {onChoose && (
        <label class="choose">
          <input type="checkbox" checked={chosen} onChange={onChoose} />
          <span class="hidden">compare {row.id}</span>
        </label>
      )}
      <a class="run-main" href={hrefOf({ view: 'run', id: row.id })}>
        <span class="run-name">
          <strong>{row.scenario || row.id}</strong>
          <StatePill state={row.state} />
        </span>
        <span class="soft run-where">
          {localTime(row.startedAt)} · {target}
        </span>
        {row.sentence !== null && <span class="run-sentence">{row.sentence}</span>}
      </a>
      <dl class="run-figures">
        <RunFigure name="submissions" value={whole(row.sent)} />
        <RunFigure name="per second" value={number(row.submissionsPerSecond)} />
        <RunFigure name="p95" value={ms(row.p95Ms)} />
        <RunFigure name="errors" value={share(row.errorRate)} />
        <RunFigure
          name="time"
          value={row.durationMs === null ? DASH : formatDuration(row.durationMs)}
        />{' '}
        {/* prettier-ignore */}
      </dl>
    </li>
  );
}

const RunFigure = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);
