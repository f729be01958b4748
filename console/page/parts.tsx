/** Small pieces that several views have. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Block, Page, Section, Span, Text } from '../../report/page.ts';
import type { E2eRow, RunRow } from './api.ts';

type State = RunRow['state'] | E2eRow['state'];

/** Colour and sign: nothing is said by colour alone. */
const STATES: Record<State, { tone: string; sign: string; words: string }> = {
  preparing: { tone: 'live', sign: '◌', words: 'preparing' },
  running: { tone: 'live', sign: '●', words: 'running' },
  passed: { tone: 'good', sign: '✓', words: 'passed' },
  'gate failed': { tone: 'bad', sign: '✕', words: 'gate failed' },
  'no data': { tone: 'bad', sign: '∅', words: 'no data' },
  'generator-limited': { tone: 'warn', sign: '!', words: 'generator-limited' },
  broken: { tone: 'bad', sign: '✕', words: 'broken' },
  interrupted: { tone: 'warn', sign: '■', words: 'stopped' },
  unfinished: { tone: 'warn', sign: '…', words: 'unfinished' },
  failed: { tone: 'bad', sign: '✕', words: 'failed' },
  kept: { tone: 'soft', sign: '‖', words: 'kept' },
  session: { tone: 'soft', sign: '⇄', words: 'session' },
  unreadable: { tone: 'soft', sign: '?', words: 'unreadable' },
};

export const toneOf = (state: State): string => STATES[state].tone;

export function StatePill({ state }: { state: State }) {
  const { tone, sign, words } = STATES[state];
  return (
    <span class={`pill ${tone}`}>
      <span class="sign" aria-hidden="true">
        {sign}
      </span>
      {words}
    </span>
  );
}

export function Card(props: {
  title?: string;
  class?: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
  id?: string;
}) {
  const { title, aside, children, id } = props;
  return (
    <section class={`card ${props.class ?? ''}`} id={id} aria-label={title}>
      {title !== undefined && (
        <header class="card-head">
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  );
}

export function Figure({
  name,
  value,
  unit,
  note,
  tone = '',
}: {
  name: string;
  value: string;
  unit?: string;
  note?: string;
  tone?: string;
}) {
  return (
    <div class={`figure ${tone}`}>
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        {unit !== undefined && <span class="unit"> {unit}</span>}
        {note !== undefined && <span class="note">{note}</span>}
      </dd>
    </div>
  );
}

export function Problem({
  message,
  hint,
  problems = [],
}: {
  message: string;
  hint?: string;
  problems?: readonly string[];
}) {
  return (
    <div class="problem" role="alert">
      {problems.length > 1 ? (
        <ul>
          {problems.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      ) : (
        <p>{message}</p>
      )}
      {hint && <p class="soft">{hint}</p>}
    </div>
  );
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle');
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setState('done'),
      () => setState('failed'),
    );
    setTimeout(() => setState('idle'), 2500);
  };
  return (
    <button type="button" class="small" onClick={copy} aria-label={`Copy ${label}`}>
      {state === 'idle' ? 'Copy' : state === 'done' ? 'Copied' : 'Not allowed'}
    </button>
  );
}

export function CommandLine({ text }: { text: string }) {
  return (
    <div class="command">
      {/* It may be longer than the page is wide, so the keyboard can move it. */}
      <code tabIndex={0} aria-label="command line">
        {text}
      </code>
      <CopyButton text={text} label="the command line" />
    </div>
  );
}

/** Asks once more at its own place: a click that slipped ends no load. */
export function ConfirmButton(props: {
  label: string;
  question: string;
  yes: string;
  tone?: string;
  onYes: () => void;
  disabled?: boolean;
}) {
  const { label, question, yes, tone = '', onYes, disabled = false } = props;
  const [asks, setAsks] = useState(false);
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (asks) first.current?.focus();
  }, [asks]);
  if (!asks)
    return (
      <button type="button" class={tone} disabled={disabled} onClick={() => setAsks(true)}>
        {label}
      </button>
    );
  return (
    <span
      class="confirm"
      role="group"
      aria-label={question}
      onKeyDown={(event) => event.key === 'Escape' && setAsks(false)}
    >
      {' '}
      {/* prettier-ignore */}
      <span>{question}</span>
      <button
        type="button"
        ref={first}
        class={tone}
        onClick={() => {
          setAsks(false);
          onYes();
        }}
      >
        {yes}
      </button>
      <button type="button" onClick={() => setAsks(false)}>
        No
      </button>
    </span>
  );
}

function spanOf(span: Span, key: number): ComponentChildren {
  if (typeof span === 'string') return span;
  if ('code' in span) return <code key={key}>{span.code}</code>;
  if ('em' in span) return <em key={key}>{span.em}</em>;
  return <strong key={key}>{span.strong.map(spanOf)}</strong>;
}

const textOf = (text: Text): ComponentChildren =>
  typeof text === 'string' ? text : text.map(spanOf);

function BlockView({ block }: { block: Block }) {
  switch (block.kind) {
    case 'paragraph':
      return <p>{textOf(block.text)}</p>;
    case 'notes':
      return (
        <ul class="notes">
          {block.items.map((item, i) => (
            <li key={i}>{textOf(item)}</li>
          ))}
        </ul>
      );
    case 'table':
      return (
        <div class="scroll" tabIndex={0} role="region" aria-label="table">
          <table>
            <thead>
              <tr>
                {block.head.map((cell, i) => (
                  <th key={i} class={block.align[i] === 'right' ? 'n' : ''}>
                    {textOf(cell)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, i) => (
                <tr key={i}>
                  {row.map((cell, j) => (
                    <td key={j} class={block.align[j] === 'right' ? 'n' : ''}>
                      {textOf(cell)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    case 'picture':
      return null;
    case 'code':
      return (
        <pre tabIndex={0}>
          <code>{block.text}</code>
        </pre>
      );
  }
}

export function SectionView({ section }: { section: Section }) {
  return (
    <div class="report-section">
      {section.title !== null && <h3>{textOf(section.title)}</h3>}
      {section.blocks.map((block, i) => (
        <BlockView key={i} block={block} />
      ))}
    </div>
  );
}

export const PageView = ({ page, without = [] }: { page: Page; without?: readonly string[] }) => (
  <>
    {page.sections
      .filter(({ id }) => !without.includes(id))
      .map((section) => (
        <SectionView key={section.id} section={section} />
      ))}
  </>
);

/** Why what is asked for cannot be: `others` belong to no field, the rest are marked at theirs. */
export function FormProblems({
  problems,
  others,
  error,
}: {
  problems: string[];
  others: string[];
  error: { message: string; hint: string; problems: string[] } | null;
}) {
  const marked = problems.length - others.length;
  return (
    <>
      {others.length > 0 && <Problem message={others.join('; ')} problems={others} />}
      {marked > 0 && (
        <p class="bad-text">
          {marked === 1
            ? 'An option is wrong: it is marked in the form.'
            : `${marked} options are wrong: they are marked in the form.`}
        </p>
      )}
      {error !== null && (
        <Problem message={error.message} hint={error.hint} problems={error.problems} />
      )}
    </>
  );
}
