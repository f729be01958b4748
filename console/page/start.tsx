/** The start of a load: a form that is checked as somebody types, and the decision before the deed. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type ApiError, get, pathOf, post, type RunFacts, type RunsNow } from './api.ts';
import { defaultOf, type FormFacts, type FormOption, isUsed, MAIN, type Options, optionsOfTexts, problemsByOption, problemsOfNone, SPAWN, spawned, stagedFor, type Texts, textsOfOptions } from './form.ts'; // prettier-ignore
import { Field } from './field.tsx';
import { Card, CommandLine, FormProblems, Problem } from './parts.tsx';
import { hrefOf } from './place.ts';
import { go } from './route.ts';

type Decision = {
  command: string;
  lines: { name: string; text: string }[];
  gates: string[];
  options: Record<string, { value: string | number | boolean | null; source: string }>;
  remoteHosts: string[];
};

const TYPING_MS = 250;
const KEPT = 'form';

function keptTexts(): Texts {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') as Texts;
  } catch {
    return {};
  }
}

export function StartView({ again, busy }: { again: string | undefined; busy: RunsNow | null }) {
  const [facts, setFacts] = useState<FormFacts | null>(null);
  const [texts, setTexts] = useState<Texts>(() => (again === undefined ? keptTexts() : {}));
  const [decision, setDecision] = useState<Decision | null>(null);
  const [problems, setProblems] = useState<string[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const [confirmed, setConfirmed] = useState<Record<string, string>>({});
  const [isStarting, setIsStarting] = useState(false);

  useEffect(() => {
    get<FormFacts>('/api/form').then(setFacts, setError);
  }, []);
  useEffect(() => {
    if (again === undefined) return;
    get<RunFacts>(pathOf(again)).then(
      ({ again: options }) => setTexts(options === null ? {} : textsOfOptions(options)),
      setError,
    );
  }, [again]);

  const scenario = texts.scenario || 'load';
  const staged = facts === null ? null : stagedFor(texts, scenario, facts);
  const meant = useMemo(
    () =>
      spawned(texts, staged, (name) => {
        const option = facts?.options.find((one) => one.name === name);
        return facts === null || option === undefined ? '' : defaultOf(option, scenario, facts);
      }),
    [texts, staged, scenario, facts],
  );
  const options: Options = useMemo(() => optionsOfTexts(meant.texts, facts?.options ?? []), [meant, facts]); // prettier-ignore
  const asked = useRef(0);
  useEffect(() => {
    if (facts === null) return undefined;
    const timer = setTimeout(() => {
      const question = ++asked.current;
      post<Decision>('/api/runs/plan', { options }).then(
        (answer) => {
          if (question !== asked.current) return;
          setDecision(answer);
          setProblems([]);
          setError(null);
        },
        (cause: ApiError) => {
          if (question !== asked.current) return;
          setDecision(null);
          setProblems(cause.problems);
          setError(cause.problems.length > 0 ? null : cause);
        },
      );
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [options, facts]);

  const set = (name: string, text: string) =>
    setTexts((before) => {
      const after = { ...before, [name]: text };
      try {
        sessionStorage.setItem(KEPT, JSON.stringify(after));
      } catch {
        // Not kept over a reload, then.
      }
      return after;
    });
  const start = () => {
    setIsStarting(true);
    setError(null);
    post<{ id: string | null }>('/api/runs', {
      options,
      confirmHosts: Object.entries(confirmed)
        .filter(([host, text]) => text.trim() === host)
        .map(([host]) => host),
    }).then(
      ({ id }) => {
        if (id === null) go({ view: 'runs' });
        else go({ view: 'run', id });
      },
      (cause: ApiError) => {
        setIsStarting(false);
        setError(cause);
      },
    );
  };

  if (facts === null)
    return error === null ? <p class="soft">Loading…</p> : <Problem message={error.message} hint={error.hint} />; // prettier-ignore
  const byOption = problemsByOption(problems);
  // Its stages are no field of this form.
  const ofSpawn = [...(meant.problem === null ? [] : [meant.problem]), ...(staged === null ? [] : (byOption.stages ?? []))]; // prettier-ignore
  const others = problemsOfNone(problems, facts.options);
  const field = (option: FormOption) => (
    <Field
      key={option.name}
      option={option}
      text={texts[option.name] ?? ''}
      usual={defaultOf(option, scenario, facts)}
      problems={byOption[option.name] ?? []}
      onText={(text) => set(option.name, text)}
    />
  );
  const spec = new Map(facts.options.map((option) => [option.name, option]));
  const main = MAIN.flatMap((name) => spec.get(name) ?? []).filter(({ name }) => isUsed(name, scenario, facts) || texts[name]); // prettier-ignore
  const spawn = staged !== null && (
    <Field
      key={SPAWN.name}
      option={SPAWN}
      text={texts[SPAWN.name] ?? ''}
      usual=""
      problems={ofSpawn}
      onText={(text) => set(SPAWN.name, text)}
    />
  );
  const shown = new Set([...main.map(({ name }) => name), 'scenario']);
  const unsure = (decision?.remoteHosts ?? []).filter((host) => confirmed[host]?.trim() !== host);
  const canStart =
    decision !== null &&
    meant.problem === null &&
    unsure.length === 0 &&
    !isStarting &&
    busy === null;
  return (
    <form
      class="start"
      onSubmit={(event) => {
        event.preventDefault();
        if (canStart) start();
      }}
    >
      <div class="toolbar">
        <h1>New load</h1>
        {again !== undefined && <span class="soft">as {again}, with the same seed</span>}
        <span class="grow" />
        <button type="button" onClick={() => (setTexts({}), sessionStorage.removeItem(KEPT))}>
          Clear
        </button>
      </div>
      <div class="start-columns">
        <div class="start-fields">
          <Card title="Scenario">
            <div class="scenarios" role="radiogroup" aria-label="Scenario">
              {facts.scenarios.map(({ name, summary }) => (
                <label key={name} class={`scenario ${name === scenario ? 'chosen' : ''}`}>
                  <input
                    type="radio"
                    name="scenario"
                    value={name}
                    checked={name === scenario}
                    onChange={() => set('scenario', name)}
                  />{' '}
                  {/* prettier-ignore */}
                  <strong>{name}</strong>
                  <span class="soft">{summary}</span>
                </label>
              ))}
            </div>
          </Card>
          <Card title="The load">
            <div class="fields">
              {main.flatMap((option) =>
                option.name === 'vus' ? [field(option), spawn] : [field(option)],
              )}
            </div>
          </Card>
          {Object.entries(facts.headings).map(([group, heading]) => {
            const rest = facts.options.filter((option) => option.group === group && !shown.has(option.name) && (isUsed(option.name, scenario, facts) || texts[option.name])); // prettier-ignore
            if (rest.length === 0) return null;
            const given = rest.filter(({ name }) => texts[name]).length;
            const wrong = rest.some(({ name }) => byOption[name]);
            return (
              <details key={group} class="card more-options" open={wrong || undefined}>
                <summary>
                  <h2>{heading}</h2>
                  <span class="soft">
                    {given > 0
                      ? `${given} chosen`
                      : `${rest.length} more ${rest.length === 1 ? 'option' : 'options'}`}
                  </span>
                </summary>
                <div class="fields">{rest.map(field)}</div>
              </details>
            );
          })}
        </div>
        <aside class="decision" aria-label="What would happen">
          <Card title="What would happen">
            <div aria-live="polite">
              <FormProblems
                problems={meant.problem === null ? problems : [...problems, meant.problem]}
                others={others}
                error={error}
              />{' '}
              {/* prettier-ignore */}
              {decision !== null && meant.problem === null && <DecisionView decision={decision} />}
            </div>
            {(decision?.remoteHosts ?? []).map((host) => (
              <label key={host} class="field remote">
                <span class="label">
                  {host} is another machine. If its owner expects this load, write its name once
                  more:
                </span>
                <input
                  type="text"
                  value={confirmed[host] ?? ''}
                  placeholder={host}
                  onInput={(event) =>
                    setConfirmed({ ...confirmed, [host]: event.currentTarget.value })
                  }
                />
              </label>
            ))}
            {busy !== null && <Busy busy={busy} />}
            <button type="submit" class="primary start-button" disabled={!canStart}>
              {isStarting ? 'Starting…' : 'Start the load'}
            </button>
          </Card>
          {decision !== null && (
            <Card title="The same as a command line">
              <CommandLine text={decision.command} />
            </Card>
          )}
        </aside>
      </div>
    </form>
  );
}

