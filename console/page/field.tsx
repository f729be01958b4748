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
  if (type === 'choice' && repeatable === true) {
    const chosen = text.split('\n').filter((line) => line !== '');
    const change = (choice: string, isChosen: boolean) => onText([...chosen.filter((one) => one !== choice), ...(isChosen ? [choice] : [])].join('\n')); // prettier-ignore
    return (
      <div
        class={`field several ${problems.length > 0 ? 'wrong' : ''}`}
        role="group"
        aria-labelledby={`${id}-label`}
        aria-describedby={described}
      >
        <span class="label" id={`${id}-label`}>
          {label}
        </span>
        <span class="choices">
          {choices!.map((choice) => (
            <label key={choice}>
              <input
                type="checkbox"
                checked={chosen.includes(choice)}
                onChange={(event) => change(choice, event.currentTarget.checked)}
              />{' '}
              {choice}
            </label>
          ))}
        </span>
        {below}
      </div>
    );
  }
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
          <option value="">{usual === '' ? 'not chosen' : `${usual} (as usual)`}</option>
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
