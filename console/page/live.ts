/** The events of a run, however often the connection is lost: a reload, a lid that was closed, a console that was started anew. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LiveMessage } from '../live/message.ts';
import { pathOf } from './api.ts';
import { type LiveState, withMessage } from './series.ts';

/** The server says something every ten seconds. */
const SILENT_MS = 25_000;
const LOOK_MS = 5000;
const AGAIN_MS = 1500;

export type Connection = 'waiting' | 'there' | 'lost';

export function useLive(id: string | null): { state: LiveState | null; connection: Connection } {
  const [state, setState] = useState<LiveState | null>(null);
  const [connection, setConnection] = useState<Connection>('waiting');
  const latest = useRef<LiveState | null>(null);
  useEffect(() => {
    latest.current = null;
    setState(null);
    setConnection('waiting');
    if (id === null) return undefined;
    let source: EventSource | null = null;
    let lastId = '';
    let heardAt = performance.now();
    let again: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      heardAt = performance.now();
      setConnection('there');
    };
    const open = () => {
      source?.close();
      clearTimeout(again);
      heardAt = performance.now();
      source = new EventSource(
        `${pathOf(id, '/events')}${lastId === '' ? '' : `?since=${lastId}`}`,
      );
      source.addEventListener('run', (event) => {
        heard();
        const { data, lastEventId } = event as MessageEvent<string>;
        lastId = lastEventId;
        latest.current = withMessage(latest.current, JSON.parse(data) as LiveMessage);
        setState(latest.current);
      });
      source.addEventListener('beat', heard);
      source.addEventListener('error', () => {
        setConnection('lost');
        source?.close();
        clearTimeout(again);
        again = setTimeout(open, AGAIN_MS);
      });
    };
    const watch = setInterval(() => {
      // A connection that a sleep has cut says nothing of it.
      if (performance.now() - heardAt > SILENT_MS) open();
    }, LOOK_MS);
    open();
    return () => {
      source?.close();
      clearTimeout(again);
      clearInterval(watch);
    };
  }, [id]);
  return { state, connection };
}