/** One at a time: what runs, and where it is watched. */
export function Busy({ busy: { what, id } }: { busy: RunsNow }) {
  return (
    <p class="busy">
      {what === 'load' ? 'A load is running' : 'An end-to-end run is running'}, and there is one at
      a time:{' '}
      {id === null ? (
        what === 'load' ? (
          'it prepares.'
        ) : (
          'it begins, or another console started it.'
        )
      ) : (
        <a href={hrefOf(what === 'load' ? { view: 'run', id } : { view: 'e2e-run', id })}>
          watch it instead
        </a>
      )}
    </p>
  );
}

function DecisionView({ decision }: { decision: Decision }) {
  const { lines, gates, options } = decision;
  const chosen = Object.entries(options).filter(
    ([, { value }]) => value !== null && value !== false,
  );
  return (
    <>
      <dl class="lines">
        {lines
          .filter(({ name }) => name !== 'gates')
          .map(({ name, text }, i) => (
            <div key={i} class={name === 'note' ? 'is-note' : ''}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ))}
      </dl>
      <h3>Gates</h3>
      <ul class="chips">
        {gates.map((gate) => (
          <li key={gate} class="chip">
            {gate}
          </li>
        ))}
      </ul>
      <details class="sources">
        <summary>Where each value came from</summary>
        <table>
          <tbody>
            {chosen.map(([name, { value, source }]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{String(value)}</td>
                <td class="soft">{source}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  );
}
