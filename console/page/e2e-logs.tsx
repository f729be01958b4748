/** Logs of the components of a run, a click away: the end of each as text, with a search, followed while it is written. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { type ApiError, type E2eLog, e2ePathOf, getText } from './api.ts';
import { bytes } from './figures.ts';
import { Card, Problem } from './parts.tsx';

const FOLLOW_MS = 2000;
const TAIL_BYTES = 128 * 1024;
/** Rows of the page. */
const MOST_LINES = 600;
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b\[[\d;?]*[ -/]*[@-~]/g;

export function Logs({
  id,
  logs,
  isLive,
}: {
  id: string;
  logs: readonly E2eLog[];
  isLive: boolean;
}) {
  const [name, setName] = useState<string | null>(null);
  if (logs.length === 0) return null;
  return (
    <Card title="Logs">
      <ul class="log-names" aria-label="Components">
        {logs.map((log) => (
          <li key={log.name}>
            <button
              type="button"
              class="small"
              aria-pressed={name === log.name}
              onClick={() => setName(name === log.name ? null : log.name)}
            >
              {log.name} <span class="soft">{bytes(log.bytes)}</span>
            </button>
          </li>
        ))}
      </ul>
      {name !== null && <LogView key={name} id={id} name={name} isLive={isLive} />}
    </Card>
  );
}

function LogView({ id, name, isLive }: { id: string; name: string; isLive: boolean }) {
  const [found, setFound] = useState<{ text: string; isCut: boolean } | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [search, setSearch] = useState('');
  const path = e2ePathOf(id, `/logs/${encodeURIComponent(name)}`);
  useEffect(() => {
    const stop = new AbortController();
    const load = () => {
      if (document.hidden) return;
      getText(`${path}?bytes=${TAIL_BYTES}`, stop.signal).then(
        (answer) => (setFound(answer), setError(null)),
        (cause: ApiError) => !stop.signal.aborted && setError(cause),
      );
    };
    load();
    const timer = isLive ? setInterval(load, FOLLOW_MS) : undefined;
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [path, isLive]);
  const lines = useMemo(() => {
    const words = search.toLowerCase().trim();
    const all = (found?.text ?? '')
      .replace(ANSI, '')
      .split('\n')
      .filter((line) => line !== '');
    return all.filter((line) => words === '' || line.toLowerCase().includes(words));
  }, [found, search]);
  if (error !== null) return <Problem message={error.message} hint={error.hint} />;
  if (found === null) return <p class="soft">Loading…</p>;
  return (
    <>
      <div class="log-tools">
        <input
          type="search"
          class="search"
          placeholder={`Search in the log of ${name}…`}
          aria-label={`Search in the log of ${name}`}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <span class="soft" role="status">
          {lines.length > MOST_LINES
            ? `the last ${MOST_LINES} of ${lines.length} lines`
            : `${lines.length} lines`}
          {found.isCut && `, of its last ${bytes(TAIL_BYTES)}`}
        </span>
        <a href={`${path}?bytes=1048576`} target="_blank" rel="noopener">
          as text
        </a>
      </div>
      <ol class="log raw" tabIndex={0} aria-label={`Log of ${name}`}>
        {lines.slice(-MOST_LINES).map((line, i) => (
          <li key={i}>{line}</li>
        ))}
      </ol>
    </>
  );
}
