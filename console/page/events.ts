/** Events of the server, however often the connection is lost: a reload, a lid that was closed, a console that was started anew. */
import { useEffect, useRef, useState } from 'preact/hooks';

/** The server says something every ten seconds. */
const SILENT_MS = 25_000;
const LOOK_MS = 5000;
const AGAIN_MS = 1500;

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
  }, [path, event, fold]);
  return { state, connection };
}
