/** One option in a form, with its help, its usual value and what is wrong with it. */
import { type FormOption, labelOf } from './form.ts';

export function Field(props: {
  option: FormOption;
  text: string;
  usual: string;
  /** Instead of its own. */
  label?: string;
  problems: string[];
  onText: (text: string) => void;
}) {
  const { option, text, usual, problems, onText } = props;
  const label = props.label ?? labelOf(option.name);
  const { name, type, help, repeatable, choices } = option;
  const id = `option-${name}`;
  const described = `${id}-help`;
  const common = {
    id,
    'aria-describedby': described,
    'aria-invalid': problems.length > 0,
    placeholder: usual || (name === 'target' ? 'the embedded backend' : (option.argument ?? '')),
    autocomplete: 'off',
    spellcheck: false,
  };
  const below = (
    <span id={described} class={problems.length > 0 ? 'bad-text' : 'help'}>
      {problems.length > 0 ? problems.join('; ') : help}
    </span>
  );
  if (type === 'flag')
    return (
      <div class="field flag">
        <label>
          <input
            type="checkbox"
            id={id}
            aria-describedby={described}
            checked={text === 'on'}
            onChange={(event) => onText(event.currentTarget.checked ? 'on' : '')}
          />{' '}
          {/* prettier-ignore */}
          <span class="label">{label}</span>
        </label>
        {below}
      </div>
    );
  return (
    <div class={`field ${problems.length > 0 ? 'wrong' : ''}`}>
      <label class="label" for={id}>
        {label}
      </label>
      {type === 'choice' ? (
        <select
          id={id}
          aria-describedby={described}
          value={text}
          onChange={(event) => onText(event.currentTarget.value)}
        >
          {' '}
          {/* prettier-ignore */}
          <option value="">{usual === '' ? 'as usual' : `${usual} (as usual)`}</option>
          {choices!.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : repeatable === true ? (
        <textarea {...common} rows={Math.max(1, text.split('\n').length)} value={text} onInput={(event) => onText(event.currentTarget.value)} /> // prettier-ignore
      ) : (
        <input {...common} type="text" inputMode={type === 'integer' ? 'numeric' : type === 'number' ? 'decimal' : 'text'} value={text} onInput={(event) => onText(event.currentTarget.value)} /> // prettier-ignore
      )}
      {below}
    </div>
  );
}
