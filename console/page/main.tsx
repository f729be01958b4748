/** The page of the console. Everything that it shows comes from this console's own server, and nothing else is asked. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import './style.css';
import { type ConsoleFacts, get, hasToken, type RunsNow, shareToken, takeToken } from './api.ts';
import { CompareView } from './compare.tsx';
import { E2eList } from './e2e-list.tsx';
import { E2eRunPage } from './e2e-run.tsx';
import { E2eStart } from './e2e-start.tsx';
import { hrefOf, type Place } from './place.ts';
import { usePlace } from './route.ts';
import { RunPage } from './run.tsx';
import { RunsView } from './runs.tsx';
import { StartView } from './start.tsx';

const LOOK_MS = 3000;

function useFacts(): { facts: ConsoleFacts | null; isThere: boolean } {
  const [facts, setFacts] = useState<ConsoleFacts | null>(null);
  const [isThere, setIsThere] = useState(true);
  useEffect(() => {
    const look = () => {
      if (document.hidden) return;
      get<ConsoleFacts>('/api/console').then(
        (answer) => (setFacts(answer), setIsThere(true)),
        () => setIsThere(false),
      );
    };
    look();
    const timer = setInterval(look, LOOK_MS);
    addEventListener('hashchange', look);
    return () => {
      clearInterval(timer);
      removeEventListener('hashchange', look);
    };
  }, []);
  return { facts, isThere };
}

function App() {
  const place = usePlace();
  const { facts, isThere } = useFacts();
  const [, setHasToken] = useState(hasToken);
  useEffect(() => shareToken(() => setHasToken(true)), []);
  const canChange = facts !== null && !facts.readOnly && hasToken();
  useEffect(() => {
    document.title = `${titleOf(place)} · Load test console`;
  }, [place]);
  const link = (to: Place, words: string) => (
    <a
      href={hrefOf(to)}
      aria-current={
        to.view === place.view || (to.view === 'e2e' && place.view.startsWith('e2e'))
          ? 'page'
          : undefined
      }
    >
      {words}
    </a>
  );
  const current = facts?.current ?? null;
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => (event.preventDefault(), document.getElementById('main')?.focus())}
      >
        {' '}
        {/* prettier-ignore */}
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={hrefOf({ view: 'runs' })} aria-label="Load test console">
          <img src="/assets/icon.svg" alt="" width="26" height="26" />
          <span>Load test console</span>
        </a>
        <nav aria-label="Main">
          {link({ view: 'runs' }, 'Runs')}
          {canChange && link({ view: 'new' }, 'New load')}
          {link({ view: 'e2e' }, 'End to end')}
        </nav>
        <span class="grow" />
        {!isThere && (
          <span class="pill bad" role="status">
            the console does not answer
          </span>
        )}
        {current !== null && (
          <a class="pill live" href={hrefOf(placeOfCurrent(current))}>
            {' '}
            {/* prettier-ignore */}
            <span class="sign" aria-hidden="true">
              ●
            </span>
            {current.what === 'e2e'
              ? 'watch the end-to-end run'
              : current.id === null
                ? 'a load prepares'
                : 'watch the load'}
          </a>
        )}
        {facts?.readOnly && <span class="pill soft">read-only</span>}
      </header>
      {facts !== null && !facts.readOnly && !hasToken() && (
        <p class="banner" role="note">
          You can look, not start or stop: open the address that the terminal printed, which holds
          this console’s token.
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {place.view === 'runs' && <RunsView canStart={canChange} />}
        {place.view === 'run' && (
          <RunPage key={place.id} id={place.id} facts={facts} canChange={canChange} />
        )}{' '}
        {/* prettier-ignore */}
        {place.view === 'compare' && (
          <CompareView key={`${place.base} ${place.run}`} base={place.base} run={place.run} />
        )}{' '}
        {/* prettier-ignore */}
        {
          place.view === 'new' && canChange &&
          <StartView key={place.again ?? ''} again={place.again} busy={current} /> // prettier-ignore
        }
        {place.view === 'e2e' && <E2eList canStart={canChange} />}
        {place.view === 'e2e-new' && canChange && (
          <E2eStart key={place.again ?? ''} again={place.again} busy={current} />
        )}
        {place.view === 'e2e-run' && (
          <E2eRunPage key={place.id} id={place.id} canChange={canChange} />
        )}
      </main>
      <footer class="soft">
        {facts !== null && (
          <>
            <span>{facts.results}</span>
            <span>version {facts.version}</span>
            <a href="/api/openapi.json" target="_blank" rel="noopener">
              API
            </a>
          </>
        )}
      </footer>
    </>
  );
}

function placeOfCurrent({ what, id }: RunsNow): Place {
  if (what === 'e2e') return id === null ? { view: 'e2e' } : { view: 'e2e-run', id };
  return id === null ? { view: 'runs' } : { view: 'run', id };
}

function titleOf(place: Place): string {
  switch (place.view) {
    case 'runs':
      return 'Runs';
    case 'new':
      return 'New load';
    case 'run':
      return place.id;
    case 'compare':
      return 'Compare';
    case 'e2e':
      return 'End-to-end runs';
    case 'e2e-new':
      return 'New end-to-end run';
    case 'e2e-run':
      return place.id.replace('~', ' ');
  }
}

takeToken();
addEventListener('hashchange', takeToken);
render(<App />, document.getElementById('app')!);
