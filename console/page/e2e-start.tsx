/** The start of an end-to-end run: a form that is checked as somebody types, and what it is made of, its steps and what is waited for before the deed. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type ApiError, type E2eFacts, e2ePathOf, get, post, type RunsNow } from './api.ts';
import { timeOf } from './e2e-series.ts';
import { Field } from './field.tsx';
import { type FormFacts, type FormOption, labelOf, type Options, optionsOfTexts, problemsByOption, problemsOfNone, type Texts, textsOfOptions } from './form.ts'; // prettier-ignore
import { Card, CommandLine, FormProblems, Problem } from './parts.tsx';
import { hrefOf } from './place.ts';
import { go } from './route.ts';
import { Busy } from './start.tsx';

type Decision = {
  command: string;
  lines: { name: string; text: string }[];
  steps: { name: string; title: string }[];
  conditions: { words: string; withinMs: number }[];
};

const TYPING_MS = 250;
/** What one asks for first. */
const MAIN = ['name', 'network', 'producers', 'batches', 'interval', 'storage', 's3', 'era', 'incident', 'disturb', 'seed', 'keep']; // prettier-ignore

const LABELS: Record<string, string> = {
  interval: 'Length of a batch',
  storage: 'Storage',
  s3: 'Blocks lie in',
  disturb: 'Disturbance',
  keep: 'Keep what it made',
};

export function E2eStart({ again, busy }: { again: string | undefined; busy: RunsNow | null }) {
  const [options, setOptions] = useState<readonly FormOption[] | null>(null);
  const [texts, setTexts] = useState<Texts>({});
  const [leftOut, setLeftOut] = useState<string[]>([]);
  const [decision, setDecision] = useState<Decision | null>(null);
  const [problems, setProblems] = useState<string[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const [isStarting, setIsStarting] = useState(false);
  useEffect(() => {
    get<FormFacts>('/api/form').then(({ e2e }) => setOptions(e2e), setError);
  }, []);
  useEffect(() => {
    if (again === undefined) return;
    get<E2eFacts>(e2ePathOf(again)).then((facts) => {
      setTexts(facts.again === null ? {} : textsOfOptions(facts.again));
      setLeftOut(facts.leftOut);
    }, setError);
  }, [again]);
  const given: Options = useMemo(() => optionsOfTexts(texts, options ?? []), [texts, options]);
  const asked = useRef(0);
  useEffect(() => {
    if (options === null) return undefined;
    const timer = setTimeout(() => {
      const question = ++asked.current;
      post<Decision>('/api/e2e/plan', { options: given }).then(
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
  }, [given, options]);
  const start = () => {
    setIsStarting(true);
    setError(null);
    post<{ id: string | null }>('/api/e2e', { options: given }).then(
      ({ id }) => go(id === null ? { view: 'e2e' } : { view: 'e2e-run', id }),
      (cause: ApiError) => {
        setIsStarting(false);
        setError(cause);
      },
    );
  };
  if (options === null)
    return error === null ? <p class="soft">Loading…</p> : <Problem message={error.message} hint={error.hint} />; // prettier-ignore
  const byOption = problemsByOption(problems);
  const others = problemsOfNone(problems, options);
  const field = (option: FormOption) => (
    <Field
      key={option.name}
      option={option}
      label={LABELS[option.name] ?? labelOf(option.name)}
      text={texts[option.name] ?? ''}
      usual={option.default ?? ''}
      problems={byOption[option.name] ?? []}
      onText={(text) => setTexts((before) => ({ ...before, [option.name]: text }))}
    />
  );
  const main = MAIN.flatMap((name) => options.find((option) => option.name === name) ?? []);
  const rest = options.filter(({ name }) => !MAIN.includes(name));
  const canStart = decision !== null && !isStarting && busy === null;
  return (
    <form
      class="start"
      onSubmit={(event) => {
        event.preventDefault();
        if (canStart) start();
      }}
    >
      <div class="toolbar">
        <h1>New end-to-end run</h1>
        {again !== undefined && (
          <span class="soft">as {again.replace('~', ' ')}, with the same seed</span>
        )}
        <span class="grow" />
        <button type="button" onClick={() => setTexts({})}>
          Clear
        </button>
      </div>
      <div class="start-columns">
        <div class="start-fields">
          <Card title="The run">
            <div class="fields">{main.map(field)}</div>
          </Card>
          <details
            class="card more-options"
            open={rest.some(({ name }) => byOption[name]) || undefined}
          >
            <summary>
              <h2>More</h2>
              <span class="soft">{rest.length} more options</span>
            </summary>
            <div class="fields">{rest.map(field)}</div>
          </details>
        </div>
        <aside class="decision" aria-label="What would happen">
          <Card title="What would happen">
            <div aria-live="polite">
              <FormProblems problems={problems} others={others} error={error} />{' '}
              {decision !== null && <DecisionView decision={decision} />}
            </div>
            {leftOut.length > 0 && (
              <p class="busy">
                Left out, for a browser may not choose it:{' '}
                {leftOut.map((name) => `--${name}`).join(', ')}. Its own page has the whole command
                line.
              </p>
            )}
            {busy !== null && <Busy busy={busy} />}
            <button type="submit" class="primary start-button" disabled={!canStart}>
              {isStarting ? 'Starting…' : 'Start the run'}
            </button>
          </Card>
          {decision !== null && (
            <Card title="The same as a command line">
              <CommandLine text={decision.command} />
            </Card>
          )}
        </aside>
      </div>
      <p class="soft">
        <a href={hrefOf({ view: 'e2e' })}>All end-to-end runs</a>
      </p>
    </form>
  );
}

const DecisionView = ({ decision: { lines, steps, conditions } }: { decision: Decision }) => (
  <>
    <dl class="lines">
      {lines.map(({ name, text }, i) => (
        <div key={i} class={name === 'note' ? 'is-note' : ''}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
    <h3>Steps</h3>
    <ol class="plain-steps">
      {steps.map(({ name, title }) => (
        <li key={name}>
          <strong>{name}</strong> <span class="soft">{title}</span>
        </li>
      ))}
    </ol>
    <h3>Waited for, and how long at most</h3>
    <ul class="plain-steps">
      {conditions.map(({ words, withinMs }) => (
        <li key={words}>
          {words} <span class="soft">{timeOf(withinMs)}</span>
        </li>
      ))}
    </ul>
  </>
);
