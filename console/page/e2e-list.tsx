/** The list of end-to-end runs: how each stands, and what was judged. */
import type { E2eRow } from './api.ts';
import { timeOf } from './e2e-series.ts';
import { DASH, localTime, whole } from './figures.ts';
import { useListed } from './listed.ts';
import { Problem, StatePill, toneOf } from './parts.tsx';
import { hrefOf } from './place.ts';

export function E2eList({ canStart }: { canStart: boolean }) {
  const { search, setSearch, found, error, showMore } = useListed<E2eRow>('/api/e2e');
  const start = canStart && (
    <a class="button primary" href={hrefOf({ view: 'e2e-new' })}>
      New end-to-end run
    </a>
  );
  return (
    <>
      <div class="toolbar">
        <h1>End-to-end runs</h1>
        <input
          type="search"
          class="search"
          placeholder="Search by name, state, network, verdict…"
          aria-label="Search the end-to-end runs"
          value={search}
          onInput={(event) => {
            setSearch(event.currentTarget.value);
          }}
        />
        {start}
      </div>
      {error !== null && <Problem message={error.message} hint={error.hint} />}
      {found !== null && found.runs.length === 0 && (
        <div class="empty">
          <p class="empty-title">
            {search === '' ? 'No end-to-end run yet' : 'No run holds these words'}
          </p>
          {search === '' && (
            <p class="soft">
              It sends, stores, verifies and scores submissions of a whole network, and judges the
              result.
            </p>
          )}
        </div>
      )}
      {found !== null && found.runs.length > 0 && (
        <ul class="runs">
          {found.runs.map((row) => (
            <Row key={row.id} row={row} />
          ))}
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

function Row({ row }: { row: E2eRow }) {
  const { id, state, startedAt, network, sentence, step, held, failed, durationMs } = row;
  const [name] = id.split('~');
  return (
    <li class={`run ${toneOf(state)}`}>
      <a class="run-main" href={hrefOf({ view: 'e2e-run', id })}>
        <span class="run-name">
          <strong>{name}</strong>
          <StatePill state={state} />
          {step !== null && <span class="soft">{step}</span>}
        </span>
        <span class="soft run-where">
          {localTime(startedAt)}
          {network !== null && ` · ${network}`}
        </span>
        {sentence !== null && <span class="run-sentence">{sentence}</span>}
      </a>
      <dl class="run-figures few">
        <div>
          <dt>held</dt>
          <dd>{whole(held)}</dd>
        </div>
        <div>
          <dt>failed</dt>
          <dd>{whole(failed)}</dd>
        </div>
        <div>
          <dt>time</dt>
          <dd>{durationMs === null ? DASH : timeOf(durationMs)}</dd>
        </div>
      </dl>
    </li>
  );
}
