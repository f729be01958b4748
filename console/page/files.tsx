/** Files of a run, by what they are for. */
import type { RunFile } from './api.ts';
import { bytes } from './figures.ts';

const KINDS = { report: 'Reports', picture: 'Pictures', table: 'Tables (CSV)', data: 'Data (JSON)', log: 'Logs' } as const; // prettier-ignore

export const FileList = ({
  files,
  hrefOf,
}: {
  files: readonly RunFile[];
  hrefOf: (name: string) => string;
}) => (
  <div class="files">
    {Object.entries(KINDS).map(([kind, heading]) => {
      const some = files.filter((file) => file.kind === kind);
      return some.length === 0 ? null : (
        <div key={kind}>
          <h3>{heading}</h3>
          <ul>
            {some.map(({ name, bytes: size }) => (
              <li key={name}>
                <a href={hrefOf(name)} target="_blank" rel="noopener">
                  {name}
                </a>{' '}
                <span class="soft">{size === null ? '' : bytes(size)}</span>
              </li>
            ))}
          </ul>
        </div>
      );
    })}
  </div>
);
