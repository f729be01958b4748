/**
 * Events of the server, however often the connection is lost: a reload, a lid that was closed, a console that was started anew. A tab that nobody sees
 * holds none: a browser has six connections to one host for all of its tabs, and a seventh tab would show nothing.
 */
import { useEffect, useRef, useState } from 'preact/hooks';

/** The server says something every ten seconds. */
const SILENT_MS = 25_000;
const LOOK_MS = 5000;
const AGAIN_MS = 1500;
/** Who looks at another tab for a moment misses nothing. */
const HIDDEN_MS = 5000;

type Connection = 'waiting' | 'there' | 'lost';

/**
 * @param path of the stream @param event its name
 * @param fold what is known after a message; one function for good
 */
export function useEvents<Message, State>(
  path: string,
  event: string,
  fold: (before: State | null, message: Message) => State,
): { state: State | null; connection: Connection } {
  const [state, setState] = useState<State | null>(null);
  const [connection, setConnection] = useState<Connection>('waiting');
  const latest = useRef<State | null>(null);
  useEffect(() => {
    latest.current = null;
    setState(null);
    setConnection('waiting');
    let source: EventSource | null = null;
    let lastId = '';
    let heardAt = performance.now();
    let again: ReturnType<typeof setTimeout> | undefined;
    let hiding: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      heardAt = performance.now();
      setConnection('there');
    };
    const open = () => {
      source?.close();
      clearTimeout(again);
      heardAt = performance.now();
      source = new EventSource(`${path}${lastId === '' ? '' : `?since=${lastId}`}`);
      source.addEventListener(event, (found) => {
        heard();
        const { data, lastEventId } = found as MessageEvent<string>;
        lastId = lastEventId;
        latest.current = fold(latest.current, JSON.parse(data) as Message);
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
    const close = () => {
      source?.close();
      source = null;
      clearTimeout(again);
    };
    const look = () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(close, HIDDEN_MS);
      else if (source === null) open();
    };
    const watch = setInterval(() => {
      // A connection that a sleep has cut says nothing of it.
      if (source !== null && performance.now() - heardAt > SILENT_MS) open();
    }, LOOK_MS);
    document.addEventListener('visibilitychange', look);
    open();
    look();
    return () => {
      document.removeEventListener('visibilitychange', look);
      close();
      clearTimeout(hiding);
      clearInterval(watch);
    };
  }, [path, event, fold]);
  return { state, connection };
}
