/** A list of the server that is searched as somebody types, shows more when asked to, and looks again by itself. */
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, get } from './api.ts';

const PAGE = 50;
const REFRESH_MS = 5000;
const TYPING_MS = 200;

export type Listed<Row> = {
  search: string;
  setSearch: (text: string) => void;
  /** null: nothing came yet. */
  found: { runs: Row[]; more: boolean } | null;
  /** Of the last question; null: it was answered. */
  error: ApiError | null;
  showMore: () => void;
};

/** @param path of the list, without a query */
export function useListed<Row>(path: string): Listed<Row> {
  const [search, setSearch] = useState('');
  const [limit, setLimit] = useState(PAGE);
  const [found, setFound] = useState<Listed<Row>['found']>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const load = () => {
      if (document.hidden) return;
      get<{ runs: Row[]; more: boolean }>(
        `${path}?limit=${limit}&search=${encodeURIComponent(search)}`,
        stop.signal,
      ).then(
        (answer) => (setFound(answer), setError(null)),
        (cause: ApiError) => !stop.signal.aborted && setError(cause),
      );
    };
    const first = setTimeout(load, search === '' ? 0 : TYPING_MS);
    const timer = setInterval(load, REFRESH_MS);
    return () => {
      stop.abort();
      clearTimeout(first);
      clearInterval(timer);
    };
  }, [path, search, limit]);
  return {
    search,
    setSearch(text) {
      setSearch(text);
      setLimit(PAGE);
    },
    found,
    error,
    showMore: () => setLimit(limit + PAGE),
  };
}
